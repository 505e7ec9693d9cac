"""Batches, issuers and permissions of the Wallet server."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from google.oauth2.service_account import Credentials
from googleapiclient.discovery import build_from_document
from googleapiclient.http import BatchHttpRequest

from sandbox.google_schema import discovery
from tests.support.sandbox import SCOPE, GoogleAccount, SandboxProcess
from tests.unit.sandbox.google_client import GoogleClient, a_class, an_object, reason


@pytest.fixture
def google(sandbox: SandboxProcess, account: GoogleAccount) -> Iterator[GoogleClient]:
    client = GoogleClient(sandbox, account)
    yield client
    client.close()


def batch_address(sandbox: SandboxProcess) -> str:
    return sandbox.urls["google_api_url"].removesuffix("/walletobjects/v1") + "/batch"


def send(google: GoogleClient, calls: list[tuple[str, str, Any]]) -> requests.Response:
    parts = []
    for number, (method, path, body) in enumerate(calls):
        text = json.dumps(body)
        parts.append(
            f"--b\r\nContent-Type: application/http\r\nContent-ID: <{number}>\r\n\r\n"
            f"{method} /walletobjects/v1/{path} HTTP/1.1\r\n"
            f"Content-Type: application/json\r\n\r\n{text}\r\n"
        )
    data = "".join(parts) + "--b--\r\n"
    return google.http.post(
        batch_address(google.sandbox),
        data=data.encode(),
        headers={"Content-Type": "multipart/mixed; boundary=b"},
        timeout=10,
    )


def test_every_call_of_a_batch_is_answered_by_itself(google: GoogleClient) -> None:
    class_id = google.insert_class(f"class-{uuid.uuid4().hex}")
    object_id = google.insert_object(f"m-{uuid.uuid4().hex}", class_id)

    answer = send(
        google,
        [
            ("PATCH", f"loyaltyObject/{object_id}", {"accountName": "Grace – ü"}),
            ("PATCH", f"loyaltyObject/{object_id}x", {"accountName": "Nobody"}),
            ("POST", "loyaltyObject", an_object(object_id, class_id)),
        ],
    )

    assert answer.status_code == 200
    found = [line for line in answer.text.splitlines() if line.startswith(("HTTP/", "Content-ID"))]
    assert found == [
        "Content-ID: <response-0>",
        "HTTP/1.1 200 OK",
        "Content-ID: <response-1>",
        "HTTP/1.1 404 NOT FOUND",
        "Content-ID: <response-2>",
        "HTTP/1.1 409 CONFLICT",
    ]
    shown = google.call("GET", f"loyaltyObject/{object_id}").json()
    assert shown["accountName"] == "Grace – ü"


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("application/json", b"{}"),
        ("multipart/mixed", b"--b--"),
        ("multipart/mixed; boundary=b", b"--b\r\nContent-Type: text/plain\r\n\r\nx\r\n--b--"),
        (
            "multipart/mixed; boundary=b",
            b"--b\r\nContent-Type: application/http\r\n\r\nGET /control/phones\r\n\r\n--b--",
        ),
        (
            "multipart/mixed; boundary=b",
            b"--b\r\nContent-Type: application/http\r\n\r\nDELETE /walletobjects/v1/x\r\n--b--",
        ),
    ],
)
def test_what_is_no_batch_is_refused(google: GoogleClient, kind: str, data: bytes) -> None:
    headers = {"Content-Type": kind}

    answer = google.http.post(batch_address(google.sandbox), data=data, headers=headers, timeout=10)

    assert answer.status_code == 400
    assert "batch" in answer.json()["error"]["message"]


def test_a_batch_without_a_token_changes_nothing(google: GoogleClient) -> None:
    class_id = google.insert_class(f"class-{uuid.uuid4().hex}")
    google.http.headers["Authorization"] = "Bearer stranger"

    answer = send(google, [("PATCH", f"loyaltyClass/{class_id}", {"issuerName": "Mallory"})])

    assert "401" in answer.text


def test_googles_own_client_reads_the_batch(
    sandbox: SandboxProcess, account: GoogleAccount
) -> None:
    """With the address given by hand: the library's own batch ignores where the API is."""
    key = account.key_file(sandbox.urls["token_uri"])
    credentials = Credentials.from_service_account_info(key, scopes=[SCOPE])
    root = sandbox.urls["google_api_url"].removesuffix("walletobjects/v1")
    document = discovery() | {"rootUrl": root, "baseUrl": root}
    service = build_from_document(document, credentials=credentials)
    key_of_class = f"{account.issuer_id}.class-{uuid.uuid4().hex}"
    service.loyaltyclass().insert(body=a_class(key_of_class)).execute()
    found: list[Any] = []
    batch = BatchHttpRequest(
        callback=lambda _id, answer, error: found.append(answer or error),
        batch_uri=batch_address(sandbox),
    )
    batch.add(service.loyaltyclass().get(resourceId=key_of_class))
    batch.add(service.issuer().get(resourceId=account.issuer_id))

    batch.execute()

    assert found[0]["id"] == key_of_class
    assert found[1]["issuerId"] == account.issuer_id
    service.close()


def test_an_issuer_is_told_to_its_own_account_only(
    google: GoogleClient, other_account: GoogleAccount
) -> None:
    mine = google.call("GET", f"issuer/{google.account.issuer_id}")
    theirs = google.call("GET", f"issuer/{other_account.issuer_id}")
    pasted = google.call("GET", "issuer/104722933333333333333")

    assert mine.json()["issuerId"] == google.account.issuer_id
    assert (theirs.status_code, reason(theirs)) == (403, "permissionDenied")
    assert (pasted.status_code, reason(pasted)) == (400, "invalidResource")
    listed = google.call("GET", "issuer").json()["resources"]
    assert [each["issuerId"] for each in listed] == [google.account.issuer_id]


def test_an_issuers_callback_address_can_be_set(google: GoogleClient) -> None:
    url = {"callbackOptions": {"url": "https://cards.example/google/callback/1"}}

    google.call("PATCH", f"issuer/{google.account.issuer_id}", url)

    shown = google.call("GET", f"issuer/{google.account.issuer_id}").json()
    assert shown["callbackOptions"] == url["callbackOptions"]


def test_permissions_are_replaced_whole(google: GoogleClient) -> None:
    path = f"permissions/{google.account.issuer_id}"
    assert google.call("GET", path).json()["permissions"] == [
        {"emailAddress": google.account.client_email, "role": "WRITER"}
    ]
    wanted = {"permissions": [{"emailAddress": "sam@cafe.example", "role": "OWNER"}]}

    assert google.call("PUT", path, wanted).status_code == 200

    assert google.call("GET", path).json()["permissions"] == wanted["permissions"]
    assert google.call("PUT", path, {"permissions": [{"role": "BOSS"}]}).status_code == 400


@pytest.mark.parametrize("kind", ["half", "slow"])
def test_a_spoilt_answer_comes_after_the_work_was_done(google: GoogleClient, kind: str) -> None:
    class_id = google.insert_class(f"class-{uuid.uuid4().hex}")
    google.sandbox.faults(google={"kind": kind, "retry_after": 0})
    body = {"issuerName": "Changed", "reviewStatus": "UNDER_REVIEW"}

    if kind == "half":
        with pytest.raises(requests.RequestException):
            google.call("PATCH", f"loyaltyClass/{class_id}", body).json()
    else:
        assert google.call("PATCH", f"loyaltyClass/{class_id}", body).status_code == 200

    assert google.call("GET", f"loyaltyClass/{class_id}").json()["issuerName"] == "Changed"
