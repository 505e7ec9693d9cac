"""Challenges and sets: counting actions in a window, periods of a streak, one stamp of each kind.

A window is of the shop's calendar. An action older than the window a member is in (a sale told
late) does not count: the count never runs backwards.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

from ledger.activity import matches
from ledger.evaluation import PartKind, WhyNot
from ledger.grants import give_grant
from ledger.member_state import Progress
from ledger.occasion import Occasion
from ledger.programme_terms import ChallengeAction, ChallengeRule, SetRule, Span
from ledger.rating import is_purchase
from ledger.sheet import BASE, Sheet


def count_challenge(rule: ChallengeRule, occasion: Occasion, sheet: Sheet) -> None:
    """Count the activity towards a challenge, and give the levels it reaches."""
    actions = _actions(rule, occasion)
    if actions == 0:
        sheet.skip(rule.code, _why_no_action(rule, occasion))
        return
    before = occasion.state.progress.get(rule.code, Progress())
    moved = _streak(rule, before, occasion.day) if rule.streak else None
    if not rule.streak:
        moved = _window(rule, before, occasion.day, actions=actions)
    if moved is None:
        sheet.skip(rule.code, WhyNot.NOT_NOW)
        return
    after = _give_levels(rule, moved, occasion, sheet)
    if after == moved:
        sheet.skip(rule.code, WhyNot.ON_THE_WAY)
    sheet.progress[rule.code] = after


def _actions(rule: ChallengeRule, occasion: Occasion) -> int:
    if (
        not occasion.is_on(rule.when)
        or not is_purchase(occasion)
        or occasion.counted.minor < rule.min_sale_minor
    ):
        return 0
    if rule.action is ChallengeAction.ITEM:
        lines = (line for line in occasion.counted.lines if matches(line, rule.when.match))
        return sum(line.quantity for line in lines)
    return 1 if occasion.has_match(rule.when) else 0


def _why_no_action(rule: ChallengeRule, occasion: Occasion) -> WhyNot:
    if not occasion.is_on(rule.when):
        return WhyNot.NOT_NOW
    if occasion.counted.minor < rule.min_sale_minor:
        return WhyNot.BELOW_MINIMUM
    return WhyNot.NO_MATCH


def _window(rule: ChallengeRule, before: Progress, day: date, *, actions: int) -> Progress | None:
    start = _window_of(rule, before, day)
    if start is not None and before.since is not None and start < before.since:
        return None
    if start != before.since:
        before = Progress(since=start, times=before.times)
    return replace(before, count=before.count + actions, last=day)


def _window_of(rule: ChallengeRule, before: Progress, day: date) -> date | None:
    if rule.span is Span.EVER:
        return None
    if rule.span is Span.DAYS:
        since = before.since
        fits = since is not None and since <= day < since + timedelta(days=rule.days)
        return since if fits else day
    return period_start(rule.span, day)


def period_start(span: Span, day: date) -> date:
    """The first day of the day, week (Monday) or month."""
    match span:
        case Span.WEEK:
            return day - timedelta(days=day.weekday())
        case Span.MONTH:
            return day.replace(day=1)
    return day


def _streak(rule: ChallengeRule, before: Progress, day: date) -> Progress | None:
    period = period_start(rule.span, day)
    if before.last is not None and period < before.last:
        return None
    if period == before.last:
        return before
    follows = before.last == period_start(rule.span, period - timedelta(days=1))
    if follows:
        return replace(before, count=before.count + 1, last=period)
    return Progress(count=1, since=period, last=period, times=before.times)


def _give_levels(
    rule: ChallengeRule, progress: Progress, occasion: Occasion, sheet: Sheet
) -> Progress:
    top = rule.levels[-1].goal
    rounds = progress.count // top if rule.repeat else 0
    rest = progress.count - rounds * top
    given = 0
    for index, level in enumerate(rule.levels):
        # How often this level was passed: in each full round, and in the one that is under way.
        passed = rounds + (1 if level.goal <= rest else 0) - (1 if index < progress.given else 0)
        given += level.goal <= rest
        if passed > 0:
            give_grant(
                level.grant,
                rule.code,
                kind=PartKind.CHALLENGE,
                occasion=occasion,
                sheet=sheet,
                times=passed,
            )
    times = progress.times + (rounds if rule.repeat else int(_just_done(rule, progress, given)))
    return replace(
        progress, count=rest, given=given if rounds else max(given, progress.given), times=times
    )


def _just_done(rule: ChallengeRule, progress: Progress, given: int) -> bool:
    return given == len(rule.levels) > progress.given


def count_set(rule: SetRule, occasion: Occasion, sheet: Sheet, *, room: dict[str, int]) -> None:
    """Add what was earned to the set, and give the prize for each full one.

    Units that a cap takes away do not count (`room` is what the caps leave).
    """
    before = occasion.state.progress.get(rule.code, Progress())
    earned: dict[str, int] = {}
    for part in rule.parts:
        units = sheet.total(part.unit, BASE)
        if units:
            earned[part.unit] = min(units, room.get(part.unit, units))
    if not earned:
        sheet.skip(rule.code, WhyNot.NO_MATCH)
        return
    parts = {part.unit: before.parts.get(part.unit, 0) for part in rule.parts}
    for unit, units in earned.items():
        parts[unit] += units
    full = min(parts[part.unit] // part.need for part in rule.parts)
    if full:
        give_grant(
            rule.grant, rule.code, kind=PartKind.SET, occasion=occasion, sheet=sheet, times=full
        )
        parts = {part.unit: parts[part.unit] - full * part.need for part in rule.parts}
    else:
        sheet.skip(rule.code, WhyNot.ON_THE_WAY)
    sheet.progress[rule.code] = Progress(times=before.times + full, parts=parts)
