"""Challenges, sets and tiers a second time: worked out from the list of what happened, every time.

A challenge is counted action by action, a tier is walked day by day.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta

from ledger.programme_terms import ChallengeRule, Level, SetRule, Span, TierTerms, TierWindow

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Fact:
    """Something a challenge or a set remembers: `actions` on a day, or units earned.

    `instead` is a refund's: what a sale had made of the facts it found, and what it makes of them
    without what came back.
    """

    actions: int = 0
    day: date | None = None
    units: tuple[tuple[str, int], ...] = ()
    instead: tuple[list[Fact], list[Fact]] | None = None


NO_FACT = Fact()


@dataclass
class Tally:
    """How far one challenge is."""

    rule: ChallengeRule
    count: int = 0
    since: date | None = None
    last: date | None = None
    given: set[int] = field(default_factory=set)
    times: int = 0

    def acts(self, day: date, actions: int) -> tuple[int | None, list[Level]]:
        """Count actions of a day: how many counted (None: the day is too late), and what is won."""
        counted = self._streak(day) if self.rule.streak else self._window(day, actions)
        if counted is None:
            return None, []
        won = []
        for _action in range(counted):
            won += self._one()
        return counted, sorted(won, key=self.rule.levels.index)

    def _window(self, day: date, actions: int) -> int | None:
        start: date | None = None
        if self.rule.span is Span.DAYS:
            start = day
            if self.since is not None and 0 <= (day - self.since).days < self.rule.days:
                start = self.since
        elif self.rule.span is not Span.EVER:
            start = first_of(self.rule.span, day)
        if start is not None and self.since is not None and start < self.since:
            return None
        if start != self.since:
            self.count, self.given, self.since = 0, set(), start
        self.last = day
        return actions

    def _streak(self, day: date) -> int | None:
        period = first_of(self.rule.span, day)
        if self.last is not None and period < self.last:
            return None
        if period == self.last:
            return 0
        if self.last is None or first_of(self.rule.span, period - DAY) != self.last:
            self.count, self.given, self.since = 0, set(), period
        self.last = period
        return 1

    def _one(self) -> list[Level]:
        self.count += 1
        won = self._reached()
        # A refund may have left more than a round: what is beyond it begins the next one.
        while self.rule.repeat and self.count >= self.rule.levels[-1].goal:
            self.count, self.given = self.count - self.rule.levels[-1].goal, set()
            won += self._reached()
        return won

    def _reached(self) -> list[Level]:
        won = []
        for number, level in enumerate(self.rule.levels):
            if level.goal <= self.count and number not in self.given:
                self.given.add(number)
                won.append(level)
        if won and len(self.given) == len(self.rule.levels):
            self.times += 1
        return won

    def corrects(self, was: Tally, is_now: Tally) -> Tally:
        """Put what is now in place of what was: whole where nothing came since, else its part."""
        if self == was:
            return is_now
        if self.since == was.since:
            gone = is_now.since != was.since
            self.count = max(0, self.count - was.count + (0 if gone else is_now.count))
            given = len(self.given) - len(was.given) + (0 if gone else len(is_now.given))
            self.given = set(range(max(0, given)))
            self.times = max(0, self.times - was.times + is_now.times)
            if self.last == was.last:
                self.last = None if gone else is_now.last
        return self


def tally(rule: ChallengeRule, facts: list[Fact]) -> Tally:
    """Where a challenge stands after all that happened."""
    found = Tally(rule)
    for fact in facts:
        if fact.instead is not None:
            was, is_now = fact.instead
            found = found.corrects(tally(rule, was), tally(rule, is_now))
        elif fact.day is not None:
            found.acts(fact.day, fact.actions)
    return found


@dataclass
class SetTally:
    """How far a set is: single units of each part, and how many sets were full."""

    rule: SetRule
    parts: dict[str, int] = field(default_factory=dict)
    times: int = 0

    def earns(self, units: tuple[tuple[str, int], ...]) -> int:
        """How many sets get full."""
        for unit, number in units:
            self.parts[unit] = self.parts.get(unit, 0) + number
        full = 0
        while all(self.parts.get(part.unit, 0) >= part.need for part in self.rule.parts):
            for part in self.rule.parts:
                self.parts[part.unit] -= part.need
            full += 1
        self.times += full
        return full

    def corrects(self, was: SetTally, is_now: SetTally) -> None:
        for part in self.rule.parts:
            less = was.parts.get(part.unit, 0) - is_now.parts.get(part.unit, 0)
            self.parts[part.unit] = max(0, self.parts.get(part.unit, 0) - less)
        self.times = max(0, self.times - was.times + is_now.times)


def set_tally(rule: SetRule, facts: list[Fact]) -> SetTally:
    """Where a set stands after all that was earned."""
    found = SetTally(rule)
    for fact in facts:
        if fact.instead is not None:
            was, is_now = fact.instead
            found.corrects(set_tally(rule, was), set_tally(rule, is_now))
        else:
            found.earns(fact.units)
    return found


def first_of(span: Span, day: date) -> date:
    """The first day of the day, week or month, found by walking back to it."""
    while (span is Span.WEEK and day.isoweekday() != 1) or (span is Span.MONTH and day.day != 1):
        day -= DAY
    return day


def tier_rank(tiers: TierTerms, code: str) -> int:
    return [level.code for level in tiers.levels].index(code) + 1 if code else 0


def risen_tier(tiers: TierTerms, code: str, total: int) -> str:
    """The tier after a sale: never a lower one."""
    for level in tiers.levels:
        if level.threshold <= total and tier_rank(tiers, level.code) > tier_rank(tiers, code):
            code = level.code
    return code


def counts_on(tiers: TierTerms, sold: date, day: date) -> bool:
    """Whether a sale of one day is in the window of another."""
    if tiers.window is TierWindow.DAYS:
        return (day - sold).days < tiers.days
    return tiers.window is TierWindow.EVER or sold.year >= day.year


def walk_tiers(tiers: TierTerms, facts: list[tuple[date, int]], today: date) -> str:
    """The tier of today, from the first sale on, morning and evening of every day."""
    rank = 0
    short: dict[int, date] = {}
    day = min((sold for sold, _amount in facts), default=today)
    while day <= today:
        for is_evening in (False, True):
            total = sum(
                amount
                for sold, amount in facts
                if (sold < day or (is_evening and sold == day)) and counts_on(tiers, sold, day)
            )
            if is_evening:
                rank = max(rank, sum(1 for one in tiers.levels if one.threshold <= total))
            for number in range(1, rank + 1):
                if tiers.levels[number - 1].threshold <= total:
                    short.pop(number, None)
                else:
                    short.setdefault(number, day)
            while not is_evening and rank in short:
                if (day - short[rank]).days < tiers.grace_days:
                    break
                del short[rank]
                rank -= 1
        day += DAY
    return tiers.levels[rank - 1].code if rank else ""
