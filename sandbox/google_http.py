"""Google's addresses over plain HTTP on loopback: tokens, REST, keys. The save page is elsewhere."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, jsonify, request

from sandbox.events import EventLog
from sandbox.faults import BATCH_PATH, Fault, Faults
from sandbox.google_batch import answer_batch
from sandbox.google_callbacks import Callbacks
from sandbox.google_issuers import Issuers
from sandbox.google_oauth import Account, Accounts, BadJwt
from sandbox.google_rules import KINDS, ApiRefused, Kind, check_shape, invalid, issuer_of
from sandbox.google_wallet import GoogleWallet

BODY_BYTES_MAX = 2_000_000
RATE_PER_S = 20.0
# A little above the rate, so that a sender pacing itself exactly is not refused for jitter.
BURST = 24.0
HANG_S = 60.0
# Faults that let the work be done first.
AFTER = {"drop_after", "half", "slow", "alter"}
REASONS = {401: "authError", 403: "permissionDenied", 404: "resourceNotFound",
           409: "existingResource", 429: "rateLimitExceeded"}  # fmt: skip

JWT_ARRAYS = {
    f"{vertical}{plural}": f"{vertical}{noun}"
    for vertical in ("loyalty", "giftCard", "offer", "eventTicket", "generic")
    for plural, noun in (("Classes", "Class"), ("Objects", "Object"))
}


class RateLimit:
    """A bucket of requests per account, by the real clock."""

    def __init__(self) -> None:
        self.per_s = RATE_PER_S
        self._left: dict[str, tuple[float, float]] = {}
        self._lock = threading.Lock()

    def check(self, name: str) -> None:
        with self._lock:
            now = time.monotonic()
            left, at = self._left.get(name, (BURST, now))
            left = min(BURST, left + (now - at) * self.per_s)
            self._left[name] = (max(left - 1, 0.0), now)
        if left < 1:
            words = "Quota exceeded for quota metric 'Requests' and limit 'Requests per second'."
            raise ApiRefused(429, words, "rateLimitExceeded")


class GoogleDoor:
    """The handlers behind the addresses."""

    def __init__(
        self, *, accounts: Accounts, wallet: GoogleWallet, issuers: Issuers, callbacks: Callbacks,
        faults: Faults, events: EventLog,
    ) -> None:  # fmt: skip
        self.rate = RateLimit()
        self._issuers = issuers
        self._accounts, self._wallet, self._callbacks = accounts, wallet, callbacks
        self._faults, self._events = faults, events

    def blueprint(self) -> Blueprint:
        door = Blueprint("google", __name__)
        base = "/walletobjects/v1"
        door.add_url_rule("/token", "token", self.token, methods=["POST"])
        door.add_url_rule("/gp/m/issuer/keys", "keys", self.keys)
        door.add_url_rule(f"{base}/jwt/validate", "validate", self.validate, methods=["POST"])
        door.add_url_rule(BATCH_PATH, "batch", self.batch, methods=["POST"])
        self._add_issuer_rules(door, base)
        for path, kind in KINDS.items():
            one = f"{base}/{path}/<key>"
            rules: list[tuple[str, str, Callable[..., Any]]] = [
                ("POST", f"{base}/{path}", self._insert),
                ("GET", f"{base}/{path}", self._list),
                ("GET", one, self._get),
                ("PUT", one, self._update),
                ("PATCH", one, self._patch),
                ("POST", f"{one}/addMessage", self._add_message),
            ]
            for method, rule, handler in rules:
                name = f"{path}{handler.__name__}"
                door.add_url_rule(rule, name, self._bound(handler, kind), methods=[method])
        return door

    def _add_issuer_rules(self, door: Blueprint, base: str) -> None:
        one, who = f"{base}/issuer/<key>", f"{base}/permissions/<key>"
        theirs = self._issuers
        rules: list[tuple[str, str, str, Callable[..., Any]]] = [
            ("list", "GET", f"{base}/issuer", theirs.list),
            ("insert", "POST", f"{base}/issuer", theirs.insert),
            ("get", "GET", one, theirs.get),
            ("patch", "PATCH", one, lambda account, key: theirs.patch(account, key, _body())),
            ("update", "PUT", one, lambda account, key: theirs.update(account, key, _body())),
            ("who", "GET", who, theirs.permissions),
            ("allow", "PUT", who,
             lambda account, key: theirs.set_permissions(account, key, _body())),
        ]  # fmt: skip
        for name, method, rule, handler in rules:
            door.add_url_rule(
                rule, f"issuer_{name}", self._told(f"issuer.{name}", handler), methods=[method]
            )

    def _told(self, what: str, handler: Callable[..., Any]) -> Callable[..., Response]:
        def answer(**values: str) -> Response:
            return self._answered(what, lambda account: handler(account, *values.values()))

        return answer

    def token(self) -> tuple[Response, int]:
        try:
            granted = self._accounts.grant(request.form.to_dict(), own_uri=request.base_url)
        except BadJwt as error:
            self._events.add("google.token_refused", reason=str(error))
            answer = {"error": "invalid_grant", "error_description": f"Invalid JWT: {error}."}
            return jsonify(answer), 400
        self._events.add("google.token_granted")
        return jsonify(granted), 200

    def keys(self) -> Response:
        answer = jsonify(self._callbacks.public_keys())
        answer.headers["Cache-Control"] = "public, max-age=3600"
        return answer

    def batch(self) -> Response:
        """Google's own libraries use it; the fault says what a place without one answers."""
        if self._faults.take("google", path=BATCH_PATH) is not None:
            return Response("Not Found", 404, mimetype="text/html")
        return answer_batch()

    def validate(self) -> Response:
        return self._answered("jwt.validate", self._validate)

    def _bound(self, handler: Callable[..., Any], kind: Kind) -> Callable[..., Response]:
        def answer(**values: str) -> Response:
            what = f"{request.method} {kind.path}"
            return self._answered(what, lambda account: handler(kind, account, **values))

        return answer

    def _answered(self, what: str, handler: Callable[[Account], Any]) -> Response:
        """Identify the caller, pace, apply a fault, run the handler, shape the answer."""
        fault = self._faults.take("google", path=request.path)
        try:
            if fault is not None and fault.kind not in AFTER:
                return _faulty(fault)
            account = self._accounts.caller(request.headers.get("Authorization", ""))
            self.rate.check(account.client_email)
            answer = handler(account)
        except ApiRefused as refused:
            self._events.add("google.refused", what=what, status=refused.status,
                             reason=refused.reason, message=refused.message[:300])  # fmt: skip
            return _refusal(refused)
        return jsonify(answer) if fault is None else _spoilt(fault, jsonify(answer))

    def _insert(self, kind: Kind, account: Account) -> Any:
        return self._wallet.insert(kind, account, _body())

    def _list(self, kind: Kind, account: Account) -> Any:
        return self._wallet.list(kind, account, request.args.to_dict())

    def _get(self, kind: Kind, account: Account, key: str) -> Any:
        return self._wallet.get(kind, account, key)

    def _update(self, kind: Kind, account: Account, key: str) -> Any:
        return self._wallet.update(kind, account, key, _body())

    def _patch(self, kind: Kind, account: Account, key: str) -> Any:
        return self._wallet.patch(kind, account, key, _body())

    def _add_message(self, kind: Kind, account: Account, key: str) -> Any:
        return self._wallet.add_message(kind, account, key, _body())

    def _validate(self, account: Account) -> Any:
        """The dry run of a save link: {} when it would work, else what is wrong."""
        wanted = _body()
        given = [name for name in ("jwtResource", "jsonResource") if wanted.get(name)]
        if len(given) != 1 or set(wanted) != set(given):
            raise invalid("Send exactly one of jwtResource and jsonResource.")
        try:
            if given == ["jwtResource"]:
                claims, _signer = self._accounts.verify_jwt(str(wanted["jwtResource"].get("jwt")))
            else:
                claims = json.loads(str(wanted["jsonResource"].get("json")))
        except (BadJwt, ValueError, AttributeError, RecursionError) as error:
            raise invalid(f"Invalid JWT: {error}.") from error
        for kind, document in payload_resources(claims.get("payload", claims)):
            check_shape(kind, document)
            if issuer_of(document.get("id")) not in account.issuers:
                raise ApiRefused(403, "Permission denied.", "permissionDenied")
        return {}


