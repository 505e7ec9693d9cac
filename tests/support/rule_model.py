"""The rules a second time, slow and obvious: every cent and every unit is a thing of its own.

It shares the values of terms with the engine and none of its functions. A sale is a list of cents,
each with the line it was paid for; a card is a list of single units, each with its birth and end.
What a refund leaves is rated from the same snapshot as the sale was.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from math import ceil, floor
from zoneinfo import ZoneInfo

from ledger.activity import Activity, Line
from ledger.programme_terms import (
    BonusRule,
    CashbackRule,
    ChallengeRule,
    DebtPolicy,
    ExpiryKind,
    ItemRule,
    LimitKind,
    Match,
    MultiplierRule,
    ProgrammeTerms,
    Rounding,
    SpendRule,
    VisitRule,
    When,
)
from ledger.refund_plan import Refund

NEVER = datetime(9999, 1, 1, tzinfo=UTC)


@dataclass
class Snapshot:
    """What counted of the card when a sale was rated."""

    carry: dict[str, int]
    today: dict[str, int]
    counts: dict[str, int]


@dataclass
class Rated:
    units: dict[str, int] = field(default_factory=dict)
    carry: dict[str, int] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    counted: int = 0


@dataclass
class One:
    """A single unit on the card."""

    unit: str
    sale: int
    available: datetime
    ends: datetime | None
    idle_days: int | None
    state: str = "here"


@dataclass
class SlowSale:
    activity: Activity
    snapshot: Snapshot
    given: Rated
    standing: dict[str, int]
    carry_change: dict[str, int]
    counts: dict[str, int]
    paid_back: int = 0
    lines_back: list[Line] = field(default_factory=list)


class SlowCard:
    """One member's card under one version of the terms."""

    def __init__(self, terms: ProgrammeTerms) -> None:
        self.terms = terms
        self.zone = ZoneInfo(terms.time_zone)
        self.ones: list[One] = []
        self.sales: list[SlowSale] = []
        self.carry: dict[str, int] = {}
        self.debt: dict[str, int] = {}
        self.counts: dict[str, int] = {}
        self.last_active: datetime | None = None

    # What can be asked.

    def balance(self, unit: str) -> int:
        return sum(1 for one in self.ones if one.unit == unit and one.state == "here")

    def spendable(self, unit: str, now: datetime) -> int:
        return len(self._spendable(unit, now))

    def ends_of(self, one: One) -> datetime:
        ends = one.ends or NEVER
        if one.idle_days is not None:
            last = max(one.available, self.last_active or one.available)
            ends = min(ends, self._midnight_after(last, one.idle_days))
        return ends

    # What can happen.

    def buys(self, activity: Activity, now: datetime) -> Rated:
        self.lets_expire(now)
        snapshot = Snapshot(
            carry=dict(self.carry), today=self._today(activity.at), counts=dict(self.counts)
        )
        rated = self.rate(activity, snapshot)
        self.sales.append(
            SlowSale(
                activity=activity,
                snapshot=snapshot,
                given=rated,
                standing=dict(rated.units),
                carry_change={u: c - snapshot.carry.get(u, 0) for u, c in rated.carry.items()},
                counts=dict(rated.counts),
            )
        )
        for unit, units in rated.units.items():
            owed = self.debt.get(unit, 0)
            for _one in range(units):
                if owed:
                    owed -= 1
                else:
                    self.ones.append(self._new(unit, activity.at, now))
            self.debt[unit] = owed
        self.carry.update(rated.carry)
        self.counts.update(rated.counts)
        self.last_active = now
        return rated

    def spends(self, unit: str, units: int, now: datetime) -> None:
        self.lets_expire(now)
        for one in self._spendable(unit, now)[:units]:
            one.state = "spent"
        self.last_active = now

    def lets_expire(self, now: datetime) -> int:
        over = [one for one in self.ones if one.state == "here" and self.ends_of(one) <= now]
        for one in over:
            one.state = "expired"
        return len(over)

    def gives_back(self, number: int, refund: Refund, now: datetime) -> None:
        sale = self.sales[number]
        sale.paid_back += refund.paid_minor
        sale.lines_back += refund.lines
        rest = self._rest(sale)
        rated = self.rate(rest, sale.snapshot) if rest else Rated()
        for unit in {*sale.standing, *sale.carry_change}:
            gone = max(0, sale.standing.get(unit, 0) - rated.units.get(unit, 0))
            self._takes(unit, gone, number, now)
            before = sale.snapshot.carry.get(unit, 0)
            change = rated.carry.get(unit, before) - before
            moved = change - sale.carry_change.get(unit, 0)
            self.carry[unit] = self.carry.get(unit, 0) + moved
            sale.carry_change[unit] = change
        for code, reached in sale.counts.items():
            rest_count = rated.counts.get(code, sale.snapshot.counts.get(code, 0))
            self.counts[code] = max(0, self.counts.get(code, 0) - reached + rest_count)
            sale.counts[code] = rest_count

    def _takes(self, unit: str, units: int, number: int, now: datetime) -> None:
        sale = self.sales[number]
        taken_before = sale.given.units.get(unit, 0) - sale.standing.get(unit, 0)
        sale.standing[unit] = sale.standing.get(unit, 0) - units
        dead = sum(
            1 for one in self.ones if (one.unit, one.sale, one.state) == (unit, number, "expired")
        )
        units -= min(units, max(0, dead - taken_before))
        mine = [one for one in self._here(unit) if one.sale == number]
        others = [one for one in self._here(unit) if one.sale != number and self.ends_of(one) > now]
        for one in [*mine, *others]:
            if units:
                one.state = "taken"
                units -= 1
        if self.terms.debt is DebtPolicy.OWE:
            self.debt[unit] = self.debt.get(unit, 0) + units

    # How it is worked out.

    def rate(self, activity: Activity, snapshot: Snapshot) -> Rated:
        cents, counted = self._cents(activity)
        rated = Rated(counted=counted)
        bought = counted > 0 or bool(activity.visits) or any(activity.taps.values())
        for unit in self.terms.units:
            units = 0
            for rule in self.terms.rules:
                if getattr(rule, "unit", None) != unit.code or isinstance(rule, MultiplierRule):
                    continue
                if isinstance(rule, SpendRule | CashbackRule):
                    units += self._by_amount(rule, cents, activity, snapshot=snapshot, rated=rated)
                elif isinstance(rule, VisitRule):
                    units += self._by_visit(rule, activity, counted, bought=bought)
                elif isinstance(rule, ItemRule):
                    units += self._by_item(rule, activity)
            units += self._extras(unit.code, activity, snapshot, rated=rated, bought=bought)
            units = self._capped(unit.code, units, snapshot)
            if units:
                rated.units[unit.code] = units
        return rated

    def _cents(self, activity: Activity) -> tuple[list[Line | None], int]:
        counts = self.terms.counts
        counted = activity.gross_minor
        if not counts.tax:
            counted -= activity.tax_minor
        if not counts.tip:
            counted -= activity.tip_minor
        good = []
        for line in activity.lines:
            worth = line.net_minor + (line.tax_minor if counts.tax else 0)
            barred = not counts.exclude.everything and self._meant(counts.exclude, line)
            if barred or not line.counts:
                counted -= worth
            else:
                good.append((line, worth))
        counted = max(0, counted - activity.redeemed_minor)
        for limit in self.terms.limits:
            if limit.kind is LimitKind.AMOUNT_PER_SCAN:
                counted = min(counted, limit.most)
        cents: list[Line | None] = [line for line, worth in good for _cent in range(worth)]
        cents += [None] * (counted - len(cents))
        return cents, counted

    def _by_amount(
        self,
        rule: SpendRule | CashbackRule,
        cents: list[Line | None],
        activity: Activity,
        *,
        snapshot: Snapshot,
        rated: Rated,
    ) -> int:
        counted = rated.counted
        if counted == 0 or counted < rule.min_sale_minor or not self._on(rule.when, activity):
            return 0
        if not rule.when.match.everything and not any(
            self._meant(rule.when.match, line) for line in self._lines(activity)
        ):
            return 0
        worth = []
        for line in cents:
            meant = rule.when.match.everything or (
                line is not None and self._meant(rule.when.match, line)
            )
            worth.append(self._best(rule.unit, line, activity) if meant else 0)
        worth.sort(reverse=True)
        weight = sum(worth[:counted]) // 100
        carry = snapshot.carry.get(rule.unit, 0)
        rounding = next(u.rounding for u in self.terms.units if u.code == rule.unit)
        if isinstance(rule, CashbackRule):
            size, step, each = weight * rule.basis_points, 10_000, 1
        else:
            size, step, each = weight, rule.spend_minor, rule.units
        if rounding is not Rounding.CARRY:
            exact = Fraction(size, step)
            steps = {
                Rounding.DOWN: floor(exact),
                Rounding.UP: ceil(exact),
                Rounding.NEAREST: floor(exact + Fraction(1, 2)),
            }[rounding]
            return steps * each
        total, units = carry + size, 0
        while total >= step:
            total -= step
            units += each
        rated.carry[rule.unit] = total
        return units

    def _by_visit(self, rule: VisitRule, activity: Activity, counted: int, *, bought: bool) -> int:
        if counted < rule.min_sale_minor or not self._on(rule.when, activity):
            return 0
        visits = activity.visits if activity.visits is not None else int(bought)
        best = max(
            [100]
            + [
                other.percent
                for other in self._multipliers(rule.unit, activity)
                if other.when.match.everything
                or any(self._meant(other.when.match, line) for line in self._lines(activity))
            ]
        )
        return rule.units * visits * best // 100

    def _by_item(self, rule: ItemRule, activity: Activity) -> int:
        if not self._on(rule.when, activity):
            return 0
        weight = 0
        for line in self._lines(activity):
            free = activity.gross_minor > 0 and line.net_minor == 0
            if self._meant(rule.when.match, line) and not free:
                weight += line.quantity * self._best(rule.unit, line, activity)
        return rule.units * weight // 100

    def _extras(
        self,
        unit: str,
        activity: Activity,
        snapshot: Snapshot,
        *,
        rated: Rated,
        bought: bool,
    ) -> int:
        counted = rated.counted
        units = 0
        for rule in self.terms.rules:
            if isinstance(rule, BonusRule) and rule.grant.unit == unit:
                if bought and counted >= rule.floor.minor and self._on(rule.when, activity):
                    units += rule.grant.amount
            elif isinstance(rule, ChallengeRule) and rule.levels[0].grant.unit == unit:
                if not bought or counted < rule.min_sale_minor:
                    continue
                count = snapshot.counts.get(rule.code, 0) + 1
                if count == rule.levels[0].goal:
                    count, units = 0, units + rule.levels[0].grant.amount
                rated.counts[rule.code] = count
        return units

    def _capped(self, unit: str, units: int, snapshot: Snapshot) -> int:
        for limit in self.terms.limits:
            if limit.unit != unit:
                continue
            if limit.kind is LimitKind.UNITS_PER_SCAN:
                units = min(units, limit.most)
            elif limit.kind is LimitKind.UNITS_PER_DAY:
                units = min(units, max(0, limit.most - snapshot.today.get(unit, 0)))
        return units

    def _lines(self, activity: Activity) -> list[Line]:
        barred = self.terms.counts.exclude
        return [
            line
            for line in activity.lines
            if line.counts and (barred.everything or not self._meant(barred, line))
        ]

    def _multipliers(self, unit: str, activity: Activity) -> list[MultiplierRule]:
        return [
            rule
            for rule in self.terms.rules
            if isinstance(rule, MultiplierRule)
            and rule.unit == unit
            and self._on(rule.when, activity)
        ]

    def _best(self, unit: str, line: Line | None, activity: Activity) -> int:
        fits = [
            rule.percent
            for rule in self._multipliers(unit, activity)
            if rule.when.match.everything
            or (line is not None and self._meant(rule.when.match, line))
        ]
        return max([100, *fits])

    def _meant(self, match: Match, line: Line) -> bool:
        return (
            match.everything
            or line.category in match.categories
            or line.item in match.items
            or (match.own_brand and line.own_brand)
        )

    def _on(self, when: When, activity: Activity) -> bool:
        local = activity.at.astimezone(self.zone)
        minute = local.hour * 60 + local.minute
        hours = set()
        here = when.from_minute
        while True:
            hours.add(here)
            here = (here + 1) % 1440
            if here == when.until_minute % 1440:
                break
        return (not when.weekdays or local.isoweekday() in when.weekdays) and minute in hours

    def _rest(self, sale: SlowSale) -> Activity | None:
        activity = sale.activity
        paid = activity.gross_minor - activity.redeemed_minor - activity.discount_minor
        left = paid - sale.paid_back
        if left <= 0:
            return None
        lines, gone_net, gone_tax = list(activity.lines), 0, 0
        for back in sale.lines_back:
            place = next(n for n, line in enumerate(lines) if line.item == back.item)
            line = lines[place]
            gone_net += back.net_minor
            gone_tax += back.tax_minor
            lines[place] = Line(
                item=line.item,
                category=line.category,
                own_brand=line.own_brand,
                counts=line.counts,
                quantity=line.quantity - back.quantity,
                net_minor=line.net_minor - back.net_minor,
                tax_minor=line.tax_minor - back.tax_minor,
            )
        share = Fraction(left, paid - min(gone_net + gone_tax, sale.paid_back))
        tax = max(0, activity.tax_minor - gone_tax)
        both = min(left, floor((tax + activity.tip_minor) * share))
        tip = min(both, floor(activity.tip_minor * share))
        discount = floor(activity.discount_minor * share)
        return Activity(
            kind=activity.kind,
            at=activity.at,
            gross_minor=left + discount + activity.redeemed_minor,
            tax_minor=both - tip,
            tip_minor=tip,
            discount_minor=discount,
            redeemed_minor=activity.redeemed_minor,
            visits=activity.visits,
            lines=tuple(line for line in lines if line.quantity),
        )

    def _today(self, at: datetime) -> dict[str, int]:
        day = at.astimezone(self.zone).date()
        sums: dict[str, int] = {}
        for sale in self.sales:
            if sale.activity.at.astimezone(self.zone).date() == day:
                for unit, units in sale.given.units.items():
                    sums[unit] = sums.get(unit, 0) + units
        return sums

    def _here(self, unit: str) -> list[One]:
        here = [one for one in self.ones if one.unit == unit and one.state == "here"]
        return sorted(here, key=lambda one: (self.ends_of(one), one.available, one.sale))

    def _spendable(self, unit: str, now: datetime) -> list[One]:
        return [one for one in self._here(unit) if one.available <= now < self.ends_of(one)]

    def _new(self, unit: str, at: datetime, now: datetime) -> One:
        terms = next(one for one in self.terms.units if one.code == unit)
        day = at.astimezone(self.zone).date()
        available = min(at, now)
        if terms.pending_days:
            available = self._midnight(day + timedelta(days=terms.pending_days))
        ends = None
        if terms.expiry.kind is ExpiryKind.DAYS:
            ends = self._midnight_after(at, terms.expiry.days)
        elif terms.expiry.kind is ExpiryKind.MONTH_END:
            last = day
            for _month in range(terms.expiry.months + 1):
                while (last + timedelta(days=1)).month == last.month:
                    last += timedelta(days=1)
                last += timedelta(days=1)
            ends = self._midnight(last)
        return One(
            unit=unit,
            sale=len(self.sales) - 1,
            available=available,
            ends=ends,
            idle_days=terms.expiry.days if terms.expiry.kind is ExpiryKind.IDLE else None,
        )

    def _midnight_after(self, moment: datetime, days: int) -> datetime:
        return self._midnight(moment.astimezone(self.zone).date() + timedelta(days=days + 1))

    def _midnight(self, day: date) -> datetime:
        return datetime(day.year, day.month, day.day, tzinfo=self.zone)
