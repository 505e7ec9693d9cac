"""The card's look: words, colours, logo and strip, with a preview beside the form."""

from __future__ import annotations

from typing import Final

from flask import jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from common.errors import InvalidInput
from common.i18n import gettext as _
from ledger.any_terms import has_stamps
from loyalty.design import read_draft, remove_picture, save_picture, save_words
from loyalty.design_preview import preview
from loyalty.design_words import is_word
from loyalty.programmes import (
    ProgrammeView,
    add_programme,
    free_slug,
    list_programmes,
    read_programme,
)
from loyalty.starters import begin_from_starter, starters
from loyalty.tier_banners import read_tiers, remove_tier_banner, save_tier_banner
from passes.design import Upload
from passes.web_card import CardView
from web.console.door import blueprint, done, page
from web.console.rules import sent_terms
from web.errors import answer, wants_json
from web.forms import Form, refused, shown, text
from web.security import UPLOAD_BYTES_MAX, limit_body
from web.services import services
from web.sessions import signed_in

PREVIEW: Final = "preview"
PREVIEWED: Final = ("preview_tier", "preview_language")
"""Whose card the preview shows; no part of the card."""


@blueprint.get("/cards")
def cards() -> ResponseReturnValue:
    """The programmes; straight on to the only one."""
    who = signed_in()
    programmes = list_programmes(services().loyalty, who.merchant_id)
    if len(programmes) == 1 and "all" not in request.args:
        return redirect(url_for("console.card", programme_id=programmes[0].id), code=303)
    return page("cards.html", programmes=programmes)


@blueprint.get("/cards/new")
def new_card() -> ResponseReturnValue:
    """The form of a new programme."""
    return _new(shown({"rule": "points", "spend": "10.00", "points": "1", "goal": "9"}))


@blueprint.post("/cards/new")
def add_card() -> ResponseReturnValue:
    """Begin a programme and go on to its look."""
    try:
        programme_id = _begun(text("name"), text("starter"))
    except InvalidInput as error:
        return answer(error) if wants_json() else (_new(_renamed(refused(error))), error.status)
    return done(_("The card is begun. Now its look."), "card", programme_id=programme_id)


@blueprint.get("/cards/<id:programme_id>")
def card(programme_id: int) -> ResponseReturnValue:
    """The form with the preview."""
    draft = read_draft(services().loyalty, signed_in().merchant_id, programme_id)
    return _look(programme_id, shown(draft.words))


@blueprint.post("/cards/<id:programme_id>")
def save_card(programme_id: int) -> ResponseReturnValue:
    """Keep words and colours, or only show them when "Preview" was pressed."""
    who = signed_in()
    words = sent_words()
    if request.form.get("do") == PREVIEW:
        return _look(programme_id, shown(words | {name: text(name) for name in PREVIEWED}))
    try:
        save_words(services().loyalty, who.merchant_id, programme_id, words, actor=who.actor())
    except InvalidInput as error:
        if wants_json():
            return answer(error)
        return _look(programme_id, refused(error)), error.status
    return done(_("Saved. Cards change when you publish."), "card", programme_id=programme_id)


@blueprint.post("/cards/<id:programme_id>/preview")
def preview_card(programme_id: int) -> ResponseReturnValue:
    """The drawings alone, for the script that keeps them beside the form."""
    return render_template("console/preview.html", view=_view(programme_id, sent_words()))


@blueprint.post("/cards/<id:programme_id>/<any(logo, strip, thumbnail, poster):role>")
@limit_body(UPLOAD_BYTES_MAX)
def upload(programme_id: int, role: str) -> ResponseReturnValue:
    """Take a picture, judge it and draw it in every size."""
    who = signed_in()
    ctx = services().loyalty
    sent = request.files.get(role)
    data = sent.stream.read(UPLOAD_BYTES_MAX) if sent else b""
    try:
        _take(programme_id, Upload(role), data)
    except InvalidInput as error:
        if wants_json():
            return answer(error)
        values = read_draft(ctx, who.merchant_id, programme_id).words
        return _look(programme_id, Form(values=values, errors=refused(error).errors)), error.status
    if wants_json():
        return jsonify(picture=role)
    return done(
        _("The picture is in. Cards change when you publish."), "card", programme_id=programme_id
    )


@blueprint.post("/cards/<id:programme_id>/<any(logo, strip, thumbnail, poster):role>/remove")
def remove(programme_id: int, role: str) -> ResponseReturnValue:
    """Take a picture off the card, or a tier's banner."""
    who = signed_in()
    ctx, tier = services().loyalty, text("picture_tier")
    if tier:
        remove_tier_banner(ctx, who.merchant_id, programme_id, tier, actor=who.actor())
    else:
        remove_picture(
            ctx,
            who.merchant_id,
            programme_id,
            Upload(role),
            actor=who.actor(),
            language=text("picture_language"),
        )
    return done(_("The picture is off the card."), "card", programme_id=programme_id)


def _take(programme_id: int, role: Upload, data: bytes) -> None:
    """Keep an upload where the form says: on the card, for a language, or a tier's."""
    who = signed_in()
    ctx, tier = services().loyalty, text("picture_tier")
    if tier:
        save_tier_banner(ctx, who.merchant_id, programme_id, tier, data, actor=who.actor())
        return
    save_picture(
        ctx,
        who.merchant_id,
        programme_id,
        role,
        data,
        actor=who.actor(),
        language=text("picture_language"),
    )


def sent_words() -> dict[str, str]:
    """The words and colours of the sent form."""
    return {name: text(name) for name in request.form if is_word(name)}


def programme_of(programme_id: int) -> ProgrammeView:
    """The programme of an address, for the page's frame."""
    return read_programme(services().loyalty, signed_in().merchant_id, programme_id)


def _look(programme_id: int, form: Form) -> str:
    who = signed_in()
    programme = programme_of(programme_id)
    words = {name: form.value(name) for name in form.values if is_word(name)}
    return page(
        "card.html",
        form=form,
        programme=programme,
        draft=read_draft(services().loyalty, who.merchant_id, programme_id),
        view=_view(programme_id, words),
        is_stamps=has_stamps(programme.terms),
        tiers=read_tiers(services().loyalty, who.merchant_id, programme_id),
    )


def _view(programme_id: int, words: dict[str, str]) -> CardView:
    return preview(
        services().loyalty,
        signed_in().merchant_id,
        programme_id,
        words,
        tier=text("preview_tier"),
        language=text("preview_language"),
    )


def _begun(name: str, starter: str) -> int:
    who = signed_in()
    ctx = services().loyalty
    if starter:
        return begin_from_starter(ctx, who.merchant_id, starter, name=name, actor=who.actor())
    return add_programme(
        ctx,
        who.merchant_id,
        slug=free_slug(ctx, who.merchant_id, name),
        name=name,
        terms=sent_terms(who.merchant.currency),
        actor=who.actor(),
    )


def _new(form: Form) -> str:
    return page("card_new.html", form=form, starters=starters(signed_in().merchant.currency))


def _renamed(form: Form) -> Form:
    """The design calls it `programme_name`; this page's field is `name`, and the shop has one."""
    errors = {
        {"programme_name": "name"}.get(name, name): text
        for name, text in form.errors.items()
        if name != "organization_name"
    }
    return Form(values=form.values, errors=errors)
