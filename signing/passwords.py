"""Hash and judge what people type to prove who they are: passwords and till PINs.

Not done here: counting tries, sessions, second factors.

Rules:
- Argon2id, at most two hashes at once in a process, so that a burst of sign-ins cannot eat the
  machine; who waits too long is asked to try again.
- A PIN has few digits, so it is HMACed under the master key first: a stolen database alone cannot
  be searched. The hash is bound to merchant and staff member.
- Text is compared in Unicode form NFKC, as NIST SP 800-63B 5.1.1.2 advises.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import threading
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from common.errors import TooMany
from common.i18n import gettext as _
from signing.keyring import Keyring

PASSWORD_LENGTH_MIN: Final = 8
PASSWORD_LENGTH_MAX: Final = 128
PIN_LENGTH_MIN: Final = 4
PIN_LENGTH_MAX: Final = 6

_COMMON_FILE: Final = Path(__file__).parent / "common_passwords.txt"
_CONTEXT_WORD_MIN: Final = 4
_REMAINDER_MIN: Final = 6
_DISTINCT_MIN: Final = 4
_LEET: Final = str.maketrans("@013457$", "aoieasts")
_WAIT_S: Final = 5
_PIN: Final = re.compile(rf"[0-9]{{{PIN_LENGTH_MIN},{PIN_LENGTH_MAX}}}", re.ASCII)
_RUN: Final = "01234567890"
# Years, keypad columns and doubles that people choose before anything else.
_POPULAR_PINS: Final = frozenset({"1004", "2580", "0852", "1379", "1122", "2468", "112233"})
_YEAR: Final = re.compile(r"(?:19[5-9][0-9]|20[0-3][0-9])", re.ASCII)

_password_hasher: Final = PasswordHasher(time_cost=2, memory_cost=64 * 1024, parallelism=1)
# A till does not say who is typing, so a PIN is tried against each of the branch's staff.
_pin_hasher: Final = PasswordHasher(time_cost=1, memory_cost=8 * 1024, parallelism=1)
_slots: Final = threading.BoundedSemaphore(2)


def hash_password(text: str) -> str:
    """The Argon2id hash to store.

    Raises:
        TooMany: other hashes kept this one waiting for five seconds.
    """
    with _one_of_two():
        return _password_hasher.hash(_secret(text))


def verify_password(stored: str | None, text: str) -> bool:
    """Whether `text` is the password behind `stored`.

    An unknown account is asked with None: it takes as long and is always False, so that a
    stranger cannot tell which accounts exist.

    Raises:
        TooMany: other hashes kept this one waiting for five seconds.
    """
    usable = stored is not None and len(text) <= PASSWORD_LENGTH_MAX
    target = stored if stored is not None and usable else _nobody()
    matches = _verify(_password_hasher, target, _secret(text[:PASSWORD_LENGTH_MAX]))
    return matches and usable


def password_complaint(text: str, *, context: Sequence[str] = ()) -> str | None:
    """What is wrong with a new password, as a sentence, or None.

    Args:
        text: as typed.
        context: what a guesser would try first: shop name, e-mail address, person's name.
    """
    if len(text) < PASSWORD_LENGTH_MIN:
        return _("Use at least %(count)d characters.", count=PASSWORD_LENGTH_MIN)
    if len(text) > PASSWORD_LENGTH_MAX:
        return _("Use at most %(count)d characters.", count=PASSWORD_LENGTH_MAX)
    folded = _normal(text).casefold()
    if _is_common(folded):
        return _("This is one of the first passwords a guesser tries. Three odd words are better.")
    if _is_mostly(folded, context):
        return _("This password is made of your own name, shop or e-mail. Choose another.")
    return None


def hash_pin(keyring: Keyring, pin: str, *, merchant_id: int, staff_id: int) -> str:
    """The text to store for a PIN: `master key version : Argon2id hash`.

    Raises:
        TooMany: other hashes kept this one waiting for five seconds.
    """
    version = keyring.master_version
    secret = _pin_secret(keyring, version, pin, merchant_id=merchant_id, staff_id=staff_id)
    with _one_of_two():
        return f"{version}:{_pin_hasher.hash(secret)}"


def verify_pin(keyring: Keyring, stored: str, pin: str, *, merchant_id: int, staff_id: int) -> bool:
    """Whether `pin` is this staff member's; False too when the key is gone or `stored` damaged.

    Raises:
        TooMany: other hashes kept this one waiting for five seconds.
    """
    version_text, _colon, hashed = stored.partition(":")
    version = int(version_text) if version_text.isascii() and version_text.isdigit() else 0
    if version not in keyring.master or _PIN.fullmatch(pin) is None:
        return False
    secret = _pin_secret(keyring, version, pin, merchant_id=merchant_id, staff_id=staff_id)
    return _verify(_pin_hasher, hashed, secret)


def pin_complaint(pin: str) -> str | None:
    """What is wrong with a new PIN, as a sentence, or None."""
    if _PIN.fullmatch(pin) is None:
        return _(
            "A PIN has %(least)d to %(most)d digits.", least=PIN_LENGTH_MIN, most=PIN_LENGTH_MAX
        )
    if _is_trivial_pin(pin):
        return _("This PIN is easy to guess. Avoid runs, repeats and years.")
    return None


def random_pin(length: int = PIN_LENGTH_MIN) -> str:
    """A PIN that `pin_complaint` has nothing against."""
    while True:
        pin = f"{secrets.randbelow(10**length):0{length}d}"
        if pin_complaint(pin) is None:
            return pin


@contextmanager
def _one_of_two() -> Iterator[None]:
    if not _slots.acquire(timeout=_WAIT_S):
        raise TooMany(retry_after_s=_WAIT_S)
    try:
        yield
    finally:
        _slots.release()


def _verify(hasher: PasswordHasher, stored: str, secret: bytes) -> bool:
    with _one_of_two():
        try:
            return hasher.verify(stored, secret)
        except (VerificationError, InvalidHashError):
            return False


@cache
def _nobody() -> str:
    return _password_hasher.hash(secrets.token_bytes(16))


def _normal(text: str) -> str:
    return unicodedata.normalize("NFKC", text)


def _secret(text: str) -> bytes:
    # A lone surrogate can arrive in JSON; it is an odd password, not a fault.
    return _normal(text).encode("utf-8", "surrogatepass")


def _pin_secret(
    keyring: Keyring, version: int, pin: str, *, merchant_id: int, staff_id: int
) -> bytes:
    key = hmac.digest(keyring.master[version], b"regulars pin", hashlib.sha256)
    return hmac.digest(key, f"{merchant_id}|{staff_id}|{pin}".encode(), hashlib.sha256)


@cache
def _common_words() -> frozenset[str]:
    lines = _COMMON_FILE.read_text(encoding="utf-8").splitlines()
    return frozenset(line for line in lines if line and not line.startswith("#"))


def _is_common(folded: str) -> bool:
    # `Welcome123!` is the word `welcome` with what people put around it.
    bare = re.sub(r"^[\W\d_]+|[\W\d_]+$", "", folded)
    plain = bare.translate(_LEET)
    words = _common_words()
    return len(set(folded)) < _DISTINCT_MIN or bool({folded, bare, plain} & words)


def _is_mostly(folded: str, context: Sequence[str]) -> bool:
    words = re.split(r"[\W_]+", _normal(" ".join(context)).casefold())
    rest = folded
    for word in sorted(words, key=len, reverse=True):
        if len(word) >= _CONTEXT_WORD_MIN:
            rest = rest.replace(word, "")
    return rest != folded and len(rest) < _REMAINDER_MIN


def _is_trivial_pin(pin: str) -> bool:
    run = pin in _RUN or pin in _RUN[::-1]
    sizes = range(1, len(pin) // 2 + 1)
    repeat = any(pin == (pin[:size] * len(pin))[: len(pin)] for size in sizes)
    return run or repeat or pin in _POPULAR_PINS or _YEAR.fullmatch(pin) is not None
