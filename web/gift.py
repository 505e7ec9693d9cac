"""The gift door: `/gift/<code>`, where a stranger orders a gift card, and asks what is left on one.

Rules (DESIGN 8): buckets per address and per shop, a field that only robots fill, a signed form.
An order's page is opened by its own signed link; it shows the card only to who ordered it without
an address to mail it to. A balance has one answer for everything that is no card.
"""

from __future__ import annotations

from datetime import date
from typing import Final

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from itsdangerous import BadSignature, URLSafeSerializer

from common.errors import InvalidInput, InvalidInputs, NotFound, TooMany, WalletError
from common.i18n import current_language
from common.i18n import gettext as _
from common.money import format_plain, parse_amount
from loyalty.gift_orders import (
    GiftPage,
    OrderRequest,
    UnknownGiftPage,
    open_gift_page,
    order_gift,
    read_order,
)
from loyalty.gift_people import clean_people
from loyalty.gift_views import GiftBalance, NoSuchGift, gift_balance
from loyalty.payments import PaymentTrouble, start_checkout, takes_cards
from loyalty.posting import MerchantSuspended
from loyalty.print_paper import PaperUsed, UnknownPaper, open_gift_paper
from loyalty.tokens import new_token
from web.codes import code_drawing
from web.errors import answer, wants_json
from web.forms import Form, refused, secret, shown, text
from web.security import address, allow
from web.services import services
from web.throttle import (
    CARD_MISS,
    GIFT_BALANCE,
    GIFT_GUESSES,
    GIFT_ORDER,
    GIFT_SHOP,
    throttle,
)

TRAP: Final = "company"
ORDER_TEXT_MAX: Final = 300
STRIPE_PAGES: Final = "https://checkout.stripe.com"

blueprint = Blueprint("gift", __name__)


@blueprint.get("/gift/<code>")
def show(code: str) -> ResponseReturnValue:
    """The form."""
    page = open_gift_page(services().loyalty, code)
    return _form(page, shown({"amount": _plain(page, page.shop.settings.amounts[0])}))


@blueprint.post("/gift/<code>")
def order(code: str) -> ResponseReturnValue:
    """Order, and go on to the page that says how to pay."""
    page = open_gift_page(services().loyalty, code)
    throttle(GIFT_ORDER, f"{page.merchant_id}|{address()}")
    throttle(GIFT_SHOP, page.merchant_id)
    try:
        gift_id = order_gift(services().loyalty, page.merchant_id, _sent(page))
    except InvalidInput as error:
        if wants_json():
            raise
        return _form(page, refused(error)), error.status
    token = str(_orders().dumps([page.merchant_id, gift_id]))
    return redirect(url_for(".order_page", code=page.shop.code, token=token), 303)


@blueprint.get("/gift/<code>/order/<token>")
def order_page(code: str, token: str) -> ResponseReturnValue:
    """How to pay; afterwards, what became of it."""
    page = open_gift_page(services().loyalty, code)
    return _order_page(page, token)


@blueprint.post("/gift/<code>/order/<token>/pay")
def pay_by_card(code: str, token: str) -> ResponseReturnValue:
    """Go on to Stripe's page."""
    page = open_gift_page(services().loyalty, code)
    throttle(GIFT_ORDER, f"{page.merchant_id}|{address()}")
    back = services().absolute(url_for(".order_page", code=page.shop.code, token=token))
    try:
        link = start_checkout(
            services().loyalty,
            page.merchant_id,
            _order_id(page, token),
            success_url=f"{back}?paid=1",
            cancel_url=back,
        )
    except PaymentTrouble as error:
        if wants_json():
            raise
        return _order_page(page, token, trouble=error.message), error.status
    return redirect(link, 303)


@blueprint.get("/gift/<code>/balance")
def balance_page(code: str) -> ResponseReturnValue:
    """Ask what is left on a card."""
    return _balance(open_gift_page(services().loyalty, code), shown())


@blueprint.post("/gift/<code>/balance")
def balance(code: str) -> ResponseReturnValue:
    """What is left on a card, to who knows its number."""
    page = open_gift_page(services().loyalty, code)
    throttle(GIFT_BALANCE, f"{page.merchant_id}|{address()}")
    throttle(GIFT_GUESSES, page.merchant_id)
    try:
        found = gift_balance(
            services().loyalty, page.merchant_id, text("number"), secret("pin").strip()
        )
    except NoSuchGift as error:
        if wants_json():
            raise
        form = Form(values={"number": text("number")}, errors={"number": error.message})
        return _balance(page, form), error.status
    return _balance(page, shown(), found)


@blueprint.get("/gift/<code>/paper/<paper>")
def paper_page(code: str, paper: str) -> ResponseReturnValue:
    """The button that brings a gift card on paper to this phone; looking changes nothing."""
    page = open_gift_page(services().loyalty, code)
    return render_template("gift/paper.html", page=page, paper=paper)


