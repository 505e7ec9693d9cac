"""What happens to a card at the counter: find, earn, redeem, undo.

Every answer is the same fragment of HTML: as a page for a plain form, or inside JSON for the
till's script. Every change carries an idempotency key that the page keeps until it is answered,
so a double tap or a lost connection is done once.

Rules (DESIGN 6, 8): by number, name or contact staff look up, masked, and earn; redeeming needs
the card's code or a manager's PIN. Staff undo only their own last movement within five minutes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from flask import Response, jsonify, make_response, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import format_timedelta

from common.errors import InvalidInput
from common.i18n import gettext as _
from common.money import parse_amount
from loyalty.balance import CardState, card_state
from loyalty.earn import EarnRequest, earn
from loyalty.find_member import FoundBy, FoundMember, find_members
from loyalty.redeem import RedeemRequest, redeem
from loyalty.results import OperationResult
from loyalty.reverse import OWN_UNDO_WINDOW, ReverseRequest, reverse
from loyalty.rotating_code import UnknownCard
from loyalty.staff_session import TillSession, approve_by_manager
from loyalty.tokens import new_token
from web.errors import answer, wants_json
from web.forms import Form, refused, secret, shown, text, whole
from web.services import services
from web.throttle import TILL_MISS, TILL_NAME, throttle
from web.till.door import blueprint
from web.till.handles import make_handle, open_handle
from web.till.session import open_till

ID_DIGITS_MAX: Final = 19


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """A card on the till's screen.

    `undo_id` is a movement that may still be undone, `last_used` says in words when it moved last.
    """

    found: FoundMember
    handle: str
    state: CardState
    undo_id: int | None
    last_used: str
    new_key: str


@blueprint.post("/till/find")
def find() -> ResponseReturnValue:
    """Whose card this is, or who it may be."""
    till = open_till()
    handle = request.form.get("card", "")
    if handle:
        return _show(till, open_handle(till, handle))
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
        return _answer(
            till, "till/several.html", tone="ask", facts={"count": len(found)}, entries=entries
        )
    return _show(till, found[0])


@blueprint.post("/till/earn")
def earn_now() -> ResponseReturnValue:
    """Collect for a sale, or for a visit."""
    till = open_till()
    found = open_handle(till, request.form.get("card", ""))
    state = card_state(services().loyalty, till.merchant_id, found.member_id)
    try:
        request_ = _earn_request(till, found, state)
        result = earn(services().loyalty, till.merchant_id, request_)
    except InvalidInput as error:
        return _show_refused(till, found, error)
    return _show_result(till, found, result)


@blueprint.post("/till/redeem")
def redeem_now() -> ResponseReturnValue:
    """Hand over a reward."""
    till = open_till()
    ctx = services().loyalty
    found = open_handle(till, request.form.get("card", ""))
    actor = till.actor()
    try:
        reward_id = _row_id("reward")
        if not found.may_redeem:
            actor = approve_by_manager(ctx, till, _manager_pin(), member_id=found.member_id)
    except InvalidInput as error:
        return _show_refused(till, found, error)
    result = redeem(
        ctx,
        till.merchant_id,
        RedeemRequest(
            member_id=found.member_id, reward_id=reward_id, actor=actor, idempotency_key=_key()
        ),
    )
    return _show_result(till, found, result)


@blueprint.post("/till/undo")
def undo_now() -> ResponseReturnValue:
    """Take back a movement: one's own last one; a manager, any."""
    till = open_till()
    found = open_handle(till, request.form.get("card", ""))
    result = reverse(
        services().loyalty,
        till.merchant_id,
        ReverseRequest(
            operation_id=_row_id("operation"),
            actor=till.actor(),
            idempotency_key=_key(),
            own_recent_only=not till.is_manager,
        ),
    )
    return _show_result(till, found, result)


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
        idempotency_key=_key(),
    )


def _key() -> str:
    # One merchant's tills share the space of keys; the page makes 128 random bits.
    return f"till:{text('key')}" if text("key") else ""


def _manager_pin() -> str:
    pin = secret("manager_pin")
    if not pin:
        raise InvalidInput(
            _("Scan the card to redeem, or let a manager type their PIN."), field="manager_pin"
        )
    return pin


def _row_id(field: str) -> int:
    value = text(field)
    if not (value.isascii() and value.isdigit() and len(value) < ID_DIGITS_MAX):
        raise InvalidInput(_("Scan the card again."), field=field)
    return int(value)


def _show(
    till: TillSession, found: FoundMember, *, form: Form | None = None, status: int = 200
) -> Response:
    panel = _panel(till, found)
    return _answer(
        till,
        "till/member.html",
        tone="ask",
        facts=_facts(panel),
        status=status,
        panel=panel,
        form=form or shown(),
    )


def _show_refused(till: TillSession, found: FoundMember, error: InvalidInput) -> Response:
    if wants_json():
        return answer(error)
    values = {"amount": request.form.get("amount", "")}
    form = Form(values=values, errors=refused(error).errors)
    return _show(till, found, form=form, status=error.status)


def _show_result(till: TillSession, found: FoundMember, result: OperationResult) -> Response:
    panel = _panel(till, found, just_done=result)
    return _answer(
        till,
        "till/done.html",
        tone="good",
        facts={
            **_facts(panel),
            "operation": str(result.operation_id),
            "kind": result.kind,
            "units": result.units,
            "balance": result.balance,
            "sentences": list(result.sentences),
            "replayed": result.replayed,
        },
        panel=panel,
        form=shown(),
        result=result,
    )


def _panel(
    till: TillSession, found: FoundMember, *, just_done: OperationResult | None = None
) -> Panel:
    state = card_state(services().loyalty, till.merchant_id, found.member_id)
    return Panel(
        found=found,
        handle=make_handle(till, found),
        state=state,
        undo_id=_undo_id(till, state, just_done),
        last_used=_ago(found.last_used),
        new_key=new_token(),
    )


def _undo_id(till: TillSession, state: CardState, just_done: OperationResult | None) -> int | None:
    """The newest movement, when it is young and whoever stands here did it."""
    if not state.history:
        return None
    last = state.history[0]
    young = services().loyalty.clock.now() - last.created_at < OWN_UNDO_WINDOW
    mine = just_done is None or just_done.operation_id == last.operation_id
    own = last.staff_id == till.staff_id
    return last.operation_id if last.reversible and young and mine and own else None


def _ago(moment: datetime | None) -> str:
    if moment is None:
        return _("never used")
    elapsed = services().loyalty.clock.now() - moment
    if elapsed < timedelta(minutes=1):
        return _("used just now")
    words = format_timedelta(-elapsed, granularity="minute", add_direction=True)
    return _("used %(when)s", when=words)


def _facts(panel: Panel) -> dict[str, Any]:
    return {
        "unit": panel.state.unit,
        "balance": panel.state.balance,
        "by": panel.found.by,
        "may_redeem": panel.found.may_redeem,
        "rewards_due": [reward.name for reward in panel.state.rewards if reward.due],
    }


def _answer(
    till: TillSession,
    template: str,
    *,
    tone: str,
    facts: Mapping[str, Any],
    status: int = 200,
    **values: Any,
) -> Response:
    """The fragment in a page, or in JSON with the facts beside it."""
    values = {"till": till, "tone": tone, **values}
    if wants_json():
        return jsonify({"tone": tone, "html": render_template(template, **values), **facts})
    return make_response(render_template("till/plain.html", fragment=template, **values), status)
