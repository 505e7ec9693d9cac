"""Apple's web service for passes, as phones call it: five calls under `/apple/v1`.

Rules, learnt from phones: no cookie, no redirect, no page; "what changed?" answers 200 or 204 and
nothing else; a registration is 201 when new and 200 otherwise; unregistering is 200; an unknown
serial answers as a wrong token does. A doubled slash after `/apple` is what some wallets send. Under
an address that installed cards kept from an older service the same calls answer (kept_addresses).

Source: https://developer.apple.com/documentation/walletpasses/adding-a-web-service-to-update-passes
"""

from __future__ import annotations

import functools
import json
from email.utils import formatdate, parsedate_to_datetime
from typing import Any, Final

from flask import Blueprint, Response, request
from werkzeug.exceptions import HTTPException

from common.clock import to_micros
from common.errors import InvalidInput, LimitReached, NotFound, WalletError
from loyalty import devices
from loyalty.kept_addresses import is_kept_address
from loyalty.read_pass import apple_pass_of
from passes.bundle import MIME_TYPE
from web.services import services

BODY_BYTES_MAX: Final = 64 * 1024
SCHEME: Final = "ApplePass "
_REGISTRATION: Final = "devices/<device>/registrations/<pass_type>/<serial>"
_LIST: Final = "devices/<device>/registrations/<pass_type>"
_PASS: Final = "passes/<pass_type>/<serial>"  # noqa: S105 - an address
_EVERY_METHOD: Final = ["GET", "POST", "PUT", "PATCH", "DELETE"]

blueprint = Blueprint("apple", __name__)


def register(device: str, pass_type: str, serial: str) -> Response:
    known = _authenticated(pass_type, serial)
    body = _json_body()
    push_token = body.get("pushToken") if isinstance(body, dict) else None
    new = devices.register(
        services().loyalty, known, library_identifier=device, push_token=push_token
    )
    return _bare(201 if new else 200)


def unregister(device: str, pass_type: str, serial: str) -> Response:
    known = _authenticated(pass_type, serial)
    devices.unregister(services().loyalty, known, library_identifier=device)
    return _bare(200)


def changed(device: str, pass_type: str) -> Response:
    changes = devices.changed_serials(
        services().loyalty,
        pass_type,
        library_identifier=device,
        tag=request.args.get("passesUpdatedSince"),
    )
    if changes is None:
        return _bare(204)
    return _json({"serialNumbers": list(changes.serial_numbers), "lastUpdated": changes.tag})


def send_pass(pass_type: str, serial: str) -> Response:
    known = _authenticated(pass_type, serial)
    if known.unchanged_since(_since()):
        answer = _bare(304)
        answer.headers["Last-Modified"] = formatdate(known.card.last_modified_s, usegmt=True)
        return answer
    signed = apple_pass_of(services().loyalty, known)
    answer = Response(signed.data, mimetype=MIME_TYPE)
    answer.headers["Last-Modified"] = formatdate(signed.last_modified_s, usegmt=True)
    return answer


def log() -> Response:
    body = _json_body()
    lines = body.get("logs") if isinstance(body, dict) else None
    devices.log_lines(
        services().loyalty,
        lines if isinstance(lines, list) else [],
        address=request.remote_addr or "",
    )
    return _bare(200)


def nothing_here(rest: str) -> Response:  # noqa: ARG001 - the address is not repeated
    return _bare(404)


def _kept(view: Any) -> Any:
    """The view under an address that phones kept from an older service; 404 under any other."""

    @functools.wraps(view)
    def kept(old_path: str = "", **names: str) -> Response:
        host = request.host.partition(":")[0]
        if not is_kept_address(services().loyalty, host, old_path):
            return _bare(404)
        answer: Response = view(**names)
        return answer

    return kept


def _add_rules() -> None:
    for slashes in ("/apple/v1/", "/apple//v1/"):
        for path, method, view in _PATHS:
            _add_rule(slashes + path, view, [method])
        _add_rule(f"{slashes}<path:rest>", nothing_here, _EVERY_METHOD)
    for front, name in (("/v1/", "root"), ("/<path:old_path>/v1/", "kept")):
        for path, method, view in _PATHS:
            _add_rule(front + path, _kept(view), [method], name=name)


_PATHS: Final = (
    (_REGISTRATION, "POST", register),
    (_REGISTRATION, "DELETE", unregister),
    (_LIST, "GET", changed),
    (_PASS, "GET", send_pass),
    ("log", "POST", log),
)


def _add_rule(rule: str, view: Any, methods: list[str], *, name: str = "") -> None:
    name = name or ("doubled" if "//" in rule else "")
    blueprint.add_url_rule(
        rule,
        endpoint=f"{view.__name__}_{name}" if name else view.__name__,
        view_func=view,
        methods=methods,
        merge_slashes=False,
        strict_slashes=False,
    )


def _authenticated(pass_type: str, serial: str) -> devices.KnownCard:
    header = request.headers.get("Authorization", "")
    token = header[len(SCHEME) :] if header.startswith(SCHEME) else ""
    return devices.authenticate(services().loyalty, pass_type, serial, token=token.strip())


def _json_body() -> Any:
    data = request.stream.read(BODY_BYTES_MAX + 1)
    if len(data) > BODY_BYTES_MAX:
        raise InvalidInput("Send at most 64 KB.", field="body")
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise InvalidInput("Send JSON.", field="body") from error


def _since() -> int | None:
    """The second of If-Modified-Since; None when it is missing or no date."""
    text = request.headers.get("If-Modified-Since", "")
    try:
        return to_micros(parsedate_to_datetime(text)) // 1_000_000 if text else None
    except (ValueError, IndexError, TypeError, OverflowError):
        return None


def _bare(status: int) -> Response:
    answer = Response(status=status)
    del answer.headers["Content-Type"]
    return answer


def _json(document: dict[str, Any]) -> Response:
    return Response(
        json.dumps(document, separators=(",", ":")), status=200, mimetype="application/json"
    )


@blueprint.errorhandler(WalletError)
def _refused(error: WalletError) -> Response:
    if isinstance(error, LimitReached):
        return _bare(429)
    if isinstance(error, InvalidInput):
        return _bare(400)
    if isinstance(error, NotFound):
        # A card whose certificate is gone: to a stranger it looks like any other.
        return _bare(401)
    answer = _bare(error.status)
    seconds = getattr(error, "retry_after_s", None)
    if seconds is not None:
        answer.headers["Retry-After"] = str(seconds)
    return answer


@blueprint.errorhandler(HTTPException)
def _http_refused(error: HTTPException) -> Response:
    return _bare(error.code or 500)


@blueprint.after_request
def _never_stored(answer: Response) -> Response:
    answer.headers["Cache-Control"] = "no-store"
    return answer


_add_rules()
