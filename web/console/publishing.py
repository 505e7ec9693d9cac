"""Publish the card; then the join link and a poster to print."""

from __future__ import annotations

from typing import Final

from flask import Response, request
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from common.i18n import gettext as _
from loyalty.design_preview import preview
from loyalty.programmes import ProgrammeView, read_programme
from loyalty.publish import publish
from passes.barcodes import qr_svg
from passes.web_card import CardView
from web.console.door import blueprint, done, page
from web.services import services
from web.sessions import signed_in

PAPERS: Final = ("a4", "a5")


@blueprint.get("/cards/<id:programme_id>/publish")
def publishing(programme_id: int) -> ResponseReturnValue:
    """What would change, the join link and the poster."""
    programme = _programme(programme_id)
    link = join_link(programme)
    return page(
        "publish.html",
        programme=programme,
        link=link,
        code=_code(link),
        view=_sample(programme_id),
    )


@blueprint.post("/cards/<id:programme_id>/publish")
def publish_card(programme_id: int) -> ResponseReturnValue:
    """Let every card show the draft."""
    who = signed_in()
    who.require_owner()
    publish(services().loyalty, who.merchant_id, programme_id, actor=who.actor())
    return done(
        _("Published. Cards that are out follow by themselves."),
        "publishing",
        programme_id=programme_id,
    )


@blueprint.get("/cards/<id:programme_id>/poster")
def poster(programme_id: int) -> ResponseReturnValue:
    """A page for the printer, A4 or A5."""
    programme = _programme(programme_id)
    paper = request.args.get("paper", PAPERS[0])
    link = join_link(programme)
    return page(
        "poster.html",
        programme=programme,
        paper=paper if paper in PAPERS else PAPERS[0],
        link=link,
        code=_code(link),
        view=_sample(programme_id),
    )


@blueprint.get("/cards/<id:programme_id>/join.svg")
def join_code_picture(programme_id: int) -> ResponseReturnValue:
    """The join link as a QR code, a file of its own for a flyer."""
    programme = _programme(programme_id)
    drawn = qr_svg(join_link(programme), error="q", inline=False, title=programme.name)
    response = Response(drawn, mimetype="image/svg+xml")
    response.headers["Content-Disposition"] = 'attachment; filename="join.svg"'
    return response


def join_link(programme: ProgrammeView) -> str:
    """The address a customer opens; for ever."""
    who = signed_in()
    host = who.merchant.public_url or services().settings.public_url
    return f"{host}/j/{programme.join_code}"


def _code(link: str) -> Markup:
    return Markup(qr_svg(link, error="q"))  # noqa: S704  # modules only


def _sample(programme_id: int) -> CardView:
    return preview(services().loyalty, signed_in().merchant_id, programme_id, {})


def _programme(programme_id: int) -> ProgrammeView:
    return read_programme(services().loyalty, signed_in().merchant_id, programme_id)
