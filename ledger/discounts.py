"""How much a percentage or an amount takes off a sale: never more than there is to pay.

Percentages are of what the meant lines cost, rounded down to the minor unit; a discount for
certain items holds for their lines alone.
"""

from __future__ import annotations

from ledger.activity import Activity, matches
from ledger.programme_terms import Match


def to_pay(activity: Activity) -> int:
    """What is still to pay of a sale, without the tip: nothing takes that from staff."""
    due = (
        activity.gross_minor
        - activity.discount_minor
        - activity.redeemed_minor
        - activity.tip_minor
    )
    return max(0, due)


def payable(activity: Activity, match: Match) -> int:
    """What of it may be taken off: the meant lines, at most what is to pay.

    The sale of a gift card is money changed for money: no discount takes from it.
    """
    gifts = sum(line.net_minor + line.tax_minor for line in activity.lines if line.gift_card)
    open_minor = max(0, to_pay(activity) - gifts)
    if match.everything:
        return open_minor
    meant = sum(
        line.net_minor + line.tax_minor
        for line in activity.lines
        if matches(line, match) and not line.gift_card
    )
    return min(open_minor, meant)


def percent_of(minor: int, percent: int) -> int:
    """So many percent of an amount, rounded down."""
    return minor * percent // 100
