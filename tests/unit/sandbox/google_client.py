"""A Wallet API caller for tests: requests with a bearer token, and small valid payloads."""

from __future__ import annotations

from typing import Any

import requests

from tests.support.sandbox import GoogleAccount, SandboxProcess

GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
LOGO = {"sourceUri": {"uri": "https://cdn.example.com/logo-3f2a.png"}}


class GoogleClient:
    def __init__(self, sandbox: SandboxProcess, account: GoogleAccount) -> None:
        self.sandbox, self.account = sandbox, account
        self.http = requests.Session()
        self.http.trust_env = False
        answer = self.token(account.assertion(sandbox.urls["token_uri"]))
        self.http.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    def close(self) -> None:
        self.http.close()

    def token(self, assertion: str, grant: str = GRANT) -> requests.Response:
        form = {"grant_type": grant, "assertion": assertion}
        return requests.post(self.sandbox.urls["token_uri"], data=form, timeout=10)

    def call(self, method: str, path: str, body: Any = None, **options: Any) -> requests.Response:
        url = f"{self.sandbox.urls['google_api_url']}/{path}"
        return self.http.request(method, url, json=body, timeout=10, **options)

    def insert_class(self, name: str, **changes: Any) -> str:
        body = a_class(self.id(name)) | changes
        answer = self.call("POST", "loyaltyClass", body)
        assert answer.status_code == 200, answer.text
        return str(body["id"])

    def insert_object(self, name: str, class_id: str, **changes: Any) -> str:
        body = an_object(self.id(name), class_id) | changes
        answer = self.call("POST", "loyaltyObject", body)
        assert answer.status_code == 200, answer.text
        return str(body["id"])

    def id(self, name: str) -> str:
        return f"{self.account.issuer_id}.{name}"


def a_class(key: str) -> dict[str, Any]:
    return {
        "id": key, "issuerName": "Bean Co", "programName": "Bean Club", "programLogo": LOGO,
        "reviewStatus": "UNDER_REVIEW", "hexBackgroundColor": "#4a2c2a",
        "multipleDevicesAndHoldersAllowedStatus": "ONE_USER_ALL_DEVICES",
    }  # fmt: skip


def an_object(key: str, class_id: str) -> dict[str, Any]:
    return {
        "id": key, "classId": class_id, "state": "ACTIVE", "accountId": "0001",
        "accountName": "Ada L", "loyaltyPoints": {"label": "Points", "balance": {"int": 0}},
        "barcode": {"type": "QR_CODE", "value": "0001", "alternateText": "0001"},
    }  # fmt: skip


def reason(answer: requests.Response) -> str:
    return str(answer.json()["error"]["errors"][0]["reason"])


def message(answer: requests.Response) -> str:
    return str(answer.json()["error"]["message"])
