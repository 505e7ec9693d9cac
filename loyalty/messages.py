"""Messages to phones: what an owner writes, to whom, when, and what came of it.

Not done here: choosing and telling cards (the worker), what a face shows (storage/faces.py).

Rules:
- a text is one short paragraph per language, plain text: wallets show it as it is;
- at least one of the programme's languages has a text, and the others fall back to it;
- sending is audited, and so are stop and withdrawal; who said no is never meant.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from common.actor import Actor
from common.errors import Conflict, InvalidInput, InvalidInputs, NotFound
from common.i18n import gettext as _
from common.ids import new_id
from ledger.any_terms import first_unit, goal_of, has_stamps
from loyalty.context import Loyalty
from storage.messages import GOING, Message, MessageResult, MessageState, Reach
from storage.segments import Segment, SegmentKind, birthday_week, cards_of, knows_birthdays
from storage.unit_of_work import UnitOfWork, open_work, run_work

TEXT_MAX: Final = 200
DAYS_MAX: Final = 60
AHEAD_MAX: Final = timedelta(days=366)
MESSAGES_GOING_MAX: Final = 5
# The most that one push adds to a phone's score of us (delivery/pace.py).
PUSH_SCORE: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class NewMessage:
    """What an owner wrote. `send_at` None is now; `days` is how long cards show it."""

    programme_id: int
    segment: Segment
    texts: Mapping[str, str]
    loud: bool = True
    send_at: datetime | None = None
    days: int = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What sending would do: the phones it reaches and how long it takes, in whole minutes."""

    reach: Reach
    minutes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MessagePage:
    """One message with what came of it; `programme` is its name."""

    message: Message
    programme: str
    result: MessageResult
    can_stop: bool
    can_withdraw: bool


def segment_for(
    ctx: Loyalty,
    merchant_id: int,
    programme_id: int,
    kind: str,
    *,
    location_id: int | None = None,
    tier: str = "",
) -> Segment:
    """The segment an owner chose, complete.

    Raises:
        InvalidInput: field `segment`, `location_id` or `tier`: it does not exist for this card.
    """
    try:
        chosen = SegmentKind(kind)
    except ValueError as error:
        raise InvalidInput(_("Choose who gets the message."), field="segment") from error
    with open_work(ctx.database, merchant_id, clock=ctx.clock, writing=False) as work:
        if chosen is SegmentKind.BRANCH:
            if location_id not in {one.id for one in work.places.all()}:
                raise InvalidInput(_("Choose a branch."), field="location_id")
            return Segment(kind=chosen, location_id=location_id)
        if chosen is SegmentKind.ALMOST:
            return _almost(work, programme_id)
        if chosen is SegmentKind.BIRTHDAY and not knows_birthdays(work.scope, programme_id):
            raise InvalidInput(_("No member of this card has told a birthday."), field="segment")
    if chosen is SegmentKind.TIER:
        if tier not in tiers_of(ctx, merchant_id, programme_id):
            raise InvalidInput(_("Choose a tier of this card."), field="tier")
        return Segment(kind=chosen, tier=tier)
    return Segment(kind=chosen)


def tiers_of(ctx: Loyalty, merchant_id: int, programme_id: int) -> dict[str, str]:
    """The names of the card's tiers by code; empty when it has none."""
    with open_work(ctx.database, merchant_id, clock=ctx.clock, writing=False) as work:
        terms = work.programmes.terms(programme_id)
    tiers = getattr(terms, "tiers", None)
    return {level.code: level.name for level in tiers.levels} if tiers else {}


def counts_stamps(ctx: Loyalty, merchant_id: int, programme_id: int) -> bool:
    """Whether "one stamp left" means something for this card."""
    with open_work(ctx.database, merchant_id, clock=ctx.clock, writing=False) as work:
        terms = work.programmes.terms(programme_id)
    return has_stamps(terms) and bool(goal_of(terms))


def has_birthdays(ctx: Loyalty, merchant_id: int, programme_id: int) -> bool:
    """Whether a message to birthdays would ever mean anybody."""
    with open_work(ctx.database, merchant_id, clock=ctx.clock, writing=False) as work:
        return knows_birthdays(work.scope, programme_id)


