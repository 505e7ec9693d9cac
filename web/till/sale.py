"""A sale at the till under many rules: what is taken off it, and what is collected for it.

The amount that staff type is the full price. Rewards, coupons, promised discounts and points pay
parts of it one after the other; each is booked when it is tapped, and the page carries which belong
to the sale until it is collected. A tier's discount is worked out with the sale itself.

Rules: whatever pays needs the card's code or a manager's PIN, as a reward does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from flask import request
from flask.typing import ResponseReturnValue

from common.actor import Actor
from common.errors import InvalidInput
from common.i18n import current_language
from common.i18n import gettext as _
from common.money import format_money, parse_amount
from loyalty.earn import EarnRequest, earn
from loyalty.find_member import FoundMember
from loyalty.items import list_items
from loyalty.pay_with_points import AttendRequest, PayRequest, attend, pay_with_points
from loyalty.results import OperationResult
from loyalty.rule_card import rule_card
from loyalty.sold import SaleItem
from loyalty.staff_session import TillSession, approve_by_manager
from loyalty.use_coupon import CouponRequest, PromiseRequest, use_coupon, use_promise
from web.forms import secret, shown, text
from web.services import services
from web.till.door import blueprint
from web.till.handles import SaleSoFar, open_handle, open_paid
from web.till.panel import row_id, sent_key, show, show_refused, show_result
from web.till.session import open_till

ITEM: Final = "item."
TAP: Final = "tap."
PIECES_MAX: Final = 99


@blueprint.post("/till/look")
def look_at_sale() -> ResponseReturnValue:
    """What an amount makes due: nothing is booked."""
    till = open_till()
    found = open_handle(till, request.form.get("card", ""))
    try:
        sale = _with_amount(sent_sale(till, found.member_id))
    except InvalidInput as error:
        return show_refused(till, found, error)
    return show(till, found, sale=sale, form=shown({"amount": text("amount")}))


@blueprint.post("/till/coupon")
def use_coupon_now() -> ResponseReturnValue:
    """Take a coupon."""

    def use(actor: Actor, found: FoundMember, sale: SaleSoFar) -> OperationResult:
        code = text("coupon") or text("coupon_code")
        wanted = CouponRequest(
            member_id=found.member_id,
            code=code,
            actor=actor,
            idempotency_key=sent_key(f"c{code}"),
            sale=sale.at_hand(),
        )
        return use_coupon(services().loyalty, open_till().merchant_id, wanted)

    return _spend(use)


@blueprint.post("/till/promise")
def use_promise_now() -> ResponseReturnValue:
    """Take a discount that was promised for this purchase."""

    def use(actor: Actor, found: FoundMember, sale: SaleSoFar) -> OperationResult:
        promise_id = row_id("promise")
        wanted = PromiseRequest(
            member_id=found.member_id,
            promise_id=promise_id,
            actor=actor,
            idempotency_key=sent_key(f"p{promise_id}"),
            sale=sale.at_hand(),
        )
        return use_promise(services().loyalty, open_till().merchant_id, wanted)

    return _spend(use)


@blueprint.post("/till/pay")
def pay_now() -> ResponseReturnValue:
    """Pay with points: as many as fit."""

    def use(actor: Actor, found: FoundMember, sale: SaleSoFar) -> OperationResult:
        unit = text("pay")
        left = sale.amount_minor - sale.paid_minor
        wanted = PayRequest(
            member_id=found.member_id,
            unit=unit,
            to_pay_minor=max(left, 0),
            actor=actor,
            idempotency_key=sent_key(f"u{unit}"),
        )
        return pay_with_points(services().loyalty, open_till().merchant_id, wanted)

    return _spend(use)


@blueprint.post("/till/attend")
def attend_now() -> ResponseReturnValue:
    """Take one class of a pack."""

    def use(actor: Actor, found: FoundMember, sale: SaleSoFar) -> OperationResult:
        del sale
        unit = text("class")
        wanted = AttendRequest(
            member_id=found.member_id, unit=unit, actor=actor, idempotency_key=sent_key(f"a{unit}")
        )
        return attend(services().loyalty, open_till().merchant_id, wanted)

    return _spend(use)


def collect(till: TillSession, found: FoundMember) -> ResponseReturnValue:
    """Book the sale or the visit, with what a tier takes off it."""
    ctx = services().loyalty
    try:
        sale = sent_sale(till, found.member_id)
        taps = _taps()
        card = rule_card(ctx, till.merchant_id, found.member_id, sale=sale.at_hand())
        tier_minor = card.tier_discount_minor if card else 0
        wanted = EarnRequest(
            member_id=found.member_id,
            amount_minor=sale.amount_minor or None,
            visits=1 if text("visits") else None,
            discount_minor=tier_minor,
            redeemed_minor=sale.paid_minor,
            lines=sale.lines,
            taps=taps,
            redemptions=sale.operations,
            actor=till.actor(),
            idempotency_key=sent_key(),
        )
        result = earn(ctx, till.merchant_id, wanted)
    except InvalidInput as error:
        return show_refused(till, found, error)
    notes = []
    if tier_minor and card and card.view.tier:
        off = _money(tier_minor, till)
        tier = card.view.tier.name
        notes.append(_("%(tier)s: take %(amount)s off.", tier=tier, amount=off))
    if tier_minor or sale.paid_minor:
        left = _money(sale.amount_minor - tier_minor - sale.paid_minor, till)
        notes.append(_("To pay: %(amount)s", amount=left))
    notes += _unpriced_notes(till, sale)
    return show_result(till, found, result, notes=tuple(notes))


def after_redeeming(
    till: TillSession, found: FoundMember, result: OperationResult, sale: SaleSoFar
) -> ResponseReturnValue:
    """The card after something paid; the sale goes on where one was begun."""
    if not sale.amount_minor:
        return show_result(till, found, result)
    if result.operation_id not in sale.operations:
        pair = (result.operation_id, result.discount_minor)
        sale = replace(sale, paid=(*sale.paid, pair))
    notes = []
    if result.discount_minor:
        off = _money(result.discount_minor, till)
        notes.append(_("Take %(amount)s off.", amount=off))
    return show_result(till, found, result, sale=sale, notes=tuple(notes))


def sent_sale(till: TillSession, member_id: int) -> SaleSoFar:
    """The sale as the page carries it; without an amount, what its items cost together.

    Raises:
        InvalidInput: fields `amount` and `item.<code>`.
    """
    lines, unpriced = _lines(till)
    typed = secret("amount").strip()
    amount = sum(line.net_minor for line in lines)
    if typed:
        amount = parse_amount(typed, till.currency, max_minor=till.sale_max_minor)
    return SaleSoFar(
        member_id=member_id,
        amount_minor=amount,
        paid=open_paid(request.form.get("sale", ""), member_id),
        lines=_shared_out(lines, amount, unpriced),
    )


def _with_amount(sale: SaleSoFar) -> SaleSoFar:
    if not sale.amount_minor:
        raise InvalidInput(_("Enter the amount of the sale."), field="amount")
    return sale


def _spend(
    use: Callable[[Actor, FoundMember, SaleSoFar], OperationResult],
) -> ResponseReturnValue:
    till = open_till()
    found = open_handle(till, request.form.get("card", ""))
    sale = None
    try:
        sale = sent_sale(till, found.member_id)
        result = use(_actor(till, found), found, sale)
    except InvalidInput as error:
        return show_refused(till, found, error, sale=sale)
    return after_redeeming(till, found, result, sale)


def _actor(till: TillSession, found: FoundMember) -> Actor:
    if found.may_redeem:
        return till.actor()
    pin = secret("manager_pin")
    if not pin:
        raise InvalidInput(
            _("Scan the card to redeem, or let a manager type their PIN."), field="manager_pin"
        )
    return approve_by_manager(services().loyalty, till, pin, member_id=found.member_id)


def _lines(till: TillSession) -> tuple[tuple[SaleItem, ...], Mapping[str, str]]:
    """What was sold at the list's prices, and the names of what has none, by code."""
    wanted = {code: pieces for code, pieces in _pieces(ITEM) if pieces}
    if not wanted:
        return (), {}
    known = {one.code: one for one in list_items(services().loyalty, till.merchant_id)}
    prices = {code: known[code].price_minor if code in known else None for code in wanted}
    lines = tuple(
        SaleItem(code=code, quantity=pieces, net_minor=pieces * (prices[code] or 0))
        for code, pieces in wanted.items()
    )
    unpriced = {
        code: known[code].name if code in known else code
        for code, price in prices.items()
        if price is None
    }
    return lines, unpriced


