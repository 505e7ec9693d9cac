"""The calls an iPhone makes to a pass's web service, and the complaints it writes there.

Only this machine is called, redirects are not followed, bodies are read up to a limit. What a real
phone tolerates is tolerated here, and nothing more (an answer 204 to a DELETE is an error, as is a
`lastUpdated` that is a number).
Source: Apple, "Adding a Web Service to Update Passes"; wording of complaints from device logs.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import requests

from sandbox.iphone import Card, ServiceRecord
from sandbox.loopback import checked_url
from sandbox.pkpass import PASS_BYTES_MAX

TIMEOUT_S = 10.0
ANSWER_BYTES_MAX = 1_000_000
PASS_MIME = "application/vnd.apple.pkpass"  # noqa: S105  A type, no password.
USER_AGENT = "passd/1.0 CFNetwork/3860.100.1 Darwin/25.0.0"
REDIRECTS_MAX = 5


class ServiceFault(Exception):
    """A call that failed. `complaint` is what follows "encountered error:" in the phone's log."""

    def __init__(self, complaint: str, *, worth_retrying: bool) -> None:
        super().__init__(complaint)
        self.complaint = complaint
        self.worth_retrying = worth_retrying


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    status: int
    headers: requests.structures.CaseInsensitiveDict[str]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """The answer to "what changed?": None as tag when the server left it out."""

    serial_numbers: list[str]
    tag: str | None
    nothing: bool = False


def register(record: ServiceRecord, card: Card, push_token: str) -> int:
    """Register one pass. Returns 201 (new) or 200 (known)."""
    body = json.dumps({"pushToken": push_token}).encode()
    answer = _registration("POST", record, card, body)
    return answer.status


def unregister(record: ServiceRecord, card: Card) -> int:
    return _registration("DELETE", record, card, None).status


def ask_what_changed(record: ServiceRecord) -> Changes:
    """Ask for the serial numbers that changed since the stored tag, sent back verbatim."""
    path = f"/v1/devices/{_q(record.device_library_identifier)}/registrations/{_q(record.topic)}"
    if record.tag is not None:
        path += f"?passesUpdatedSince={_q(record.tag)}"
    answer = _call("GET", record.web_service_url + path)
    if answer.status == 204:
        return Changes(serial_numbers=[], tag=None, nothing=True)
    if answer.status != 200:
        raise _unexpected(answer.status)
    return _changes(answer.body)


def get_pass(card: Card) -> Answer:
    """Fetch the pass anew; the answer is 200 or 304."""
    path = f"/v1/passes/{_q(card.topic)}/{_q(card.serial_number)}"
    headers = {"Authorization": f"ApplePass {card.authentication_token}", "Accept": "*/*"}
    if card.last_modified is not None:
        headers["If-Modified-Since"] = card.last_modified
    url = card.web_service_url + path
    answer = _call("GET", url, headers=headers, limit=PASS_BYTES_MAX)
    if answer.status not in {200, 304}:
        raise _unexpected(answer.status)
    return answer


def write_log(web_service_url: str, lines: list[str]) -> None:
    """Hand complaints to the server; nobody minds when that fails."""
    body = json.dumps({"logs": lines}).encode()
    try:
        _call("POST", web_service_url + "/v1/log", body=body)
    except ServiceFault:
        return


def download(url: str) -> Answer:
    """Open an address as Safari does, following redirects on this machine."""
    for _hop in range(REDIRECTS_MAX):
        headers = {"Accept": f"{PASS_MIME}, */*;q=0.5"}
        answer = _call("GET", checked_url(url), headers=headers, limit=PASS_BYTES_MAX)
        if answer.status not in {301, 302, 303, 307, 308}:
            return answer
        url = requests.compat.urljoin(url, answer.headers.get("Location", ""))
    raise ServiceFault("Too many redirects", worth_retrying=False)


def _registration(method: str, record: ServiceRecord, card: Card, body: bytes | None) -> Answer:
    path = (
        f"/v1/devices/{_q(record.device_library_identifier)}"
        f"/registrations/{_q(card.topic)}/{_q(card.serial_number)}"
    )
    headers = {"Authorization": f"ApplePass {card.authentication_token}"}
    answer = _call(method, record.web_service_url + path, headers=headers, body=body)
    if answer.status not in {200, 201}:
        raise _unexpected(answer.status)
    return answer


def _call(
    method: str,
    url: str,
    *,
    headers: dict[str, str] | None = None,
    body: bytes | None = None,
    limit: int = ANSWER_BYTES_MAX,
) -> Answer:
    sent = {"User-Agent": USER_AGENT, "Accept": "*/*"} | (headers or {})
    if body is not None:
        sent["Content-Type"] = "application/json"
    try:
        with requests.Session() as session:
            session.trust_env = False
            response = session.request(
                method, url, headers=sent, data=body, timeout=TIMEOUT_S, stream=True,
                allow_redirects=False,
            )  # fmt: skip
            with response:
                content = response.raw.read(limit + 1, decode_content=True)
    except (requests.RequestException, OSError, ValueError) as error:
        raise ServiceFault(_network_words(error), worth_retrying=True) from error
    except Exception as error:  # urllib3 raises its own kinds while a body is read.
        raise ServiceFault(_network_words(error), worth_retrying=True) from error
    if len(content) > limit:
        raise ServiceFault("Server response was malformed", worth_retrying=False)
    return Answer(status=response.status_code, headers=response.headers, body=content)


def _network_words(error: Exception) -> str:
    if isinstance(error, requests.Timeout):
        return "The request timed out."
    if isinstance(error, requests.ConnectionError):
        return "Could not connect to the server."
    return "The network connection was lost."


def _unexpected(status: int) -> ServiceFault:
    if status == 401:
        return ServiceFault("Authentication failure", worth_retrying=False)
    return ServiceFault(f"Unexpected response code {status}", worth_retrying=status >= 500)


def _changes(body: bytes) -> Changes:
    malformed = ServiceFault("Server response was malformed", worth_retrying=False)
    try:
        found: Any = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise malformed from error
    if not isinstance(found, dict):
        raise malformed
    serials, tag = found.get("serialNumbers"), found.get("lastUpdated")
    if not isinstance(serials, list) or not all(isinstance(each, str) for each in serials):
        raise malformed
    if tag is not None and not isinstance(tag, str):
        raise malformed
    return Changes(serial_numbers=serials, tag=tag)


def _q(text: str) -> str:
    return quote(text, safe="")
