"""The people at the counter: add, let them choose a PIN, stop."""

from __future__ import annotations

from flask.typing import ResponseReturnValue
from markupsafe import Markup

from common.errors import InvalidInput
from common.i18n import gettext as _
from loyalty.staff import (
    add_staff,
    change_role,
    disable_staff,
    list_staff,
    make_pin_link,
    read_staff,
)
from passes.barcodes import qr_svg
from web.console.door import blueprint, done, page
from web.errors import answer, wants_json
from web.forms import Form, refused, shown, text
from web.services import services
from web.sessions import signed_in


@blueprint.get("/staff")
def staff() -> ResponseReturnValue:
    """Everyone, those who work first."""
    who = signed_in()
    return page("staff.html", people=list_staff(services().loyalty, who.merchant_id))


@blueprint.get("/staff/new")
def new_staff() -> ResponseReturnValue:
    """The form."""
    return _form(shown({"role": "staff"}))


@blueprint.post("/staff/new")
def add_one() -> ResponseReturnValue:
    """Store a person and show the link for choosing a PIN."""
    who = signed_in()
    ctx = services().loyalty
    try:
        staff_id = add_staff(
            ctx, who.merchant_id, name=text("name"), role=text("role"), actor=who.actor()
        )
    except InvalidInput as error:
        return answer(error) if wants_json() else (_form(refused(error)), error.status)
    return _pin_link(staff_id)


@blueprint.post("/staff/<id:staff_id>/pin-link")
def pin_link(staff_id: int) -> ResponseReturnValue:
    """A new link for choosing a PIN; older ones are dead."""
    return _pin_link(staff_id)


@blueprint.post("/staff/<id:staff_id>/role")
def set_role(staff_id: int) -> ResponseReturnValue:
    """Make a person staff or manager."""
    who = signed_in()
    change_role(services().loyalty, who.merchant_id, staff_id, text("role"), actor=who.actor())
    return done(_("The role is changed."), "staff")


@blueprint.post("/staff/<id:staff_id>/stop")
def stop(staff_id: int) -> ResponseReturnValue:
    """Stop a person's PIN at once."""
    who = signed_in()
    disable_staff(services().loyalty, who.merchant_id, staff_id, actor=who.actor())
    return done(_("The PIN works nowhere any more."), "staff")


@blueprint.post("/staff/<id:staff_id>/return")
def come_back(staff_id: int) -> ResponseReturnValue:
    """Let a person work again, with a PIN chosen anew."""
    who = signed_in()
    ctx = services().loyalty
    disable_staff(ctx, who.merchant_id, staff_id, disabled=False, actor=who.actor())
    return _pin_link(staff_id)


def _pin_link(staff_id: int) -> str:
    who = signed_in()
    ctx = services().loyalty
    person = read_staff(ctx, who.merchant_id, staff_id)
    token = make_pin_link(ctx, who.merchant_id, staff_id, actor=who.actor())
    link = services().absolute(f"/till/pin/{token}")
    code = Markup(qr_svg(link))  # noqa: S704  # modules only
    return page("staff_pin.html", person=person, link=link, code=code)


def _form(form: Form) -> str:
    return page("staff_new.html", form=form)
