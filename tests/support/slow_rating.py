"""What one sale earns, a second time, slow and obvious: every cent knows its line.

It shares the values of terms with the engine and none of its functions. What it looks at of the
card is a snapshot, so that what a refund leaves can be rated as the whole was.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from math import ceil, floor
from zoneinfo import ZoneInfo

from ledger.activity import Activity, ActivityKind, Line
from ledger.programme_terms import (
    AverageOf,
    BonusRule,
    CashbackRule,
    ChallengeAction,
    ChallengeRule,
    Floor,
    Grant,
    GrantKind,
    ItemRule,
    LimitKind,
    Match,
    MultiplierRule,
    PackRule,
    ProgrammeTerms,
    Rounding,
    Rule,
    SetRule,
    SpendRule,
    VisitRule,
    WelcomeRule,
    When,
)
from tests.support.slow_progress import Fact, set_tally, tally
from tests.support.slow_values import Rated, Seen, SlowPromise

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Weighing:
    """A multiplier that is on: how much, for which lines, and what it would use up."""

    percent: int
    match: Match
    promise: SlowPromise | None = None


class SlowRater:
    """Rates one activity under one snapshot."""

    def __init__(self, terms: ProgrammeTerms, activity: Activity, seen: Seen) -> None:
        self.terms, self.activity, self.seen = terms, activity, seen
        self.zone = ZoneInfo(terms.time_zone)
        self.local = activity.at.astimezone(self.zone)
        self.rated = Rated(counted=self._counted())
        self.bought = (
            activity.kind is ActivityKind.VISIT
            or self.rated.counted > 0
            or bool(activity.visits)
            or any(activity.taps.values())
        )

    def rate(self) -> Rated:
        rated = self.rated
        for rule in self.terms.rules:
            self._rate(rule)
        rated.earned = {u: self._under_caps(u, n) for u, n in rated.ordinary.items() if n}
        self._keep_promises()
        # A promise is kept before a bonus is given, a bonus before a challenge, that before a set.
        for give in (self._bonus, self._challenge, self._set):
            for rule in self.terms.rules:
                give(rule)
        for unit in self.terms.units:
            code = unit.code
            rated.ordinary[code] = self._under_caps(code, rated.ordinary.get(code, 0))
            packs = sum(units for pack, units, _days in rated.packs if pack == code)
            total = rated.ordinary[code] + rated.welcome.get(code, 0) + packs
            if total:
                rated.units[code] = total
        return rated

    def _rate(self, rule: Rule) -> None:
        if isinstance(rule, SpendRule | CashbackRule):
            self._give(rule.unit, self._by_amount(rule))
        elif isinstance(rule, VisitRule):
            self._give(rule.unit, self._by_visit(rule))
        elif isinstance(rule, ItemRule):
            self._give(rule.unit, self._by_item(rule))
        elif isinstance(rule, PackRule):
            self._by_pack(rule)

    def joins(self, *, welcomed: bool) -> Rated:
        for rule in self.terms.rules:
            if isinstance(rule, WelcomeRule) and not welcomed:
                self._promise(rule.grant, rule.code, welcome=True)
        return self.rated

    # The amount.

    def _counted(self) -> int:
        activity, counts = self.activity, self.terms.counts
        counted = activity.gross_minor
        for what, amount in (
            (counts.tax, activity.tax_minor),
            (counts.tip, activity.tip_minor),
            (counts.discount, activity.discount_minor),
        ):
            counted -= 0 if what else amount
        good = self._lines()
        counted -= sum(self._worth(line) for line in activity.lines if line not in good)
        counted = max(0, counted - activity.redeemed_minor)
        for limit in self.terms.limits:
            if limit.kind is LimitKind.AMOUNT_PER_SCAN:
                counted = min(counted, limit.most)
        return counted

    def _worth(self, line: Line) -> int:
        return line.net_minor + (line.tax_minor if self.terms.counts.tax else 0)

    def _lines(self) -> list[Line]:
        counts = self.terms.counts
        barred = counts.exclude
        return [
            line
            for line in self.activity.lines
            if line.counts
            and (counts.gift_cards or not line.gift_card)
            and (barred.everything or not meant(barred, line))
        ]

    def _by_amount(self, rule: SpendRule | CashbackRule) -> int:
        counted = self.rated.counted
        if counted == 0 or counted < rule.min_sale_minor or not self._on(rule.when):
            return 0
        if not self._has(rule.when.match):
            return 0
        on, worth = self._weighings(rule.unit), []
        for line in self._lines():
            is_meant = meant(rule.when.match, line)
            cent = best(on, line) if is_meant else Weighing(0, Match())
            worth += [cent] * self._worth(line)
        loose = best(on, None) if rule.when.match.everything else Weighing(0, Match())
        worth += [loose] * (counted - len(worth))
        # What lines cost beyond what counts is taken from the cents that are worth least.
        worth.sort(key=lambda one: one.percent)
        worth = worth[len(worth) - counted :]
        self._use_up(worth)
        weight = sum(one.percent for one in worth) // 100
        if isinstance(rule, CashbackRule):
            return self._steps(rule.unit, weight * rule.basis_points, 10_000, each=1)
        return self._steps(rule.unit, weight, rule.spend_minor, each=rule.units)

    def _steps(self, unit: str, size: int, step: int, *, each: int) -> int:
        rounding = self.terms.unit(unit).rounding
        if rounding is not Rounding.CARRY:
            exact = Fraction(size, step)
            whole = {
                Rounding.DOWN: floor(exact),
                Rounding.UP: ceil(exact),
                Rounding.NEAREST: floor(exact + Fraction(1, 2)),
            }
            return whole[rounding] * each
        total, units = self.seen.carry.get(unit, 0) + size, 0
        while total >= step:
            total -= step
            units += each
        self.rated.carry[unit] = total
        return units

    # Visits, pieces, packs.

    def _by_visit(self, rule: VisitRule) -> int:
        if self.rated.counted < rule.min_sale_minor or not self._on(rule.when):
            return 0
        activity = self.activity
        visits = activity.visits if activity.visits is not None else int(self.bought)
        visits = activity.taps.get(rule.unit, visits)
        if visits == 0 or not self._has(rule.when.match):
            return 0
        on = [one for one in self._weighings(rule.unit) if self._has(one.match)]
        won = best(on, None, anyway=True)
        self._use_up([won])
        return rule.units * visits * won.percent // 100

    def _by_item(self, rule: ItemRule) -> int:
        if not self._on(rule.when):
            return 0
        on = self._weighings(rule.unit)
        if rule.unit in self.activity.taps:
            pieces: list[Weighing] = [best(on, None)] * self.activity.taps[rule.unit]
        else:
            pieces = [
                best(on, line) for line in self._paid(rule.when) for _one in range(line.quantity)
            ]
        self._use_up(pieces)
        return rule.units * sum(one.percent for one in pieces) // 100

    def _by_pack(self, rule: PackRule) -> None:
        if self._on(rule.when):
            pieces = sum(line.quantity for line in self._paid(rule.when))
            if pieces:
                self.rated.packs.append((rule.unit, rule.units * pieces, rule.days))

    def _paid(self, when: When) -> list[Line]:
        is_priced = self.activity.gross_minor > 0
        return [
            line
            for line in self._lines()
            if meant(when.match, line) and (line.net_minor > 0 or not is_priced)
        ]

    # What beats what.

    def _weighings(self, unit: str) -> list[Weighing]:
        """Every multiplier that is on, in the order that settles a tie."""
        found = []
        for level in self.terms.tiers.levels if self.terms.tiers else ():
            if level.code == self.seen.tier and level.percent > 100:
                found.append(Weighing(level.percent, Match()))
        for rule in self.terms.rules:
            if isinstance(rule, MultiplierRule) and rule.unit == unit and self._on(rule.when):
                found.append(Weighing(rule.percent, rule.when.match))
        for promise in self._usable(GrantKind.MULTIPLY_NEXT):
            if promise.grant.unit == unit:
                found.append(Weighing(promise.grant.amount, Match(), promise))
        return found

    def _use_up(self, won: list[Weighing]) -> None:
        for one in won:
            if one.promise is not None and one.promise not in self.rated.consumed:
                self.rated.consumed.append(one.promise)

    def _usable(self, *kinds: GrantKind) -> list[SlowPromise]:
        fits = [
            promise
            for promise in self.seen.promises
            if promise.grant.kind in kinds
            and promise.least <= self.rated.counted
            and promise.granted_at <= self.seen.now
            and promise.is_live(self.seen.now)
        ]
        endless = datetime.max.replace(tzinfo=self.zone)
        return sorted(fits, key=lambda one: (one.ends or endless, one.granted_at))

    # What is given beside the rates.

    def _keep_promises(self) -> None:
        if not self.bought:
            return
        for promise in self._usable(GrantKind.UNITS, GrantKind.ADD_NEXT):
            unit, amount = promise.grant.unit, promise.grant.amount
            self.rated.consumed.append(promise)
            if promise.welcome:
                self.rated.welcome[unit] = self.rated.welcome.get(unit, 0) + amount
            else:
                self._give(unit, amount)

    def _bonus(self, rule: Rule) -> None:
        if not isinstance(rule, BonusRule):
            return
        least = self._least(rule.floor)
        if (
            not self._on(rule.when)
            or not self.bought
            or not self._has(rule.when.match)
            or (rule.once and rule.code in self.seen.once)
            or least is None
            or self.rated.counted < least
        ):
            return
        if self._grant(rule.grant, rule.code) and rule.once:
            self.rated.once.add(rule.code)

    def _challenge(self, rule: Rule) -> None:
        if not isinstance(rule, ChallengeRule):
            return
        actions = 1 if self._has(rule.when.match) else 0
        if rule.action is ChallengeAction.ITEM:
            lines = [line for line in self._lines() if meant(rule.when.match, line)]
            actions = sum(line.quantity for line in lines)
        if not self._on(rule.when) or not self.bought or self.rated.counted < rule.min_sale_minor:
            actions = 0
        if not actions:
            return
        before = tally(rule, self.seen.facts.get(rule.code, []))
        counted, won = before.acts(self.local.date(), actions)
        if counted is not None:
            self.rated.facts[rule.code] = Fact(actions=actions, day=self.local.date())
        for level in won:
            self._grant(level.grant, rule.code)

    def _set(self, rule: Rule) -> None:
        if not isinstance(rule, SetRule):
            return
        units = tuple(
            (part.unit, self.rated.earned[part.unit])
            for part in rule.parts
            if self.rated.earned.get(part.unit)
        )
        if not units:
            return
        self.rated.facts[rule.code] = Fact(units=units)
        for _set in range(set_tally(rule, self.seen.facts.get(rule.code, [])).earns(units)):
            self._grant(rule.grant, rule.code)

    def _grant(self, grant: Grant, rule: str) -> bool:
        if grant.kind is GrantKind.UNITS:
            self._give(grant.unit, grant.amount)
            return True
        return self._promise(grant, rule)

    def _promise(self, grant: Grant, rule: str, *, welcome: bool = False) -> bool:
        is_open = [
            one
            for one in (*self.seen.promises, *self.rated.promised)
            if one.rule == rule and one not in self.rated.consumed and one.is_live(self.seen.now)
        ]
        least = self._least(grant.floor)
        if is_open or least is None:
            return False
        ends = None
        if grant.days:
            day = self.local.date() + (grant.days + 1) * DAY
            ends = datetime(day.year, day.month, day.day, tzinfo=self.zone)
        self.rated.promised.append(
            SlowPromise(rule, grant, self.activity.at, least, ends, welcome=welcome)
        )
        return True

    def _least(self, floor_: Floor) -> int | None:
        if floor_.average is None:
            return floor_.minor
        is_member = floor_.average is AverageOf.MEMBER
        average = self.seen.member_average if is_member else self.seen.shop_average
        if average is None:
            return None
        return max(floor_.minor, ceil(Fraction(average * floor_.percent, 100)))

    def _give(self, unit: str, units: int) -> None:
        self.rated.ordinary[unit] = self.rated.ordinary.get(unit, 0) + units

    def _under_caps(self, unit: str, units: int) -> int:
        for limit in self.terms.limits:
            if limit.unit != unit:
                continue
            if limit.kind is LimitKind.UNITS_PER_SCAN:
                units = min(units, limit.most)
            elif limit.kind is LimitKind.UNITS_PER_DAY:
                units = min(units, max(0, limit.most - self.seen.today.get(unit, 0)))
            elif limit.kind is LimitKind.SHOP_UNITS_PER_DAY:
                units = min(units, max(0, limit.most - self.seen.shop_today.get(unit, 0)))
        return units

    def _has(self, match: Match) -> bool:
        return match.everything or any(meant(match, line) for line in self._lines())

    def _on(self, when: When) -> bool:
        minute, hours = self.local.hour * 60 + self.local.minute, set()
        here = when.from_minute
        while True:
            hours.add(here)
            here = (here + 1) % 1440
            if here == when.until_minute % 1440:
                break
        day = self.local.date()
        return (
            (not when.weekdays or self.local.isoweekday() in when.weekdays)
            and minute in hours
            and (when.first_day is None or day >= when.first_day)
            and (when.last_day is None or day <= when.last_day)
            and (not when.first_purchase or self.seen.purchases == 0)
            and (not when.tiers or self.seen.tier in when.tiers)
        )


def meant(match: Match, line: Line) -> bool:
    return (
        match.everything
        or line.category in match.categories
        or line.item in match.items
        or (match.own_brand and line.own_brand)
    )


def best(on: list[Weighing], line: Line | None, *, anyway: bool = False) -> Weighing:
    """The highest that is meant for the line; of several as high, the first."""
    won = Weighing(100, Match())
    for one in on:
        fits = anyway or one.match.everything or (line is not None and meant(one.match, line))
        if fits and one.percent > won.percent:
            won = one
    return won
