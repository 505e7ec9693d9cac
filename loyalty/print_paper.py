"""Coupons, rewards and gift cards on paper, each sheet with a code that works once.

Rules:
- The paper of a reward or coupon holds no units: it stands for one member and one thing, and the
  card decides at the till, as it would without paper. So nothing is taken when it is printed, and
  who spends the units otherwise has a paper that says so.
- The paper of a gift card brings the card to a phone, once, and shows its number for the till.
- A sheet ends after 90 days at most; used twice, it says when it was used.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from common.actor import Actor
from common.crockford import normalise
from common.errors import Conflict, InvalidInput, NotFound
from common.i18n import gettext as _
from common.ids import new_id
from loyalty.context import Loyalty
from loyalty.gift_alive import token_of
from loyalty.gift_numbers import group, kept_number
from loyalty.member_details import open_details
from loyalty.redeem import RedeemRequest, redeem
from loyalty.results import OperationResult
from loyalty.sold import SaleAtHand
from loyalty.use_coupon import CouponRequest, use_coupon
from signing.tokens import random_token
from storage.gift_cards import ALIVE, GiftCards
from storage.printed_codes import PrintedCode, PrintedCodes
from storage.unit_of_work import UnitOfWork, open_work, run_work

LIFE: Final = timedelta(days=90)
CODE_LENGTH: Final = 12
CODE_TEXT_MAX: Final = 40


class PaperKind(StrEnum):
    """What is on paper."""

    COUPON = "coupon"
    REWARD = "reward"
    GIFT = "gift"


class UnknownPaper(NotFound):
    """No paper of this shop has this code."""

    code = "unknown_paper"


class PaperUsed(Conflict):
    """This paper was used, or its time is over."""

    code = "paper_used"


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """A sheet: what it says, and the code that is told this once."""

    kind: PaperKind
    shop: str
    title: str
    name: str
    address: str
    code: str
    number: str
    ends_at: datetime
    merchant_language: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperAtTill:
    """A sheet that somebody brought: what it is for and whose it is."""

    id: int
    kind: PaperKind
    title: str
    member_id: int
    member_name: str
    needs_sale: bool


def print_paper(
    ctx: Loyalty,
    merchant_id: int,
    kind: PaperKind,
    subject_id: int,
    *,
    member_number: str = "",
    actor: Actor,
) -> Paper:
    """Make a sheet with a fresh code.

    Raises:
        NotFound: no such coupon, reward, gift card or member.
        InvalidInput: field `member`: a coupon or reward on paper is one member's.
        Conflict: the gift card is not paid, or has ended.
    """

    def action(work: UnitOfWork) -> Paper:
        now = work.clock.now()
        code = random_token()[:CODE_LENGTH]
        member_id, title, ends_at = _subject(
            work, kind, subject_id, member_number=member_number, now=now
        )
        member = work.members.get(member_id)
        PrintedCodes(work.scope).add(
            PrintedCode(
                id=new_id(),
                kind=kind,
                subject_id=subject_id,
                member_id=member_id,
                code_hash=_hash(merchant_id, code),
                ends_at=ends_at,
                created_at=now,
            )
        )
        work.audit.add(
            actor=actor,
            action="paper.print",
            subject_kind=kind,
            subject_id=subject_id,
            detail={"member": member_id},
        )
        merchant = work.merchants.get()
        number = ""
        if kind is PaperKind.GIFT:
            number = kept_number(ctx.keyring, merchant_id, GiftCards(work.scope).get(subject_id))
        details = open_details(ctx.keyring, member.details_sealed, merchant_id=merchant_id)
        return Paper(
            kind=kind,
            shop=merchant.name,
            title=title,
            name=member.name,
            address=details.address,
            code=code,
            number=group(number),
            ends_at=ends_at,
            merchant_language=merchant.language,
        )

    return run_work(ctx.database, merchant_id, action, clock=ctx.clock)


def find_paper(ctx: Loyalty, merchant_id: int, code: str) -> PaperAtTill:
    """What a sheet is for, before it is used.

    Raises:
        UnknownPaper: no sheet of this shop has this code. PaperUsed: it was used, or is over.
    """
    with open_work(ctx.database, merchant_id, clock=ctx.clock, writing=False) as work:
        found = _open_code(work, code)
        kind = PaperKind(found.kind)
        member = work.members.get(found.member_id or 0)
        if kind is PaperKind.REWARD:
            reward = work.programmes.reward(found.subject_id)
            title, needs_sale = reward.name, reward.kind in {"percent", "fixed"}
        elif kind is PaperKind.COUPON:
            coupon = work.coupons.get(found.subject_id)
            title, needs_sale = coupon.name, coupon.kind in {"percent", "fixed"}
        else:
            title, needs_sale = _("Gift card"), False
        return PaperAtTill(
            id=found.id,
            kind=kind,
            title=title,
            member_id=member.id,
            member_name=member.name,
            needs_sale=needs_sale,
        )


def use_paper(
    ctx: Loyalty, merchant_id: int, code: str, *, sale: SaleAtHand | None, actor: Actor
) -> OperationResult:
    """Hand over what a sheet of a reward or a coupon is for, once.

    Raises:
        UnknownPaper, PaperUsed: as `find_paper`; PaperUsed too for a gift card's.
        As `redeem` and `use_coupon` for what stands against it; the sheet then stays good.
    """
    with open_work(ctx.database, merchant_id, clock=ctx.clock, writing=False) as work:
        found = _open_code(work, code)
        coupon = work.coupons.get(found.subject_id).code if found.kind == PaperKind.COUPON else ""
    member_id, key = found.member_id or 0, f"paper-{found.id}"
    if found.kind == PaperKind.GIFT:
        raise PaperUsed(_("This brings a gift card to a phone. Scan its number instead."))
    if coupon:
        wanted = CouponRequest(
            member_id=member_id, code=coupon, actor=actor, idempotency_key=key, sale=sale
        )
        result = use_coupon(ctx, merchant_id, wanted)
    else:
        asked = RedeemRequest(
            member_id=member_id,
            reward_id=found.subject_id,
            actor=actor,
            idempotency_key=key,
            sale=sale,
        )
        result = redeem(ctx, merchant_id, asked)
    used = run_work(
        ctx.database,
        merchant_id,
        lambda work: PrintedCodes(work.scope).use(found.id, operation_id=result.operation_id),
        clock=ctx.clock,
    )
    if not used:
        raise PaperUsed(_("This paper was used a moment ago."))
    return result


def open_gift_paper(ctx: Loyalty, merchant_id: int, code: str) -> str:
    """Bring a gift card to a phone, once: the token of its personal link.

    Raises:
        UnknownPaper: there is none with this code. PaperUsed: it was used, or is over.
    """

    def action(work: UnitOfWork) -> str:
        found = _open_code(work, code)
        if found.kind != PaperKind.GIFT or found.member_id is None:
            raise _unknown()
        if not PrintedCodes(work.scope).use(found.id, operation_id=None):
            raise PaperUsed(_("This paper was used a moment ago."))
        return token_of(ctx, work, work.members.get(found.member_id))

    return run_work(ctx.database, merchant_id, action, clock=ctx.clock)


def _subject(
    work: UnitOfWork, kind: PaperKind, subject_id: int, *, member_number: str, now: datetime
) -> tuple[int, str, datetime]:
    """Whose it is, what it says, and until when it works."""
    if kind is PaperKind.GIFT:
        gift = GiftCards(work.scope).get(subject_id)
        if gift.state not in ALIVE or gift.member_id is None:
            raise Conflict(_("This gift card is not paid, or it has ended."))
        return gift.member_id, _("Gift card"), now + LIFE
    stored = (
        work.coupons.get(subject_id)
        if kind is PaperKind.COUPON
        else work.programmes.reward(subject_id)
    )
    member = work.members.by_number(normalise(member_number)[:CODE_TEXT_MAX])
    if member is None or member.programme_id != stored.programme_id:
        raise InvalidInput(_("Type the number of a card of this programme."), field="member")
    ends_at = now + LIFE
    if stored.valid_until is not None:
        ends_at = min(ends_at, stored.valid_until)
    return member.id, stored.name, ends_at


def _open_code(work: UnitOfWork, code: str) -> PrintedCode:
    text = normalise(code)[:CODE_TEXT_MAX]
    found = PrintedCodes(work.scope).by_hash(_hash(work.scope.merchant, text))
    if found is None:
        raise _unknown()
    over = found.ends_at is not None and found.ends_at <= work.clock.now()
    if found.state != "open" or over:
        raise PaperUsed(_("This paper was used already, or its time is over."))
    return found


def _hash(merchant_id: int, code: str) -> bytes:
    return hashlib.sha256(f"paper\0{merchant_id}\0{code}".encode()).digest()


def _unknown() -> UnknownPaper:
    return UnknownPaper(_("No paper of this shop has this code. Look at it again."))
