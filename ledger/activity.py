"""An activity: what happened at the counter, as rules see it, and what of it counts.

A sale's `gross_minor` is the full price of everything with tax and tip, before any discount; what
was paid is gross less discount and less what points or coupons paid. Lines are optional; what no
line explains is an amount without item. Not done here: rates (evaluation.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from ledger.programme_terms import Match


class ActivityKind(StrEnum):
    """What happened."""

    JOIN = "join"
    SALE = "sale"
    VISIT = "visit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line of a sale: `net_minor` after its discount and without its tax.

    `counts` False is an item that never earns; `gift_card` is the sale of a gift card.
    """

    item: str = ""
    category: str = ""
    quantity: int = 1
    net_minor: int = 0
    tax_minor: int = 0
    own_brand: bool = False
    counts: bool = True
    gift_card: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """What a member did at `at`.

    `visits` None means one; `taps` are stamps that staff gave by unit, in place of lines.
    `redeemed_minor` is what points, rewards and coupons paid: it never earns.
    """

    kind: ActivityKind
    at: datetime
    gross_minor: int = 0
    tax_minor: int = 0
    tip_minor: int = 0
    discount_minor: int = 0
    redeemed_minor: int = 0
    lines: tuple[Line, ...] = ()
    visits: int | None = None
    taps: Mapping[str, int] = field(default_factory=dict)


def matches(line: Line, match: Match) -> bool:
    """Whether the line is meant: one of its items or categories, or the shop's own brand."""
    return (
        match.everything
        or line.item in match.items
        or line.category in match.categories
        or (match.own_brand and line.own_brand)
    )
