"""Packs that rest and packs that are locked: what owner and staff decide about a member's units."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final

from common.actor import Actor
from common.errors import Conflict, InvalidInput, NotFound
from common.i18n import gettext as _
from common.i18n import ngettext
from ledger.member_state import Pause
from ledger.programme_terms import ProgrammeTerms, UnitTerms
from loyalty.context import Loyalty
from storage.rule_records import UnitAccount
from storage.unit_of_work import UnitOfWork, run_work

AHEAD_MAX: Final = timedelta(days=366)


def pause_pack(
    ctx: Loyalty,
    merchant_id: int,
    member_id: int,
    unit: str,
    *,
    first_day: date,
    last_day: date,
    actor: Actor,
) -> None:
    """Let a member's pack rest, both days included; its end moves by as many days.

    Raises:
        InvalidInput: fields `first_day` and `last_day`.
        Conflict: the terms forbid it, or it would rest longer in a year than they allow.
        NotFound: no such member, or nothing of that unit.
    """
    _check_days(first_day, last_day, today=ctx.clock.now().date())

    def action(work: UnitOfWork) -> None:
        found, terms = _account(work, member_id, unit)
        wanted = Pause(first_day=first_day, last_day=last_day)
        known = work.rules.pauses(member_id).get(found.account.id, [])
        _check_room(terms, known, wanted)
        work.rules.add_pause(found.account.id, wanted)
        work.deliveries.bump_member(member_id)
        _note(work, actor, "pack.pause", member_id)

    run_work(ctx.database, merchant_id, action, clock=ctx.clock)


def lock_unit(
    ctx: Loyalty, merchant_id: int, member_id: int, unit: str, *, locked: bool, actor: Actor
) -> None:
    """Let nothing of a member's unit be spent, or let it be again.

    Raises:
        NotFound: no such member, or nothing of that unit.
    """

    def action(work: UnitOfWork) -> None:
        found, _terms = _account(work, member_id, unit)
        if found.locked == locked:
            return
        work.rules.lock(found.account.id, locked=locked)
        work.deliveries.bump_member(member_id)
        _note(work, actor, "pack.lock" if locked else "pack.unlock", member_id)

    run_work(ctx.database, merchant_id, action, clock=ctx.clock)


def _account(work: UnitOfWork, member_id: int, unit: str) -> tuple[UnitAccount, UnitTerms]:
    member = work.members.get(member_id)
    work.rules.hold([member_id])
    terms = work.programmes.terms(member.programme_id)
    found = work.rules.accounts(member_id, member.programme_id).get(unit)
    if found is None or not isinstance(terms, ProgrammeTerms):
        raise NotFound(_("This card holds nothing of that."))
    try:
        return found, terms.unit(unit)
    except KeyError as error:
        raise NotFound(_("This card holds nothing of that.")) from error


def _check_days(first_day: date, last_day: date, *, today: date) -> None:
    if last_day < first_day:
        raise InvalidInput(_("It would end before it begins."), field="last_day")
    # One day of grace: the shop's date may be behind or ahead of UTC's.
    if first_day < today - timedelta(days=1):
        raise InvalidInput(_("A rest begins today or later."), field="first_day")
    if last_day > today + AHEAD_MAX:
        raise InvalidInput(_("A rest ends within a year."), field="last_day")


def _check_room(terms: UnitTerms, known: list[Pause], wanted: Pause) -> None:
    if not terms.pause_days:
        raise Conflict(_("This pack cannot rest."))
    if any(one.first_day <= wanted.last_day and wanted.first_day <= one.last_day for one in known):
        raise InvalidInput(_("It rests then already."), field="first_day")
    year = wanted.first_day.year
    rested = sum(_days(one) for one in (*known, wanted) if one.first_day.year == year)
    if rested > terms.pause_days:
        raise Conflict(
            ngettext(
                "A pack may rest at most %(number)d day a year.",
                "A pack may rest at most %(number)d days a year.",
                terms.pause_days,
            )
        )


def _days(pause: Pause) -> int:
    return (pause.last_day - pause.first_day).days + 1


def _note(work: UnitOfWork, actor: Actor, action: str, member_id: int) -> None:
    work.audit.add(
        actor=actor, action=action, subject_kind="member", subject_id=member_id, detail={}
    )
