"""The number of a gift card, as it is printed, read out and typed, and its PIN.

Rules:
- A number of 64 random bits, 20 digits, proves the card by itself. A short one of 12 digits comes
  with a PIN; it only finds the card, and the PIN, kept as a slow hash, proves it.
- Numbers are looked up by hash and kept sealed, so that the card can be printed again; a PIN is
  shown once.
- A number belongs to one merchant, and is dead when the card is replaced.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass
from typing import Final

from common.errors import TooMany
from loyalty.context import Loyalty
from signing.keyring import Keyring
from signing.passwords import hash_pin, random_pin, verify_pin
from signing.sealing import seal, unseal
from storage.gift_cards import GiftCard, GiftCards
from storage.unit_of_work import UnitOfWork

KIND: Final = "gift_number"
NUMBER_BITS: Final = 64
NUMBER_DIGITS: Final = 20
SHORT_DIGITS: Final = 12
PIN_DIGITS: Final = 6
PIN_TRIES: Final = 5
PIN_REFILL_PER_S: Final = 1 / 600
COLUMN: Final = "gift_card.number"
_TYPED: Final = re.compile(r"[0-9][0-9 \-]{10,40}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class GiftNumber:
    """A fresh number; `pin` is empty where the number proves the card by itself."""

    number: str
    pin: str

    @property
    def shown(self) -> str:
        """In groups of four."""
        return group(self.number)


def group(number: str) -> str:
    """`12345678` as `1234 5678`."""
    return " ".join(number[start : start + 4] for start in range(0, len(number), 4))


def draw_number(*, with_pin: bool) -> GiftNumber:
    """A random number, and a PIN where it needs one."""
    if with_pin:
        number = f"{secrets.randbelow(10**SHORT_DIGITS):0{SHORT_DIGITS}d}"
        return GiftNumber(number=number, pin=random_pin(PIN_DIGITS))
    return GiftNumber(number=f"{secrets.randbits(NUMBER_BITS):0{NUMBER_DIGITS}d}", pin="")


def enter_number(
    ctx: Loyalty, work: UnitOfWork, gift_id: int, fresh: GiftNumber
) -> tuple[bytes, str | None]:
    """Make the number the card's own, in place of an earlier one: what to keep of it and its PIN.

    Raises:
        Conflict: another card has it; draw again.
    """
    merchant_id = work.scope.merchant
    work.directory.remove_tokens(KIND, gift_id)
    work.directory.add_token(KIND, _hash(merchant_id, fresh.number), gift_id)
    sealed = seal(ctx.keyring, fresh.number.encode(), merchant_id=merchant_id, column=COLUMN)
    hashed = None
    if fresh.pin:
        hashed = hash_pin(ctx.keyring, fresh.pin, merchant_id=merchant_id, staff_id=gift_id)
    return sealed, hashed


def kept_number(keyring: Keyring, merchant_id: int, gift: GiftCard) -> str:
    """The number as it was printed, empty where there is none."""
    if gift.number_sealed is None:
        return ""
    return unseal(keyring, gift.number_sealed, merchant_id=merchant_id, column=COLUMN).decode()


def gift_of_number(work: UnitOfWork, typed: str) -> GiftCard | None:
    """The gift card of a typed number, None where there is none here."""
    if not _TYPED.fullmatch(typed.strip()):
        return None
    digits = re.sub(r"[ \-]", "", typed)
    entry = work.directory.token(_hash(work.scope.merchant, digits))
    if entry is None or entry.kind != KIND or entry.merchant_id != work.scope.merchant:
        return None
    return GiftCards(work.scope).get(entry.subject_id)


def proves_gift(gift: GiftCard) -> bool:
    """Whether the number alone proves the card."""
    return gift.pin_hash is None


def pin_fits(ctx: Loyalty, work: UnitOfWork, gift: GiftCard, pin: str) -> bool:
    """Whether the PIN is the card's; each try counts, right or wrong.

    Raises:
        TooMany: five tries are gone; one comes back every ten minutes.
    """
    wait_s = work.buckets.take(
        f"gift-pin|{gift.id}", capacity=PIN_TRIES, refill_per_s=PIN_REFILL_PER_S
    )
    if wait_s > 0:
        raise TooMany(retry_after_s=max(1, round(wait_s)))
    if gift.pin_hash is None:
        return True
    return verify_pin(
        ctx.keyring, gift.pin_hash, pin, merchant_id=work.scope.merchant, staff_id=gift.id
    )


def _hash(merchant_id: int, number: str) -> bytes:
    return hashlib.sha256(f"gift number\0{merchant_id}\0{number}".encode()).digest()
