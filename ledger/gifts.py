"""Gift cards in the ledger: the terms their programme runs on, and putting money on one.

A gift card is a card that counts one unit, its currency in minor units, one for one. Selling moves
from the programme's `sold` account to the card, using it on to `redeemed`, so what is still owed is
what the cards hold. Not done here: what becomes of a card (storage/gift_cards.py).
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

from common.errors import InvalidInput
from common.i18n import gettext as _
from common.money import format_plain, is_currency
from ledger.expiry import new_lot
from ledger.lots import NewLot
from ledger.programme_terms import (
    Expiry,
    ExpiryKind,
    PaymentRule,
    ProgrammeTerms,
    Rounding,
    UnitKind,
    UnitTerms,
)


class GiftExpiry(StrEnum):
    """How long the money on a gift card lasts; which of these is lawful depends on the country."""

    NEVER = "never"
    FIVE_YEARS = "five_years"
    TEN_YEARS = "ten_years"
    THIRD_YEAR_END = "third_year_end"  # the end of the third year after the one it was sold in


_EXPIRIES: Final = {
    GiftExpiry.NEVER: Expiry(),
    GiftExpiry.FIVE_YEARS: Expiry(kind=ExpiryKind.DAYS, days=1827),
    GiftExpiry.TEN_YEARS: Expiry(kind=ExpiryKind.DAYS, days=3653),
    GiftExpiry.THIRD_YEAR_END: Expiry(kind=ExpiryKind.YEAR_END, months=36),
}


def gift_terms(currency: str, *, expiry: GiftExpiry, time_zone: str) -> ProgrammeTerms:
    """The terms of gift cards: nothing earns, the money pays one for one.

    Raises:
        InvalidInput: `currency` is none.
    """
    if not is_currency(currency):
        raise InvalidInput(_("Choose a currency by its three letters, like EUR."), field="currency")
    return ProgrammeTerms(
        version=0,
        currency=currency,
        time_zone=time_zone,
        units=(
            UnitTerms(
                code=currency,
                kind=UnitKind.CASHBACK,
                expiry=_EXPIRIES[expiry],
                rounding=Rounding.DOWN,
            ),
        ),
        rules=(),
        payments=(PaymentRule(unit=currency, units=1, minor=1),),
    )


def is_gift(terms: ProgrammeTerms) -> bool:
    """Whether the terms are those of gift cards: money that nothing but a sale puts there."""
    return not terms.rules and len(terms.units) == 1 and terms.units[0].kind is UnitKind.CASHBACK


def explain_gift(terms: ProgrammeTerms) -> tuple[str, ...]:
    """What a gift card promises, in the current language."""
    lasts = {
        GiftExpiry.NEVER: _("The money on it does not expire."),
        GiftExpiry.FIVE_YEARS: _("The money on it lasts five years."),
        GiftExpiry.TEN_YEARS: _("The money on it lasts ten years."),
        GiftExpiry.THIRD_YEAR_END: _(
            "The money on it lasts to the end of the third year after the one it was bought in."
        ),
    }
    return (
        _("Pays like money, in one go or bit by bit."),
        lasts[gift_expiry(terms)],
    )


def gift_expiry(terms: ProgrammeTerms) -> GiftExpiry:
    """Which of the lives the terms give."""
    wanted = terms.units[0].expiry
    return next((its for its, one in _EXPIRIES.items() if one == wanted), GiftExpiry.NEVER)


def check_gift_amount(amount_minor: object, *, least: int, most: int, currency: str) -> int:
    """The amount, where a gift card may be sold for it.

    Raises:
        InvalidInput: field `amount`.
    """
    if type(amount_minor) is not int or not least <= amount_minor <= most:
        raise InvalidInput(
            _(
                "A gift card is worth from %(least)s to %(most)s.",
                least=format_plain(least, currency),
                most=format_plain(most, currency),
            ),
            field="amount",
        )
    return amount_minor


def gift_lot(terms: ProgrammeTerms, amount_minor: int, *, now: datetime) -> NewLot:
    """The lot of money put on a card now: its end is the terms'."""
    return new_lot(
        terms.units[0], amount_minor, earned_at=now, now=now, zone=ZoneInfo(terms.time_zone)
    )
