"""Referrals: a member brings a friend, and both are rewarded at the friend's first purchase.

Rules:
- Never at joining: a purchase of at least the owner's amount, within the owner's days, that stands.
- A friend is somebody new: a known contact gets no second card, and so brings nothing; a browser or
  a phone that already has a card of this shop is no friend's.
- A friend counts once, for one member; past the cap the friend is rewarded and the member is not.
- What was promised when the friend joined is what both get, whatever the rule says later.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final

from common.actor import SYSTEM, Actor
from common.crockford import normalise
from common.errors import InvalidInput, InvalidInputs, NotFound, WalletError
from common.i18n import gettext as _
from common.ids import new_id
from ledger.any_terms import AnyTerms, first_unit, units_of
from ledger.given_reasons import REFERRAL
from ledger.member_state import Promise
from ledger.programme_terms import GrantKind, ProgrammeTerms
from loyalty.context import Loyalty
from loyalty.give_units import UNITS_MAX, give_units
from loyalty.open_card import CardId
from signing.tokens import join_code
from storage.members import Member, MemberState
from storage.referrals import Referral, Referrals, ReferralState
from storage.unit_of_work import UnitOfWork, open_work, run_work

AMOUNT_MAX: Final = 100_000_000
DAYS_MAX: Final = 730
CAP_MAX: Final = 1000
YEAR: Final = timedelta(days=365)
PERCENT_MAX: Final = 50
TRIES_MAX: Final = 4
CODE_TEXT_MAX: Final = 32
RULE: Final = "referral"


class Thanks(StrEnum):
    """What both get."""

    UNITS = "units"
    PERCENT = "percent"  # off the next purchase


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferralRule:
    """What bringing a friend gives.

    `least_minor` is the purchase that counts, `days` how long a friend may take for it, `cap` how
    many friends of a year count for one member. `unit` empty means the card's first.
    """

    active: bool
    thanks: Thanks
    referrer: int
    friend: int
    unit: str = ""
    least_minor: int = 0
    days: int = 90
    cap: int = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class FriendLine:
    """A friend on a member's page: a first name, and what became of it."""

    name: str
    state: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FriendsPage:
    """What a member sees of it; `link` is empty before they asked for it."""

    rule: ReferralRule | None
    link: str
    friends: tuple[FriendLine, ...]
    brought_by: str


def save_referral_rule(
    ctx: Loyalty, merchant_id: int, programme_id: int, rule: ReferralRule, *, actor: Actor
) -> None:
    """Let this be promised to whoever comes from now on.

    Raises:
        InvalidInputs: fields `referrer`, `friend`, `unit`, `least`, `days`, `cap`.
        NotFound: no such programme.
    """

    def action(work: UnitOfWork) -> None:
        if work.programmes.get(programme_id).kind != "card":
            raise NotFound(_("There is no such programme."))
        _check(rule, work.programmes.terms(programme_id))
        document = asdict(rule)
        Referrals(work.scope).put_rule(programme_id, document, active=rule.active)
        work.audit.add(
            actor=actor,
            action="referral.rule",
            subject_kind="programme",
            subject_id=programme_id,
            detail={"active": rule.active},
        )

    run_work(ctx.database, merchant_id, action, clock=ctx.clock)


def _check(rule: ReferralRule, terms: AnyTerms) -> None:
    most = UNITS_MAX if rule.thanks is Thanks.UNITS else PERCENT_MAX
    bounds = {
        "referrer": (rule.referrer, 0, most),
        "friend": (rule.friend, 0, most),
        "least": (rule.least_minor, 0, AMOUNT_MAX),
        "days": (rule.days, 1, DAYS_MAX),
        "cap": (rule.cap, 1, CAP_MAX),
    }
    complaints = [
        InvalidInput(
            _("Give a whole number from %(least)d to %(most)d.", least=least, most=top), field=name
        )
        for name, (value, least, top) in bounds.items()
        if type(value) is not int or not least <= value <= top
    ]
    if not (rule.referrer or rule.friend):
        complaints.append(InvalidInput(_("One of both must get something."), field="friend"))
    if rule.thanks is Thanks.PERCENT and not isinstance(terms, ProgrammeTerms):
        complaints.append(
            InvalidInput(
                _("This card knows only its units. Choose units, or give it rules."),
                field="thanks",
            )
        )
    if rule.unit and rule.unit not in units_of(terms):
        complaints.append(InvalidInput(_("Choose a unit of this card."), field="unit"))
    if complaints:
        raise InvalidInputs(complaints)