def _shared_out(
    lines: tuple[SaleItem, ...], amount: int, unpriced: Mapping[str, str]
) -> tuple[SaleItem, ...]:
    """Items without a price share what the others leave of the amount, by the piece, to the cent.

    Raises:
        InvalidInput: field `amount`: nothing is left for them, so nobody could say what they cost.
    """
    if not unpriced:
        return lines
    left = amount - sum(line.net_minor for line in lines)
    pieces = sum(line.quantity for line in lines if line.code in unpriced)
    if left <= 0:
        names = ", ".join(unpriced.values())
        message = _("%(names)s: no price on the list. Type the amount with them.", names=names)
        raise InvalidInput(message, field="amount")
    found = []
    for line in lines:
        if line.code in unpriced:
            share = left * line.quantity // pieces
            left, pieces = left - share, pieces - line.quantity
            line = replace(line, net_minor=share)  # noqa: PLW2901
        found.append(line)
    return tuple(found)


def _unpriced_notes(till: TillSession, sale: SaleSoFar) -> list[str]:
    """How much of the sale counted for what has no price, so that staff can see a slip."""
    _lines_sold, unpriced = _lines(till)
    return [
        _(
            "%(name)s has no price on the list: %(amount)s of this sale counts for it.",
            name=unpriced[line.code],
            amount=_money(line.net_minor, till),
        )
        for line in sale.lines
        if line.code in unpriced
    ]


def _taps() -> dict[str, int]:
    """Stamps by unit: one for a button of its own, or as many as were counted."""
    found = {unit: pieces for unit, pieces in _pieces(TAP) if pieces}
    if text("tap"):
        found[text("tap")] = 1
    return found


def _pieces(prefix: str) -> list[tuple[str, int]]:
    return [
        (name.removeprefix(prefix), _count(name))
        for name in request.form
        if name.startswith(prefix)
    ]


def _count(name: str) -> int:
    typed = text(name)
    if not typed:
        return 0
    if not (typed.isascii() and typed.isdigit() and len(typed) <= len(str(PIECES_MAX))):
        raise InvalidInput(_("Type how many, at most %(most)d.", most=PIECES_MAX), field=name)
    return int(typed)


def _money(minor: int, till: TillSession) -> str:
    return format_money(minor, till.currency, language=current_language())
