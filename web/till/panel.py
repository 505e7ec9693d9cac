"""A card on the till's screen: what is shown after a scan and after each step.

Every answer is the same fragment of HTML: as a page for a plain form, or inside JSON for the
till's script. Not done here: what a tap does (counter.py, sale.py, refunds.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from flask import Response, jsonify, make_response, render_template, request
from flask_babel import format_timedelta

from common.errors import InvalidInput
from common.i18n import gettext as _
from ledger.accounts import OperationKind
from ledger.gifts import is_gift
from loyalty.balance import CardState, card_state
from loyalty.find_member import FoundMember
from loyalty.gift_views import GiftView, gift_of_holder
from loyalty.referrals import settle_referral
from loyalty.results import OperationResult
from loyalty.reverse import OWN_UNDO_WINDOW
from loyalty.rule_card import RuleCard, rule_card
from loyalty.staff_session import TillSession
from loyalty.tokens import new_token
from web.errors import answer, wants_json
from web.forms import Form, refused, shown, text
from web.services import services
from web.till.asking import Asking, what_to_ask
from web.till.handles import SaleSoFar, make_handle

ID_DIGITS_MAX: Final = 19


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """A card on the till's screen.

    `undo_id` is a movement that may still be undone, `last_used` says in words when it moved last.
    `card` and `asking` are there for a card of many rules; `sale` is the sale that is being rung;
    `gift` is there for a gift card.
    """

    found: FoundMember
    handle: str
    state: CardState
    undo_id: int | None
    last_used: str
    new_key: str
    card: RuleCard | None
    asking: Asking | None
    sale: SaleSoFar
    gift: GiftView | None = None


def sent_key(what: str = "") -> str:
    """The key that the page keeps until it is answered; `what` tells two taps of a page apart.

    One merchant's tills share the space of keys; the page makes 128 random bits.
    """
    key = text("key")
    return f"till:{key}{what and '-'}{what}" if key else ""


def row_id(field: str) -> int:
    """A sent id of a row.

    Raises:
        InvalidInput: it is none.
    """
    value = text(field)
    if not (value.isascii() and value.isdigit() and len(value) < ID_DIGITS_MAX):
        raise InvalidInput(_("Scan the card again."), field=field)
    return int(value)


def show(
    till: TillSession,
    found: FoundMember,
    *,
    form: Form | None = None,
    status: int = 200,
    sale: SaleSoFar | None = None,
) -> Response:
    """The card, ready for the next tap."""
    panel = _panel(till, found, sale=sale)
    return fragment(
        till,
        "till/gift.html" if panel.gift else "till/member.html",
        tone="ask",
        facts=_facts(panel),
        status=status,
        panel=panel,
        form=form or shown(),
    )


def show_refused(
    till: TillSession, found: FoundMember, error: InvalidInput, *, sale: SaleSoFar | None = None
) -> Response:
    """The card again, with what was typed wrong beside its field."""
    if wants_json():
        return answer(error)
    values = {"amount": request.form.get("amount", "")}
    form = Form(values=values, errors=refused(error).errors)
    return show(till, found, form=form, status=error.status, sale=sale)


def show_result(
    till: TillSession,
    found: FoundMember,
    result: OperationResult,
    *,
    sale: SaleSoFar | None = None,
    notes: tuple[str, ...] = (),
) -> Response:
    """What happened, and the card after it; `notes` are what staff must do now."""
    if result.kind is OperationKind.EARN and not result.replayed:
        # Both phones follow at once; what happens elsewhere is found by the worker.
        settle_referral(services().loyalty, till.merchant_id, found.member_id)
    panel = _panel(till, found, just_done=result, sale=sale)
    return fragment(
        till,
        "till/done.html",
        tone="good",
        facts={
            **_facts(panel),
            "operation": str(result.operation_id),
            "kind": result.kind,
            "units": result.units,
            "balance": result.balance,
            "discount_minor": result.discount_minor,
            "sentences": list(result.sentences),
            "replayed": result.replayed,
        },
        panel=panel,
        form=shown({"amount": text("amount")} if sale else {}),
        result=result,
        notes=notes,
    )


def fragment(
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


def _panel(
    till: TillSession,
    found: FoundMember,
    *,
    just_done: OperationResult | None = None,
    sale: SaleSoFar | None = None,
) -> Panel:
    ctx = services().loyalty
    state = card_state(ctx, till.merchant_id, found.member_id)
    at_hand = sale.at_hand() if sale else None
    card = rule_card(ctx, till.merchant_id, found.member_id, sale=at_hand)
    gift = None
    if card is not None and is_gift(card.terms):
        gift = gift_of_holder(ctx, till.merchant_id, found.member_id)
    return Panel(
        found=found,
        handle=make_handle(till, found),
        state=state,
        undo_id=_undo_id(till, state, just_done),
        last_used=_ago(found.last_used),
        new_key=new_token(),
        card=card,
        asking=None if card is None else what_to_ask(ctx, till.merchant_id, card.terms),
        sale=sale or SaleSoFar(),
        gift=gift,
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
    offered = panel.card.rewards if panel.card else panel.state.rewards
    return {
        "unit": panel.state.unit,
        "balance": panel.state.balance,
        "by": panel.found.by,
        "may_redeem": panel.found.may_redeem,
        "rewards_due": [reward.name for reward in offered if reward.due],
        "holds": [unit.words for unit in panel.card.view.units] if panel.card else [],
    }
