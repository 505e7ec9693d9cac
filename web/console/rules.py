"""The one rule of a simple card, and what the join page asks for.

Not done here: a card with several rules (terms.py), rewards (rewards.py).
"""

from __future__ import annotations

from typing import Final

from flask import redirect, url_for
from flask.typing import ResponseReturnValue

from common.errors import Conflict, InvalidInput, InvalidInputs
from common.i18n import gettext as _
from common.money import format_plain, parse_amount
from ledger.any_terms import AnyTerms
from ledger.programme_terms import ProgrammeTerms
from ledger.terms import SPEND_MAX_MINOR, PointsTerms, StampTerms, Terms
from loyalty.programmes import ProgrammeView, change_terms, read_programme, set_join_fields
from web.console.door import blueprint, done, page
from web.errors import answer, wants_json
from web.forms import Form, flag, refused, shown, text, whole
from web.services import services
from web.sessions import signed_in

POINTS: Final = "points"
STAMPS: Final = "stamps"
ASKS: Final = ("ask_name", "ask_email", "ask_phone")


@blueprint.get("/cards/<id:programme_id>/rule")
def rule(programme_id: int) -> ResponseReturnValue:
    """The form of a card with one rule; a card with many has a page of its own."""
    programme = _programme(programme_id)
    if isinstance(programme.terms, ProgrammeTerms):
        return redirect(url_for("console.rules", programme_id=programme_id), code=303)
    return _rule(programme, shown(terms_values(programme.terms)))


@blueprint.post("/cards/<id:programme_id>/rule")
def save_rule(programme_id: int) -> ResponseReturnValue:
    """Let another rule count from now on."""
    who = signed_in()
    who.require_owner()
    programme = _programme(programme_id)
    if isinstance(programme.terms, ProgrammeTerms):
        raise Conflict(_("This card has several rules. Change them on their own page."))
    try:
        change_terms(
            services().loyalty,
            who.merchant_id,
            programme_id,
            sent_terms(who.merchant.currency),
            actor=who.actor(),
        )
    except InvalidInput as error:
        return answer(error) if wants_json() else (_rule(programme, refused(error)), error.status)
    return done(_("The rule counts from now on."), "rule", programme_id=programme_id)


@blueprint.get("/cards/<id:programme_id>/questions")
def questions(programme_id: int) -> ResponseReturnValue:
    """What the join page asks for."""
    programme = _programme(programme_id)
    values = {f"ask_{name}": how for name, how in programme.ask.items()}
    values["by_mail"] = "yes" if programme.join_by_mail else ""
    return _questions(programme, shown(values))


@blueprint.post("/cards/<id:programme_id>/questions")
def save_questions(programme_id: int) -> ResponseReturnValue:
    """Change what the join page asks for."""
    who = signed_in()
    programme = _programme(programme_id)
    name, email, phone = (text(field) for field in ASKS)
    try:
        set_join_fields(
            services().loyalty,
            who.merchant_id,
            programme_id,
            name=name,
            email=email,
            phone=phone,
            by_mail=flag("by_mail"),
            actor=who.actor(),
        )
    except InvalidInput as error:
        if wants_json():
            return answer(error)
        return _questions(programme, refused(error)), error.status
    return done(
        _("The join page asks for this from now on."), "questions", programme_id=programme_id
    )


def sent_terms(currency: str) -> Terms:
    """The rule of the sent form; ranges are judged by the ledger.

    Raises:
        InvalidInput: fields `rule`, `spend`, `points`, `goal`.
    """
    chosen = text("rule")
    if chosen == STAMPS:
        return StampTerms(version=1, goal=whole("goal") or 0)
    if chosen != POINTS:
        raise InvalidInput(_("Choose points or stamps."), field="rule")
    complaints = []
    spend, points = 0, 0
    try:
        spend = parse_amount(text("spend"), currency, field="spend", max_minor=SPEND_MAX_MINOR)
    except InvalidInput as complaint:
        complaints.append(complaint)
    try:
        points = whole("points") or 0
    except InvalidInput as complaint:
        complaints.append(complaint)
    if complaints:
        raise InvalidInputs(complaints)
    return PointsTerms(version=1, currency=currency, spend_minor=spend, points=points)


def terms_values(terms: AnyTerms) -> dict[str, object]:
    """The rule as the form shows it; a card with many rules shows none here."""
    if isinstance(terms, ProgrammeTerms):
        return {}
    if isinstance(terms, StampTerms):
        return {"rule": STAMPS, "goal": terms.goal, "points": 1}
    return {
        "rule": POINTS,
        "spend": format_plain(terms.spend_minor, terms.currency),
        "points": terms.points,
        "goal": 9,
    }


def _programme(programme_id: int) -> ProgrammeView:
    return read_programme(services().loyalty, signed_in().merchant_id, programme_id)


def _rule(programme: ProgrammeView, form: Form) -> str:
    return page("rule.html", programme=programme, form=form)


def _questions(programme: ProgrammeView, form: Form) -> str:
    return page("questions.html", programme=programme, form=form)
