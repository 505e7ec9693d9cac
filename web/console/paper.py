"""Coupons, rewards and gift cards on paper: choose what and for whom, and print it."""

from __future__ import annotations

from flask import render_template, url_for
from flask.typing import ResponseReturnValue

from common.errors import InvalidInput
from common.i18n import gettext as _
from loyalty.coupons import list_coupons
from loyalty.gift_programme import find_gifts
from loyalty.print_paper import PaperKind, print_paper
from loyalty.programmes import list_programmes
from web.codes import code_drawing
from web.console.door import blueprint, page
from web.errors import answer, wants_json
from web.forms import Form, refused, shown, text
from web.services import services
from web.sessions import signed_in

SIZES = ("a4", "a6", "receipt")


@blueprint.get("/paper")
def paper() -> ResponseReturnValue:
    """Choose what is printed, for whom and on which paper."""
    return _choose(shown({"size": "a4"}))


@blueprint.post("/paper")
def print_one_paper() -> ResponseReturnValue:
    """A sheet with a fresh code; it is shown this once."""
    who, ctx = signed_in(), services().loyalty
    try:
        kind, subject_id = _subject(text("what"))
        sheet = print_paper(
            ctx,
            who.merchant_id,
            kind,
            subject_id,
            member_number=text("member"),
            actor=who.actor(),
        )
    except InvalidInput as error:
        if wants_json():
            return answer(error)
        return _choose(refused(error)), error.status
    size = text("size") if text("size") in SIZES else SIZES[0]
    address = ""
    if kind is PaperKind.GIFT:
        shop = find_gifts(ctx, who.merchant_id)
        if shop is not None:
            address = services().absolute(
                url_for("gift.paper_page", code=shop.code, paper=sheet.code)
            )
    drawing = code_drawing(address or sheet.code, title=_("Code of this paper"))
    return render_template(
        "print/paper.html", sheet=sheet, size=size, address=address, drawing=drawing
    )


def _subject(chosen: str) -> tuple[PaperKind, int]:
    kind, _dash, number = chosen.partition("-")
    if kind not in set(PaperKind) or not (number.isascii() and number.isdigit()):
        raise InvalidInput(_("Choose what is printed."), field="what")
    if len(number) > 18:  # noqa: PLR2004 - digits that fit an id
        raise InvalidInput(_("Choose what is printed."), field="what")
    return PaperKind(kind), int(number)


def _choose(form: Form) -> str:
    who, ctx = signed_in(), services().loyalty
    choices = []
    for programme in list_programmes(ctx, who.merchant_id):
        for reward in programme.rewards:
            if reward.active:
                choices.append((f"reward-{reward.id}", f"{programme.name}: {reward.name}"))
        for coupon in list_coupons(ctx, who.merchant_id, programme.id):
            if coupon.active:
                choices.append((f"coupon-{coupon.id}", f"{programme.name}: {coupon.name}"))
    return page("paper.html", form=form, choices=choices)