def read_referral_rule(ctx: Loyalty, merchant_id: int, programme_id: int) -> ReferralRule | None:
    """The rule of a programme, None where there never was one."""
    with open_work(ctx.database, merchant_id, clock=ctx.clock, writing=False) as work:
        work.programmes.get(programme_id)
        return _rule(work, programme_id)


def referral_counts(ctx: Loyalty, merchant_id: int, programme_id: int) -> dict[str, int]:
    """How many friends came, by what became of them."""
    with open_work(ctx.database, merchant_id, clock=ctx.clock, writing=False) as work:
        return Referrals(work.scope).counts(programme_id)


def friends_page(ctx: Loyalty, card: CardId) -> FriendsPage:
    """What a member sees of bringing friends."""
    with open_work(ctx.database, card.merchant_id, clock=ctx.clock, writing=False) as work:
        member = work.members.get(card.member_id)
        programme = work.programmes.get(member.programme_id)
        referrals = Referrals(work.scope)
        rule = _rule(work, programme.id)
        code = referrals.link_of(member.id)
        public_url = (work.merchants.get().public_url or ctx.settings.public_url).rstrip("/")
        friends = tuple(
            FriendLine(
                name=first_name(work.members.get(one.friend_id)), state=one.state, why=one.why
            )
            for one in referrals.of_referrer(member.id)
        )
        mine = referrals.of_friend(member.id)
        by = "" if mine is None else first_name(work.members.get(mine.referrer_id))
    link = f"{public_url}/j/{programme.join_code}?friend={code}" if code else ""
    active = rule if rule is not None and rule.active else None
    return FriendsPage(rule=active, link=link, friends=friends, brought_by=by)


def make_friend_link(ctx: Loyalty, card: CardId, *, device: str = "") -> None:
    """Give a member a link for friends; a second time it is the same.

    Raises:
        NotFound: the shop rewards no friends.
    """

    def action(work: UnitOfWork) -> None:
        member = work.members.get(card.member_id)
        rule = _rule(work, member.programme_id)
        if rule is None or not rule.active:
            raise NotFound(_("There is nothing to share at the moment."))
        referrals = Referrals(work.scope)
        if device:
            referrals.note_device(member.id, device_hash(work, device))
        for _try in range(TRIES_MAX):
            if referrals.link_of(member.id) or referrals.add_link(member.id, join_code()):
                return

    run_work(ctx.database, card.merchant_id, action, clock=ctx.clock)


def note_friend(work: UnitOfWork, friend_id: int, *, code: str, device: str = "") -> None:
    """A member who just joined came by a link; an unknown code is nobody's, and no error."""
    referrals = Referrals(work.scope)
    known_device = False
    if device:
        hashed = device_hash(work, device)
        known_device = referrals.is_known_device(hashed)
        referrals.note_device(friend_id, hashed)
    referrer_id = referrals.member_of_link(normalise(code[:CODE_TEXT_MAX]))
    friend = work.members.get(friend_id)
    if referrer_id is None or referrer_id == friend_id:
        return
    referrer = work.members.get(referrer_id)
    rule = _rule(work, friend.programme_id)
    if rule is None or not rule.active or referrer.programme_id != friend.programme_id:
        return
    why = "same_device" if known_device else _same_contact(referrer, friend)
    now = work.clock.now()
    referrals.add(
        Referral(
            id=new_id(),
            programme_id=friend.programme_id,
            referrer_id=referrer_id,
            friend_id=friend_id,
            state=ReferralState.REFUSED if why else ReferralState.WAITING,
            why=why,
            document=asdict(rule),
            ends_at=now + timedelta(days=rule.days),
            settled_at=now if why else None,
            created_at=now,
        )
    )


def settle_referral(ctx: Loyalty, merchant_id: int, friend_id: int) -> bool:
    """Reward both when the friend's purchase is there; True when it was done now.

    Cheap for everybody whom nobody brought: one look at an index.
    """
    with open_work(ctx.database, merchant_id, clock=ctx.clock, writing=False) as work:
        waiting = Referrals(work.scope).of_friend(friend_id)
    if waiting is None or waiting.state != ReferralState.WAITING:
        return False
    return run_work(ctx.database, merchant_id, lambda work: _settle(work, waiting), clock=ctx.clock)


