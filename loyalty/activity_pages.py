"""Activities as members and strangers see them: on a card, behind a link, on the site, on a screen.

Rules: a code on the screen changes every 30 seconds and is good for a minute; the shop's site is
shown what was approved for it, and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from common.crockford import decode, encode, normalise
from common.errors import NotFound
from common.i18n import gettext as _
from loyalty.activities import DIRECTORY, ActivityForm, ActivityKind, form_of
from loyalty.activity_claims import chances_left, opened_text
from loyalty.context import Loyalty
from loyalty.open_card import CardId
from loyalty.referrals import first_name
from signing.tokens import check_in_code, equal
from storage.activities import Activities, ClaimState
from storage.unit_of_work import open_work

STEP_S: Final = 30
ID_LENGTH: Final = 13
MAC_LENGTH: Final = 10
CODE_LENGTH: Final = 2 * ID_LENGTH + MAC_LENGTH


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """An activity on a member's page; `left` is how often they still may."""

    id: int
    form: ActivityForm
    code: str
    left: int
    state: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Landing:
    """What a link of an activity leads to."""

    merchant_id: int
    merchant_name: str
    activity_id: int
    form: ActivityForm


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownEntry:
    """Something approved for the shop's site, by first name alone."""

    name: str
    text: str
    stars: int | None
    day: datetime


def offered_activities(ctx: Loyalty, card: CardId) -> list[Offered]:
    """What this card offers now; an activity of the till's screen is claimed there."""
    with open_work(ctx.database, card.merchant_id, clock=ctx.clock, writing=False) as work:
        member = work.members.get(card.member_id)
        activities = Activities(work.scope)
        found = []
        for one in activities.of_programme(member.programme_id, active_only=True):
            claims = activities.of_member(member.id, one.id)
            total = activities.count(one.id) if one.document.get("total") is not None else 0
            found.append(
                Offered(
                    id=one.id,
                    form=form_of(one),
                    code=one.code,
                    left=chances_left(one, claims, now=work.clock.now(), total=total),
                    state=claims[0].state if claims else "",
                    reason=claims[0].reason if claims else "",
                )
            )
        return found


def open_landing(ctx: Loyalty, code: str) -> Landing:
    """What a link leads to.

    Raises:
        NotFound: nothing, or what is not offered any more.
    """
    name = normalise(code[:CODE_LENGTH])
    with open_work(ctx.database, None, clock=ctx.clock, writing=False) as work:
        entry = work.directory.name(DIRECTORY, name)
    if entry is None:
        raise NotFound(_("This link leads nowhere."))
    with open_work(ctx.database, entry.merchant_id, clock=ctx.clock, writing=False) as work:
        stored = Activities(work.scope).get(entry.subject_id)
        if not stored.active:
            raise NotFound(_("This link leads nowhere."))
        return Landing(
            merchant_id=entry.merchant_id,
            merchant_name=work.merchants.get().name,
            activity_id=stored.id,
            form=form_of(stored),
        )


def shown_entries(ctx: Loyalty, landing: Landing) -> list[ShownEntry]:
    """What the shop's site may show.

    Raises:
        NotFound: the owner did not ask for it.
    """
    if not landing.form.embed:
        raise NotFound(_("This link leads nowhere."))
    with open_work(ctx.database, landing.merchant_id, clock=ctx.clock, writing=False) as work:
        return [
            ShownEntry(
                name=first_name(work.members.get(one.member_id)),
                text=opened_text(ctx.keyring, landing.merchant_id, one),
                stars=one.stars,
                day=one.created_at,
            )
            for one in Activities(work.scope).shown(landing.activity_id)
            if one.state == ClaimState.APPROVED
        ]


def screen_code(ctx: Loyalty, merchant_id: int, till_id: int) -> str:
    """The code on a till's screen now."""
    step = int(ctx.clock.now().timestamp()) // STEP_S
    mac = check_in_code(ctx.keyring, merchant_id=merchant_id, till_id=till_id, step=step)
    return encode(merchant_id, length=ID_LENGTH) + encode(till_id, length=ID_LENGTH) + mac


def check_in_of(ctx: Loyalty, code: str) -> list[Landing]:
    """The check-ins that a scanned code is for: one for each card of the shop that offers any.

    Raises:
        NotFound: forged, or older than a minute.
    """
    text = normalise(code[: CODE_LENGTH + 4])
    try:
        merchant_id = decode(text[:ID_LENGTH])
        till_id = decode(text[ID_LENGTH : 2 * ID_LENGTH])
    except ValueError as error:
        raise _old_code() from error
    step = int(ctx.clock.now().timestamp()) // STEP_S
    fits = [
        equal(
            text[2 * ID_LENGTH :],
            check_in_code(ctx.keyring, merchant_id=merchant_id, till_id=till_id, step=one),
        )
        for one in (step, step - 1)
    ]
    if len(text) != CODE_LENGTH or not any(fits):
        raise _old_code()
    with open_work(ctx.database, merchant_id, clock=ctx.clock, writing=False) as work:
        name = work.merchants.get().name
        return [
            Landing(
                merchant_id=merchant_id,
                merchant_name=name,
                activity_id=one.id,
                form=form_of(one),
            )
            for programme in work.programmes.all()
            for one in Activities(work.scope).of_programme(programme.id, active_only=True)
            if one.kind == ActivityKind.CHECK_IN
        ]


def _old_code() -> NotFound:
    return NotFound(_("This code is old. Scan the one on the screen now."))
