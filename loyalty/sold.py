"""A sale as it is told: lines, taxes, tips; what the list of items adds to it.

Not done here: what of it counts (ledger), storing it (storage.entries).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from common.errors import InvalidInput
from common.i18n import gettext as _
from ledger.activity import Activity, ActivityKind, Line
from storage.entries import SoldLine, SoldSale
from storage.items import Item
from storage.unit_of_work import UnitOfWork

LINES_MAX: Final = 500
CODE: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
THOUSAND: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class SaleItem:
    """A line of a sale: `net_minor` after its discount and without its tax.

    What the list of items knows of `code` is added: category, own brand, whether it counts, and
    what it costs the shop. An unknown code is kept as it is.
    """

    code: str = ""
    category: str = ""
    quantity: int = 1
    net_minor: int = 0
    tax_minor: int = 0
    gift_card: bool = False
    cost_minor: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SaleAtHand:
    """A sale that is being rung up, as a reward or a coupon must see it.

    `amount_minor` is the full price with tax and tip, before any discount.
    """

    amount_minor: int
    tax_minor: int = 0
    tip_minor: int = 0
    discount_minor: int = 0
    redeemed_minor: int = 0
    lines: tuple[SaleItem, ...] = ()

    def document(self) -> dict[str, Any]:
        """For the hash that tells one request from another."""
        return {
            "amount_minor": self.amount_minor,
            "tax_minor": self.tax_minor,
            "tip_minor": self.tip_minor,
            "discount_minor": self.discount_minor,
            "redeemed_minor": self.redeemed_minor,
            "lines": lines_document(self.lines),
        }


def lines_document(lines: tuple[SaleItem, ...]) -> list[list[Any]]:
    """The lines as plain values."""
    return [
        [one.code, one.category, one.quantity, one.net_minor, one.tax_minor, one.gift_card]
        for one in lines
    ]


def check_lines(lines: tuple[SaleItem, ...]) -> None:
    """Refuse lines that nobody sold; numbers are checked by the ledger.

    Raises:
        InvalidInput: `field` is `lines` or `lines.<n>.code` and the like.
    """
    if len(lines) > LINES_MAX:
        raise InvalidInput(_("A sale has at most %(most)d lines.", most=LINES_MAX), field="lines")
    for number, line in enumerate(lines):
        for name, value in (("code", line.code), ("category", line.category)):
            if not isinstance(value, str) or (value and CODE.fullmatch(value) is None):
                raise InvalidInput(
                    _("Use small letters, digits, - and _ only, at most 40."),
                    field=f"lines.{number}.{name}",
                )


def known_items(work: UnitOfWork, lines: tuple[SaleItem, ...]) -> Mapping[str, Item]:
    """What the list says of the lines' codes."""
    return work.items.by_code(line.code for line in lines if line.code)


def ledger_lines(lines: tuple[SaleItem, ...], known: Mapping[str, Item]) -> tuple[Line, ...]:
    """The lines as rules see them."""
    return tuple(_ledger_line(line, known.get(line.code)) for line in lines)


def _ledger_line(line: SaleItem, item: Item | None) -> Line:
    return Line(
        item=line.code,
        category=line.category or ("" if item is None else item.category),
        quantity=line.quantity,
        net_minor=line.net_minor,
        tax_minor=line.tax_minor,
        own_brand=item is not None and item.own_brand,
        counts=item is None or item.counts,
        gift_card=line.gift_card,
    )


def activity_of(sale: SaleAtHand, at: datetime, known: Mapping[str, Item]) -> Activity:
    """The sale as rules see it."""
    return Activity(
        kind=ActivityKind.SALE,
        at=at,
        gross_minor=sale.amount_minor,
        tax_minor=sale.tax_minor,
        tip_minor=sale.tip_minor,
        discount_minor=sale.discount_minor,
        redeemed_minor=sale.redeemed_minor,
        lines=ledger_lines(sale.lines, known),
    )


def stored_sale(
    activity: Activity, *, currency: str, lines: tuple[SaleItem, ...], known: Mapping[str, Item]
) -> SoldSale:
    """The sale as it is kept: its net is what is left without tax, tip and discount."""
    gift_minor = sum(line.net_minor + line.tax_minor for line in lines if line.gift_card)
    taken_off = activity.tax_minor + activity.tip_minor + activity.discount_minor
    return SoldSale(
        sold_at=activity.at,
        currency=currency,
        gross_minor=activity.gross_minor,
        tax_minor=activity.tax_minor,
        tip_minor=activity.tip_minor,
        discount_minor=activity.discount_minor + activity.redeemed_minor,
        gift_minor=gift_minor,
        net_minor=activity.gross_minor - taken_off - activity.redeemed_minor,
        lines=tuple(_stored_line(line, known.get(line.code)) for line in lines),
    )


def _stored_line(line: SaleItem, item: Item | None) -> SoldLine:
    cost = line.cost_minor
    if cost is None and item is not None and item.cost_minor is not None:
        cost = item.cost_minor * line.quantity
    return SoldLine(
        item=line.code,
        category=line.category or ("" if item is None else item.category),
        quantity_milli=line.quantity * THOUSAND,
        net_minor=line.net_minor,
        cost_minor=cost,
    )


def paid_minor(activity: Activity) -> int:
    """What was paid of the sale."""
    return activity.gross_minor - activity.discount_minor - activity.redeemed_minor
