"""What a member can have, as it is entered; storage.offers says how the rules see it.

A reward costs units and a coupon does not; for the rest they are told and checked alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from common.errors import InvalidInput
from common.i18n import gettext as _
from ledger.offers import RewardKind
from ledger.programme_terms import AverageOf
from loyalty.sold import CODE
from storage.offers import WITH_VALUE

PERCENT_MAX: Final = 100
VALUE_MAX: Final = 100_000_000
STOCK_MAX: Final = 1_000_000
COST_MAX: Final = 1_000_000
CODES_MAX: Final = 50
NOTE_MAX: Final = 200
COUPON_KINDS: Final = frozenset(
    {RewardKind.PERCENT, RewardKind.FIXED, RewardKind.PRODUCT, RewardKind.SERVICE}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferForm:
    """What rewards and coupons share, as it is entered.

    `percent` for PERCENT, `value_minor` for FIXED, DONATION and VOUCHER; `cost_minor` is what one
    costs the shop. `stock` and `per_member` None are without end. `min_sale_minor`, or `average`
    with `average_percent`, is the least sale; `items` and `categories` are what a discount is for.
    """

    kind: RewardKind = RewardKind.PRODUCT
    percent: int = 0
    value_minor: int = 0
    min_sale_minor: int = 0
    average: AverageOf | None = None
    average_percent: int = 100
    items: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    tiers: tuple[str, ...] = ()
    cost_minor: int | None = None
    stock: int | None = None
    per_member: int | None = None
    valid_from: datetime | None = None
    valid_until: datetime | None = None

    def value(self) -> int | None:
        """What is stored as the offer's value."""
        if self.kind is RewardKind.PERCENT:
            return self.percent
        return self.value_minor if self.kind in WITH_VALUE else None

    def conditions(self) -> dict[str, Any]:
        """What is stored as the offer's conditions; empty for none."""
        found: dict[str, Any] = {}
        if self.min_sale_minor or self.average is not None:
            found["floor"] = {"minor": self.min_sale_minor}
            if self.average is not None:
                found["floor"] |= {"average": str(self.average), "percent": self.average_percent}
        if self.items or self.categories:
            found["match"] = {"items": list(self.items), "categories": list(self.categories)}
        if self.tiers:
            found["tiers"] = list(self.tiers)
        return found


def offer_complaints(form: OfferForm) -> list[InvalidInput]:
    """What cannot be of an offer; fields are the form's names."""
    found = []
    if form.kind is RewardKind.PERCENT and not _whole(form.percent, 1, PERCENT_MAX):
        found.append(InvalidInput(_("Give whole percent from 1 to 100."), field="percent"))
    if form.kind in WITH_VALUE and not _whole(form.value_minor, 1, VALUE_MAX):
        message = _("Say what it is worth: more than zero and at most a million.")
        found.append(InvalidInput(message, field="value"))
    for field, number, most in (
        ("min_sale", form.min_sale_minor, VALUE_MAX),
        ("cost_minor", form.cost_minor, VALUE_MAX),
    ):
        if number is not None and not _whole(number, 0, most):
            message = _("Give an amount from zero to a million, or leave it empty.")
            found.append(InvalidInput(message, field=field))
    for field, count in (("stock", form.stock), ("per_member", form.per_member)):
        if count is not None and not _whole(count, 1, STOCK_MAX):
            message = _("Give a whole number from 1, or leave it empty.")
            found.append(InvalidInput(message, field=field))
    if not _whole(form.average_percent, 1, 1000):
        message = _("Give whole percent from 1 to 1000.")
        found.append(InvalidInput(message, field="average_percent"))
    return found + _code_complaints(form) + _time_complaints(form)


def _code_complaints(form: OfferForm) -> list[InvalidInput]:
    found = []
    for field, codes in (
        ("items", form.items),
        ("categories", form.categories),
        ("tiers", form.tiers),
    ):
        if len(codes) > CODES_MAX or any(CODE.fullmatch(code) is None for code in codes):
            message = _("Name them by their codes: small letters, digits, - and _.")
            found.append(InvalidInput(message, field=field))
    return found


def _time_complaints(form: OfferForm) -> list[InvalidInput]:
    found = []
    for field, moment in (("valid_from", form.valid_from), ("valid_until", form.valid_until)):
        if moment is not None and moment.tzinfo is None:
            message = _("Give the time with its time zone.")
            found.append(InvalidInput(message, field=field))
    if not found and form.valid_from and form.valid_until and form.valid_until <= form.valid_from:
        message = _("It would end before it begins.")
        found.append(InvalidInput(message, field="valid_until"))
    return found


def _whole(value: object, least: int, most: int) -> bool:
    return type(value) is int and least <= value <= most
