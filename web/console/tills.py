"""Tills: add one, make this device it, or show a code for another device."""

from __future__ import annotations

from flask import redirect
from flask.typing import ResponseReturnValue

from common.errors import InvalidInput
from common.i18n import gettext as _
from loyalty.places import list_locations
from loyalty.tills import (
    add_till,
    list_tills,
    make_pairing_code,
    read_till,
    revoke_till,
    use_this_device,
)
from web.console.door import blueprint, done, page
from web.errors import answer, wants_json
from web.forms import Form, refused, shown, text
from web.services import services
from web.sessions import signed_in
from web.till.session import keep_token as keep_till_token


@blueprint.get("/tills")
def tills() -> ResponseReturnValue:
    """The tills by branch."""
    who = signed_in()
    ctx = services().loyalty
    places = list_locations(ctx, who.merchant_id)
    return page("tills.html", tills=list_tills(ctx, who.merchant_id), branches=places)


@blueprint.get("/tills/new")
def new_till() -> ResponseReturnValue:
    """The form."""
    return _form(shown())


@blueprint.post("/tills/new")
def add_one_till() -> ResponseReturnValue:
    """Store a till and go on to its device."""
    who = signed_in()
    place = text("location_id")
    number = int(place) if place.isascii() and place.isdigit() and len(place) < 20 else 0  # noqa: PLR2004
    try:
        till_id = add_till(
            services().loyalty,
            who.merchant_id,
            location_id=number,
            name=text("name"),
            actor=who.actor(),
        )
    except InvalidInput as error:
        return answer(error) if wants_json() else (_form(refused(error)), error.status)
    return done(_("The till is added. Now give it a device."), "till", till_id=till_id)


@blueprint.get("/tills/<id:till_id>")
def till(till_id: int) -> ResponseReturnValue:
    """One till and the two ways to give it a device."""
    return _one(till_id)


@blueprint.post("/tills/<id:till_id>/code")
def pairing_code(till_id: int) -> ResponseReturnValue:
    """A code that works once, for ten minutes."""
    who = signed_in()
    code = make_pairing_code(services().loyalty, who.merchant_id, till_id, actor=who.actor())
    return _one(till_id, code=f"{code[:4]} {code[4:]}")


@blueprint.post("/tills/<id:till_id>/this-device")
def this_device(till_id: int) -> ResponseReturnValue:
    """Make this browser the till and open it."""
    who = signed_in()
    token = use_this_device(services().loyalty, who.merchant_id, till_id, actor=who.actor())
    response = redirect("/till", code=303)
    keep_till_token(response, token)  # type: ignore[arg-type]
    return response


@blueprint.post("/tills/<id:till_id>/remove")
def remove_till(till_id: int) -> ResponseReturnValue:
    """End a till and its device."""
    who = signed_in()
    revoke_till(services().loyalty, who.merchant_id, till_id, actor=who.actor())
    return done(_("The till is removed."), "tills")


def _one(till_id: int, *, code: str = "") -> str:
    who = signed_in()
    ctx = services().loyalty
    found = read_till(ctx, who.merchant_id, till_id)
    places = {place.id: place for place in list_locations(ctx, who.merchant_id)}
    return page(
        "till.html",
        till=found,
        place=places.get(found.location_id),
        code=code,
        till_address=services().absolute("/till"),
    )


def _form(form: Form) -> str:
    who = signed_in()
    places = list_locations(services().loyalty, who.merchant_id)
    return page("till_new.html", form=form, branches=places)
