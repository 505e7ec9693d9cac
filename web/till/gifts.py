"""Gift cards at the till: sell one, take the money of an order, pay with one, put money on it.

A gift card that was scanned shows its own panel; the amount of the sale is typed, and as much of
it is paid as the card holds. Undo is that of every movement.

Rules: paying needs the code, the long number, the card's PIN or a manager's PIN.
"""

from __future__ import annotations

from flask import render_template, request, url_for
from flask.typing import ResponseReturnValue

from common.actor import Actor
from common.errors import InvalidInput
from common.i18n import current_language
from common.i18n import gettext as _
from common.money import format_money, format_plain, parse_amount
from loyalty.find_member import FoundMember
from loyalty.gift_alive import AliveGift
from loyalty.gift_cards import SellRequest, freeze_gift, reload_gift, replace_gift, sell_gift
from loyalty.gift_numbers import group
from loyalty.gift_orders import find_order, pay_at_counter
from loyalty.gift_people import clean_people
from loyalty.gift_programme import find_gifts
from loyalty.gift_views import GiftView, check_pin, gift_of_holder
from loyalty.new_phone import make_new_phone_link
from loyalty.pay_with_points import PayRequest, pay_with_points
from loyalty.staff_session import TillSession, approve_by_manager
from loyalty.tokens import new_token
from web.codes import code_drawing
from web.errors import answer, wants_json
from web.forms import Form, refused, secret, shown, text
from web.services import services
from web.throttle import TILL_MISS, throttle
from web.till.door import blueprint
from web.till.handles import open_handle
from web.till.panel import sent_key, show_refused, show_result
from web.till.session import open_till


@blueprint.get("/till/gift")
def gift_desk() -> ResponseReturnValue:
    """Sell a gift card, or take the money of an order."""
    return _desk(open_till(), shown())


@blueprint.post("/till/gift")
def sell_one_gift() -> ResponseReturnValue:
    """Sell a gift card that was just paid here."""
    till = open_till()
    try:
        amount = parse_amount(text("amount") or text("other"), till.currency)
        people = clean_people(recipient=text("recipient"), email=text("email"))
        wanted = SellRequest(
            amount_minor=amount,
            people=people,
            language=current_language(),
            actor=till.actor(),
            idempotency_key=sent_key("gift"),
        )
        sold = sell_gift(services().loyalty, till.merchant_id, wanted)
    except InvalidInput as error:
        if wants_json():
            return answer(error)
        return _desk(till, refused(error)), error.status
    return _sold(till, sold)


@blueprint.post("/till/gift/order")
def look_at_order() -> ResponseReturnValue:
    """What an order's code stands for, before the money is taken."""
    till = open_till()
    throttle(TILL_MISS, f"gift-{till.till_id}")
    found = find_order(services().loyalty, till.merchant_id, text("order"))
    return render_template("till/gift_order.html", till=till, order=found)


@blueprint.post("/till/gift/paid")
def take_money() -> ResponseReturnValue:
    """The order was paid here: the card is alive."""
    till = open_till()
    sold = pay_at_counter(services().loyalty, till.merchant_id, text("order"), actor=till.actor())
    return _sold(till, sold)


@blueprint.post("/till/gift/pay")
def pay_with_gift() -> ResponseReturnValue:
    """Take a sale's amount from the card, or as much of it as there is."""
    till = open_till()
    found = open_handle(till, request.form.get("card", ""))
    ctx = services().loyalty
    gift = _gift(till, found)
    try:
        amount = parse_amount(secret("amount"), till.currency, max_minor=till.sale_max_minor)
        wanted = PayRequest(
            member_id=found.member_id,
            unit=gift.currency,
            to_pay_minor=amount,
            actor=_payer(till, found, gift),
            idempotency_key=sent_key("gift-pay"),
        )
        result = pay_with_points(ctx, till.merchant_id, wanted)
    except InvalidInput as error:
        return show_refused(till, found, error)
    left = amount - result.discount_minor
    note = _("Still to pay: %(amount)s", amount=_money(left, till)) if left else _("Paid in full.")
    return show_result(till, found, result, notes=(note,))