def payload_resources(payload: Any) -> list[tuple[Kind, dict[str, Any]]]:
    """The classes and objects of a save link's payload, classes first; ApiRefused if malformed."""
    if not isinstance(payload, dict):
        raise invalid("payload must be an object.")
    found: list[tuple[Kind, dict[str, Any]]] = []
    for name, documents in payload.items():
        if name == "origins":
            continue
        if name not in JWT_ARRAYS or not isinstance(documents, list):
            raise invalid(f"payload.{name} is unknown, or no list.")
        for document in documents:
            if not isinstance(document, dict):
                raise invalid(f"payload.{name} must hold objects.")
            found.append((KINDS[JWT_ARRAYS[name]], document))
    return sorted(found, key=lambda each: not each[0].is_class)


def _body() -> Any:
    data = request.get_data(cache=False)
    try:
        found = json.loads(data, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        words = "Invalid JSON payload received. Parse error."
        raise ApiRefused(400, words, "INVALID_ARGUMENT") from error
    if not isinstance(found, dict):
        raise ApiRefused(400, "Invalid JSON payload received.", "INVALID_ARGUMENT")
    return found


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _refusal(refused: ApiRefused) -> Response:
    answer = jsonify(refused.body())
    answer.status_code = refused.status
    if refused.retry_after is not None:
        answer.headers["Retry-After"] = str(refused.retry_after)
    return answer


def _faulty(fault: Fault) -> Response:
    if fault.kind == "hang":
        time.sleep(HANG_S)
        return _cut()
    if fault.kind == "drop":
        return _cut()
    reason = fault.reason or REASONS.get(fault.status, "backendError")
    refused = ApiRefused(fault.status, fault.message or "Injected by the sandbox.", reason)
    refused.retry_after = fault.retry_after
    raise refused


def _spoilt(fault: Fault, answer: Response) -> Response:
    if fault.kind == "slow":
        time.sleep(min(fault.retry_after or 1, HANG_S))
        return answer
    if fault.kind == "alter":
        return jsonify(answer.get_json() | json.loads(fault.message or "{}"))
    data = answer.get_data()
    return _cut(data[: len(data) // 2], len(data)) if fault.kind == "half" else _cut()


def _cut(begun: bytes = b"{", promised: int = 1000) -> Response:
    """Promise a body and close early: the caller sees a broken connection."""
    answer = Response(iter([begun]), mimetype="application/json")
    answer.headers["Content-Length"] = str(promised)
    return answer
