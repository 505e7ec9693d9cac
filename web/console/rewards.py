"""Rewards and coupons: what members can have for what they collected, and what they get besides."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final
from zoneinfo import ZoneInfo

from flask import request
from flask.typing import ResponseReturnValue

from common.errors import InvalidInput, NotFound
from common.i18n import gettext as _
from common.money import format_plain, parse_amount
from ledger.any_terms import units_of
from ledger.offers import Cost
from ledger.programme_terms import ProgrammeTerms
from loyalty.coupons import add_coupon, change_coupon, list_coupons, read_coupon
from loyalty.programmes import ProgrammeView, read_programme
from loyalty.rewards import RewardForm, add_reward, change_reward
from loyalty.rule_drafts import read_rules
from web.console.door import blueprint, done, page
from web.console.offer_forms import (
    CouponShown,
    coupon_fields,
    coupon_form,
    offer_values,
    reward_fields,
    reward_form,
)
from web.console.rule_catalogue import field_groups
from web.console.rule_facts import facts_of
from web.console.rule_parts import Facts
from web.console.term_fields import first_values, read_piece, sent_values
from web.errors import answer, wants_json
from web.forms import Form, flag, refused, shown, text, whole
from web.services import services
from web.sessions import signed_in

# In front of a unit: the field of how much of it a reward takes beside its first cost.
ALSO: Final = "also_"


@blueprint.get("/cards/<id:programme_id>/rewards")
def rewards(programme_id: int) -> ResponseReturnValue:
    """The rewards and the form for one more."""
    programme = _programme(programme_id)
    return _rewards(programme, shown(first_values(reward_fields(_facts(programme)))))


@blueprint.post("/cards/<id:programme_id>/rewards")
def add_one_reward(programme_id: int) -> ResponseReturnValue:
    """Offer a reward."""
    who = signed_in()
    programme = _programme(programme_id)
    try:
        add_reward(
            services().loyalty,
            who.merchant_id,
            programme_id,
            name=text("name"),
            cost=_cost(),
            offer=_offer(programme),
            actor=who.actor(),
        )
    except InvalidInput as error:
        if wants_json():
            return answer(error)
        return _rewards(programme, _again(programme, error)), error.status
    return done(_("The reward is on every card."), "rewards", programme_id=programme_id)


@blueprint.get("/cards/<id:programme_id>/rewards/<id:reward_id>")
def reward(programme_id: int, reward_id: int) -> ResponseReturnValue:
    """One reward's form."""
    programme = _programme(programme_id)
    known = programme.reward(reward_id)
    values = {
        **offer_values(known, _currency(), _zone()),
        "unit": known.unit or programme.unit,
        "cost": _cost_text(known.cost, known.unit or programme.unit),
        **{
            f"{ALSO}{unit}": _cost_text(amount, unit)
            for unit, amount in (known.conditions or {}).get("costs", ())
        },
    }
    return _reward(programme, reward_id, shown(values))


@blueprint.post("/cards/<id:programme_id>/rewards/<id:reward_id>")
def change_one_reward(programme_id: int, reward_id: int) -> ResponseReturnValue:
    """Give a reward another name, cost or condition, or take it off the card."""
    who = signed_in()
    programme = _programme(programme_id)
    programme.reward(reward_id)
    try:
        change_reward(
            services().loyalty,
            who.merchant_id,
            reward_id,
            name=text("name"),
            cost=_cost(),
            active=flag("active"),
            offer=_offer(programme),
            actor=who.actor(),
        )
    except InvalidInput as error:
        if wants_json():
            return answer(error)
        return _reward(programme, reward_id, _again(programme, error)), error.status
    return done(_("The reward is changed."), "rewards", programme_id=programme_id)


@blueprint.get("/cards/<id:programme_id>/coupons")
def coupons(programme_id: int) -> ResponseReturnValue:
    """The coupons and the form for one more."""
    programme = _programme(programme_id)
    return _coupons(programme, shown(first_values(coupon_fields(_facts(programme)))))


@blueprint.post("/cards/<id:programme_id>/coupons")
def add_one_coupon(programme_id: int) -> ResponseReturnValue:
    """Offer a coupon."""
    who = signed_in()
    programme = _programme(programme_id)
    fields = coupon_fields(_facts(programme))
    try:
        piece = read_piece(fields, request.form, currency=_currency())
        add_coupon(
            services().loyalty,
            who.merchant_id,
            programme_id,
            coupon=coupon_form(piece, _zone()),
            actor=who.actor(),
        )
    except InvalidInput as error:
        if wants_json():
            return answer(error)
        form = Form(values=sent_values(fields, request.form), errors=refused(error).errors)
        return _coupons(programme, form), error.status
    return done(_("The coupon can be used."), "coupons", programme_id=programme_id)


@blueprint.get("/cards/<id:programme_id>/coupons/<id:coupon_id>")
def coupon(programme_id: int, coupon_id: int) -> ResponseReturnValue:
    """One coupon's form."""
    programme = _programme(programme_id)
    known = _known_coupon(programme, coupon_id)
    return _coupon(programme, coupon_id, shown(offer_values(known, _currency(), _zone())))


