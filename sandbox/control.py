"""JSON levers for tests, under `/control/`: read what happened, wait for it, break things.

Only same-machine callers reach them, and a web page of another origin is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, abort, jsonify, request

from sandbox.faults import BadFault
from sandbox.iphones import NoSuchPhone
from sandbox.loopback import NotLoopback
from sandbox.parts import Parts
from sandbox.phone_actions import BadAction, act, phones_json
from sandbox.pkpass import PassRefused


def control_blueprint(parts: Parts) -> Blueprint:
    door = Blueprint("control", __name__, url_prefix="/control")
    levers = _Levers(parts)
    door.before_request(_refuse_pages)
    door.add_url_rule("/phones", "phones", levers.phones)
    door.add_url_rule("/phones", "create", levers.create, methods=["POST"])
    door.add_url_rule("/phones/<phone_id>/<action>", "act", levers.act, methods=["POST"])
    door.add_url_rule("/events", "events", levers.events)
    door.add_url_rule("/faults", "faults", levers.faults)
    door.add_url_rule("/faults", "set_faults", levers.set_faults, methods=["POST"])
    door.add_url_rule("/clock", "clock", levers.clock, methods=["POST"])
    door.add_url_rule("/settings", "settings", levers.settings, methods=["POST"])
    door.register_error_handler(NoSuchPhone, lambda error: _problem(404, error))
    for kind in (BadFault, BadAction, NotLoopback, PassRefused, ValueError):
        door.register_error_handler(kind, lambda error: _problem(400, error))
    return door


class _Levers:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def phones(self) -> Response:
        return jsonify(phones_json(self._parts))

    def create(self) -> tuple[Response, int]:
        wanted = _body()
        kind = wanted.get("kind")
        if kind not in {"iphone", "android"}:
            raise BadAction('kind must be "iphone" or "android"')
        name = str(wanted.get("name", ""))
        makers = self._parts.iphones if kind == "iphone" else self._parts.androids
        phone = makers.create(name)
        return jsonify({"id": phone.id, "name": phone.name}), 201

    def act(self, phone_id: str, action: str) -> Response:
        return jsonify(act(self._parts, phone_id, action, _body()))

    def events(self) -> Response:
        after = request.args.get("after", 0, type=int)
        wait_s = request.args.get("wait", 0.0, type=float)
        found = self._parts.events.wait(after, wait_s)
        return jsonify({"events": found, "last": found[-1]["n"] if found else after})

    def faults(self) -> Response:
        return jsonify(self._parts.faults.as_json())

    def set_faults(self) -> Response:
        self._parts.faults.set(_body())
        return self.faults()

    def clock(self) -> Response:
        seconds = _body().get("advance_s")
        if isinstance(seconds, bool) or not isinstance(seconds, int | float):
            raise BadAction('send {"advance_s": seconds}')
        return jsonify({"now_s": self._parts.clock.advance(float(seconds))})

    def settings(self) -> Response:
        """Change how strict the other side is; unknown names are refused."""
        wanted = _body()
        parts = self._parts
        setters: dict[str, Callable[[Any], None]] = {
            "push_thresholds": lambda rows: setattr(parts.iphones, "thresholds", _pairs(rows)),
            "max_concurrent_streams": lambda n: setattr(
                parts.apns, "max_concurrent_streams", _positive(n)
            ),
            "google_requests_per_s": lambda n: setattr(parts.google.rate, "per_s", _positive(n)),
            "google_token_life_s": lambda n: setattr(parts.accounts, "token_life_s", _positive(n)),
            "google_revoke_tokens": lambda _yes: parts.accounts.revoke_all(),
        }
        unknown = sorted(wanted.keys() - setters.keys())
        if unknown:
            raise BadAction(f"unknown: {', '.join(unknown)}; known: {', '.join(sorted(setters))}")
        for name, value in wanted.items():
            setters[name](value)
        return jsonify({"changed": sorted(wanted)})


def _refuse_pages() -> None:
    # A browser names its page here; tests do not. The sandbox's own page has doors of its own.
    if request.headers.get("Origin") not in {None, request.host_url.rstrip("/")}:
        abort(403)


def _body() -> dict[str, Any]:
    found = request.get_json(silent=True, force=True) if request.data else {}
    if not isinstance(found, dict):
        raise BadAction("send a JSON object")
    return found


def _problem(status: int, error: Exception) -> tuple[Response, int]:
    return jsonify({"error": type(error).__name__, "detail": str(error)}), status


def _positive(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 1_000_000:
        raise BadAction("the value must be a whole number from 1 to 1000000")
    return value


def _pairs(rows: Any) -> tuple[tuple[float, float], ...]:
    try:
        return tuple((float(score), float(seconds)) for score, seconds in rows or [])
    except (TypeError, ValueError) as error:
        raise BadAction("push_thresholds is a list of [score, seconds]") from error