def keep_referrals(ctx: Loyalty, merchant_id: int) -> int:
    """Settle and lapse what waits; returns how many were rewarded. For purchases of every source."""
    rewarded, after_id = 0, 0
    while True:
        with open_work(ctx.database, merchant_id, clock=ctx.clock, writing=False) as work:
            waiting = Referrals(work.scope).waiting(after_id)
        if not waiting:
            return rewarded
        after_id = waiting[-1].id
        for one in waiting:
            try:
                rewarded += settle_referral(ctx, merchant_id, one.friend_id)
            except WalletError:
                continue  # a limit, a card that left: it lapses with its time


def _settle(work: UnitOfWork, waiting: Referral) -> bool:
    referrals = Referrals(work.scope)
    rule = _read(waiting.document)
    work.rules.hold(sorted((waiting.referrer_id, waiting.friend_id)))
    if not referrals.bought(waiting.friend_id, rule.least_minor, waiting.ends_at):
        if waiting.ends_at is not None and waiting.ends_at <= work.clock.now():
            referrals.settle(waiting.id, ReferralState.LAPSED)
        return False
    if referrals.share_phone(waiting.referrer_id, waiting.friend_id):
        referrals.settle(waiting.id, ReferralState.REFUSED, why="same_device")
        return False
    why = _capped(work, waiting, rule)
    if not referrals.settle(waiting.id, ReferralState.REWARDED, why=why):
        return False
    given = {}
    if not why:
        given["referrer_operation_id"] = _thank(
            work, waiting, rule, member_id=waiting.referrer_id, amount=rule.referrer, what="friend"
        )
    given["friend_operation_id"] = _thank(
        work, waiting, rule, member_id=waiting.friend_id, amount=rule.friend, what="referrer"
    )
    referrals.note_operations(waiting.id, **given)
    return True


def _capped(work: UnitOfWork, waiting: Referral, rule: ReferralRule) -> str:
    referrer = work.members.get(waiting.referrer_id)
    if referrer.state != MemberState.ACTIVE:
        return "left"
    since = work.clock.now() - YEAR
    over = Referrals(work.scope).rewarded_since(referrer.id, since) >= rule.cap
    return "cap" if over else ""


def _thank(
    work: UnitOfWork,
    waiting: Referral,
    rule: ReferralRule,
    *,
    member_id: int,
    amount: int,
    what: str,
) -> int | None:
    if not amount:
        return None
    terms = work.programmes.terms(waiting.programme_id)
    if rule.thanks is Thanks.UNITS or not isinstance(terms, ProgrammeTerms):
        return give_units(
            work,
            member_id,
            units=amount,
            unit=rule.unit or first_unit(terms),
            rule=REFERRAL,
            what=what,
            actor=SYSTEM,
            key=f"referral-{waiting.id}-{what}",
        )
    promise = Promise(
        rule=RULE,
        kind=GrantKind.PERCENT_OFF_NEXT,
        amount=amount,
        granted_at=work.clock.now(),
        terms_version=terms.version,
    )
    work.promises.add(member_id, (promise,), made_by=None)
    work.deliveries.bump_member(member_id)
    return None


def first_name(member: Member) -> str:
    """What may be told of a member to a friend: the first word of the name."""
    words = member.name.split()
    return words[0] if words and member.state == MemberState.ACTIVE else ""


def device_hash(work: UnitOfWork, device: str) -> bytes:
    """A browser's number as it is kept: by merchant, so that two shops cannot compare theirs."""
    return hashlib.sha256(f"device\0{work.scope.merchant}\0{device}".encode()).digest()


def _same_contact(one: Member, other: Member) -> str:
    pairs = ((one.email_index, other.email_index), (one.phone_index, other.phone_index))
    same = any(left is not None and left == right for left, right in pairs)
    return "same_contact" if same else ""


def _rule(work: UnitOfWork, programme_id: int) -> ReferralRule | None:
    stored = Referrals(work.scope).rule(programme_id)
    return None if stored is None else _read(stored[0])


def _read(document: dict[str, Any]) -> ReferralRule:
    return ReferralRule(**{**document, "thanks": Thanks(document["thanks"])})
