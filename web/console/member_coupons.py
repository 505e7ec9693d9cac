"""A coupon for one member alone: given on the member's page, shown at the till and to nobody else."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from flask import request
from flask.typing import ResponseReturnValue

from common.errors import InvalidInput, NotFound
from common.i18n import gettext as _
from loyalty.coupons import add_coupon, own_code
from loyalty.programmes import ProgrammeView, read_programme
from loyalty.rule_card import RuleCard, rule_card
from loyalty.rule_drafts import read_rules
from web.console.door import blueprint, done, page
from web.console.offer_forms import coupon_form, own_coupon_fields
from web.console.rule_catalogue import field_groups
from web.console.rule_facts import facts_of
from web.console.rule_parts import Facts
from web.console.term_fields import first_values, read_piece, sent_values
from web.errors import answer, wants_json
from web.forms import Form, refused, shown
from web.services import services
from web.sessions import signed_in


@blueprint.get("/members/<id:member_id>/coupon")
def member_coupon(member_id: int) -> ResponseReturnValue:
    """The form of a coupon for this member."""
    fields = own_coupon_fields(_facts(_programme(member_id)))
    return _form(member_id, shown(first_values(fields)))


@blueprint.post("/members/<id:member_id>/coupon")
def give_member_coupon(member_id: int) -> ResponseReturnValue:
    """Give the member a coupon; its code is made here, for the till shows it anyway."""
    who = signed_in()
    programme = _programme(member_id)
    fields = own_coupon_fields(_facts(programme))
    try:
        piece = read_piece(fields, request.form, currency=who.merchant.currency)
        add_coupon(
            services().loyalty,
            who.merchant_id,
            programme.id,
            coupon=coupon_form(
                {**piece, "code": own_code()},
                ZoneInfo(who.merchant.time_zone),
                member_id=member_id,
            ),
            actor=who.actor(),
        )
    except InvalidInput as error:
        if wants_json():
            return answer(error)
        form = Form(values=sent_values(fields, request.form), errors=refused(error).errors)
        return _form(member_id, form), error.status
    said = _("The coupon is theirs; the till shows it at the next scan.")
    return done(said, "member", member_id=member_id)


def _form(member_id: int, form: Form) -> str:
    programme = _programme(member_id)
    return page(
        "member_coupon.html",
        member_id=member_id,
        programme=programme,
        form=form,
        groups=field_groups(own_coupon_fields(_facts(programme)), form),
    )


def _card(member_id: int) -> RuleCard:
    card = rule_card(services().loyalty, signed_in().merchant_id, member_id)
    if card is None:
        raise NotFound(_("This card is of one rate and takes no coupons."))
    return card


def _programme(member_id: int) -> ProgrammeView:
    programme_id = _card(member_id).programme_id
    return read_programme(services().loyalty, signed_in().merchant_id, programme_id)


def _facts(programme: ProgrammeView) -> Facts:
    ctx, who = services().loyalty, signed_in()
    rules = read_rules(ctx, who.merchant_id, programme.id)
    return facts_of(
        ctx, who.merchant_id, rules.document, currency=who.merchant.currency, kind="reward"
    )
