"""What bringing a friend gives, card by card, and how many came."""

from __future__ import annotations

from flask.typing import ResponseReturnValue

from common.errors import InvalidInput
from common.i18n import gettext as _
from common.money import format_plain, parse_amount
from loyalty.programmes import read_programme
from loyalty.referrals import (
    ReferralRule,
    Thanks,
    read_referral_rule,
    referral_counts,
    save_referral_rule,
)
from web.console.door import blueprint, done, page
from web.errors import answer, wants_json
from web.forms import Form, flag, refused, shown, text, whole
from web.services import services
from web.sessions import signed_in

FIRST = ReferralRule(active=False, thanks=Thanks.UNITS, referrer=50, friend=50)


@blueprint.get("/cards/<id:programme_id>/referrals")
def referrals(programme_id: int) -> ResponseReturnValue:
    """The rule and the friends so far."""
    who = signed_in()
    rule = read_referral_rule(services().loyalty, who.merchant_id, programme_id) or FIRST
    return _page(programme_id, shown(_values(rule)))


@blueprint.post("/cards/<id:programme_id>/referrals")
def save_referrals(programme_id: int) -> ResponseReturnValue:
    """Promise this to whoever comes from now on."""
    who = signed_in()
    read_programme(services().loyalty, who.merchant_id, programme_id)
    try:
        rule = ReferralRule(
            active=flag("active"),
            thanks=_thanks(),
            referrer=whole("referrer") or 0,
            friend=whole("friend") or 0,
            unit=text("unit"),
            least_minor=_least(),
            days=whole("days") or 0,
            cap=whole("cap") or 0,
        )
        save_referral_rule(
            services().loyalty, who.merchant_id, programme_id, rule, actor=who.actor()
        )
    except InvalidInput as error:
        if wants_json():
            return answer(error)
        return _page(programme_id, refused(error)), error.status
    return done(_("Saved."), "referrals", programme_id=programme_id)


def _thanks() -> Thanks:
    try:
        return Thanks(text("thanks"))
    except ValueError as error:
        raise InvalidInput(_("Choose what both get."), field="thanks") from error


def _least() -> int:
    typed = text("least")
    if not typed:
        return 0
    return parse_amount(typed, signed_in().merchant.currency, field="least")


def _values(rule: ReferralRule) -> dict[str, object]:
    currency = signed_in().merchant.currency
    return {
        "active": rule.active and "1",
        "thanks": rule.thanks,
        "referrer": rule.referrer,
        "friend": rule.friend,
        "unit": rule.unit,
        "least": format_plain(rule.least_minor, currency) if rule.least_minor else "",
        "days": rule.days,
        "cap": rule.cap,
    }


def _page(programme_id: int, form: Form) -> str:
    who, ctx = signed_in(), services().loyalty
    return page(
        "referrals.html",
        programme=read_programme(ctx, who.merchant_id, programme_id),
        counts=referral_counts(ctx, who.merchant_id, programme_id),
        form=form,
    )
