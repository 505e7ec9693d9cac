"""Branches: list, add, change, close."""

from __future__ import annotations

import math
from zoneinfo import available_timezones

from flask.typing import ResponseReturnValue

from common.errors import InvalidInput, InvalidInputs
from common.i18n import gettext as _
from loyalty.places import (
    Branch,
    add_location,
    archive_location,
    change_location,
    check_branch,
    list_locations,
    read_location,
)
from web.console.door import blueprint, done, page
from web.errors import answer, wants_json
from web.forms import Form, refused, shown, text
from web.services import services
from web.sessions import signed_in

DEGREES_TEXT_MAX = 24


@blueprint.get("/branches")
def branches() -> ResponseReturnValue:
    """The open branches."""
    who = signed_in()
    return page("branches.html", branches=list_locations(services().loyalty, who.merchant_id))


@blueprint.get("/branches/new")
def new_branch() -> ResponseReturnValue:
    """The form."""
    return _form(shown({"time_zone": signed_in().merchant.time_zone}))


@blueprint.post("/branches/new")
def add_branch() -> ResponseReturnValue:
    """Store a branch."""
    who = signed_in()
    try:
        branch = _sent()
        add_location(
            services().loyalty,
            who.merchant_id,
            name=branch.name,
            address=branch.address,
            time_zone=branch.time_zone,
            latitude=branch.latitude,
            longitude=branch.longitude,
            actor=who.actor(),
        )
    except InvalidInput as error:
        return answer(error) if wants_json() else (_form(refused(error)), error.status)
    return done(_("The branch is added."), "branches")


@blueprint.get("/branches/<id:location_id>")
def branch(location_id: int) -> ResponseReturnValue:
    """One branch's form."""
    who = signed_in()
    known = read_location(services().loyalty, who.merchant_id, location_id)
    values = {
        "name": known.name,
        "address": known.address,
        "time_zone": known.time_zone,
        "latitude": known.latitude,
        "longitude": known.longitude,
    }
    return _form(shown(values), location_id=location_id)


@blueprint.post("/branches/<id:location_id>")
def change_branch(location_id: int) -> ResponseReturnValue:
    """Store a branch's new facts."""
    who = signed_in()
    ctx = services().loyalty
    read_location(ctx, who.merchant_id, location_id)
    try:
        change_location(ctx, who.merchant_id, location_id, _sent(), actor=who.actor())
    except InvalidInput as error:
        if wants_json():
            return answer(error)
        return _form(refused(error), location_id=location_id), error.status
    return done(_("The branch is changed."), "branches")


@blueprint.post("/branches/<id:location_id>/close")
def close_branch(location_id: int) -> ResponseReturnValue:
    """Close a branch and its tills."""
    who = signed_in()
    archive_location(services().loyalty, who.merchant_id, location_id, actor=who.actor())
    return done(_("The branch is closed."), "branches")


def _sent() -> Branch:
    """The branch as typed, every complaint at once."""
    found: list[InvalidInput] = []
    degrees: dict[str, float | None] = {}
    for field in ("latitude", "longitude"):
        try:
            degrees[field] = _degrees(field)
        except InvalidInput as complaint:
            found.append(complaint)
            degrees[field] = 0.0
    branch = Branch(
        name=text("name"), address=text("address"), time_zone=text("time_zone"), **degrees
    )
    try:
        check_branch(branch)
    except InvalidInputs as error:
        found.extend(error.complaints)
    if found:
        raise InvalidInputs(found)
    return branch


def _degrees(field: str) -> float | None:
    typed = text(field).replace(",", ".").replace("\N{MINUS SIGN}", "-")
    if not typed:
        return None
    try:
        value = float(typed) if len(typed) <= DEGREES_TEXT_MAX and "_" not in typed else math.nan
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InvalidInput(_("Type degrees like 53.3498."), field=field)
    return value


def _form(form: Form, *, location_id: int | None = None) -> str:
    zones = sorted(zone for zone in available_timezones() if "/" in zone or zone == "UTC")
    return page("branch.html", form=form, location_id=location_id, zones=zones)
