"""Stripe, as far as a shop that sells gift cards meets it: checkout sessions, a page to pay on, and
the signed message afterwards.

Written from docs.stripe.com alone: forms in, JSON out, keys as bearer, idempotency keys that give
the first answer again, errors in Stripe's own shape. Faults: `stripe` with `status`, `hang`, or on
messages `double`, `forge`, `lose`.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import threading
import urllib.request
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Response, abort, jsonify, redirect, render_template, request

from sandbox.clock import SandboxClock
from sandbox.events import EventLog
from sandbox.faults import Fault, Faults
from sandbox.loopback import is_loopback_host

SESSIONS_MAX = 1000
MESSAGE_TIMEOUT_S = 10


@dataclass(slots=True, kw_only=True)
class Session:
    id: str
    key: str
    amount: int
    currency: str
    name: str
    reference: str
    success_url: str
    cancel_url: str
    paid: bool = False
    form: dict[str, str] = field(default_factory=dict)


class StripeDoor:
    """Sessions in memory, hooks as the test or the demo told them."""

    def __init__(self, *, clock: SandboxClock, events: EventLog, faults: Faults) -> None:
        self._clock = clock
        self._events = events
        self._faults = faults
        self._sessions: dict[str, Session] = {}
        self._answers: dict[str, Session] = {}
        self._hooks: dict[str, tuple[str, str]] = {}
        self._lock = threading.Lock()

    def blueprint(self) -> Blueprint:
        door = Blueprint("stripe", __name__)
        door.add_url_rule("/v1/checkout/sessions", "open", self.open, methods=["POST"])
        door.add_url_rule("/v1/checkout/sessions/<session_id>", "read", self.read)
        door.add_url_rule("/stripe/pay/<session_id>", "page", self.page)
        door.add_url_rule("/stripe/pay/<session_id>", "pay", self.pay, methods=["POST"])
        door.add_url_rule("/control/stripe/hook", "hook", self.set_hook, methods=["POST"])
        return door

    # --- what a shop's server calls -----------------------------------------------------------

    def open(self) -> Response | tuple[Response, int]:
        fault = self._faults.take("stripe", path=request.path)
        if fault is not None and fault.kind == "status":
            return _refusal(fault.status or 503, "api_error", "The sandbox was told to fail.")
        key = _bearer()
        if key is None:
            return _refusal(401, "invalid_request_error", "Invalid API Key provided.")
        form = request.form.to_dict()
        wanted = _read(form)
        if isinstance(wanted, str):
            return _refusal(400, "invalid_request_error", wanted)
        again = request.headers.get("Idempotency-Key", "")
        with self._lock:
            known = self._answers.get(f"{key} {again}") if again else None
            if known is not None and known.form != form:
                return _refusal(
                    400,
                    "idempotency_error",
                    "Keys for idempotent requests can only "
                    "be used with the same parameters they were first used with.",
                )
            session = known or Session(
                id="cs_test_" + secrets.token_hex(24), key=key, form=form, **wanted
            )
            if len(self._sessions) >= SESSIONS_MAX:
                self._sessions.clear()
            self._sessions[session.id] = session
            if again:
                self._answers[f"{key} {again}"] = session
        self._events.add("stripe.session", session=session.id, amount=session.amount)
        return jsonify(self._document(session))

    def read(self, session_id: str) -> Response | tuple[Response, int]:
        fault = self._faults.take("stripe", path=request.path)
        if fault is not None and fault.kind == "status":
            return _refusal(fault.status or 503, "api_error", "The sandbox was told to fail.")
        session, key = self._sessions.get(session_id), _bearer()
        if key is None:
            return _refusal(401, "invalid_request_error", "Invalid API Key provided.")
        if session is None or session.key != key:
            return _refusal(404, "invalid_request_error", f"No such checkout.session: {session_id}")
        return jsonify(self._document(session))

    # --- the page the customer pays on --------------------------------------------------------

    def page(self, session_id: str) -> Response:
        session = self._session(session_id)
        answer = Response(render_template("stripe.html", session=session))
        # Browsers apply the policy to where a form's answer redirects as well.
        back = urlsplit(session.success_url)
        answer.headers["Content-Security-Policy"] = (
            "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'; "
            f"form-action 'self' {back.scheme}://{back.netloc}"
        )
        return answer

    def pay(self, session_id: str) -> Any:
        session = self._session(session_id)
        if not session.paid:
            session.paid = True
            self._events.add("stripe.paid", session=session.id, amount=session.amount)
            self._tell(session)
        return redirect(session.success_url, 303)

    def set_hook(self) -> Response | tuple[Response, int]:
        """Where messages of an account go, and the secret that signs them."""
        told = request.get_json(silent=True, force=True) or {}
        if request.headers.get("Origin") not in {None, request.host_url.rstrip("/")}:
            abort(403)
        url = str(told.get("url", ""))
        host = urlsplit(url).hostname
        if not host or not is_loopback_host(host):
            return jsonify({"error": "the address must be on this machine"}), 400
        self._hooks[str(told.get("key", ""))] = (url, str(told.get("secret", "")))
        return jsonify({"ok": True})

    def _session(self, session_id: str) -> Session:
        found = self._sessions.get(session_id)
        if found is None:
            abort(404)
        return found

    def _tell(self, session: Session) -> None:
        hook = self._hooks.get(session.key)
        fault = self._faults.take("stripe_messages", path="")
        if hook is None or (fault is not None and fault.kind == "lose"):
            return
        url, secret = hook
        body = json.dumps({
            "id": "evt_" + secrets.token_hex(12), "object": "event",
            "type": "checkout.session.completed", "livemode": False,
            "data": {"object": self._document(session)},
        }).encode()  # fmt: skip
        if fault is not None and fault.kind == "forge":
            secret = secret[::-1]
        for _time in range(2 if fault is not None and fault.kind == "double" else 1):
            self._send(url, secret, body, fault)

    def _send(self, url: str, secret: str, body: bytes, _fault: Fault | None) -> None:
        moment = int(self._clock.now_s())
        signed = hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
        message = urllib.request.Request(
            url, data=body, method="POST",
            headers={"Content-Type": "application/json",
                     "Stripe-Signature": f"t={moment},v1={signed}"},
        )  # fmt: skip
        try:
            with urllib.request.urlopen(message, timeout=MESSAGE_TIMEOUT_S) as answer:
                status = answer.status
        except OSError as error:
            status = getattr(error, "code", 0)
        self._events.add("stripe.message", status=status)

    def _document(self, session: Session) -> dict[str, Any]:
        page = f"{request.host_url}stripe/pay/{session.id}"
        return {
            "id": session.id, "object": "checkout.session", "mode": "payment",
            "amount_total": session.amount, "amount_subtotal": session.amount,
            "currency": session.currency, "client_reference_id": session.reference,
            "payment_status": "paid" if session.paid else "unpaid",
            "status": "complete" if session.paid else "open",
            "url": None if session.paid else page, "livemode": False,
        }  # fmt: skip


def _bearer() -> str | None:
    scheme, _space, key = request.headers.get("Authorization", "").partition(" ")
    known = scheme == "Bearer" and key.startswith(("sk_test_", "rk_test_"))
    return key if known and "refused" not in key else None


def _read(form: dict[str, str]) -> dict[str, Any] | str:
    first = "line_items[0]"
    try:
        amount = int(form[f"{first}[price_data][unit_amount]"])
        found = {
            "amount": amount * int(form[f"{first}[quantity]"]),
            "currency": form[f"{first}[price_data][currency]"],
            "name": form[f"{first}[price_data][product_data][name]"],
            "reference": form.get("client_reference_id", ""),
            "success_url": form["success_url"],
            "cancel_url": form.get("cancel_url", ""),
        }
    except KeyError as error:
        return f"Missing required param: {error.args[0]}."
    except ValueError:
        return "Invalid integer."
    if form.get("mode") != "payment":
        return "You must pass mode=payment."
    if amount < 1:
        return "This value must be greater than or equal to 1."
    return found


def _refusal(status: int, kind: str, message: str) -> tuple[Response, int]:
    return jsonify({"error": {"type": kind, "message": message}}), status
