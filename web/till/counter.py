"""What happens to a card at the counter: find, earn, redeem, undo.

Every answer is the same fragment of HTML: as a page for a plain form, or inside JSON for the
till's script. Every change carries an idempotency key that the page keeps until it is answered,
so a double tap or a lost connection is done once.

Rules (DESIGN 6, 8): by number, name or contact staff look up, masked, and earn; redeeming needs
the card's code or a manager's PIN. Staff undo only their own last movement within five minutes.
"""

from __future__ import annotations

from flask import request
from flask.typing import ResponseReturnValue

from common.errors import InvalidInput
from common.i18n import gettext as _
from common.money import parse_amount
from loyalty.balance import CardState, card_state
from loyalty.earn import EarnRequest, earn
from loyalty.find_member import FoundBy, FoundMember, find_members
from loyalty.redeem import RedeemRequest, redeem
from loyalty.reverse import ReverseRequest, reverse
from loyalty.rotating_code import UnknownCard
from loyalty.rule_card import rule_card
from loyalty.staff_session import TillSession, approve_by_manager
from web.forms import secret, text, whole
from web.services import services
from web.throttle import TILL_MISS, TILL_NAME, throttle
from web.till.door import blueprint
from web.till.handles import make_handle, open_handle
from web.till.panel import fragment, row_id, sent_key, show, show_refused, show_result
from web.till.sale import after_redeeming, collect, sent_sale
from web.till.session import open_till


@blueprint.post("/till/find")
def find() -> ResponseReturnValue:
    """Whose card this is, or who it may be."""
    till = open_till()
    handle = request.form.get("card", "")
    if handle:
        return show(till, open_handle(till, handle))
    typed = text("code")
    try:
        found = find_members(services().loyalty, till.merchant_id, typed)
    except UnknownCard:
        throttle(TILL_MISS, till.till_id)
        raise
    if found[0].by in {FoundBy.NAME, FoundBy.EMAIL, FoundBy.PHONE}:
        throttle(TILL_NAME, till.till_id)
    if len(found) > 1:
        entries = [(one, make_handle(till, one)) for one in found]
        return fragment(
            till, "till/several.html", tone="ask", facts={"count": len(found)}, entries=entries
        )
    return show(till, found[0])


@blueprint.post("/till/earn")
def earn_now() -> ResponseReturnValue:
    """Collect for a sale, or for a visit."""
    till = open_till()
    ctx = services().loyalty
    found = open_handle(till, request.form.get("card", ""))
    card = rule_card(ctx, till.merchant_id, found.member_id)
    if card is not None:
        return collect(till, found)
    state = card_state(ctx, till.merchant_id, found.member_id)
    try:
        result = earn(ctx, till.merchant_id, _earn_request(till, found, state))
    except InvalidInput as error:
        return show_refused(till, found, error)
    return show_result(till, found, result)


@blueprint.post("/till/redeem")
def redeem_now() -> ResponseReturnValue:
    """Hand over a reward."""
    till = open_till()
    ctx = services().loyalty
    found = open_handle(till, request.form.get("card", ""))
    actor = till.actor()
    try:
        reward_id = row_id("reward")
        if not found.may_redeem:
            actor = approve_by_manager(ctx, till, _manager_pin(), member_id=found.member_id)
    except InvalidInput as error:
        return show_refused(till, found, error)
    try:
        sale = sent_sale(till, found.member_id)
        result = redeem(
            ctx,
            till.merchant_id,
            RedeemRequest(
                member_id=found.member_id,
                reward_id=reward_id,
                actor=actor,
                idempotency_key=sent_key(str(reward_id) if sale.amount_minor else ""),
                sale=sale.at_hand(),
            ),
        )
    except InvalidInput as error:
        return show_refused(till, found, error)
    return after_redeeming(till, found, result, sale)


@blueprint.post("/till/undo")
def undo_now() -> ResponseReturnValue:
    """Take back a movement: one's own last one; a manager, any."""
    till = open_till()
    found = open_handle(till, request.form.get("card", ""))
    result = reverse(
        services().loyalty,
        till.merchant_id,
        ReverseRequest(
            operation_id=row_id("operation"),
            actor=till.actor(),
            idempotency_key=sent_key(),
            own_recent_only=not till.is_manager,
        ),
    )
    return show_result(till, found, result)


def _earn_request(till: TillSession, found: FoundMember, state: CardState) -> EarnRequest:
    amount_minor = visits = None
    if state.unit == "stamps":
        visits = whole("visits") or 1
    else:
        amount_minor = parse_amount(secret("amount"), till.currency, max_minor=till.sale_max_minor)
    return EarnRequest(
        member_id=found.member_id,
        amount_minor=amount_minor,
        visits=visits,
        actor=till.actor(),
        idempotency_key=sent_key(),
    )


def _manager_pin() -> str:
    pin = secret("manager_pin")
    if not pin:
        raise InvalidInput(
            _("Scan the card to redeem, or let a manager type their PIN."), field="manager_pin"
        )
    return pin
