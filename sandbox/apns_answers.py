"""What the push server answers to one request, decided from headers, token and certificate.

The order of the checks follows Apple's: method and path, certificate, headers, payload, token.
Source: Apple, "Handling notification responses from APNs".
"""

from __future__ import annotations

import re
import time
import uuid
from dataclasses import dataclass, field
from typing import Any, Protocol

from cryptography import x509
from cryptography.x509.oid import NameOID

from sandbox.apns_tokens import TokenDesk, TokenRefused
from sandbox.apple_trust import subject_text
from sandbox.events import EventLog
from sandbox.faults import Fault, Faults
from sandbox.iphones import RetiredToken

PAYLOAD_BYTES_MAX = 4096
TOKEN = re.compile(r"^[0-9a-fA-F]{64}$")
PATH = re.compile(r"^/3/device/([^/?]*)$")
PUSH_TYPES = {
    "alert", "background", "location", "voip", "complication", "fileprovider", "mdm",
    "liveactivity", "pushtotalk", "widgets", "controls",
}  # fmt: skip
REASONS = {
    400: "BadDeviceToken", 403: "BadCertificate", 404: "BadPath", 405: "MethodNotAllowed",
    410: "Unregistered", 413: "PayloadTooLarge", 429: "TooManyRequests",
    500: "InternalServerError", 503: "ServiceUnavailable",
}  # fmt: skip


@dataclass(slots=True, kw_only=True)
class PushRequest:
    headers: dict[str, str]
    certificate: x509.Certificate | None
    repeated_header: bool = False
    body: bytes = b""


@dataclass(slots=True, kw_only=True)
class Answer:
    status: int = 200
    apns_id: str = ""
    body: dict[str, Any] = field(default_factory=dict)
    retry_after: int | None = None
    hang: bool = False
    drop: bool = False
    goaway: bool = False


class Refused(Exception):
    """A request that Apple refuses, with its status and reason."""

    def __init__(self, status: int, reason: str, **facts: Any) -> None:
        super().__init__(reason)
        self.status, self.reason, self.facts = status, reason, facts


class Phones(Protocol):
    """What the push server needs of the phones."""

    def token_topic(self, token: str) -> str | RetiredToken | None: ...

    def push(self, token: str, *, storable: bool, apns_id: str) -> None: ...


NOT_A_PUSH = {"reason": "MethodNotAllowed"}


class PushDesk:
    """Takes requests of all connections, and hands accepted pushes to the phones."""

    def __init__(
        self, *, phones: Phones, faults: Faults, events: EventLog, tokens: TokenDesk
    ) -> None:
        self._phones, self._faults, self._events = phones, faults, events
        self._tokens = tokens

    def take(self, request: PushRequest) -> Answer:
        apns_id = request.headers.get("apns-id") or str(uuid.uuid4())
        if request.headers.get(":method") == "GET":
            # No push, so no fault of one: a client asks whether its connection lives.
            self._events.add("apns.asked")
            return Answer(status=405, apns_id=_known_id(apns_id), body=NOT_A_PUSH)
        found = PATH.match(request.headers.get(":path", ""))
        token = found.group(1).lower() if found else ""
        fault = self._faults.take("apns", token=token)
        if fault is not None and fault.kind != "lose":
            self._events.add("apns.fault", fault=fault.kind, status=fault.status or None)
            return _answer_of(fault, apns_id)
        try:
            topic = self._checked(request, found)
        except Refused as refused:
            self._events.add("apns.refused", status=refused.status, reason=refused.reason)
            body = {"reason": refused.reason, **refused.facts}
            return Answer(status=refused.status, apns_id=_known_id(apns_id), body=body)
        by = "token" if request.certificate is None else "certificate"
        self._events.add("apns.accepted", topic=topic, apns_id=apns_id, by=by,
                         priority=request.headers.get("apns-priority"))  # fmt: skip
        if fault is None:
            storable = request.headers.get("apns-expiration") != "0"
            self._phones.push(token, storable=storable, apns_id=apns_id)
        return Answer(apns_id=apns_id)

    def _checked(self, request: PushRequest, found: re.Match[str] | None) -> str:
        if found is None:
            raise Refused(404, "BadPath")
        if request.headers.get(":method") != "POST":
            raise Refused(405, "MethodNotAllowed")
        topic = self._topic_of(request)
        _check_headers(request, topic)
        if not request.body:
            raise Refused(400, "PayloadEmpty")
        if len(request.body) > PAYLOAD_BYTES_MAX:
            raise Refused(413, "PayloadTooLarge")
        self._check_token(found.group(1), topic)
        return topic

    def _topic_of(self, request: PushRequest) -> str:
        """Whom the sender speaks for: by certificate, or by a team's token without one."""
        if request.certificate is not None:
            return _certificate_topic(request.certificate)
        try:
            return self._tokens.topic_of(request.headers)
        except TokenRefused as refused:
            raise Refused(refused.status, refused.reason) from refused

    def _check_token(self, token: str, topic: str) -> None:
        if not token:
            raise Refused(400, "MissingDeviceToken")
        if not TOKEN.match(token):
            raise Refused(400, "BadDeviceToken")
        owner = self._phones.token_topic(token.lower())
        if owner is None:
            raise Refused(400, "BadDeviceToken")
        owned_topic = owner.topic if isinstance(owner, RetiredToken) else owner
        if owned_topic != topic:
            raise Refused(400, "DeviceTokenNotForTopic")
        if isinstance(owner, RetiredToken):
            raise Refused(410, "Unregistered", timestamp=owner.since_ms)


def _certificate_topic(certificate: x509.Certificate) -> str:
    topic = subject_text(certificate, NameOID.USER_ID)
    if not topic.startswith("pass."):
        raise Refused(403, "BadCertificate")
    return topic


def _check_headers(request: PushRequest, topic: str) -> None:
    headers = request.headers
    if request.repeated_header:
        raise Refused(400, "DuplicateHeaders")
    if headers.get("apns-topic", topic) != topic:
        raise Refused(400, "TopicDisallowed")
    if "apns-id" in headers and headers["apns-id"] != _known_id(headers["apns-id"]):
        raise Refused(400, "BadMessageId")
    push_type = headers.get("apns-push-type")
    if push_type is not None and push_type not in PUSH_TYPES:
        raise Refused(400, "InvalidPushType")
    priority = headers.get("apns-priority")
    if priority is not None and priority not in {"1", "5", "10"}:
        raise Refused(400, "BadPriority")
    if push_type == "background" and priority == "10":
        raise Refused(400, "BadPriority")
    if not headers.get("apns-expiration", "0").isdecimal():
        raise Refused(400, "BadExpirationDate")
    if len(headers.get("apns-collapse-id", "").encode()) > 64:
        raise Refused(400, "BadCollapseId")


def _known_id(text: str) -> str:
    """The identifier as given when it is a UUID, else a fresh one."""
    try:
        uuid.UUID(text)
    except ValueError:
        return str(uuid.uuid4())
    return text


def _answer_of(fault: Fault, apns_id: str) -> Answer:
    answer = Answer(
        apns_id=_known_id(apns_id),
        hang=fault.kind == "hang",
        drop=fault.kind == "drop",
        goaway=fault.kind == "goaway",
        retry_after=fault.retry_after,
    )
    if fault.kind == "status":
        answer.status = fault.status
        answer.body = {"reason": fault.reason or REASONS.get(fault.status, "InternalServerError")}
    if answer.status == 410:
        answer.body["timestamp"] = int(time.time() * 1000)
    return answer
