"""Open, announce or close a programme, and say who may join it.

Not done here: judging who stands at the door (admission.py), the three questions of the programme's
own (programmes.py), who wants to be told (waiting.py), sources and invitations (join_links.py).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from common.actor import Actor
from common.errors import InvalidInput, InvalidInputs
from common.i18n import gettext as _
from loyalty.context import Loyalty
from loyalty.member_details import one_line
from loyalty.programmes import Ask
from loyalty.waiting import tell_waiting
from storage.join_rules import JoinRules as JoinRules  # noqa: PLC0414 - known from here too
from storage.join_rules import ProgrammeState
from storage.join_rules import Question as Question  # noqa: PLC0414
from storage.join_rules import Who as Who  # noqa: PLC0414
from storage.joining import Door
from storage.unit_of_work import UnitOfWork, open_work, run_work

QUESTIONS_MAX: Final = 5
QUESTION_MAX: Final = 120
PURCHASES_MAX: Final = 100
PILOT_MAX: Final = 100_000
ASKED: Final = ("address", "birthday", "brand")
EXPLAINED: Final = ("name", "email", "phone", *ASKED)
_KEY: Final = re.compile(r"[a-z0-9]{1,12}")


@dataclass(frozen=True, slots=True, kw_only=True)
class DoorPage:
    """What the console shows of a programme's door."""

    door: Door
    members: int
    pilots: int
    waiting: int


def door_page(ctx: Loyalty, merchant_id: int, programme_id: int) -> DoorPage:
    """A programme's door and who stands at it.

    Raises:
        NotFound: it is not this merchant's.
    """
    with open_work(ctx.database, merchant_id, clock=ctx.clock, writing=False) as work:
        return DoorPage(
            door=work.joining.door(programme_id),
            members=work.joining.active_members(programme_id),
            pilots=work.joining.pilots(programme_id),
            waiting=work.joining.waiting(programme_id),
        )


def set_state(
    ctx: Loyalty,
    merchant_id: int,
    programme_id: int,
    state: str,
    *,
    opens_at: datetime | None = None,
    actor: Actor,
) -> int:
    """Open, announce or close; who waited for an opening is told. How many were told is returned.

    Raises:
        InvalidInput: field `state`; no such state, or announced without a day (`opens_at`).
        NotFound: it is not this merchant's.
    """
    if state not in set(ProgrammeState):
        raise InvalidInput(_("Choose one of the states."), field="state")
    wanted = ProgrammeState(state)
    if wanted is ProgrammeState.ANNOUNCED and opens_at is None:
        raise InvalidInput(_("Say the day on which it opens."), field="opens_at")
    keeps_day = wanted in {ProgrammeState.ANNOUNCED, ProgrammeState.DRAFT}

    def action(work: UnitOfWork) -> None:
        before = work.joining.door(programme_id)
        day = opens_at if keeps_day else None
        work.joining.set_state(programme_id, wanted, opens_at=day)
        if before.state is not wanted:
            _note(work, actor, "programme.state", programme_id, state=str(wanted))

    run_work(ctx.database, merchant_id, action, clock=ctx.clock)
    if wanted is not ProgrammeState.LIVE:
        return 0
    return tell_waiting(ctx, merchant_id, programme_id)


def set_join_rules(
    ctx: Loyalty, merchant_id: int, programme_id: int, rules: JoinRules, *, actor: Actor
) -> None:
    """Say who may join and what they are asked; members who joined before stay as they are.

    Raises:
        InvalidInputs: with the form's field names.
        NotFound: it is not this merchant's.
    """
    checked = check_rules(rules)

    def action(work: UnitOfWork) -> None:
        if work.joining.door(programme_id).rules == checked:
            return
        work.joining.set_rules(programme_id, checked)
        _note(work, actor, "programme.joining", programme_id, who=str(checked.who))

    run_work(ctx.database, merchant_id, action, clock=ctx.clock)


def check_rules(rules: JoinRules) -> JoinRules:
    """The rules in their clean form.

    Raises:
        InvalidInputs: fields `interest`, `purchases`, `pilot_max`, `ask_<field>`, `why_<field>`,
            `question_<key>`.
    """
    complaints: list[InvalidInput] = []
    interest = _text(rules.interest, "interest", complaints)
    if rules.who is Who.INTEREST and not interest:
        complaints.append(
            InvalidInput(_("Write the question, such as: Do you have a dog?"), field="interest")
        )
    if rules.who is Who.PURCHASES and not 1 <= rules.purchases <= PURCHASES_MAX:
        complaints.append(
            InvalidInput(_("Use 1 to %(max)d purchases.", max=PURCHASES_MAX), field="purchases")
        )
    if rules.pilot_max is not None and not 1 <= rules.pilot_max <= PILOT_MAX:
        complaints.append(
            InvalidInput(_("Use 1 to %(max)d places.", max=PILOT_MAX), field="pilot_max")
        )
    _check_asks({f"ask_{name}": rules.asks(name) for name in ASKED}, complaints)
    why = {name: _text(rules.why.get(name, ""), f"why_{name}", complaints) for name in EXPLAINED}
    questions = _questions(rules.questions, complaints)
    if complaints:
        raise InvalidInputs(complaints)
    return JoinRules(
        who=rules.who,
        interest=interest,
        purchases=rules.purchases if rules.who is Who.PURCHASES else 0,
        pilot_max=rules.pilot_max,
        ask={name: rules.asks(name) for name in ASKED},
        why={name: text for name, text in why.items() if text},
        questions=questions,
    )


def _questions(
    questions: Sequence[Question], complaints: list[InvalidInput]
) -> tuple[Question, ...]:
    found = []
    for one in questions[:QUESTIONS_MAX]:
        field = f"question_{one.key}"
        text = _text(one.text, field, complaints)
        if not text:
            continue
        if not _KEY.fullmatch(one.key):
            complaints.append(InvalidInput(_("Open the page again."), field=field))
        _check_asks({f"ask_{one.key}": one.ask}, complaints)
        why = _text(one.why, f"why_{one.key}", complaints)
        found.append(Question(key=one.key, text=text, ask=one.ask, why=why))
    return tuple(found)


def _check_asks(asks: Mapping[str, str], complaints: list[InvalidInput]) -> None:
    complaints += [
        InvalidInput(_("Choose off, optional or required."), field=field)
        for field, value in asks.items()
        if value not in set(Ask)
    ]


def _text(text: str, field: str, complaints: list[InvalidInput]) -> str:
    """One line of the owner's, shown to customers."""
    if len(text) > QUESTION_MAX:
        complaints.append(
            InvalidInput(_("Use at most %(max)d characters.", max=QUESTION_MAX), field=field)
        )
        return ""
    return one_line(text)


def _note(work: UnitOfWork, actor: Actor, action: str, programme_id: int, **detail: str) -> None:
    work.audit.add(
        actor=actor,
        action=action,
        subject_kind="programme",
        subject_id=programme_id,
        detail=detail,
    )
