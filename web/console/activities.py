"""Activities in the console: offer them, and decide what members sent in."""

from __future__ import annotations

from flask import Response, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from common.errors import InvalidInput
from common.i18n import gettext as _
from loyalty.activities import (
    ActivityForm,
    ActivityKind,
    add_activity,
    list_activities,
    stop_activity,
)
from loyalty.activity_claims import (
    approve_claim,
    claim_photo,
    claim_queue,
    find_claim,
    refuse_claim,
)
from loyalty.programmes import read_programme
from web.console.activity import before
from web.console.door import blueprint, done, page
from web.errors import answer, wants_json
from web.forms import Form, flag, refused, shown, text, whole
from web.services import services
from web.sessions import signed_in

PAGE = 100


@blueprint.get("/cards/<id:programme_id>/activities")
def card_activities(programme_id: int) -> ResponseReturnValue:
    """What a card offers beside buying, and the form for one more."""
    return _page(programme_id, shown({"chances": "1", "approval": "1"}))


@blueprint.post("/cards/<id:programme_id>/activities")
def add_card_activity(programme_id: int) -> ResponseReturnValue:
    """Offer one more."""
    who = signed_in()
    read_programme(services().loyalty, who.merchant_id, programme_id)
    try:
        add_activity(services().loyalty, who.merchant_id, programme_id, _sent(), actor=who.actor())
    except InvalidInput as error:
        if wants_json():
            return answer(error)
        return _page(programme_id, refused(error)), error.status
    return done(_("It is offered from now on."), "card_activities", programme_id=programme_id)


@blueprint.post("/activities/<id:activity_id>/stop")
def stop_one_activity(activity_id: int) -> ResponseReturnValue:
    """Offer it no more, or again."""
    who = signed_in()
    stopped = not flag("again")
    stop_activity(
        services().loyalty, who.merchant_id, activity_id, stopped=stopped, actor=who.actor()
    )
    said = _("It is not offered any more.") if stopped else _("It is offered again.")
    return done(said, "claims")


@blueprint.get("/activities")
def claims() -> ResponseReturnValue:
    """What members sent in and waits for a decision; or what was decided."""
    who = signed_in()
    state = request.args.get("state", "waiting")
    state = state if state in {"waiting", "approved", "refused"} else "waiting"
    found = claim_queue(services().loyalty, who.merchant_id, state=state, before_id=before())
    older = found[-1].id if len(found) == PAGE else None
    return page("claims.html", claims=found, state=state, older=older)


@blueprint.post("/activities/claims/<id:claim_id>/approve")
def approve(claim_id: int) -> ResponseReturnValue:
    """Give what was promised for it."""
    who = signed_in()
    approve_claim(
        services().loyalty, who.merchant_id, claim_id, shown=flag("shown"), actor=who.actor()
    )
    return done(_("Approved; it is on the member's card."), "claims")


@blueprint.post("/activities/claims/<id:claim_id>/refuse")
def refuse(claim_id: int) -> ResponseReturnValue:
    """Give nothing for it, and say why."""
    who = signed_in()
    find_claim(services().loyalty, who.merchant_id, claim_id)
    try:
        refuse_claim(
            services().loyalty,
            who.merchant_id,
            claim_id,
            reason=text("reason"),
            actor=who.actor(),
        )
    except InvalidInput as error:
        if wants_json():
            return answer(error)
        flash(error.message, "bad")
        return redirect(url_for("console.claims"), code=303)
    return done(_("Refused; the member reads why."), "claims")


@blueprint.get("/activities/claims/<id:claim_id>/photo")
def photo(claim_id: int) -> ResponseReturnValue:
    """The photo of a claim, drawn anew when it came in."""
    who = signed_in()
    return Response(
        claim_photo(services().loyalty, who.merchant_id, claim_id), mimetype="image/png"
    )


def _sent() -> ActivityForm:
    try:
        kind = ActivityKind(text("kind"))
    except ValueError as error:
        raise InvalidInput(_("Choose what members do."), field="kind") from error
    return ActivityForm(
        kind=kind,
        name=text("name"),
        units=whole("units") or 0,
        unit=text("unit"),
        chances=whole("chances") or 0,
        days=whole("days") or 0,
        total=whole("total"),
        approval=flag("approval"),
        question=text("question"),
        address=text("address"),
        hours=whole("hours") or 0,
        embed=text("embed").rstrip("/"),
    )


def _kinds() -> list[tuple[str, str]]:
    return [
        (ActivityKind.REVIEW, _("Write a review")),
        (ActivityKind.PHOTO, _("Send a photo")),
        (ActivityKind.QUESTION, _("Answer a question")),
        (ActivityKind.PROFILE, _("Fill in birthday or address")),
        (ActivityKind.BIRTHDAY, _("Come around the birthday")),
        (ActivityKind.SHARE, _("Share, some hours after a purchase")),
        (ActivityKind.SITE_VISIT, _("Visit our site")),
        (ActivityKind.NEWSLETTER, _("Follow the link in our news")),
        (ActivityKind.RECEIPT, _("Send in a forgotten receipt")),
        (ActivityKind.CHECK_IN, _("Check in by the code on the till’s screen")),
    ]


def _page(programme_id: int, form: Form) -> str:
    who, ctx = signed_in(), services().loyalty
    return page(
        "activities.html",
        programme=read_programme(ctx, who.merchant_id, programme_id),
        activities=[
            (
                one,
                services().absolute(url_for("activities.landing", code=one.code)),
                services().absolute(url_for("activities.embed", code=one.code)),
            )
            for one in list_activities(ctx, who.merchant_id, programme_id)
        ],
        kinds=_kinds(),
        form=form,
    )
