"""Terms that cannot hold together are refused before anybody relies on them.

Each complaint names its place by a path. docs/reference/rules.md lists them all. Not done here:
the shape of numbers and names (terms_document.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Final

from common.errors import InvalidInput, InvalidInputs
from common.i18n import gettext as _
from common.money import is_currency
from ledger import rule_contradictions
from ledger.gifts import is_gift
from ledger.programme_terms import (
    CashbackRule,
    ExpiryKind,
    LimitKind,
    ProgrammeTerms,
    SpendRule,
    TierBasis,
    TierTerms,
    TierWindow,
    UnitKind,
    UnitTerms,
)

DAYS_OF_MONTH: Final = 28
_UNIT_LIMITS: Final = (
    LimitKind.UNITS_PER_SCAN,
    LimitKind.UNITS_PER_DAY,
    LimitKind.SHOP_UNITS_PER_DAY,
)


def check_programme(terms: ProgrammeTerms) -> None:
    """Refuse terms that contradict themselves.

    Raises:
        InvalidInputs: all of it at once; `field` of each is a path like `rules.2.unit`.
    """
    checks: tuple[Callable[[ProgrammeTerms], Iterator[InvalidInput]], ...] = (
        _units,
        _has_rules,
        rule_contradictions.find,
        _tiers,
        _limits,
        _payments,
    )
    complaints = [complaint for check in checks for complaint in check(terms)]
    if complaints:
        raise InvalidInputs(complaints)


def _units(terms: ProgrammeTerms) -> Iterator[InvalidInput]:
    if not is_currency(terms.currency):
        yield InvalidInput(_("Choose a currency by its three letters, like EUR."), field="currency")
    codes: set[str] = set()
    for number, unit in enumerate(terms.units):
        path = f"units.{number}"
        if unit.code in codes:
            yield InvalidInput(_("Two units have this short name."), field=f"{path}.code")
        codes.add(unit.code)
        yield from _unit(unit, terms, path)
        yield from _expiry(unit, path)


def _has_rules(terms: ProgrammeTerms) -> Iterator[InvalidInput]:
    # Gift cards alone have none: their money is paid in.
    if not terms.rules and not is_gift(terms):
        yield InvalidInput(_("Fill this in."), field="rules")


def _unit(unit: UnitTerms, terms: ProgrammeTerms, path: str) -> Iterator[InvalidInput]:
    is_money = unit.kind is UnitKind.CASHBACK
    if is_money and unit.code != terms.currency:
        yield InvalidInput(
            _("Cashback is counted in the currency of the programme."), field=f"{path}.code"
        )
    if not is_money and unit.code.isupper():
        yield InvalidInput(_("Only cashback is named like a currency."), field=f"{path}.code")
    if bool(unit.name_one) != bool(unit.name_many):
        yield InvalidInput(_("Give both names, for one and for many."), field=f"{path}.name_one")
    if unit.goal is not None and unit.kind not in (UnitKind.STAMPS, UnitKind.VISITS):
        yield InvalidInput(_("Only stamps and visits fill a row."), field=f"{path}.goal")
    if unit.pause_days and unit.kind is not UnitKind.CLASSES:
        yield InvalidInput(_("Only class packs can rest."), field=f"{path}.pause_days")


def _expiry(unit: UnitTerms, path: str) -> Iterator[InvalidInput]:
    expiry = unit.expiry
    by_days = expiry.kind in (ExpiryKind.DAYS, ExpiryKind.IDLE)
    if by_days and expiry.days == 0:
        yield InvalidInput(_("Say after how many days."), field=f"{path}.expiry.days")
    if not by_days and expiry.days:
        yield InvalidInput(
            _("Days do not belong to this kind of expiry."), field=f"{path}.expiry.days"
        )
    by_end = expiry.kind in (ExpiryKind.MONTH_END, ExpiryKind.YEAR_END)
    if not by_end and expiry.months:
        yield InvalidInput(
            _("Months do not belong to this kind of expiry."), field=f"{path}.expiry.months"
        )
    # What ends at the end of its month or year may live one day only, plus the months kept.
    shortest = expiry.days if by_days else expiry.months * DAYS_OF_MONTH
    if expiry.kind is not ExpiryKind.NEVER and unit.pending_days > shortest:
        yield InvalidInput(
            _("It could expire before it may be spent. Wait less, or let it live longer."),
            field=f"{path}.pending_days",
        )


def _tiers(terms: ProgrammeTerms) -> Iterator[InvalidInput]:
    tiers = terms.tiers
    if tiers is None:
        return
    if tiers.basis is TierBasis.UNITS and tiers.unit not in {unit.code for unit in terms.units}:
        yield InvalidInput(_("Choose a unit of this card."), field="tiers.unit")
    if tiers.basis is TierBasis.SPEND and tiers.unit:
        yield InvalidInput(_("Tiers by money have no unit."), field="tiers.unit")
    if (tiers.window is TierWindow.DAYS) != bool(tiers.days):
        yield InvalidInput(
            _("Give the days of the window, and only for a window of days."), field="tiers.days"
        )
    if tiers.window is TierWindow.EVER and tiers.grace_days:
        yield InvalidInput(
            _("A tier that is kept for ever needs no grace."), field="tiers.grace_days"
        )
    yield from _levels(tiers)


def _levels(tiers: TierTerms) -> Iterator[InvalidInput]:
    if len({level.code for level in tiers.levels}) != len(tiers.levels):
        yield InvalidInput(_("Two tiers have the same short name."), field="tiers.levels")
    for number, (below, level) in enumerate(pairwise(tiers.levels), start=1):
        path = f"tiers.levels.{number}"
        if level.threshold <= below.threshold:
            yield InvalidInput(
                _("A higher tier must need more than the one below."), field=f"{path}.threshold"
            )
        for name in ("benefit_percent", "percent"):
            if getattr(level, name) < getattr(below, name):
                yield InvalidInput(
                    _("A higher tier must not give less than the one below."),
                    field=f"{path}.{name}",
                )


def _limits(terms: ProgrammeTerms) -> Iterator[InvalidInput]:
    kinds = {unit.code: unit.kind for unit in terms.units}
    most: dict[tuple[LimitKind, str], int] = {}
    for number, limit in enumerate(terms.limits):
        path = f"limits.{number}"
        if (limit.kind, limit.unit) in most:
            yield InvalidInput(_("This limit is there twice."), field=f"{path}.kind")
        most[limit.kind, limit.unit] = limit.most
        if limit.kind not in _UNIT_LIMITS:
            if limit.unit:
                yield InvalidInput(_("This limit has no unit."), field=f"{path}.unit")
        elif limit.unit not in kinds:
            yield InvalidInput(_("Choose a unit of this card."), field=f"{path}.unit")
        elif kinds[limit.unit] is UnitKind.CLASSES:
            yield InvalidInput(
                _("Classes are paid for; no limit takes them away."), field=f"{path}.unit"
            )
    for number, limit in enumerate(terms.limits):
        day = most.get((LimitKind.UNITS_PER_DAY, limit.unit))
        if limit.kind is LimitKind.UNITS_PER_SCAN and day is not None and day < limit.most:
            yield InvalidInput(_("A day allows less than one scan."), field=f"limits.{number}.most")
    yield from _amount_limits(terms, most)


def _amount_limits(
    terms: ProgrammeTerms, most: dict[tuple[LimitKind, str], int]
) -> Iterator[InvalidInput]:
    for kind in (LimitKind.SALE_MAX, LimitKind.AMOUNT_PER_SCAN):
        ceiling = most.get((kind, ""))
        if ceiling is None:
            continue
        for number, rule in enumerate(terms.rules):
            least = getattr(rule, "min_sale_minor", 0)
            if least > ceiling:
                yield InvalidInput(
                    _("No sale can be that large: a limit forbids it."),
                    field=f"rules.{number}.min_sale_minor",
                )
            elif isinstance(rule, SpendRule) and rule.spend_minor > ceiling:
                carries = terms_carry(terms, rule.unit)
                if not carries:
                    yield InvalidInput(
                        _("No sale can be that large: a limit forbids it."),
                        field=f"rules.{number}.spend_minor",
                    )


def terms_carry(terms: ProgrammeTerms, code: str) -> bool:
    """Whether several sales together can make one step of a unit."""
    return any(unit.code == code and unit.rounding == "carry" for unit in terms.units)


def _payments(terms: ProgrammeTerms) -> Iterator[InvalidInput]:
    kinds = {unit.code: unit.kind for unit in terms.units}
    seen: set[str] = set()
    for number, rule in enumerate(terms.payments):
        path = f"payments.{number}"
        if rule.unit in seen:
            yield InvalidInput(_("This unit already pays."), field=f"{path}.unit")
        seen.add(rule.unit)
        kind = kinds.get(rule.unit)
        if kind is None:
            yield InvalidInput(_("Choose a unit of this card."), field=f"{path}.unit")
        elif kind is UnitKind.CLASSES:
            yield InvalidInput(_("A class cannot pay for a sale."), field=f"{path}.unit")
        elif kind is UnitKind.CASHBACK and rule.units != rule.minor:
            yield InvalidInput(_("Cashback pays what it says: one for one."), field=f"{path}.minor")
        rate = _earning(terms, rule.unit)
        if rate is not None and rate[0] * rule.minor >= rate[1] * rule.units:
            yield InvalidInput(
                _("Every sale would pay for the next one whole. Let the units be worth less."),
                field=f"{path}.minor",
            )


def _earning(terms: ProgrammeTerms, unit: str) -> tuple[int, int] | None:
    # Units earned for an amount of minor units: (units, minor).
    for rule in terms.rules:
        if isinstance(rule, SpendRule) and rule.unit == unit:
            return rule.units, rule.spend_minor
        if isinstance(rule, CashbackRule) and rule.unit == unit:
            return rule.basis_points, 10_000
    return None