@blueprint.post("/till/gift/reload")
def reload_one_gift() -> ResponseReturnValue:
    """Put money on the card that was just paid here."""
    till = open_till()
    found = open_handle(till, request.form.get("card", ""))
    gift = _gift(till, found)
    try:
        result = reload_gift(
            services().loyalty,
            till.merchant_id,
            gift.id,
            amount_minor=parse_amount(text("more"), till.currency, field="more"),
            actor=till.actor(),
            idempotency_key=sent_key("gift-more"),
        )
    except InvalidInput as error:
        return show_refused(till, found, error)
    return show_result(till, found, result)


@blueprint.post("/till/gift/freeze")
def freeze_one_gift() -> ResponseReturnValue:
    """Let nothing of a card be spent whose owner misses it."""
    till = open_till()
    found = open_handle(till, request.form.get("card", ""))
    gift = _gift(till, found)
    freeze_gift(services().loyalty, till.merchant_id, gift.id, frozen=True, actor=till.actor())
    return render_template("till/gift_frozen.html", till=till, found=found)


@blueprint.post("/till/gift/replace")
def replace_one_gift() -> ResponseReturnValue:
    """A new card in place of a lost one, by a manager."""
    till = open_till()
    found = open_handle(till, request.form.get("card", ""))
    gift = _gift(till, found)
    try:
        actor = till.actor()
        if not till.is_manager:
            actor = _by_manager(till, found)
        fresh = replace_gift(services().loyalty, till.merchant_id, gift.id, actor=actor)
    except InvalidInput as error:
        return show_refused(till, found, error)
    return _sold(till, fresh, replaced=True)


def _desk(till: TillSession, form: Form) -> str:
    shop = find_gifts(services().loyalty, till.merchant_id)
    amounts = (
        [(format_plain(one, shop.currency), _money(one, till)) for one in shop.settings.amounts]
        if shop
        else []
    )
    return render_template(
        "till/gift_desk.html", till=till, shop=shop, amounts=amounts, form=form, key=new_token()
    )


def _sold(till: TillSession, sold: AliveGift, *, replaced: bool = False) -> ResponseReturnValue:
    ctx = services().loyalty
    link = make_new_phone_link(ctx, till.merchant_id, sold.member_id, actor=till.actor())
    address = services().absolute(url_for("card.again", token=link.token))
    return render_template(
        "till/gift_sold.html",
        till=till,
        sold=sold,
        number=group(sold.number),
        amount=_money(sold.amount_minor, till),
        address=address,
        code=code_drawing(address, title=_("Code for the customer's phone")),
        replaced=replaced,
        expires_at=link.expires_at,
    )


def _gift(till: TillSession, found: FoundMember) -> GiftView:
    gift = gift_of_holder(services().loyalty, till.merchant_id, found.member_id)
    if gift is None:
        raise InvalidInput(_("This is no gift card."), field="card")
    return gift


def _payer(till: TillSession, found: FoundMember, gift: GiftView) -> Actor:
    """Who answers for it: staff where the card is proved, else a manager.

    Raises:
        InvalidInput: neither the card's PIN nor a manager's.
    """
    if found.may_redeem:
        return till.actor()
    pin = secret("gift_pin")
    if pin:
        if not check_pin(services().loyalty, till.merchant_id, gift.id, pin):
            raise InvalidInput(_("This is not the PIN of this gift card."), field="gift_pin")
        return till.actor()
    return _by_manager(till, found)


def _by_manager(till: TillSession, found: FoundMember) -> Actor:
    pin = secret("manager_pin")
    if not pin:
        raise InvalidInput(
            _("Scan the card, or let a manager type their PIN."), field="manager_pin"
        )
    return approve_by_manager(services().loyalty, till, pin, member_id=found.member_id)


def _money(minor: int, till: TillSession) -> str:
    return format_money(minor, till.currency, language=current_language())
