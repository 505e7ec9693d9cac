"""What members send in for an activity, and what the owner decides about it.

Rules:
- A claim counts once, whoever taps how often: it has a turn, and its units one key.
- Only a few chances: the cap of a member, of its days and of the whole; who is refused may try
  again, three times as often as the cap allows and no more.
- What waits for the owner moves nothing; what needs no look is given at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from common.actor import SYSTEM, Actor
from common.errors import Conflict, InvalidInput, NotFound
from common.i18n import gettext as _
from common.ids import new_id
from ledger.given_reasons import ACTIVITY
from loyalty.activities import ActivityForm, ActivityKind, form_of
from loyalty.context import Loyalty
from loyalty.give_units import give_units
from loyalty.open_card import CardId
from passes.member_photos import render_photo
from signing.keyring import Keyring
from signing.sealing import seal, unseal
from storage.activities import Activities, Activity, Claim, ClaimState
from storage.members import Member
from storage.unit_of_work import UnitOfWork, open_work, run_work

TEXT_MAX: Final = 1000
REASON_MAX: Final = 200
STARS_MAX: Final = 5
TRIES_OF_CHANCES: Final = 3
BIRTHDAY_DAYS: Final = 7
COLUMN: Final = "activity_claim.body"
MONTH: Final = 100


class NoChance(Conflict):
    """There is no chance left for this."""

    code = "no_chance"


class NotYet(Conflict):
    """This cannot be done just now."""

    code = "not_yet"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What a member sends in, as typed; `photo` are the bytes of an upload."""

    text: str = ""
    stars: int | None = None
    photo: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimView:
    """A claim in the owner's queue."""

    id: int
    activity: str
    kind: str
    units: int
    unit: str
    member_id: int
    member_name: str
    state: str
    text: str
    stars: int | None
    has_photo: bool
    shown: bool
    can_show: bool
    reason: str
    created_at: datetime


def send_in(ctx: Loyalty, card: CardId, activity_id: int, entry: Entry) -> ClaimState:
    """Send in what was done; what became of it is returned.

    Raises:
        NotFound: there is no such activity for this card.
        NoChance: every chance was used. NotYet: it is too early, or something is missing.
        InvalidInput: fields `text`, `stars`, `photo`.
    """
    with open_work(ctx.database, card.merchant_id, clock=ctx.clock, writing=False) as work:
        kind = _offered(work, card, activity_id).kind
    # Pictures are read before the transaction: it takes long.
    photo = _photo(entry, ActivityKind(kind))

    def action(work: UnitOfWork) -> ClaimState:
        member = work.members.get(card.member_id)
        work.rules.hold([member.id])
        stored = _offered(work, card, activity_id)
        form = form_of(stored)
        text = _checked(form, entry)
        turn = _turn(work, stored, form, member)
        _check_moment(work, form, member)
        sealed = None
        if text:
            sealed = seal(ctx.keyring, text.encode(), merchant_id=card.merchant_id, column=COLUMN)
        claim = Claim(
            id=new_id(),
            activity_id=stored.id,
            member_id=member.id,
            turn=turn,
            state=ClaimState.WAITING,
            body_sealed=sealed,
            stars=entry.stars if form.kind is ActivityKind.REVIEW else None,
            photo=photo,
            created_at=work.clock.now(),
        )
        if not Activities(work.scope).add_claim(claim):
            raise NoChance(_("This was sent in a moment ago."))
        if form.approval:
            return ClaimState.WAITING
        _give(work, stored, claim, actor=SYSTEM)
        return ClaimState.APPROVED

    return run_work(ctx.database, card.merchant_id, action, clock=ctx.clock)


