"""Coupons: add one, change one, list them. Using one is use_coupon.py."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Final

from common.actor import Actor
from common.errors import Conflict, InvalidInput, InvalidInputs
from common.i18n import gettext as _
from common.ids import new_id
from loyalty.context import Loyalty
from loyalty.offers import COUPON_KINDS, OfferForm, offer_complaints
from loyalty.tokens import new_token
from storage.coupons import Coupon
from storage.deliveries import MassReason
from storage.unit_of_work import UnitOfWork, open_work, run_work

CODE: Final = re.compile(r"[A-Z0-9][A-Z0-9-]{2,23}")
NAME_MAX: Final = 40
COUPONS_MAX: Final = 500
OWN_MAX: Final = 50
OWN_CODE_LENGTH: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class CouponForm(OfferForm):
    """A coupon as it is entered; `per_member` 1 is once each; `member_id` makes it one's own.

    The code is what is typed or scanned: 3 to 24 letters, digits and -, in any case.
    """

    code: str = ""
    name: str = ""
    member_id: int | None = None
    per_member: int | None = 1


def add_coupon(
    ctx: Loyalty, merchant_id: int, programme_id: int, *, coupon: CouponForm, actor: Actor
) -> int:
    """Offer a coupon from now on.

    Raises:
        InvalidInputs: by the form's field names.
        NotFound: no such programme, or no such member.
        Conflict: the code is taken, or there are too many.
    """
    _check(coupon)

    def action(work: UnitOfWork) -> int:
        work.programmes.get(programme_id)
        _check_member(work, coupon, programme_id)
        _check_number(work, coupon, programme_id)
        new = _filled(
            Coupon(
                id=new_id(),
                programme_id=programme_id,
                code=normal_code(coupon.code),
                name="",
                kind="",
                created_at=work.clock.now(),
            ),
            coupon,
        )
        work.coupons.add(new)
        tell_cards(work, new)
        _note(work, actor, "coupon.add", new.id)
        return new.id

    return run_work(ctx.database, merchant_id, action, clock=ctx.clock)


def change_coupon(
    ctx: Loyalty,
    merchant_id: int,
    coupon_id: int,
    *,
    coupon: CouponForm,
    active: bool,
    actor: Actor,
) -> None:
    """Give a coupon other facts, or stop it; its code stays.

    Raises:
        InvalidInputs: by the form's field names.
        NotFound: it is not this merchant's.
    """
    _check(coupon)

    def action(work: UnitOfWork) -> None:
        known = work.coupons.get(coupon_id)
        if known.code != normal_code(coupon.code):
            message = _("The code stays. Add a new coupon instead.")
            raise InvalidInputs([InvalidInput(message, field="code")])
        _check_member(work, coupon, known.programme_id)
        changed = replace(_filled(known, coupon), active=active)
        if changed != known:
            work.coupons.update(changed)
            tell_cards(work, changed)
            if known.member_id not in {None, changed.member_id}:
                tell_cards(work, known)
            _note(work, actor, "coupon.change", coupon_id)

    run_work(ctx.database, merchant_id, action, clock=ctx.clock)


def list_coupons(ctx: Loyalty, merchant_id: int, programme_id: int) -> list[Coupon]:
    """A programme's coupons for everybody, the newest first; not those of one member."""
    with open_work(ctx.database, merchant_id, clock=ctx.clock, writing=False) as work:
        return work.coupons.all(programme_id)


def own_code() -> str:
    """A code for one member's coupon, that nobody guesses."""
    return f"OWN-{new_token()[:OWN_CODE_LENGTH]}"


def read_coupon(ctx: Loyalty, merchant_id: int, coupon_id: int) -> Coupon:
    """One coupon.

    Raises:
        NotFound: it is not this merchant's.
    """
    with open_work(ctx.database, merchant_id, clock=ctx.clock, writing=False) as work:
        return work.coupons.get(coupon_id)


def tell_cards(work: UnitOfWork, coupon: Coupon) -> None:
    """A coupon is new, other or gone: the cards at Google that it stands beside are looked at."""
    if not work.deliveries.has_google_class(coupon.programme_id):
        return
    if coupon.member_id is None:
        work.deliveries.bump_programme(coupon.programme_id, reason=MassReason.TERMS)
    else:
        work.deliveries.bump_member(coupon.member_id)


def tell_of_stock(work: UnitOfWork, coupon_id: int) -> None:
    """The last one was taken, or is about to be given back: other cards show it no more, or again.

    Read under the coupon's own row, so that of two tills the one that took the last one knows.
    """
    coupon = work.coupons.get(coupon_id)
    if coupon.stock is not None and coupon.used >= coupon.stock:
        tell_cards(work, coupon)


def normal_code(text: str) -> str:
    """A code as it is kept: upper case without spaces."""
    return "".join(text.split()).upper()


def _check(form: CouponForm) -> None:
    found = offer_complaints(form)
    if CODE.fullmatch(normal_code(form.code)) is None:
        message = _("Use 3 to 24 letters, digits and -.")
        found.append(InvalidInput(message, field="code"))
    name = form.name.strip()
    if not 0 < len(name) <= NAME_MAX or not name.isprintable():
        message = _("Name the coupon in at most %(max)d characters.", max=NAME_MAX)
        found.append(InvalidInput(message, field="name"))
    if form.kind not in COUPON_KINDS:
        message = _("A coupon gives percent, an amount, a product or a service.")
        found.append(InvalidInput(message, field="kind"))
    if found:
        raise InvalidInputs(found)


def _check_number(work: UnitOfWork, form: CouponForm, programme_id: int) -> None:
    if form.member_id is None:
        if len(work.coupons.all(programme_id)) >= COUPONS_MAX:
            raise Conflict(_("There are at most %(most)d coupons.", most=COUPONS_MAX))
        return
    held = work.coupons.of_member(programme_id, form.member_id)
    if sum(one.member_id is not None for one in held) >= OWN_MAX:
        raise Conflict(_("A member has at most %(most)d coupons of their own.", most=OWN_MAX))


def _check_member(work: UnitOfWork, form: CouponForm, programme_id: int) -> None:
    if form.member_id is None:
        return
    if work.members.get(form.member_id).programme_id != programme_id:
        message = _("This member holds a card of another programme.")
        raise InvalidInputs([InvalidInput(message, field="member")])


def _filled(known: Coupon, form: CouponForm) -> Coupon:
    return replace(
        known,
        name=form.name.strip(),
        kind=str(form.kind),
        value=form.value(),
        cost_minor=form.cost_minor,
        valid_from=form.valid_from,
        valid_until=form.valid_until,
        stock=form.stock,
        per_member=form.per_member,
        member_id=form.member_id,
        conditions=form.conditions(),
    )


def _note(work: UnitOfWork, actor: Actor, action: str, coupon_id: int) -> None:
    work.audit.add(
        actor=actor, action=action, subject_kind="coupon", subject_id=coupon_id, detail={}
    )
