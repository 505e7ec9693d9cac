"""Something comes back: which sale, how much of it, and what becomes of a reward spent on it."""

from __future__ import annotations

from flask import request
from flask.typing import ResponseReturnValue

from common.actor import Actor
from common.errors import InvalidInput
from common.i18n import gettext as _
from common.money import format_money, format_plain, parse_amount
from ledger.programme_terms import SpentReward
from loyalty.find_member import FoundMember
from loyalty.refund import RefundableSale, RefundRequest, RefundResult, refund, refundable
from loyalty.sold import SaleItem
from loyalty.staff_session import TillSession, approve_by_manager
from loyalty.tokens import new_token
from web.errors import answer, wants_json
from web.forms import Form, refused, secret, shown, text
from web.services import services
from web.till.door import blueprint
from web.till.handles import make_handle, open_handle
from web.till.panel import fragment, row_id, sent_key
from web.till.session import open_till

LINE = "line."


@blueprint.post("/till/return")
def show_return() -> ResponseReturnValue:
    """The sale, and how much of it comes back."""
    till = open_till()
    found = open_handle(till, request.form.get("card", ""))
    sale = _sale(till, found)
    left = format_plain(sale.paid_minor - sale.refunded_minor, sale.currency)
    return _form(till, found, sale, shown({"back": left}))


@blueprint.post("/till/return/book")
def refund_now() -> ResponseReturnValue:
    """Take back what the returned part earned."""
    till = open_till()
    found = open_handle(till, request.form.get("card", ""))
    sale = _sale(till, found)
    try:
        amount_minor = parse_amount(text("back"), sale.currency, field="back")
        wanted = RefundRequest(
            operation_id=sale.operation_id,
            amount_minor=amount_minor,
            lines=_lines(sale),
            choice=_choice(),
            actor=_actor(till, sale, amount_minor),
            idempotency_key=sent_key(text("choice")),
            refund_ref=sent_key() or None,
        )
        result = refund(services().loyalty, till.merchant_id, wanted)
    except InvalidInput as error:
        if wants_json():
            return answer(error)
        values = {"back": text("back")}
        errors = {{"amount": "back"}.get(f, f): m for f, m in refused(error).errors.items()}
        return _form(till, found, sale, Form(values=values, errors=errors), status=error.status)
    if result.asks:
        return _form(till, found, sale, shown({"back": text("back")}), asks=True)
    own = wanted.actor == till.actor() or till.is_manager
    return _done(till, found, result, may_undo=own and not result.replayed)


def _actor(till: TillSession, sale: RefundableSale, amount_minor: int) -> Actor:
    """Who takes it back: above the shop's limit for one sale, a manager by their PIN."""
    if not needs_manager(till, sale, amount_minor):
        return till.actor()
    pin = secret("manager_pin")
    if not pin:
        most = format_money(till.refund_max_minor, till.currency, language=till.language)
        raise InvalidInput(
            _("Above %(most)s a manager types their PIN.", most=most), field="manager_pin"
        )
    return approve_by_manager(services().loyalty, till, pin, member_id=sale.member_id)


def needs_manager(till: TillSession, sale: RefundableSale, amount_minor: int) -> bool:
    """Whether this much, with what came back before, is beyond what staff may do alone."""
    back_minor = sale.refunded_minor + amount_minor
    return not till.is_manager and back_minor > till.refund_max_minor


def _sale(till: TillSession, found: FoundMember) -> RefundableSale:
    sale = refundable(services().loyalty, till.merchant_id, row_id("operation"))
    if sale.member_id != found.member_id:
        raise InvalidInput(_("This is another member's sale. Scan their card."), field="operation")
    return sale


def _choice() -> SpentReward | None:
    chosen = text("choice")
    if not chosen:
        return None
    try:
        return SpentReward(chosen)
    except ValueError as error:
        raise InvalidInput(_("Choose one of the list."), field="choice") from error


def _lines(sale: RefundableSale) -> tuple[SaleItem, ...]:
    """The pieces that come back, priced as they were sold."""
    found = []
    for number, line in enumerate(sale.lines):
        typed = text(f"{LINE}{number}")
        if not typed or typed == "0":
            continue
        if not (typed.isascii() and typed.isdigit()) or int(typed[:9]) > line.quantity:
            message = _("At most %(most)d of them were sold.", most=line.quantity)
            raise InvalidInput(message, field=f"{LINE}{number}")
        pieces = int(typed)
        found.append(
            SaleItem(
                code=line.item,
                category=line.category,
                quantity=pieces,
                net_minor=line.net_minor * pieces // line.quantity,
                tax_minor=line.tax_minor * pieces // line.quantity,
            )
        )
    return tuple(found)


def _form(
    till: TillSession,
    found: FoundMember,
    sale: RefundableSale,
    form: Form,
    *,
    asks: bool = False,
    status: int = 200,
) -> ResponseReturnValue:
    return fragment(
        till,
        "till/return.html",
        tone="ask",
        facts={"asks": asks, "left_minor": sale.paid_minor - sale.refunded_minor},
        status=status,
        sale=sale,
        form=form,
        asks=asks,
        handle=make_handle(till, found),
        asks_pin=needs_manager(till, sale, sale.paid_minor - sale.refunded_minor),
        key=text("key") if asks else new_token(),
        returned={name: value for name, value in request.form.items() if name.startswith(LINE)},
    )


def _done(
    till: TillSession, found: FoundMember, result: RefundResult, *, may_undo: bool
) -> ResponseReturnValue:
    return fragment(
        till,
        "till/returned.html",
        tone="good",
        facts={"sentences": list(result.sentences), "replayed": result.replayed},
        result=result,
        found=found,
        handle=make_handle(till, found),
        key=new_token(),
        may_undo=may_undo,
    )
