"""Grants: what bonuses, challenges, sets and the welcome give, now or for the next purchase."""

from __future__ import annotations

from datetime import timedelta

from ledger.evaluation import Part, PartKind, WhyNot
from ledger.expiry import day_start
from ledger.member_state import Progress, Promise
from ledger.occasion import Occasion, least_minor
from ledger.programme_terms import BonusRule, Grant, GrantKind, WelcomeRule
from ledger.rating import is_purchase
from ledger.sheet import Sheet
from ledger.weights import usable_promises


def give_grant(
    grant: Grant, rule: str, *, kind: PartKind, occasion: Occasion, sheet: Sheet, times: int = 1
) -> bool:
    """Give units `times` over, or make one promise; False when nothing came of it."""
    if grant.kind is GrantKind.UNITS:
        part = Part(rule=rule, kind=kind, units=grant.amount * times, counted=times)
        sheet.give(grant.unit, part)
        return True
    return _promise(grant, rule, occasion=occasion, sheet=sheet, welcome=False)


def _promise(grant: Grant, rule: str, *, occasion: Occasion, sheet: Sheet, welcome: bool) -> bool:
    # One open promise of a rule at a time: a second would make "the next purchase" two of them.
    if any(promise.rule == rule for promise in _still_open(occasion, sheet)):
        sheet.skip(rule, WhyNot.ALREADY_GIVEN)
        return False
    least = least_minor(grant.floor, occasion.state)
    if least is None:
        sheet.skip(rule, WhyNot.NO_AVERAGE)
        return False
    end = None
    if grant.days:
        end = day_start(occasion.day + timedelta(days=grant.days + 1), occasion.zone)
    sheet.promised.append(
        Promise(
            rule=rule,
            kind=grant.kind,
            amount=grant.amount,
            granted_at=occasion.activity.at,
            terms_version=occasion.terms.version,
            unit=grant.unit,
            min_sale_minor=least,
            expires_at=end,
            welcome=welcome,
        )
    )
    return True


def _still_open(occasion: Occasion, sheet: Sheet) -> list[Promise]:
    return [
        promise
        for promise in (*occasion.state.promises, *sheet.promised)
        if promise not in sheet.consumed
        and (promise.expires_at is None or occasion.now < promise.expires_at)
    ]


def welcome(rule: WelcomeRule, occasion: Occasion, sheet: Sheet) -> None:
    """Promise the welcome bonus at joining, unless this contact had one."""
    if occasion.state.welcomed:
        sheet.skip(rule.code, WhyNot.ALREADY_GIVEN)
        return
    _promise(rule.grant, rule.code, occasion=occasion, sheet=sheet, welcome=True)


def keep_promises(occasion: Occasion, sheet: Sheet) -> None:
    """Credit what was promised for this purchase; multipliers are used up where they win."""
    if not is_purchase(occasion):
        return
    for kind in (GrantKind.UNITS, GrantKind.ADD_NEXT):
        for promise in usable_promises(occasion, kind):
            part_kind = PartKind.WELCOME if promise.welcome else PartKind.PROMISE
            part = Part(rule=promise.rule, kind=part_kind, units=promise.amount, counted=1)
            sheet.give(promise.unit, part)
            sheet.consume(promise)


def give_bonus(rule: BonusRule, occasion: Occasion, sheet: Sheet) -> None:
    """Give the bonus of a sale that is large enough, or note why not."""
    why = _bonus_obstacle(rule, occasion)
    if why is not None:
        sheet.skip(rule.code, why)
        return
    given = give_grant(rule.grant, rule.code, kind=PartKind.BONUS, occasion=occasion, sheet=sheet)
    if given and rule.once:
        sheet.progress[rule.code] = Progress(times=1)


def _bonus_obstacle(rule: BonusRule, occasion: Occasion) -> WhyNot | None:
    if not occasion.is_on(rule.when):
        return WhyNot.NOT_NOW
    if not is_purchase(occasion) or not occasion.has_match(rule.when):
        return WhyNot.NO_MATCH
    if rule.once and occasion.state.progress.get(rule.code, Progress()).times:
        return WhyNot.ALREADY_GIVEN
    least = least_minor(rule.floor, occasion.state)
    if least is None:
        return WhyNot.NO_AVERAGE
    return WhyNot.BELOW_MINIMUM if occasion.counted.minor < least else None