def approve_claim(
    ctx: Loyalty, merchant_id: int, claim_id: int, *, shown: bool = False, actor: Actor
) -> None:
    """Give what was promised for it; `shown` lets the shop's site show it.

    Raises:
        NotFound: no such claim. Conflict: it was decided before.
    """

    def action(work: UnitOfWork) -> None:
        activities = Activities(work.scope)
        claim = activities.claim(claim_id)
        stored = activities.get(claim.activity_id)
        if claim.state != ClaimState.WAITING:
            raise Conflict(_("This was decided before."))
        _give(work, stored, claim, actor=actor)
        if shown and form_of(stored).embed:
            activities.change_claim(claim.id, shown=True)
        _note(work, actor, "activity.approve", claim_id)

    run_work(ctx.database, merchant_id, action, clock=ctx.clock)


def refuse_claim(
    ctx: Loyalty, merchant_id: int, claim_id: int, *, reason: str, actor: Actor
) -> None:
    """Give nothing for it; the member reads the reason.

    Raises:
        InvalidInput: field `reason`. NotFound: no such claim. Conflict: it was decided before.
    """
    words = " ".join(reason.split())
    if not 1 <= len(words) <= REASON_MAX:
        raise InvalidInput(_("Say why, in at most 200 characters."), field="reason")

    def action(work: UnitOfWork) -> None:
        activities = Activities(work.scope)
        activities.claim(claim_id)
        if not activities.decide(claim_id, ClaimState.REFUSED, reason=words, decided_by=actor.id):
            raise Conflict(_("This was decided before."))
        _note(work, actor, "activity.refuse", claim_id)

    run_work(ctx.database, merchant_id, action, clock=ctx.clock)


def claim_queue(
    ctx: Loyalty, merchant_id: int, *, state: str = ClaimState.WAITING, before_id: int | None = None
) -> list[ClaimView]:
    """What waits for the owner, or was decided, the newest first."""
    with open_work(ctx.database, merchant_id, clock=ctx.clock, writing=False) as work:
        activities = Activities(work.scope)
        found = activities.queue(ClaimState(state), before_id=before_id)
        return [_view(ctx.keyring, work, one) for one in found]


def find_claim(ctx: Loyalty, merchant_id: int, claim_id: int) -> ClaimView:
    """One claim.

    Raises:
        NotFound: this merchant has none with that id.
    """
    with open_work(ctx.database, merchant_id, clock=ctx.clock, writing=False) as work:
        return _view(ctx.keyring, work, Activities(work.scope).claim(claim_id))


def claim_photo(ctx: Loyalty, merchant_id: int, claim_id: int) -> bytes:
    """The photo of a claim, PNG.

    Raises:
        NotFound: there is none.
    """
    with open_work(ctx.database, merchant_id, clock=ctx.clock, writing=False) as work:
        photo = Activities(work.scope).claim(claim_id).photo
    if photo is None:
        raise NotFound(_("There is no photo."))
    return bytes(photo)


def opened_text(keyring: Keyring, merchant_id: int, claim: Claim) -> str:
    """What a member typed, empty where nothing is kept."""
    if claim.body_sealed is None:
        return ""
    return unseal(keyring, claim.body_sealed, merchant_id=merchant_id, column=COLUMN).decode()


def chances_left(stored: Activity, claims: list[Claim], *, now: datetime, total: int) -> int:
    """How often a member may still; `claims` are theirs of this activity, `total` all that stand."""
    form = form_of(stored)
    since = now - timedelta(days=form.days) if form.days else None
    recent = [one for one in claims if since is None or one.created_at > since]
    standing = sum(one.state != ClaimState.REFUSED for one in recent)
    left = min(form.chances - standing, form.chances * TRIES_OF_CHANCES - len(recent))
    if form.total is not None:
        left = min(left, form.total - total)
    return max(0, left)


def _offered(work: UnitOfWork, card: CardId, activity_id: int) -> Activity:
    stored = Activities(work.scope).get(activity_id)
    member = work.members.get(card.member_id)
    if not stored.active or stored.programme_id != member.programme_id:
        raise NotFound(_("There is no such activity."))
    return stored


def _turn(work: UnitOfWork, stored: Activity, form: ActivityForm, member: Member) -> int:
    activities = Activities(work.scope)
    claims = activities.of_member(member.id, stored.id)
    total = activities.count(stored.id) if form.total is not None else 0
    if not chances_left(stored, claims, now=work.clock.now(), total=total):
        raise NoChance(_("You have done this as often as it counts."))
    return max((one.turn for one in claims), default=0) + 1


