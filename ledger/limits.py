"""Limits of safety: how much one scan, one card and one day may move, whatever the terms say.

They stop a slip of the thumb and a small fraud on the first day. What one sale may be is the
merchant's own setting (`merchant.sale_max_minor`, 99 999.99 at first); the ceiling here only keeps
that setting within what the ledger was tried with.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from common.errors import LimitReached
from common.i18n import gettext as _
from common.i18n import ngettext


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Named limits; every number is inclusive."""

    sale_ceiling_minor: int = 100_000_000_000
    stamps_per_scan: int = 5
    earns_per_card_day: int = 20
    balance_max: int = 1_000_000_000_000


LIMITS: Final = Limits()


def check_sale(amount_minor: int, most_minor: int) -> None:
    """Refuse a sale above the limit.

    Raises:
        LimitReached: `limit` is `sale`.
    """
    if amount_minor > most_minor:
        raise LimitReached(_("This is more than one sale may be. Check the amount."), limit="sale")


def check_visits(visits: int, limits: Limits) -> None:
    """Refuse more stamps at once than a scan gives.

    Raises:
        LimitReached: `limit` is `stamps_per_scan`.
    """
    most = limits.stamps_per_scan
    if visits > most:
        raise LimitReached(
            ngettext(
                "At most %(number)d stamp at once.", "At most %(number)d stamps at once.", most
            ),
            limit="stamps_per_scan",
        )


def check_balance(balance: int, limits: Limits) -> None:
    """Refuse a balance no card could show.

    Raises:
        LimitReached: `limit` is `balance`.
    """
    if balance > limits.balance_max:
        raise LimitReached(_("This card cannot hold more."), limit="balance")


def too_many_earns(limits: Limits) -> LimitReached:
    """What is raised when a card has earned as often today as it may."""
    return LimitReached(
        ngettext(
            "This card was already used %(number)d time today. It can earn again tomorrow.",
            "This card was already used %(number)d times today. It can earn again tomorrow.",
            limits.earns_per_card_day,
        ),
        limit="earns_per_card_day",
    )
