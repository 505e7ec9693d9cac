"""The Wallet server refuses and merges as Google's does."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.support.sandbox import GoogleAccount, SandboxProcess
from tests.unit.sandbox.google_client import (
    GoogleClient,
    a_class,
    an_object,
    message,
    reason,
)


@pytest.fixture
def google(sandbox: SandboxProcess, account: GoogleAccount) -> Iterator[GoogleClient]:
    client = GoogleClient(sandbox, account)
    yield client
    client.close()


@pytest.fixture
def class_id(google: GoogleClient) -> str:
    return google.insert_class(f"class-{uuid.uuid4().hex}")


@pytest.fixture
def object_id(google: GoogleClient, class_id: str) -> str:
    return google.insert_object(f"m-{uuid.uuid4().hex}", class_id)


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "nobody@example.com"},
        {"aud": "https://accounts.example.com/token"},
        {"iat": int(time.time()) + 4000, "exp": int(time.time()) + 5000},
        {"exp": 1},
        {"exp": "soon"},
        {"exp": int(time.time()) + 9000},
    ],
    ids=["iss", "aud", "future", "past", "text", "too long"],
)
def test_a_wrong_assertion_gets_no_token(google: GoogleClient, changes: dict[str, Any]) -> None:
    assertion = google.account.assertion(google.sandbox.urls["token_uri"], **changes)

    answer = google.token(assertion)

    assert answer.status_code == 400
    assert answer.json()["error"] == "invalid_grant"


def test_an_assertion_of_another_key_or_algorithm_gets_no_token(
    google: GoogleClient, other_account: GoogleAccount
) -> None:
    uri = google.sandbox.urls["token_uri"]
    forged = other_account.assertion(uri, iss=google.account.client_email)
    claims = json.loads(json.dumps({"iss": google.account.client_email}))
    unsigned = google.account.jwt(claims, header={"alg": "none"})

    for assertion in (forged, unsigned, "", "a.b", "a.b.c", "é.é.é"):
        assert google.token(assertion).status_code == 400


def test_a_token_without_the_scope_is_told_so(google: GoogleClient) -> None:
    uri = google.sandbox.urls["token_uri"]
    token = google.token(google.account.assertion(uri, scope="other")).json()["access_token"]

    answer = google.call("GET", "loyaltyClass/x", headers={"Authorization": f"Bearer {token}"})

    assert (answer.status_code, reason(answer)) == (403, "insufficientPermissions")


def test_without_a_token_nothing_is_told(google: GoogleClient, class_id: str) -> None:
    for headers in ({"Authorization": ""}, {"Authorization": "Bearer x"}):
        answer = google.call("GET", f"loyaltyClass/{class_id}", headers=headers)
        assert answer.status_code == 401


def test_the_same_id_is_inserted_once(google: GoogleClient, class_id: str) -> None:
    answer = google.call("POST", "loyaltyClass", a_class(class_id))

    assert (answer.status_code, reason(answer)) == (409, "existingResource")
    assert message(answer) == f"Wallet Object Class {class_id} already exists."


def test_an_object_needs_its_class_first(google: GoogleClient) -> None:
    body = an_object(google.id("m-orphan"), google.id("no-such-class"))

    answer = google.call("POST", "loyaltyObject", body)

    assert (answer.status_code, reason(answer)) == (404, "classNotFound")


@pytest.mark.parametrize(
    ("key", "status", "why"),
    [
        ("3388000000000000002.x", 403, "permissionDenied"),
        ("3388999999999999999.x", 403, "permissionDenied"),
        ("117000000000000000001.x", 400, "invalidResource"),
        ("3388000000000000001.with space", 400, "invalidResource"),
        ("nodot", 400, "invalidResource"),
        (7, 400, "INVALID_ARGUMENT"),
    ],
)
def test_ids_are_judged(google: GoogleClient, key: Any, status: int, why: str) -> None:
    answer = google.call("POST", "loyaltyClass", a_class(key))

    assert (answer.status_code, reason(answer)) == (status, why)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"colour": "red"}, 'Unknown name "colour": Cannot find field.'),
        ({"barcode": {"type": "QR_CODE", "val": "1"}}, "Unknown name \"val\" at 'barcode'"),
        ({"barcode": {"type": "QR"}}, "Invalid value at 'barcode.type'"),
        ({"state": None}, "state"),
        ({"loyaltyPoints": {"balance": {"int": 2**31}}}, "loyaltyPoints.balance.int"),
        ({"loyaltyPoints": {"balance": {"int": 1.5}}}, "loyaltyPoints.balance.int"),
        ({"loyaltyPoints": {"balance": {"int": 1, "string": "1"}}}, "exactly one"),
        ({"loyaltyPoints": {"label": "Points"}}, "exactly one"),
        ({"merchantLocations": [{"latitude": 1.0, "longitude": 1.0}] * 11}, "merchantLocations"),
        ({"textModulesData": [{"id": "a.b", "body": "x"}]}, "A-Z a-z"),
        ({"linksModuleData": {"uris": [{"uri": "example.com"}]}}, "scheme"),
        ({"rotatingBarcode": {"type": "CODE_128"}}, "QR_CODE or PDF_417"),
    ],
)
def test_a_wrong_object_is_refused_with_its_place(
    google: GoogleClient, class_id: str, changes: dict[str, Any], words: str
) -> None:
    body = an_object(google.id(f"m-{uuid.uuid4().hex}"), class_id) | changes

    answer = google.call("POST", "loyaltyObject", body)

    assert answer.status_code == 400
    assert words in message(answer)


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"id": NaN}', b"[" * 20000, b"\xff"])
def test_a_body_that_is_no_object_is_refused(google: GoogleClient, body: bytes) -> None:
    url = f"{google.sandbox.urls['google_api_url']}/loyaltyObject"

    answer = google.http.post(url, data=body, timeout=10)

    assert answer.status_code == 400


def test_patch_merges_replaces_lists_and_takes_nulls_away(
    google: GoogleClient, object_id: str
) -> None:
    path = f"loyaltyObject/{object_id}"
    google.call("PATCH", path, {"textModulesData": [{"id": "a", "body": "1"}], "accountName": None})

    change = {
        "textModulesData": [{"id": "b", "body": "2"}],
        "loyaltyPoints": {"balance": {"int": 9}},
    }
    answer = google.call("PATCH", path, change)

    found = answer.json()
    assert answer.status_code == 200
    assert [each["id"] for each in found["textModulesData"]] == ["b"]
    assert found["loyaltyPoints"] == {"label": "Points", "balance": {"int": 9}}
    assert "accountName" not in found
    assert found["classReference"]["programName"] == "Bean Club"
    assert found["hasUsers"] is False


def test_put_replaces_everything(google: GoogleClient, object_id: str, class_id: str) -> None:
    body = an_object(object_id, class_id)
    del body["accountName"]

    answer = google.call("PUT", f"loyaltyObject/{object_id}", body)

    assert answer.status_code == 200
    assert "accountName" not in answer.json()


def test_a_refused_change_changes_nothing(google: GoogleClient, object_id: str) -> None:
    path = f"loyaltyObject/{object_id}"
    before = google.call("GET", path).json()

    answer = google.call("PATCH", path, {"loyaltyPoints": {"balance": {"string": "9"}}})

    assert answer.status_code == 400
    assert google.call("GET", path).json() == before


def test_a_change_of_an_approved_class_must_ask_for_review(
    google: GoogleClient, class_id: str
) -> None:
    path = f"loyaltyClass/{class_id}"

    refused = google.call("PATCH", path, {"programName": "New"})
    draft = google.call("PATCH", path, {"programName": "New", "reviewStatus": "DRAFT"})
    taken = google.call("PATCH", path, {"programName": "New", "reviewStatus": "UNDER_REVIEW"})

    assert refused.status_code == 400
    assert draft.status_code == 400
    assert taken.json()["reviewStatus"] == "APPROVED"


def test_lists_come_in_pages(google: GoogleClient, class_id: str) -> None:
    names = sorted(google.insert_object(f"p{n}-{uuid.uuid4().hex}", class_id) for n in range(5))
    found: list[str] = []
    token: str | None = ""
    while token is not None:
        query = f"loyaltyObject?classId={class_id}&maxResults=2&token={token}"
        page = google.call("GET", query).json()
        found += [each["id"] for each in page["resources"]]
        token = page["pagination"].get("nextPageToken")

    assert found == names
    assert google.call("GET", f"loyaltyObject?classId={class_id}&maxResults=x").status_code == 400


def test_the_fourth_loud_message_in_a_day_is_over_quota(
    google: GoogleClient, object_id: str
) -> None:
    path = f"loyaltyObject/{object_id}/addMessage"
    loud = {"message": {"header": "Hi", "body": "There", "messageType": "TEXT_AND_NOTIFY"}}
    quiet = {"message": {"header": "Hi", "body": "There", "messageType": "TEXT"}}

    answers = [google.call("POST", path, loud).status_code for _each in range(4)]
    over = google.call("POST", path, loud)

    assert answers == [200, 200, 200, 403]
    assert reason(over) == "quotaExceeded"
    assert google.call("POST", path, quiet).status_code == 200
    google.sandbox.advance(24 * 3600 + 1)
    assert google.call("POST", path, loud).status_code == 200


def test_requests_beyond_twenty_a_second_are_429(google: GoogleClient, object_id: str) -> None:
    google.sandbox.settings(google_requests_per_s=1)

    answers = [google.call("GET", f"loyaltyObject/{object_id}") for _each in range(40)]

    google.sandbox.settings(google_requests_per_s=100_000)
    assert answers[-1].status_code == 429
    assert reason(answers[-1]) == "rateLimitExceeded"
    assert answers[0].status_code == 200


def test_faults_come_as_asked_for(google: GoogleClient, object_id: str) -> None:
    path = f"loyaltyObject/{object_id}"
    google.sandbox.faults(google={"status": 503, "retry_after": 2, "count": 1})
    answer = google.call("GET", path)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
    google.sandbox.faults(google="drop_after")
    with pytest.raises(requests.RequestException):
        google.call("PATCH", path, {"accountName": "Lost answer"})
    google.sandbox.faults(google="drop")
    with pytest.raises(requests.RequestException):
        google.call("PATCH", path, {"accountName": "Never done"})

    assert google.call("GET", path).json()["accountName"] == "Lost answer"


def test_unknown_faults_are_refused_by_name(sandbox: SandboxProcess) -> None:
    url = sandbox.urls["control_url"] + "/faults"
    for body, words in (
        ({"apple": "drop"}, "there is no server"),
        ({"apns": "explode"}, "kind must be one of"),
        ({"apns": {"status": 200}}, "between 400 and 599"),
        ({"apns": {"kind": "drop", "count": -1}}, "0 or more"),
        ({"apns": {"kind": "drop", "who": 1}}, "unknown who"),
        ([1], "send a JSON object"),
    ):
        answer = requests.post(url, json=body, timeout=10)
        assert answer.status_code == 400
        assert words in answer.json()["detail"]


def test_every_vertical_goes_through_the_same_doors(google: GoogleClient) -> None:
    name = {"defaultValue": {"language": "en", "value": "Gift"}}
    bodies: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
        "giftCard": ({"issuerName": "B", "reviewStatus": "UNDER_REVIEW"}, {"cardNumber": "1"}),
        "offer": (
            {"issuerName": "B", "title": "T", "provider": "P", "redemptionChannel": "INSTORE",
             "reviewStatus": "UNDER_REVIEW"}, {},
        ),
        "generic": ({}, {"cardTitle": name, "header": name}),
    }  # fmt: skip
    for vertical, (class_body, object_body) in bodies.items():
        class_id = google.id(f"{vertical}-{uuid.uuid4().hex}")
        answer = google.call("POST", f"{vertical}Class", class_body | {"id": class_id})
        assert answer.status_code == 200, answer.text
        body = object_body | {"id": f"{class_id}-1", "classId": class_id, "state": "ACTIVE"}
        answer = google.call("POST", f"{vertical}Object", body)
        assert answer.status_code == 200, answer.text


def test_a_dry_run_of_a_save_link_tells_what_is_wrong(google: GoogleClient, class_id: str) -> None:
    good = {"loyaltyObjects": [{"id": google.id("m-1"), "classId": class_id}]}
    bad = {"loyaltyObjects": [{"id": google.id("m-1"), "colour": "red"}]}

    answers = [
        google.call("POST", "jwt/validate", {"jwtResource": {"jwt": google.account.save_token(p)}})
        for p in (good, bad)
    ]

    assert answers[0].json() == {}
    assert 'Unknown name "colour"' in message(answers[1])
    assert google.call("POST", "jwt/validate", {}).status_code == 400


def test_cards_survive_a_restart(
    tmp_path_factory: pytest.TempPathFactory, account: GoogleAccount
) -> None:
    with SandboxProcess(tmp_path_factory.mktemp("restart") / "home") as process:
        process.trust(accounts=(account,))
        first = GoogleClient(process, account)
        object_id = first.insert_object("m-1", first.insert_class("coffee"))
        first.close()
        process.stop()
        process.start()
        second = GoogleClient(process, account)

        answer = second.call("GET", f"loyaltyObject/{object_id}")

        second.close()
    assert answer.status_code == 200
