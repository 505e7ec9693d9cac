"""Bring the members of another system: their names, contacts and balances, found by the old code.

Not done here: reading the file (member_list.py), cards that stay in the phones (keep_passes.py).
Rules:
- A row is taken over whole or not at all. Rows go in slices, a transaction each; where one row of a
  slice cannot be taken, each of the slice gets a transaction of its own.
- An interrupted list is simply sent again, from its start: what is here already is left alone,
  another balance for it is refused, and an old card that ended since does not come back.
- A contact that has a card of this programme keeps it: the balance goes there, and both codes find it.
- Nothing is imported of a list with bad rows unless told to take the good ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final

from common.actor import Actor
from common.errors import Conflict, InvalidInput, NotFound, WalletError
from common.i18n import gettext as _
from ledger.any_terms import AnyTerms, first_unit, has_stamps, units_of
from ledger.limits import LIMITS, check_balance
from ledger.programme_terms import ProgrammeTerms, UnitKind
from loyalty.brought_units import SOURCE, Brought, bring_units, brought_before
from loyalty.contact_seals import ContactSeals
from loyalty.context import Loyalty
from loyalty.enrol import EnrolRequest, enrol_in, known_member, refuse_closed
from loyalty.import_report import Fate, ImportOrder, ImportReport, Tally, line_number
from loyalty.join_answers import checked_person
from loyalty.member_list import MemberList, MemberRow, Opener, open_member_list
from loyalty.old_codes import add_old_code, note_brought, pass_of_old_code, was_brought
from signing.tokens import check_member_number
from storage.books import KeyTaken
from storage.members import Member, MemberExists, MemberState
from storage.programmes import Programme
from storage.unit_of_work import UnitOfWork, open_work, run_work

SLICE: Final = 50
"""Rows of one transaction: a till waits no longer than for these."""
LOOKED_AT_ONCE: Final = 1000
TRIES_MAX: Final = 3

Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """What holds for every row."""

    ctx: Loyalty
    merchant_id: int
    programme: Programme
    unit: str
    country: str
    language: str
    actor: Actor

    def request(self, row: MemberRow) -> EnrolRequest:
        return EnrolRequest(
            programme_id=self.programme.id,
            name=row.name,
            email=row.email,
            phone=row.phone,
            language=self.language,
            source=SOURCE,
            actor=self.actor,
            purchases_before=row.purchases,
        )

    def brought(self, row: MemberRow) -> Brought:
        return Brought(identity=row.code, units=row.units, unit=self.unit)


def open_members(ctx: Loyalty, merchant_id: int, programme_id: int, opener: Opener) -> MemberList:
    """A list for a programme: its units may be columns.

    Raises:
        InvalidInput: as `open_member_list`.
        NotFound: no such programme.
    """
    with open_work(ctx.database, merchant_id, clock=ctx.clock, writing=False) as work:
        return open_member_list(opener, units_of(work.programmes.terms(programme_id)))


def judge_members(
    ctx: Loyalty,
    merchant_id: int,
    order: ImportOrder,
    *,
    progress: Progress = lambda _rows: None,
) -> ImportReport:
    """What would become of each row; nothing is changed.

    Raises:
        InvalidInput: field `file`: no such list; the card counts something else.
        NotOpen, MerchantSuspended, NotFound: the programme takes nobody.
    """
    plan = _plan(ctx, merchant_id, order)
    tally = Tally()
    contacts: dict[bytes, int] = {}
    rows = _asked(order)
    while part := list(islice(rows, LOOKED_AT_ONCE)):
        with open_work(ctx.database, merchant_id, clock=ctx.clock, writing=False) as work:
            for row in _good(part, tally):
                try:
                    tally.add(_look(plan, work, row, contacts), row.units)
                except WalletError as error:
                    tally.complain(InvalidInput(error.message, field=f"line {row.line}"))
        progress(tally.fates.total() + tally.bad)
    return tally.report()


def import_members(
    ctx: Loyalty,
    merchant_id: int,
    order: ImportOrder,
    *,
    progress: Progress = lambda _rows: None,
) -> ImportReport:
    """Take the rows over; a row that cannot be is told and does not stop the others.

    Raises:
        InvalidInput: as `judge_members`; field `good_only`: the list has bad rows.
        NotOpen, MerchantSuspended, NotFound: the programme takes nobody.
    """
    plan = _plan(ctx, merchant_id, order)
    if not order.good_only:
        _demand_good(judge_members(ctx, merchant_id, order))
    tally = Tally()
    rows = _asked(order)
    while part := list(islice(rows, SLICE)):
        _take(plan, list(_good(part, tally)), tally)
        progress(tally.fates.total() + tally.bad)
    report = tally.report()
    if report.to_do:
        _note(plan, report)
    return report


def _demand_good(report: ImportReport) -> None:
    if report.bad:
        first = report.complaints[0]
        raise InvalidInput(
            _(
                "%(bad)d rows cannot be taken over, the first is %(line)s: %(why)s Mend them, or "
                "take the good rows only.",
                bad=report.bad,
                line=first.field,
                why=first.message,
            ),
            field="good_only",
        )


def _plan(ctx: Loyalty, merchant_id: int, order: ImportOrder) -> _Plan:
    with open_work(ctx.database, merchant_id, clock=ctx.clock, writing=False) as work:
        merchant = work.merchants.get()
        programme = work.programmes.get(order.programme_id)
        if programme.kind != "card":
            raise NotFound(_("There is no such programme."))
        refuse_closed(merchant, programme)
        terms = work.programmes.terms(programme.id)
    return _Plan(
        ctx=ctx,
        merchant_id=merchant_id,
        programme=programme,
        unit=_unit(terms, order.listed.counts),
        country=merchant.country,
        language=merchant.language,
        actor=order.actor,
    )


def _unit(terms: AnyTerms, column: str) -> str:
    """The unit that is credited, empty for the programme's first.

    Raises:
        InvalidInput: field `file`; the list counts stamps, and the card points.
    """
    first = first_unit(terms)
    if column in {"", "balance", first}:
        return ""
    if column in units_of(terms):
        return column
    if column == ("stamps" if has_stamps(terms) else "points") and _is_plain(terms):
        return ""
    raise InvalidInput(
        _(
            "The list counts %(column)s, and this card %(unit)s. Choose another card, or name the "
            "column %(unit)s.",
            column=column,
            unit=first,
        ),
        field="file",
    )


def _is_plain(terms: AnyTerms) -> bool:
    """Whether the first unit is stamps or points, under whatever name."""
    if not isinstance(terms, ProgrammeTerms):
        return True
    return terms.units[0].kind in {UnitKind.STAMPS, UnitKind.POINTS}


def _asked(order: ImportOrder) -> Iterator[MemberRow | InvalidInput]:
    below = (row for row in order.listed.rows() if _line_of(row) > order.after_line)
    return islice(below, order.rows_max)


def _line_of(row: MemberRow | InvalidInput) -> int:
    return row.line if isinstance(row, MemberRow) else line_number(row.field)


def _good(part: Iterable[MemberRow | InvalidInput], tally: Tally) -> Iterator[MemberRow]:
    for row in part:
        tally.last_line = _line_of(row)
        if isinstance(row, MemberRow):
            yield row
        else:
            tally.complain(row)


def _look(plan: _Plan, work: UnitOfWork, row: MemberRow, contacts: dict[bytes, int]) -> Fate:
    if _is_here(plan, work, row):
        return Fate.AGAIN
    rules = work.joining.door(plan.programme.id).rules
    person = checked_person(plan.request(row), plan.programme, rules, country=plan.country)
    check_balance(row.units, LIMITS)
    seals = ContactSeals(plan.ctx.keyring, plan.merchant_id)
    member = known_member(work, plan.programme.id, person, seals=seals)
    if member is not None:
        _demand_ours(plan, member)
        return Fate.JOINED
    seen = [
        contacts.setdefault(index, row.line) for index in seals.indexes(person.email, person.phone)
    ]
    return Fate.JOINED if any(line != row.line for line in seen) else Fate.NEW


def _is_here(plan: _Plan, work: UnitOfWork, row: MemberRow) -> bool:
    """Whether the row was brought in before, as it stands.

    Raises:
        Conflict: with another balance, or its card ended since; the code is one of ours.
    """
    pass_id = pass_of_old_code(work, row.code)
    before = brought_before(work, row.code)
    if pass_id is not None:
        if work.passes.get(pass_id).programme_id != plan.programme.id:
            raise Conflict(_("This code is on another card of this shop."))
        credited = before.units if before else 0
        same_unit = before is None or before.unit == (plan.unit or plan.programme.unit)
        if credited != row.units or not same_unit:
            raise Conflict(
                _("This code is here already with another balance, which was left as it is.")
            )
        return True
    if before is not None or was_brought(work, row.code):
        raise Conflict(_("This card was brought in before and has ended since."))
    number = check_member_number(row.code)
    if number and work.members.by_number(number) is not None:
        raise Conflict(_("This code is the number of a card from here."))
    return False


def _take(plan: _Plan, rows: list[MemberRow], tally: Tally) -> None:
    """A slice in one transaction; where that fails, row by row."""
    if not rows:
        return
    try:
        done = _write(plan, rows)
    except (WalletError, KeyTaken):
        for row in rows:
            _take_one(plan, row, tally)
        return
    for row, fate in zip(rows, done, strict=True):
        tally.add(fate, row.units)


def _take_one(plan: _Plan, row: MemberRow, tally: Tally) -> None:
    for attempt in range(TRIES_MAX):
        try:
            (fate,) = _write(plan, [row])
        except (MemberExists, KeyTaken):
            # Somebody took the number, the contact or the code in between; the next look sees it.
            if attempt == TRIES_MAX - 1:
                message = _("Somebody else brings this card in at the moment. Try again.")
                tally.complain(InvalidInput(message, field=f"line {row.line}"))
        except WalletError as error:
            if error.retryable or error.status >= 500:  # noqa: PLR2004 - not the row's fault
                raise
            tally.complain(InvalidInput(error.message, field=f"line {row.line}"))
            return
        else:
            tally.add(fate, row.units)
            return


def _write(plan: _Plan, rows: list[MemberRow]) -> list[Fate]:
    return run_work(
        plan.ctx.database,
        plan.merchant_id,
        lambda work: [_bring(plan, work, row) for row in rows],
        clock=plan.ctx.clock,
    )


def _bring(plan: _Plan, work: UnitOfWork, row: MemberRow) -> Fate:
    if _is_here(plan, work, row):
        return Fate.AGAIN
    enrolled = enrol_in(
        work, plan.request(row), merchant_id=plan.merchant_id, keyring=plan.ctx.keyring
    )
    if enrolled.known:
        member = work.members.get(enrolled.member_id)
        _demand_ours(plan, member)
        if member.candidate_until is not None:
            work.members.add_purchases_before(member.id, row.purchases)
    card = work.passes.current_of_member(enrolled.member_id)
    add_old_code(work, card.id, row.code)
    if not row.units:
        # No movement will tell later that it came in.
        note_brought(work, plan.programme.id, row.code)
    bring_units(work, enrolled.member_id, plan.brought(row), actor=plan.actor)
    return Fate.JOINED if enrolled.known else Fate.NEW


def _demand_ours(plan: _Plan, member: Member) -> None:
    if member.state != MemberState.ACTIVE:
        raise Conflict(_("This membership has ended."))
    if member.programme_id != plan.programme.id:
        raise Conflict(_("This member belongs to another programme."))


def _note(plan: _Plan, report: ImportReport) -> None:
    run_work(
        plan.ctx.database,
        plan.merchant_id,
        lambda work: work.audit.add(
            actor=plan.actor,
            action="members.import",
            subject_kind="programme",
            subject_id=plan.programme.id,
            detail={
                "new": report.new,
                "joined": report.joined,
                "again": report.again,
                "units": report.units,
                "refused": report.bad,
            },
        ),
        clock=plan.ctx.clock,
    )
