"""A member's address, favourite brand and answers: one sealed document beside the contacts.

They are shown to the owner and to the member, and used for nothing else.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from common.errors import InvalidInput
from common.i18n import gettext as _
from loyalty.contacts import clean_name
from signing.keyring import Keyring
from signing.sealing import seal, unseal

COLUMN: Final = "member.details"
ADDRESS_MAX: Final = 300
ADDRESS_LINES_MAX: Final = 6
ANSWER_MAX: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Details:
    """`answers` by the key of the owner's question."""

    address: str = ""
    brand: str = ""
    answers: Mapping[str, str] = field(default_factory=dict)

    @property
    def empty(self) -> bool:
        """Whether nothing was given."""
        return not (self.address or self.brand or self.answers)


def seal_details(keyring: Keyring, details: Details, *, merchant_id: int) -> bytes | None:
    """The sealed document, None where there is nothing to keep."""
    if details.empty:
        return None
    kept = {"address": details.address, "brand": details.brand, "answers": dict(details.answers)}
    text = json.dumps(kept, ensure_ascii=False).encode()
    return seal(keyring, text, merchant_id=merchant_id, column=COLUMN)


def open_details(keyring: Keyring, sealed: bytes | None, *, merchant_id: int) -> Details:
    """What is kept.

    Raises:
        SealBroken: damaged, or its key is not in the keyring.
    """
    if sealed is None:
        return Details()
    kept = json.loads(unseal(keyring, sealed, merchant_id=merchant_id, column=COLUMN))
    return Details(address=kept["address"], brand=kept["brand"], answers=kept["answers"])


def clean_address(text: str) -> str:
    """An address of a few lines, each without control characters.

    Raises:
        InvalidInput: field `address`; too long.
    """
    lines = [line for line in map(one_line, text[: ADDRESS_MAX * 8].splitlines()) if line]
    address = "\n".join(lines)
    if len(address) > ADDRESS_MAX or len(lines) > ADDRESS_LINES_MAX:
        raise InvalidInput(
            _(
                "Use at most %(lines)d lines and %(max)d characters for the address.",
                lines=ADDRESS_LINES_MAX,
                max=ADDRESS_MAX,
            ),
            field="address",
        )
    return address


def clean_brand(text: str) -> str:
    """A favourite brand in one line.

    Raises:
        InvalidInput: field `brand`; too long.
    """
    return clean_name(text, field="brand")


def clean_answer(text: str) -> str:
    """An answer in one line.

    Raises:
        InvalidInput: too long.
    """
    answer = one_line(text[: ANSWER_MAX * 8])
    if len(answer) > ANSWER_MAX:
        raise InvalidInput(_("Use at most %(max)d characters.", max=ANSWER_MAX), field="answer")
    return answer


def one_line(text: str) -> str:
    """Text without control characters and with single spaces."""
    visible = "".join(
        " " if unicodedata.category(symbol) in {"Cc", "Cs", "Zl", "Zp"} else symbol
        for symbol in unicodedata.normalize("NFC", text)
    )
    return " ".join(visible.split())