@blueprint.post("/gift/<code>/paper/<paper>")
def open_paper(code: str, paper: str) -> ResponseReturnValue:
    """Spend the paper's code, once, and show the card."""
    page = open_gift_page(services().loyalty, code)
    throttle(GIFT_BALANCE, f"{page.merchant_id}|{address()}")
    throttle(GIFT_GUESSES, page.merchant_id)
    token = open_gift_paper(services().loyalty, page.merchant_id, paper)
    return redirect(url_for("card.show", token=token), 303)


@blueprint.errorhandler(UnknownPaper)
@blueprint.errorhandler(PaperUsed)
@blueprint.errorhandler(UnknownGiftPage)
def _unknown(error: WalletError) -> ResponseReturnValue:
    try:
        throttle(CARD_MISS, address())
    except TooMany as too_many:
        return answer(too_many)
    return _closed(error)


@blueprint.errorhandler(MerchantSuspended)
def _closed(error: WalletError) -> ResponseReturnValue:
    if wants_json():
        return answer(error)
    return render_template("gift/closed.html", error=error), error.status


def _sent(page: GiftPage) -> OrderRequest:
    complaints: list[InvalidInput] = []
    amount, send_on = 0, None
    try:
        typed = text("other") or text("amount")
        amount = parse_amount(typed, page.shop.currency)
    except InvalidInput as complaint:
        complaints.append(complaint)
    if text("send_on"):
        try:
            send_on = date.fromisoformat(text("send_on"))
        except ValueError:
            complaints.append(InvalidInput(_("Write the day like 2027-01-31."), field="send_on"))
    try:
        people = clean_people(
            recipient=text("recipient"),
            email=text("email") if page.sends_mail else "",
            buyer=text("buyer"),
            message=text("message"),
        )
    except InvalidInput as complaint:
        complaints.append(complaint)
    if text(TRAP):
        complaints.append(InvalidInput(_("Please press the button once more."), field="seal"))
    if complaints:
        raise InvalidInputs([one for each in complaints for one in _each(each)])
    return OrderRequest(
        amount_minor=amount,
        people=people,
        send_on=send_on,
        language=current_language(),
        form_key=_seal(page),
    )


def _each(complaint: InvalidInput) -> list[InvalidInput]:
    return [InvalidInput(one["message"], field=one["field"]) for one in complaint.errors]


def _form(page: GiftPage, form: Form) -> str:
    settings = page.shop.settings
    return render_template(
        "gift/gift.html",
        page=page,
        form=form,
        amounts=[(_plain(page, one), one) for one in settings.amounts],
        trap=TRAP,
        seal=str(_seals().dumps([page.shop.programme_id, new_token()])),
    )


def _order_page(page: GiftPage, token: str, *, trouble: str = "") -> str:
    ctx = services().loyalty
    found = read_order(ctx, page.merchant_id, _order_id(page, token))
    by_card = found.state == "ordered" and takes_cards(ctx, page.merchant_id)
    if by_card:
        # Chromium applies the policy to where a form's answer redirects as well.
        sandbox = services().settings.sandbox_page_url if page.sandbox else None
        allow("form-action", sandbox or STRIPE_PAGES)
    code = ""
    if found.state == "ordered":
        code = code_drawing(found.counter_code, title=_("Code of the order, for the till"))
    return render_template(
        "gift/order.html",
        page=page,
        order=found,
        token=token,
        by_card=by_card,
        code=code,
        trouble=trouble,
        waits="paid" in request.args and found.state == "ordered",
    )


def _balance(page: GiftPage, form: Form, found: GiftBalance | None = None) -> str:
    return render_template("gift/balance.html", page=page, form=form, found=found)


def _plain(page: GiftPage, minor: int) -> str:
    return format_plain(minor, page.shop.currency)


def _seal(page: GiftPage) -> str:
    """The form's number.

    Raises:
        InvalidInput: forged, or of another shop.
    """
    try:
        programme_id, key = _seals().loads(request.form.get("seal", "")[:ORDER_TEXT_MAX])
    except (BadSignature, ValueError, TypeError) as error:
        raise InvalidInput(_("Please press the button once more."), field="seal") from error
    if programme_id != page.shop.programme_id:
        raise InvalidInput(_("Please press the button once more."), field="seal")
    return str(key)


def _order_id(page: GiftPage, token: str) -> int:
    """The order of a page's address.

    Raises:
        NotFound: forged, or another shop's.
    """
    try:
        merchant_id, gift_id = _orders().loads(token[:ORDER_TEXT_MAX])
    except (BadSignature, ValueError, TypeError) as error:
        raise NotFound(_("There is no such order.")) from error
    if merchant_id != page.merchant_id:
        raise NotFound(_("There is no such order."))
    return int(gift_id)


def _seals() -> URLSafeSerializer:
    return URLSafeSerializer(services().settings.secret_key, salt="gift-form")


def _orders() -> URLSafeSerializer:
    return URLSafeSerializer(services().settings.secret_key, salt="gift-order")
