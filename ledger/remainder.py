"""What is left of a sale after refunds: the activity a refund rates again.

It depends on all refunds of the sale together, never on their order or number. Returned lines go
with their tax; money beyond them takes tax, tip and discount along in proportion, so that what is
left to count never grows as more goes back.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

from common.errors import InvalidInput
from common.i18n import gettext as _
from ledger.activity import Activity, Line
from ledger.counting import AMOUNT_CEILING_MINOR, LINES_MAX
from ledger.refund_plan import Refund

LineKey = tuple[str, str, bool]


def add(first: Refund, second: Refund) -> Refund:
    """Two refunds of one sale as one; lines of the same item are added up."""
    sums: dict[LineKey, Line] = {}
    for line in (*first.lines, *second.lines):
        known = sums.get(_key(line))
        sums[_key(line)] = line if known is None else _sum(known, line)
    return Refund(
        paid_minor=first.paid_minor + second.paid_minor,
        lines=tuple(sums[key] for key in sorted(sums)),
    )


def _sum(first: Line, second: Line) -> Line:
    return replace(
        first,
        quantity=first.quantity + second.quantity,
        net_minor=first.net_minor + second.net_minor,
        tax_minor=first.tax_minor + second.tax_minor,
    )


def _key(line: Line) -> LineKey:
    return (line.item, line.category, line.gift_card)


def paid(activity: Activity) -> int:
    """What was paid in money for a sale, with tax and tip: the most that can go back."""
    return max(0, activity.gross_minor - activity.discount_minor - activity.redeemed_minor)


def check_refund(activity: Activity, refund: Refund, *, before: Refund) -> None:
    """Refuse a refund of more than was paid or sold, or of nothing.

    Raises:
        InvalidInput: `field` is `amount`, or `lines.<n>` with a part of the line.
    """
    if type(refund.paid_minor) is not int or not 0 <= refund.paid_minor <= AMOUNT_CEILING_MINOR:
        raise InvalidInput(_("Give the amount that goes back, from zero up."), field="amount")
    left = paid(activity) - before.paid_minor
    if refund.paid_minor > left:
        raise InvalidInput(
            _("More than was paid cannot go back. Check the amount."), field="amount"
        )
    if refund.paid_minor == 0 and not refund.lines and paid(activity) > 0:
        raise InvalidInput(_("Say what goes back: an amount or items."), field="amount")
    if len(refund.lines) > LINES_MAX:
        raise InvalidInput(_("A sale has at most %(most)d lines.", most=LINES_MAX), field="lines")
    _check_lines(activity, refund, before=before)


def _check_lines(activity: Activity, refund: Refund, *, before: Refund) -> None:
    sold: defaultdict[LineKey, list[int]] = defaultdict(lambda: [0, 0, 0])
    for sign, lines in ((1, activity.lines), (-1, before.lines)):
        for line in lines:
            numbers = sold[_key(line)]
            for place, number in enumerate(_numbers(line)):
                numbers[place] += sign * number
    names = ("quantity", "net", "tax")
    for index, line in enumerate(refund.lines):
        left = sold[_key(line)]
        for place, number in enumerate(_numbers(line)):
            if type(number) is not int or number < 0 or number > left[place]:
                raise InvalidInput(
                    _("More than was sold cannot come back. Check this item."),
                    field=f"lines.{index}.{names[place]}",
                )
            left[place] -= number


def _numbers(line: Line) -> tuple[int, int, int]:
    return (line.quantity, line.net_minor, line.tax_minor)


def is_whole(activity: Activity, gone: Refund) -> bool:
    """Whether nothing of the sale is left: all that was paid, or for a visit any refund."""
    return gone.paid_minor >= paid(activity)


def remainder(activity: Activity, gone: Refund) -> Activity:
    """What is left when `gone` (all refunds together) went back; not for a whole refund."""
    lines, lost_net, lost_tax = _lines_left(activity, gone)
    left = paid(activity) - gone.paid_minor
    # What lines cost beyond the money that went back was a discount on the whole sale.
    was = paid(activity) - min(lost_net + lost_tax, gone.paid_minor)
    # Tax and tip shrink as one sum, so that rounding never lets what counts grow.
    tax = max(0, activity.tax_minor - lost_tax)
    both = min(left, (tax + activity.tip_minor) * left // was)
    tip = min(both, activity.tip_minor * left // was)
    discount = activity.discount_minor * left // was
    return replace(
        activity,
        gross_minor=left + discount + activity.redeemed_minor,
        tax_minor=both - tip,
        tip_minor=tip,
        discount_minor=discount,
        lines=lines,
    )


def _lines_left(activity: Activity, gone: Refund) -> tuple[tuple[Line, ...], int, int]:
    back = {_key(line): list(_numbers(line)) for line in add(Refund(), gone).lines}
    left: list[Line] = []
    net = tax = 0
    for line in activity.lines:
        taken = back.get(_key(line))
        if taken is None:
            left.append(line)
            continue
        parts = [min(number, wanted) for number, wanted in zip(_numbers(line), taken, strict=True)]
        for place, part in enumerate(parts):
            taken[place] -= part
        net, tax = net + parts[1], tax + parts[2]
        if line.quantity > parts[0]:
            left.append(
                replace(
                    line,
                    quantity=line.quantity - parts[0],
                    net_minor=line.net_minor - parts[1],
                    tax_minor=line.tax_minor - parts[2],
                )
            )
    return tuple(left), net, tax