def languages_of(ctx: Loyalty, merchant_id: int, programme_id: int) -> tuple[str, ...]:
    """The languages the card speaks, its own first.

    Raises:
        NotFound: no such programme.
    """
    with open_work(ctx.database, merchant_id, clock=ctx.clock, writing=False) as work:
        programme = work.programmes.get(programme_id)
        version = programme.design_version
        return work.programmes.design(programme_id, version).design.languages if version else ()


def check_message(ctx: Loyalty, merchant_id: int, new: NewMessage) -> NewMessage:
    """The message in the form that is sent.

    Raises:
        InvalidInputs: fields `text_<language>`, `days` and `send_at`.
        Conflict: the card was never published.
    """
    complaints: list[InvalidInput] = []
    texts = {}
    spoken = languages_of(ctx, merchant_id, new.programme_id)
    for language in spoken:
        text = clean_text(new.texts.get(language, ""))
        if len(text) > TEXT_MAX:
            complaints.append(
                InvalidInput(
                    _("Use at most %(max)d characters: phones cut longer ones.", max=TEXT_MAX),
                    field=f"text_{language}",
                )
            )
        if text:
            texts[language] = text
    if not spoken:
        raise Conflict(_("This card is not published yet, so nobody has it."))
    if not texts and not complaints:
        complaints.append(InvalidInput(_("Write the message."), field=f"text_{spoken[0]}"))
    if not 1 <= new.days <= DAYS_MAX:
        complaints.append(InvalidInput(_("Choose 1 to %(max)d days.", max=DAYS_MAX), field="days"))
    now = ctx.clock.now()
    if new.send_at is not None and not now - timedelta(minutes=5) <= new.send_at <= now + AHEAD_MAX:
        complaints.append(
            InvalidInput(_("Choose a time from now on, within a year."), field="send_at")
        )
    if complaints:
        raise InvalidInputs(complaints)
    return NewMessage(
        programme_id=new.programme_id,
        segment=_dated(ctx, merchant_id, new),
        texts=texts,
        loud=new.loud,
        send_at=new.send_at,
        days=new.days,
    )


def clean_text(text: str) -> str:
    """One paragraph: NFC, no control characters, single spaces."""
    plain = "".join(
        " " if unicodedata.category(symbol) in {"Cc", "Cs", "Zl", "Zp"} else symbol
        for symbol in unicodedata.normalize("NFC", text[: TEXT_MAX * 10])
    )
    return " ".join(plain.split())


def forecast(ctx: Loyalty, merchant_id: int, new: NewMessage) -> Forecast:
    """How many phones, and how long it would take. Reads only."""
    with open_work(ctx.database, merchant_id, clock=ctx.clock, writing=False) as work:
        work.programmes.get(new.programme_id)
        cards = cards_of(work.scope, new.programme_id, new.segment)
        reach = work.messages.reach(cards, push_score_max=ctx.settings.push_burst - PUSH_SCORE)
    seconds = max(
        reach.cards / ctx.settings.cards_per_s,
        reach.google_cards * (2 if new.loud else 1) / ctx.settings.google_requests_per_s,
    )
    return Forecast(reach=reach, minutes=max(1, math.ceil(seconds / 60)))


def send_message(ctx: Loyalty, merchant_id: int, new: NewMessage, *, actor: Actor) -> int:
    """Keep a message for its time; the worker does the rest. Its id is returned.

    Raises:
        InvalidInputs: what `check_message` refuses.
        Conflict: the card was never published, or too many messages are on their way.
        NotFound: no such programme.
    """
    checked = check_message(ctx, merchant_id, new)
    message_id = new_id()

    def action(work: UnitOfWork) -> int:
        going = [one for one in work.messages.all() if one.state in GOING]
        if len(going) >= MESSAGES_GOING_MAX:
            raise Conflict(
                _("%(count)d messages are on their way. Stop one first.", count=len(going))
            )
        work.messages.add(_message(ctx, checked, message_id, actor=actor))
        _audit(work, actor, "message.send", message_id)
        return message_id

    return run_work(ctx.database, merchant_id, action, clock=ctx.clock)


