"""What a card of another system is called at our tills: its old barcode, its old member number.

Rules: an old code belongs to one merchant (another shop's cards may have the same numbers), is
compared as it is, and dies with the card. A short one can be guessed or copied by eye, so it only
finds the member, as a typed number does; a long one proves the card, as our own code does.
"""

from __future__ import annotations

import hashlib
from typing import Final

from storage.unit_of_work import UnitOfWork

OLD_CODE: Final = "old_code"
BROUGHT: Final = "brought_code"
PROVES_FROM: Final = 20
"""Characters; a code drawn by chance from letters and digits has 100 bits then."""


def add_old_code(work: UnitOfWork, pass_id: int, code: str) -> None:
    """Let a till find the card by this code too; twice is no error.

    Raises:
        Conflict: another card has it.
    """
    work.directory.add_token(OLD_CODE, _hash(work.scope.merchant, code), pass_id)


def drop_old_code(work: UnitOfWork, code: str) -> None:
    """Let this code find nothing any more."""
    work.directory.remove_token(OLD_CODE, _hash(work.scope.merchant, code))


def pass_of_old_code(work: UnitOfWork, text: str) -> int | None:
    """The card that was called so."""
    entry = work.directory.token(_hash(work.scope.merchant, text.strip()))
    if entry is None or entry.kind != OLD_CODE or entry.merchant_id != work.scope.merchant:
        return None
    return entry.subject_id


def note_brought(work: UnitOfWork, programme_id: int, code: str) -> None:
    """Remember that this code came in once: it names the programme, and outlives its card."""
    work.directory.add_token(BROUGHT, _brought_hash(work.scope.merchant, code), programme_id)


def was_brought(work: UnitOfWork, code: str) -> bool:
    """Whether this code came in once, whatever became of its card."""
    entry = work.directory.token(_brought_hash(work.scope.merchant, code))
    return entry is not None and entry.kind == BROUGHT


def proves_card(text: str) -> bool:
    """Whether whoever shows this old code can be believed to have the card."""
    return len(text.strip()) >= PROVES_FROM


def _hash(merchant_id: int, code: str) -> bytes:
    return hashlib.sha256(
        f"old code\0{merchant_id}\0{code}".encode("utf-8", "surrogatepass")
    ).digest()


def _brought_hash(merchant_id: int, code: str) -> bytes:
    return hashlib.sha256(
        f"brought code\0{merchant_id}\0{code}".encode("utf-8", "surrogatepass")
    ).digest()
