"""Fetch the root keys of Google's callbacks and keep them fresh.

Not done here: verifying a message (signing), wanting newer keys (loyalty). Rules:
- every six hours, and sooner when a message came that no key vouches for, but never within five
  minutes of the last try: forged posts cannot make us hammer Google;
- a fetch that fails or brings no usable key changes nothing: the keys from before go on, each until
  its own end, and after that nothing is believed;
- no redirect, no proxy of the environment, a small answer only.

Source: https://developers.google.com/wallet/generic/use-cases/use-callbacks-for-saves-and-deletions
"""

from __future__ import annotations

import json
import logging
from datetime import datetime, timedelta
from typing import Any, Final

import requests

from common.clock import to_micros
from delivery.desk import Desk
from storage.google_keys import StoredKeys
from storage.unit_of_work import open_work, run_work

REFRESH_EVERY: Final = timedelta(hours=6)
TRY_EVERY: Final = timedelta(minutes=5)
ANSWER_BYTES_MAX: Final = 64 * 1024
KEYS_MAX: Final = 16
DIGITS_MAX: Final = 20
PROTOCOL: Final = "ECv2SigningOnly"
_MEMBERS: Final = ("keyValue", "protocolVersion", "keyExpiration")

_log = logging.getLogger("regulars.delivery")


def keep_keys(desk: Desk) -> bool:
    """Fetch when it is time; returns whether Google was asked."""
    address = desk.settings.google_keys_url
    with open_work(desk.database, None, clock=desk.clock, writing=False) as work:
        wanted = bool(work.google_accounts.all())
        stored = work.google_keys.get(address)
    if not wanted or not is_time(stored, desk.clock.now()):
        return False
    keys = _fetched(desk, address)
    if keys:
        run_work(
            desk.database, None, lambda work: work.google_keys.put(address, keys), clock=desk.clock
        )
    else:
        run_work(
            desk.database, None, lambda work: work.google_keys.note_failure(address),
            clock=desk.clock,
        )  # fmt: skip
    return True


def is_time(stored: StoredKeys, now: datetime) -> bool:
    """Whether to ask now. A moment that lies ahead was written by a wrong clock."""
    if stored.tried_at is not None and now - TRY_EVERY < stored.tried_at <= now:
        return False
    if stored.fetched_at is None or not now - REFRESH_EVERY < stored.fetched_at <= now:
        return True
    return stored.wanted_at is not None and stored.wanted_at >= stored.fetched_at


def usable_keys(data: bytes, now: datetime) -> list[dict[str, Any]]:
    """The keys of Google's document that can vouch for a callback at `now`.

    Raises:
        ValueError: it is no such document.
    """
    try:
        document = json.loads(data)
    except RecursionError as error:
        raise ValueError("it is nested too deep") from error
    listed = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(listed, list):
        raise ValueError("it has no list of keys")  # noqa: TRY004 - about the text, not the call
    now_ms = to_micros(now) // 1000
    return [
        {name: key[name] for name in _MEMBERS}
        for key in listed
        if isinstance(key, dict)
        and key.get("protocolVersion") == PROTOCOL
        and isinstance(key.get("keyValue"), str)
        and _expires_ms(key.get("keyExpiration")) > now_ms
    ][:KEYS_MAX]


def _expires_ms(value: object) -> int:
    text = str(value)
    return int(text) if text.isascii() and text.isdigit() and len(text) <= DIGITS_MAX else 0


def _fetched(desk: Desk, address: str) -> list[dict[str, Any]]:
    try:
        keys = usable_keys(_read(address, desk.settings.request_timeout_s), desk.clock.now())
    except (requests.RequestException, ValueError) as error:
        _log.warning("delivery.google_keys_failed", extra={"reason": type(error).__name__})
        return []
    if not keys:
        _log.warning("delivery.google_keys_failed", extra={"reason": "no_usable_key"})
    return keys


def _read(address: str, timeout_s: float) -> bytes:
    with requests.Session() as session:
        session.trust_env = False
        with session.get(address, timeout=timeout_s, allow_redirects=False, stream=True) as answer:
            if answer.status_code != requests.codes.ok:
                raise ValueError(f"the answer was {answer.status_code}")
            data = b""
            for part in answer.iter_content(8192):
                data += part
                if len(data) > ANSWER_BYTES_MAX:
                    raise ValueError("the answer is too long")
            return data