def stop_message(ctx: Loyalty, merchant_id: int, message_id: int, *, actor: Actor) -> None:
    """Tell no further card; those that were told keep it.

    Raises:
        NotFound: no such message.
        Conflict: it is not on its way any more.
    """

    def action(work: UnitOfWork) -> None:
        message = _find(work, message_id)
        if message.state not in GOING:
            raise Conflict(_("This message is not on its way any more."))
        work.messages.end_changes(message_id)
        work.outbox.drop_message(message_id)
        work.messages.set(message_id, state=MessageState.STOPPED, ended_at=work.clock.now())
        _audit(work, actor, "message.stop", message_id)

    run_work(ctx.database, merchant_id, action, clock=ctx.clock)


def withdraw_message(ctx: Loyalty, merchant_id: int, message_id: int, *, actor: Actor) -> None:
    """Take the words off every card that was told; phones do not ring for that.

    Raises:
        NotFound: no such message.
        Conflict: no card shows it any more.
    """

    def action(work: UnitOfWork) -> None:
        message = _find(work, message_id)
        if message.state in {MessageState.WITHDRAWN, MessageState.OVER}:
            raise Conflict(_("No card shows this message any more."))
        work.messages.end_changes(message_id)
        work.outbox.drop_message(message_id)
        work.messages.set(message_id, state=MessageState.WITHDRAWN, ended_at=work.clock.now())
        if message.cards:
            work.messages.begin_change(message, new_id())
        _audit(work, actor, "message.withdraw", message_id)

    run_work(ctx.database, merchant_id, action, clock=ctx.clock)


def list_messages(ctx: Loyalty, merchant_id: int) -> list[Message]:
    """The merchant's messages, the newest first."""
    with open_work(ctx.database, merchant_id, clock=ctx.clock, writing=False) as work:
        return work.messages.all()


def message_page(ctx: Loyalty, merchant_id: int, message_id: int) -> MessagePage:
    """A message with what came of it.

    Raises:
        NotFound: no such message.
    """
    with open_work(ctx.database, merchant_id, clock=ctx.clock, writing=False) as work:
        message = _find(work, message_id, lock=False)
        return MessagePage(
            message=message,
            programme=work.programmes.get(message.programme_id).name,
            result=work.messages.result(message),
            can_stop=message.state in GOING,
            can_withdraw=message.state
            in {MessageState.SENDS, MessageState.SENT, MessageState.STOPPED},
        )


def _dated(ctx: Loyalty, merchant_id: int, new: NewMessage) -> Segment:
    """Birthdays are those of the week that begins when the message goes, by the shop's calendar."""
    if new.segment.kind is not SegmentKind.BIRTHDAY:
        return new.segment
    with open_work(ctx.database, merchant_id, clock=ctx.clock, writing=False) as work:
        zone = ZoneInfo(work.merchants.get().time_zone)
    begins = max(new.send_at or ctx.clock.now(), ctx.clock.now())
    return replace(new.segment, birthdays=birthday_week(begins.astimezone(zone).date()))


def _almost(work: UnitOfWork, programme_id: int) -> Segment:
    terms = work.programmes.terms(programme_id)
    goal = goal_of(terms)
    if not has_stamps(terms) or not goal:
        raise InvalidInput(_("This card counts no stamps."), field="segment")
    return Segment(kind=SegmentKind.ALMOST, unit=first_unit(terms), goal=goal)


def _message(ctx: Loyalty, new: NewMessage, message_id: int, *, actor: Actor) -> Message:
    now = ctx.clock.now()
    send_at = max(new.send_at or now, now)
    return Message(
        id=message_id,
        programme_id=new.programme_id,
        state=MessageState.WAITS,
        segment=new.segment.to_document(),
        texts=dict(new.texts),
        loud=new.loud,
        send_at=send_at,
        ends_at=send_at + timedelta(days=new.days),
        cursor_id=0,
        cards=0,
        person_id=actor.id,
        started_at=None,
        ended_at=None,
        created_at=now,
    )


def _find(work: UnitOfWork, message_id: int, *, lock: bool = True) -> Message:
    found = work.messages.find(message_id, lock=lock)
    if found is None:
        raise NotFound(_("There is no such message."))
    return found


def _audit(work: UnitOfWork, actor: Actor, action: str, message_id: int) -> None:
    work.audit.add(
        actor=actor, action=action, subject_kind="message", subject_id=message_id, detail={}
    )
