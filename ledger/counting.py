"""What of a sale counts: the amount, its portions by line, and what was left out and why.

Deductions are made in one order, each from what the earlier ones left: tax, tip, discount, sale
of gift cards, excluded lines, what was paid with points or coupons, and the limit on an amount.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from common.errors import InvalidInput, LimitReached
from common.i18n import gettext as _
from ledger.activity import Activity, Line, matches
from ledger.programme_terms import Counts

AMOUNT_CEILING_MINOR: Final = 1_000_000_000_000
LINES_MAX: Final = 500
QUANTITY_MAX: Final = 10_000
VISITS_MAX: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Portion:
    """A part of the amount that counts: of one line, or (`line` None) of no line."""

    amount_minor: int
    line: Line | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """The amount that counts.

    Portions of lines may add up to more than it (a discount on the whole sale): whoever rates
    them takes the shortage from those that are worth least.
    """

    minor: int
    portions: tuple[Portion, ...]
    left_out: tuple[tuple[str, int], ...]

    @property
    def lines(self) -> tuple[Line, ...]:
        """The lines that count."""
        return tuple(portion.line for portion in self.portions if portion.line is not None)


def check_activity(activity: Activity) -> None:
    """Refuse numbers that no sale can have.

    Raises:
        InvalidInput: `field` is `amount`, `tax`, `tip`, `discount`, `redeemed`, `visits`, `taps`,
            `at`, `lines` or `lines.<n>.quantity` and the like.
        LimitReached: more than 10^12 minor units; `limit` is `sale`.
    """
    if activity.at.tzinfo is None:
        raise InvalidInput(_("Give the time of the sale with its time zone."), field="at")
    if type(activity.gross_minor) is int and activity.gross_minor > AMOUNT_CEILING_MINOR:
        raise LimitReached(_("This is more than one sale may be. Check the amount."), limit="sale")
    for field, value in (
        ("amount", activity.gross_minor),
        ("tax", activity.tax_minor),
        ("tip", activity.tip_minor),
        ("discount", activity.discount_minor),
        ("redeemed", activity.redeemed_minor),
    ):
        _demand(value, AMOUNT_CEILING_MINOR, field=field)
    if activity.tax_minor + activity.tip_minor + activity.discount_minor > activity.gross_minor:
        raise InvalidInput(
            _("Tax, tip and discount are more than the amount. Check the numbers."), field="amount"
        )
    _check_taps(activity)
    _check_lines(activity.lines)


def _check_taps(activity: Activity) -> None:
    if activity.visits is not None:
        _demand(activity.visits, VISITS_MAX, field="visits")
    for number in activity.taps.values():
        _demand(number, VISITS_MAX, field="taps")


def _check_lines(lines: tuple[Line, ...]) -> None:
    if len(lines) > LINES_MAX:
        raise InvalidInput(_("A sale has at most %(most)d lines.", most=LINES_MAX), field="lines")
    for number, line in enumerate(lines):
        _demand(line.quantity, QUANTITY_MAX, field=f"lines.{number}.quantity")
        _demand(line.net_minor, AMOUNT_CEILING_MINOR, field=f"lines.{number}.net")
        _demand(line.tax_minor, AMOUNT_CEILING_MINOR, field=f"lines.{number}.tax")


def _demand(value: object, most: int, *, field: str) -> None:
    if type(value) is not int:
        raise InvalidInput(_("Give a whole number."), field=field)
    if not 0 <= value <= most:
        raise InvalidInput(_("Give a number from 0 to %(most)d.", most=most), field=field)


def count(activity: Activity, counts: Counts, *, most_minor: int | None = None) -> Counted:
    """What counts of a checked activity; `most_minor` is the limit on an amount, if any."""
    gifts = [line for line in activity.lines if line.gift_card and not counts.gift_cards]
    barred = [line for line in activity.lines if line not in gifts and _is_barred(line, counts)]
    deductions = (
        ("tax", 0 if counts.tax else activity.tax_minor),
        ("tip", 0 if counts.tip else activity.tip_minor),
        ("discount", 0 if counts.discount else activity.discount_minor),
        ("gift_card", sum(_worth(line, counts) for line in gifts)),
        ("excluded", sum(_worth(line, counts) for line in barred)),
        ("redeemed", activity.redeemed_minor),
    )
    minor, left_out = activity.gross_minor, []
    for cause, amount in deductions:
        taken = min(amount, minor)
        if taken:
            minor -= taken
            left_out.append((cause, taken))
    if most_minor is not None and minor > most_minor:
        left_out.append(("limit", minor - most_minor))
        minor = most_minor
    return Counted(
        minor=minor,
        portions=_portions(activity, counts, minor=minor),
        left_out=tuple(left_out),
    )


def _portions(activity: Activity, counts: Counts, *, minor: int) -> tuple[Portion, ...]:
    portions = [
        Portion(amount_minor=_worth(line, counts), line=line)
        for line in activity.lines
        if not _is_barred(line, counts) and (counts.gift_cards or not line.gift_card)
    ]
    rest = minor - sum(portion.amount_minor for portion in portions)
    if rest > 0:
        portions.append(Portion(amount_minor=rest, line=None))
    return tuple(portions)


def _is_barred(line: Line, counts: Counts) -> bool:
    return not line.counts or (not counts.exclude.everything and matches(line, counts.exclude))


def _worth(line: Line, counts: Counts) -> int:
    return line.net_minor + (line.tax_minor if counts.tax else 0)
