"""Amounts as people write them and as the ledger keeps them: integers of the minor unit.

Parsing takes `12.40` and `12,40`, plain digits with at most the currency's decimals, no sign, no
exponent, no grouping: a till must never guess. Formatting is Babel's, in the reader's language.
"""

from __future__ import annotations

import re
from decimal import Decimal
from functools import lru_cache
from typing import Final

from babel.numbers import format_currency, get_currency_precision, list_currencies

from common.errors import InvalidInput
from common.i18n import gettext as _

AMOUNT_TEXT_MAX: Final = 20
_AMOUNT: Final = re.compile(r"([0-9]{1,13})(?:[.,]([0-9]{1,4}))?", re.ASCII)


def decimals(currency: str) -> int:
    """How many decimals the currency has: 2 for EUR, 0 for JPY, 3 for KWD."""
    return int(get_currency_precision(currency))


def is_currency(code: str) -> bool:
    """Whether `code` is an ISO 4217 code in upper case."""
    return len(code) == 3 and code in list_currencies()  # noqa: PLR2004 - the standard's length


def parse_amount(
    text: str, currency: str, *, field: str = "amount", max_minor: int | None = None
) -> int:
    """Minor units of an amount a person typed.

    Raises:
        InvalidInput: not digits with at most the currency's decimals after `.` or `,`, zero, or
            above `max_minor`; the sentence shows an example.
    """
    places = decimals(currency)
    example = format_plain(1240 if places else 12, currency)
    match = _AMOUNT.fullmatch(text.strip()) if len(text) <= AMOUNT_TEXT_MAX else None
    if match is None:
        raise InvalidInput(_("Type an amount like %(example)s.", example=example), field=field)
    whole, fraction = match[1], match[2] or ""
    if len(fraction) > places:
        raise InvalidInput(
            _(
                "%(currency)s has %(places)d decimals. Type an amount like %(example)s.",
                currency=currency,
                places=places,
                example=example,
            ),
            field=field,
        )
    minor: int = int(whole) * 10**places + int(
        (fraction or "0").ljust(places, "0") if places else 0
    )
    if minor == 0:
        raise InvalidInput(_("The amount must be more than zero."), field=field)
    if max_minor is not None and minor > max_minor:
        limit = format_plain(max_minor, currency)
        raise InvalidInput(
            _("At most %(limit)s at once. Check the amount.", limit=limit), field=field
        )
    return minor


def to_decimal(minor: int, currency: str) -> Decimal:
    """Minor units as an exact decimal of the currency."""
    return Decimal(minor).scaleb(-decimals(currency))


def format_plain(minor: int, currency: str) -> str:
    """`1240` EUR as `12.40`: for files, commands and examples, the same in every language."""
    return f"{to_decimal(minor, currency):.{decimals(currency)}f}"


def format_money(minor: int, currency: str, *, language: str = "en") -> str:
    """`1240` EUR as `€12.40` or `12,40 €`, as the reader's language writes it."""
    return _written(minor, currency, language.replace("-", "_"))


@lru_cache(maxsize=4096)
def _written(minor: int, currency: str, locale: str) -> str:
    # A till tells the same few prices all day; Babel reads its patterns anew for each.
    return str(format_currency(to_decimal(minor, currency), currency, locale=locale))