def _checked(form: ActivityForm, entry: Entry) -> str:
    text = "".join(one for one in entry.text if one.isprintable() or one == "\n").strip()
    if len(text) > TEXT_MAX:
        raise InvalidInput(_("Use at most %(count)d characters.", count=TEXT_MAX), field="text")
    needs_text = {ActivityKind.REVIEW, ActivityKind.QUESTION, ActivityKind.RECEIPT}
    if form.kind in needs_text and not text:
        raise InvalidInput(_("Write something here."), field="text")
    if form.kind is ActivityKind.REVIEW and (
        type(entry.stars) is not int or not 1 <= entry.stars <= STARS_MAX
    ):
        raise InvalidInput(_("Choose one to five stars."), field="stars")
    return text


def _photo(entry: Entry, kind: ActivityKind) -> bytes | None:
    if kind is ActivityKind.PHOTO:
        return render_photo(entry.photo).data
    if entry.photo and kind in {ActivityKind.REVIEW, ActivityKind.RECEIPT}:
        return render_photo(entry.photo).data
    return None


def _check_moment(work: UnitOfWork, form: ActivityForm, member: Member) -> None:
    now = work.clock.now()
    match form.kind:
        case ActivityKind.PROFILE if not (member.birthday or member.details_sealed):
            raise NotYet(_("Fill in your birthday or your address first, under “What is kept”."))
        case ActivityKind.BIRTHDAY if not _near_birthday(work, member, now):
            raise NotYet(_("This is for the week of your birthday."))
        case ActivityKind.SHARE:
            bought = Activities(work.scope).last_sale(member.id)
            if bought is None or now - bought < timedelta(hours=form.hours):
                raise NotYet(_("This is asked %(hours)d hours after a purchase.", hours=form.hours))


def _near_birthday(work: UnitOfWork, member: Member, now: datetime) -> bool:
    if member.birthday is None:
        return False
    today = now.astimezone(ZoneInfo(work.merchants.get().time_zone)).date()
    month, day = divmod(member.birthday, MONTH)
    return any(
        abs((_on(year, month, day) - today).days) <= BIRTHDAY_DAYS
        for year in (today.year - 1, today.year, today.year + 1)
    )


def _on(year: int, month: int, day: int) -> date:
    try:
        return date(year, month, day)
    except ValueError:
        return date(year, 2, 28)  # 29 February in a year without one


def _give(work: UnitOfWork, stored: Activity, claim: Claim, *, actor: Actor) -> None:
    activities = Activities(work.scope)
    if not activities.decide(claim.id, ClaimState.APPROVED, decided_by=actor.id):
        raise Conflict(_("This was decided before."))
    operation_id = give_units(
        work,
        claim.member_id,
        units=stored.units,
        unit=stored.unit,
        rule=ACTIVITY,
        what=stored.kind,
        actor=actor,
        key=f"activity-{claim.id}",
    )
    activities.change_claim(claim.id, operation_id=operation_id)


def _view(keyring: Keyring, work: UnitOfWork, claim: Claim) -> ClaimView:
    stored = Activities(work.scope).get(claim.activity_id)
    return ClaimView(
        id=claim.id,
        activity=stored.name,
        kind=stored.kind,
        units=stored.units,
        unit=stored.unit,
        member_id=claim.member_id,
        member_name=work.members.get(claim.member_id).name,
        state=claim.state,
        text=opened_text(keyring, work.scope.merchant, claim),
        stars=claim.stars,
        has_photo=claim.photo is not None,
        shown=claim.shown,
        can_show=bool(form_of(stored).embed),
        reason=claim.reason,
        created_at=claim.created_at,
    )


def _note(work: UnitOfWork, actor: Actor, action: str, claim_id: int) -> None:
    work.audit.add(
        actor=actor, action=action, subject_kind="activity_claim", subject_id=claim_id, detail={}
    )
