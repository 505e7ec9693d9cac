"""Time-based codes in a card's barcode, as Google Wallet draws them on the phone (RFC 6238).

Not done here: the key (tokens.rotating_secret), remembering which step was used, finding the card.

Rules:
- SHA-1, eight digits, half a minute: the one algorithm Google offers, and digits enough that
  guessing at a throttled till is hopeless.
- Two steps early or late are taken for clocks that differ; which step it was is told, so that the
  caller can refuse it a second time.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from datetime import datetime
from typing import Final

STEP_S: Final = 30
DIGITS: Final = 8
SLACK_STEPS: Final = 2
_CODE: Final = re.compile(rf"[0-9]{{{DIGITS}}}", re.ASCII)


def code_at(secret: bytes, step: int) -> str:
    """The digits of a step, counted from 1970."""
    digest = hmac.digest(secret, step.to_bytes(8, "big"), hashlib.sha1)
    at = digest[-1] & 0x0F
    number = int.from_bytes(digest[at : at + 4], "big") & 0x7FFFFFFF
    return str(number % 10**DIGITS).zfill(DIGITS)


def step_of(secret: bytes, code: str, *, now: datetime) -> int | None:
    """The step the code was made in, or None when it is not right now."""
    if _CODE.fullmatch(code) is None:
        return None
    present = int(now.timestamp()) // STEP_S
    steps = range(max(0, present - SLACK_STEPS), present + SLACK_STEPS + 1)
    # Every step is compared, so that the time taken tells nothing; the newest counts.
    found = [step for step in steps if hmac.compare_digest(code, code_at(secret, step))]
    return found[-1] if found else None
