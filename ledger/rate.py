"""Rates: how many units a sale or a visit earns, exactly.

`points = p * ((carry + amount) div u)` and `carry = (carry + amount) mod u` (DESIGN 4). What a
member has spent is never lost to rounding: `units / p * u + carry` is always the sum of the
amounts that count.
"""

from __future__ import annotations

from dataclasses import dataclass

from ledger.programme_terms import Rounding
from ledger.terms import PointsTerms


@dataclass(frozen=True, slots=True, kw_only=True)
class Earned:
    """`units` to credit and the account's carry afterwards, in minor units."""

    units: int
    carry_minor: int


def rate_spend(terms: PointsTerms, *, carry_minor: int, amount_minor: int) -> Earned:
    """What `amount_minor` earns on top of `carry_minor`.

    A carry below zero (a sale whose carry was used was undone) is filled up first: it never
    takes a point away, it only delays the next one.
    """
    total = carry_minor + amount_minor
    if total < 0:
        return Earned(units=0, carry_minor=total)
    whole, rest = divmod(total, terms.spend_minor)
    return Earned(units=terms.points * whole, carry_minor=rest)


def rate_steps(
    size: int, *, step: int, units: int, carry: int, rounding: Rounding = Rounding.CARRY
) -> Earned:
    """`units` for each whole `step` of `size`; the carry counts in its own measure, that of `size`.

    Only `CARRY` uses and changes the carry; the others round each sale by itself.
    """
    match rounding:
        case Rounding.CARRY:
            total = carry + size
            if total < 0:
                return Earned(units=0, carry_minor=total)
            whole, rest = divmod(total, step)
            return Earned(units=units * whole, carry_minor=rest)
        case Rounding.DOWN:
            whole = size // step
        case Rounding.NEAREST:
            whole = (2 * size + step) // (2 * step)
        case Rounding.UP:
            whole = -(-size // step)
    return Earned(units=units * whole, carry_minor=carry)
