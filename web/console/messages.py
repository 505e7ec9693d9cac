"""Messages to phones: write one, see what sending does, send, stop, withdraw, and what came of it."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from flask import request
from flask.typing import ResponseReturnValue

from common.errors import InvalidInput, InvalidInputs
from common.i18n import gettext as _
from loyalty.messages import (
    DAYS_MAX,
    TEXT_MAX,
    NewMessage,
    check_message,
    counts_stamps,
    forecast,
    has_birthdays,
    languages_of,
    list_messages,
    message_page,
    segment_for,
    send_message,
    stop_message,
    tiers_of,
    withdraw_message,
)
from loyalty.places import list_locations
from loyalty.programmes import list_programmes
from web.console.door import blueprint, done, page
from web.errors import answer, wants_json
from web.forms import Form, flag, refused, shown, text, whole
from web.services import services
from web.sessions import signed_in

MINUTE_TEXT_MAX = 16


@blueprint.get("/messages")
def messages() -> ResponseReturnValue:
    """What was sent and what is on its way."""
    who = signed_in()
    ctx = services().loyalty
    return page(
        "messages.html",
        found=list_messages(ctx, who.merchant_id),
        programmes=[one for one in list_programmes(ctx, who.merchant_id) if one.design_version],
    )


@blueprint.get("/messages/new/<id:programme_id>")
def new_message(programme_id: int) -> ResponseReturnValue:
    """The form."""
    return _form(programme_id, shown({"segment": "all", "days": "7", "loud": "1", "when": "now"}))


@blueprint.post("/messages/new/<id:programme_id>")
def check_one_message(programme_id: int) -> ResponseReturnValue:
    """What sending would do; nothing is sent yet. The button there sends the same form."""
    who = signed_in()
    ctx = services().loyalty
    try:
        new = check_message(ctx, who.merchant_id, _sent(programme_id))
    except InvalidInput as error:
        if wants_json():
            return answer(error)
        return _form(programme_id, refused(error)), error.status
    if flag("again"):
        return _form(programme_id, Form(values=request.form.to_dict()))
    return page(
        "message_check.html",
        new=new,
        forecast=forecast(ctx, who.merchant_id, new),
        programme_id=programme_id,
        sent={name: value for name, value in request.form.items() if name != "csrf_token"},
    )


@blueprint.post("/messages/send/<id:programme_id>")
def send_one_message(programme_id: int) -> ResponseReturnValue:
    """Send it, now or at its time."""
    who = signed_in()
    try:
        message_id = send_message(
            services().loyalty, who.merchant_id, _sent(programme_id), actor=who.actor()
        )
    except InvalidInput as error:
        if wants_json():
            return answer(error)
        return _form(programme_id, refused(error)), error.status
    return done(_("The message is on its way."), "message", message_id=message_id)


@blueprint.get("/messages/<id:message_id>")
def message(message_id: int) -> ResponseReturnValue:
    """One message and what came of it."""
    who = signed_in()
    ctx = services().loyalty
    return page(
        "message.html",
        found=message_page(ctx, who.merchant_id, message_id),
        places={one.id: one.name for one in list_locations(ctx, who.merchant_id)},
    )


@blueprint.post("/messages/<id:message_id>/stop")
def stop_one_message(message_id: int) -> ResponseReturnValue:
    """Tell no further card."""
    who = signed_in()
    stop_message(services().loyalty, who.merchant_id, message_id, actor=who.actor())
    return done(
        _("Stopped. Cards that were told keep the message."), "message", message_id=message_id
    )


@blueprint.post("/messages/<id:message_id>/withdraw")
def withdraw_one_message(message_id: int) -> ResponseReturnValue:
    """Take it off every card."""
    who = signed_in()
    withdraw_message(services().loyalty, who.merchant_id, message_id, actor=who.actor())
    return done(
        _("Withdrawn. Cards lose the message one after another."), "message", message_id=message_id
    )


def _sent(programme_id: int) -> NewMessage:
    """The form as a message.

    Raises:
        InvalidInputs: fields that cannot be read.
    """
    who = signed_in()
    ctx = services().loyalty
    spoken = languages_of(ctx, who.merchant_id, programme_id)
    complaints: list[InvalidInput] = []
    segment, days, send_at = None, 0, None
    try:
        segment = segment_for(
            ctx,
            who.merchant_id,
            programme_id,
            text("segment"),
            location_id=_id("location_id"),
            tier=text("tier"),
        )
    except InvalidInput as error:
        complaints.append(error)
    try:
        days = whole("days") or 0
    except InvalidInput as error:
        complaints.append(error)
    try:
        send_at = _moment(who.merchant.time_zone)
    except InvalidInput as error:
        complaints.append(error)
    if complaints or segment is None:
        raise InvalidInputs(complaints)
    return NewMessage(
        programme_id=programme_id,
        segment=segment,
        texts={one: request.form.get(f"text_{one}", "") for one in spoken},
        loud=flag("loud"),
        send_at=send_at,
        days=days,
    )


def _moment(time_zone: str) -> datetime | None:
    """The time that was chosen, by the shop's clock; None for now.

    Raises:
        InvalidInput: field `send_at`; not a time.
    """
    if text("when") != "later":
        return None
    try:
        found = datetime.fromisoformat(text("send_at")[:MINUTE_TEXT_MAX])
    except ValueError as error:
        raise InvalidInput(_("Choose a day and a time."), field="send_at") from error
    return found.replace(tzinfo=ZoneInfo(time_zone))


def _id(name: str) -> int | None:
    value = text(name)
    usable = value.isascii() and value.isdigit() and len(value) <= 19  # noqa: PLR2004 - 63 bits
    return int(value) if usable else None


def _form(programme_id: int, form: Form) -> str:
    who = signed_in()
    ctx = services().loyalty
    return page(
        "message_new.html",
        form=form,
        programme_id=programme_id,
        spoken=languages_of(ctx, who.merchant_id, programme_id),
        branches=list_locations(ctx, who.merchant_id),
        tiers=tiers_of(ctx, who.merchant_id, programme_id),
        birthdays=has_birthdays(ctx, who.merchant_id, programme_id),
        stamps=counts_stamps(ctx, who.merchant_id, programme_id),
        text_max=TEXT_MAX,
        days_max=DAYS_MAX,
    )