@blueprint.post("/cards/<id:programme_id>/coupons/<id:coupon_id>")
def change_one_coupon(programme_id: int, coupon_id: int) -> ResponseReturnValue:
    """Change a coupon, or stop it."""
    who = signed_in()
    programme = _programme(programme_id)
    known = _known_coupon(programme, coupon_id)
    fields = coupon_fields(_facts(programme))
    try:
        piece = read_piece(fields, request.form, currency=_currency())
        change_coupon(
            services().loyalty,
            who.merchant_id,
            coupon_id,
            coupon=coupon_form({**piece, "code": known.code}, _zone(), member_id=known.member_id),
            active=flag("active"),
            actor=who.actor(),
        )
    except InvalidInput as error:
        if wants_json():
            return answer(error)
        values = {**sent_values(fields, request.form), "active": flag("active") and "1"}
        form = Form(values=values, errors=refused(error).errors)
        return _coupon(programme, coupon_id, form), error.status
    if known.member_id is not None:
        return done(_("The coupon is changed."), "member", member_id=known.member_id)
    return done(_("The coupon is changed."), "coupons", programme_id=programme_id)


def _offer(programme: ProgrammeView) -> RewardForm:
    piece = read_piece(reward_fields(_facts(programme)), request.form, currency=_currency())
    unit = text("unit")
    form = reward_form(piece, "" if unit == programme.unit else unit, _zone())
    return replace(form, more_costs=_more_costs(programme, unit or programme.unit))


def _more_costs(programme: ProgrammeView, first: str) -> tuple[Cost, ...]:
    """What it takes beside, as a prize for a full set does."""
    return tuple(
        Cost(unit=unit, amount=_amount(f"{ALSO}{unit}", unit))
        for unit in units_of(programme.terms)
        if unit != first and text(f"{ALSO}{unit}")
    )


def _cost() -> int:
    return _amount("cost", text("unit"))


def _amount(field: str, unit: str) -> int:
    """How much of a unit: credit is money and typed like it, all else is counted."""
    if unit == _currency():
        return parse_amount(text(field), _currency(), field=field)
    return whole(field) or 0


def _cost_text(cost: int, unit: str) -> str:
    return format_plain(cost, _currency()) if unit == _currency() else str(cost)


def _again(programme: ProgrammeView, error: InvalidInput) -> Form:
    values: dict[str, Any] = {
        **sent_values(reward_fields(_facts(programme)), request.form),
        **{name: text(name) for name in ("name", "cost", "unit", "active")},
        **{f"{ALSO}{unit}": text(f"{ALSO}{unit}") for unit in units_of(programme.terms)},
    }
    return Form(values=values, errors=refused(error).errors)


def _facts(programme: ProgrammeView) -> Facts:
    ctx, who = services().loyalty, signed_in()
    rules = read_rules(ctx, who.merchant_id, programme.id)
    return facts_of(
        ctx, who.merchant_id, rules.document, currency=who.merchant.currency, kind="reward"
    )


def _known_coupon(programme: ProgrammeView, coupon_id: int) -> CouponShown:
    known = read_coupon(services().loyalty, signed_in().merchant_id, coupon_id)
    if known.programme_id != programme.id:
        raise NotFound(_("There is no such coupon."))
    return known


def _programme(programme_id: int) -> ProgrammeView:
    return read_programme(services().loyalty, signed_in().merchant_id, programme_id)


def _rewards(programme: ProgrammeView, form: Form) -> str:
    return page("rewards.html", **_reward_page(programme, form))


def _reward(programme: ProgrammeView, reward_id: int, form: Form) -> str:
    return page("reward.html", reward_id=reward_id, **_reward_page(programme, form))


def _reward_page(programme: ProgrammeView, form: Form) -> dict[str, Any]:
    facts = _facts(programme)
    many = isinstance(programme.terms, ProgrammeTerms)
    return {
        "programme": programme,
        "form": form,
        "groups": field_groups(reward_fields(facts), form),
        "units": facts.every_unit if many else (),
    }


def _coupons(programme: ProgrammeView, form: Form) -> str:
    found = list_coupons(services().loyalty, signed_in().merchant_id, programme.id)
    fields = coupon_fields(_facts(programme))
    return page(
        "coupons.html",
        programme=programme,
        coupons=found,
        form=form,
        groups=field_groups(fields, form),
    )


def _coupon(programme: ProgrammeView, coupon_id: int, form: Form) -> str:
    fields = [one for one in coupon_fields(_facts(programme)) if one.name != "code"]
    return page(
        "coupon.html",
        programme=programme,
        coupon_id=coupon_id,
        form=form,
        groups=field_groups(fields, form),
    )


def _zone() -> ZoneInfo:
    return ZoneInfo(signed_in().merchant.time_zone)


def _currency() -> str:
    return signed_in().merchant.currency
