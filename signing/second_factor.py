"""Second factors by time (TOTP): make a secret, and find which step a code belongs to.

Not done here: keeping the secret (sealed by the caller), counting tries, remembering the last step.
Rules: six digits, 30 seconds, SHA-1, as every authenticator app reads them; one step early or late
is taken for clocks that differ. Source: RFC 6238.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final

import pyotp

STEP_S: Final = 30
SLACK_STEPS: Final = 1
_CODE: Final = re.compile(r"[0-9]{6}", re.ASCII)


def new_secret() -> str:
    """32 characters of base 32: 160 bits."""
    return str(pyotp.random_base32())


def enrolment_address(secret: str, *, name: str, issuer: str) -> str:
    """The `otpauth://` address an authenticator app scans."""
    return str(pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name=issuer))


def matching_step(secret: str, code: str, *, now: datetime) -> int | None:
    """The time step the code was made in, or None when it is not right now."""
    typed = code.replace(" ", "")
    if _CODE.fullmatch(typed) is None:
        return None
    present = int(now.timestamp()) // STEP_S
    totp = pyotp.TOTP(secret)
    steps = range(present - SLACK_STEPS, present + SLACK_STEPS + 1)
    # Every step is compared, so that the time taken tells nothing.
    found = [step for step in steps if pyotp.utils.strings_equal(typed, totp.generate_otp(step))]
    return found[0] if found else None
