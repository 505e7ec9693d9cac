"""The other side: Apple's push service as a table of answers, Google as the sandbox's own server.

What each does to a request is drawn from the seed; `weather` says how bad it is.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Final

import waitress
from flask import Flask

from delivery.apns import Push
from delivery.outcomes import Answer, Outcome, apns_outcome
from delivery.settings import DeliverySettings, PaceSettings
from sandbox.google_rules import KINDS
from sandbox.parts import Parts, assemble
from tests.simulation.floor import Floor
from tests.support.sandbox import GoogleAccount, make_service_account

# Status, reason, whether the phone hears of it, whether it takes long.
_FLAKY: Final = (
    (200, "", True, False),
    (200, "", True, False),
    (503, "ServiceUnavailable", False, False),
    (500, "InternalServerError", False, False),
    (429, "TooManyRequests", False, False),
    (0, "the connection is cut before", False, False),
    (0, "the connection is cut after", True, False),
    (0, "no answer", False, True),
    (0, "no answer, but it was taken", True, True),
    (418, "", False, False),
    (599, "<html>", False, False),
)
_HANG_S: Final = 8.0
_GONE: Final = 410
_UNREADABLE: Final = frozenset({418})

GOOGLE_FAULTS: Final[tuple[dict[str, Any], ...]] = (
    {"kind": "drop"},
    {"kind": "drop_after"},
    {"kind": "half"},
    {"status": 503, "retry_after": 2},
    {"status": 500},
    {"status": 429, "retry_after": 1},
    {"status": 403, "reason": "quotaExceeded"},
    {"status": 403, "reason": "permissionDenied"},
    {"status": 401},
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What the push service answers, and how long that takes."""

    answer: Answer
    slow_s: float = 0.0


class PushService:
    """Apple's: it knows which tokens live, and when one died by its own clock."""

    def __init__(self, floor: Floor, *, start: datetime) -> None:
        self._floor = floor
        self._start = start
        self._owners: dict[str, Any] = {}
        self._died_at: dict[str, datetime] = {}
        self.weather = "fair"
        self.sent = 0
        self.accepted: Callable[[str], None] = lambda _token: None

    def issue(self, phone: Any) -> str:
        """A new token for a phone; the one before dies."""
        for token in [token for token, owner in self._owners.items() if owner is phone]:
            self.end(token)
        token = f"{self._floor.chance.getrandbits(128):032x}"
        self._owners[token] = phone
        return token

    def end(self, token: str) -> None:
        self._owners.pop(token)
        # Apple's clock does not jump with ours.
        self._died_at[token] = self._start + timedelta(seconds=self._floor.now_s)

    def take(self, push: Push) -> Taken:
        self.sent += 1
        owner = self._owners.get(push.push_token)
        if self.weather == "down":
            return Taken(answer=_answer(0, "nobody there"))
        if self.weather == "refused":
            return Taken(answer=_answer(403, "BadCertificate"))
        status, reason, heard, slow = (200, "", True, False)
        if self.weather == "flaky":
            status, reason, heard, slow = self._floor.chance.choice(_FLAKY)
        if owner is None and status == 200:
            status, reason = _GONE, "Unregistered"
        if owner is not None and heard:
            owner.hear()
            self.accepted(push.push_token)
        died_at = self._died_at.get(push.push_token)
        # A dead phone is told of late, at times after it came back with another token.
        slow = slow or (status == _GONE and self._floor.chance.random() < 0.5)
        return Taken(answer=_answer(status, reason, died_at), slow_s=_HANG_S if slow else 0.0)


def _answer(status: int, reason: str, gone_since: datetime | None = None) -> Answer:
    if status in _UNREADABLE:  # an answer that is no HTTP/2, or none we can read
        return Answer(outcome=Outcome.TEMPORARY, reason="not_http2")
    known = reason if status else ""
    return Answer(
        outcome=apns_outcome(status, known),
        reason=reason or f"http_{status}",
        retry_after_s=2.0 if status in {429, 503} else None,
        gone_since=gone_since if status == _GONE else None,
    )


@cache
def account() -> GoogleAccount:
    return make_service_account()


class GoogleServer:
    """One listening socket for a whole run of seeds; each seed hangs its own Google behind it."""

    def __init__(self) -> None:
        logging.getLogger("waitress").setLevel(logging.CRITICAL)
        self.app: Any = Flask(__name__)
        self._server = waitress.create_server(self._call, host="127.0.0.1", port=0, threads=4)
        self.url = f"http://127.0.0.1:{self._server.effective_port}"
        threading.Thread(target=self._server.run, name="google", daemon=True).start()

    def _call(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        answer: Iterable[bytes] = self.app(environ, start_response)
        return answer


@cache
def google_server() -> GoogleServer:
    return GoogleServer()


class GoogleSide:
    """A fresh Google Wallet, and the settings that lead there."""

    def __init__(self, folder: Path, *, floor: Floor, pace: PaceSettings) -> None:
        server = google_server()
        folder.mkdir()
        (folder / "google-service-accounts.json").write_text(json.dumps([account().public_row()]))
        self.parts: Parts = assemble(folder)
        self.parts.google.rate.per_s = 1e9
        self._floor = floor
        self.weather = "fair"
        app = Flask(__name__)
        app.register_blueprint(self.parts.google.blueprint())
        server.app = app
        self.settings = delivery_settings(server.url, pace=pace)

    def worsen(self) -> None:
        """The next few requests meet a fault."""
        fault = dict(self._floor.chance.choice(GOOGLE_FAULTS))
        fault["count"] = self._floor.chance.randint(1, 4)
        self._floor.note(f"Google: {fault}")
        self.parts.faults.set({"google": fault})

    def heal(self) -> None:
        self.parts.faults.set({"google": None})

    def card(self, object_id: str) -> dict[str, Any] | None:
        """A card as every Android phone shows it."""
        return self.parts.wallet.find(KINDS["loyaltyObject"], object_id)

    def close(self) -> None:
        self.parts.close()


def delivery_settings(url: str, *, pace: PaceSettings) -> DeliverySettings:
    return DeliverySettings(
        public_url="http://127.0.0.1:1",
        google_api_url=f"{url}/walletobjects/v1",
        google_keys_url=f"{url}/gp/m/issuer/keys",
        allowed_token_uri=f"{url}/token",
        google_requests_per_s=1000.0,
        google_threads=1,
        pace=pace,
        slice_cards=2,
    )
