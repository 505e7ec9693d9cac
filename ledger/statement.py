"""What is owed and what was given away: ages, breakage and an estimate of what it will cost.

An estimate for the book-keeper, never the books themselves: how much of what is out will be
redeemed is judged by what became of what is over (loyalty reports call the rest breakage). Integer
arithmetic throughout; an estimate is rounded to the nearest minor unit, half up.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

PERCENT: Final = 100
AGES: Final = ((0, 30), (31, 90), (91, 365), (366, None))
"""The ages in days: at most a month, a quarter, a year, and older."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Worth:
    """What a unit is worth: `units` of it are `face_minor` to the member, `cost_minor` to the shop.

    `cost_minor` None where nobody said what a reward costs.
    """

    units: int
    face_minor: int
    cost_minor: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Age:
    """How many units are out that were earned so many days ago; `last` None is without end."""

    first: int
    last: int | None
    units: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Owed:
    """What is out of one unit, by age.

    `redeemed_percent` of what was over by now was redeemed (None: nothing was over yet, and all
    is taken to be redeemed). The three amounts are None where no worth is known; `estimate_minor`
    is at face, `estimate_cost_minor` at cost, both times the share that is expected to come.
    """

    unit: str
    units: int
    ages: tuple[Age, ...]
    redeemed_percent: int | None
    face_minor: int | None
    estimate_minor: int | None
    estimate_cost_minor: int | None
    debt: int = 0


def owed(
    unit: str,
    by_age: Mapping[int, int],
    *,
    redeemed: int,
    expired: int,
    worth: Worth | None,
    breakage_percent: int | None = None,
    debt: int = 0,
) -> Owed:
    """What is out of a unit.

    Args:
        unit: its code.
        by_age: units by their age in days.
        redeemed: how many were ever redeemed.
        expired: how many ever ran out.
        worth: what it is worth, None where nobody can say.
        breakage_percent: the owner's own share that will never come, in place of the seen one.
        debt: what members owe.
    """
    total = sum(by_age.values())
    seen = redeemed_share(redeemed, expired)
    share = PERCENT if seen is None else seen
    if breakage_percent is not None:
        share = PERCENT - breakage_percent
    face = None if worth is None else _round(total * worth.face_minor, worth.units)
    has_cost = worth is not None and worth.cost_minor is not None
    return Owed(
        unit=unit,
        units=total,
        ages=ages(by_age),
        redeemed_percent=seen,
        face_minor=face,
        estimate_minor=(
            None
            if worth is None
            else _round(total * worth.face_minor * share, worth.units * PERCENT)
        ),
        estimate_cost_minor=(
            _round(total * (worth.cost_minor or 0) * share, worth.units * PERCENT)
            if worth is not None and has_cost
            else None
        ),
        debt=debt,
    )


def redeemed_share(redeemed: int, expired: int) -> int | None:
    """Of what was over, how many percent were redeemed; None where nothing is over yet."""
    over = redeemed + expired
    return None if over <= 0 else _round(max(0, redeemed) * PERCENT, over)


def ages(by_age: Mapping[int, int]) -> tuple[Age, ...]:
    """The units in the four ages; what was earned ahead of the clock is new."""
    return tuple(
        Age(
            first=first,
            last=last,
            units=sum(
                units
                for days, units in by_age.items()
                if max(0, days) >= first and (last is None or max(0, days) <= last)
            ),
        )
        for first, last in AGES
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What became of one unit in a day or a month; values and costs in minor units.

    `taken_back` came back by refunds, `redeemed_minor` is what redemptions were worth to members
    and `cost_minor` what they cost the shop, where either is known.
    """

    period: str
    unit: str
    issued: int = 0
    taken_back: int = 0
    redeemed: int = 0
    expired: int = 0
    adjusted: int = 0
    redeemed_minor: int = 0
    cost_minor: int = 0


def add_up(lines: Iterable[tuple[date, Given]], *, monthly: bool) -> tuple[Given, ...]:
    """The lines by day or month and unit, in that order."""
    sums: dict[tuple[str, str], Given] = {}
    for day, line in lines:
        period = f"{day:%Y-%m}" if monthly else day.isoformat()
        known = sums.get((period, line.unit), Given(period=period, unit=line.unit))
        sums[period, line.unit] = Given(
            period=period,
            unit=line.unit,
            issued=known.issued + line.issued,
            taken_back=known.taken_back + line.taken_back,
            redeemed=known.redeemed + line.redeemed,
            expired=known.expired + line.expired,
            adjusted=known.adjusted + line.adjusted,
            redeemed_minor=known.redeemed_minor + line.redeemed_minor,
            cost_minor=known.cost_minor + line.cost_minor,
        )
    return tuple(sums[key] for key in sorted(sums))


def deferred(sale_minor: int, points_minor: int) -> int:
    """How much of a sale belongs to the points it gave, by their relative stand-alone price.

    A sale of 2000.00 with points worth 170.00 (already times the expected share) defers 156.68...
    rounded half up: sale x points / (sale + points).
    """
    return _round(sale_minor * points_minor, sale_minor + points_minor)


def worth_of(candidates: Sequence[Worth]) -> Worth | None:
    """The dearest of what a unit can be turned into: an estimate must not be too low."""
    if not candidates:
        return None
    dearest = candidates[0]
    for one in candidates[1:]:
        if one.face_minor * dearest.units > dearest.face_minor * one.units:
            dearest = one
    return dearest


def _round(numerator: int, denominator: int) -> int:
    return (2 * numerator + denominator) // (2 * denominator)
