"""Who may join a card: its state, the owner's fields, where links hang, invitations, a pilot's list."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from flask import request, url_for
from flask.typing import ResponseReturnValue

from common.errors import InvalidInput, InvalidInputs
from common.i18n import gettext as _
from common.i18n import ngettext
from loyalty.doors import (
    ASKED,
    EXPLAINED,
    QUESTIONS_MAX,
    JoinRules,
    Question,
    Who,
    door_page,
    set_join_rules,
    set_state,
)
from loyalty.join_links import (
    add_pilots,
    add_source,
    archive_source,
    clear_pilots,
    invitations,
    invite,
    sources,
    withdraw_invitation,
)
from loyalty.programmes import read_programme
from web.console.door import blueprint, done, page
from web.errors import answer, wants_json
from web.forms import Form, refused, shown, text, whole
from web.security import limit_body
from web.services import services
from web.sessions import signed_in

LIST_BYTES_MAX: Final = 2 * 1024 * 1024


@blueprint.get("/cards/<id:programme_id>/door")
def door(programme_id: int) -> ResponseReturnValue:
    """Everything about who may join."""
    return _page(programme_id, shown(_values(programme_id)))


@blueprint.post("/cards/<id:programme_id>/door/state")
def save_state(programme_id: int) -> ResponseReturnValue:
    """Open, announce or close the card."""
    who = signed_in()
    who.require_owner()
    try:
        told = set_state(
            services().loyalty,
            who.merchant_id,
            programme_id,
            text("state"),
            opens_at=_day("opens_at"),
            actor=who.actor(),
        )
    except InvalidInput as error:
        return _refused(programme_id, error)
    words = _("Saved.")
    if told:
        words += " " + ngettext(
            "One person who waited is told by mail.",
            "%(number)d people who waited are told by mail.",
            told,
        )
    return done(words, "door", programme_id=programme_id)


@blueprint.post("/cards/<id:programme_id>/door/rules")
def save_door(programme_id: int) -> ResponseReturnValue:
    """Say who may join and what they are asked."""
    who = signed_in()
    who.require_owner()
    try:
        set_join_rules(
            services().loyalty, who.merchant_id, programme_id, _sent_rules(), actor=who.actor()
        )
    except InvalidInput as error:
        return _refused(programme_id, error)
    return done(_("This holds for who joins from now on."), "door", programme_id=programme_id)


@blueprint.post("/cards/<id:programme_id>/door/sources")
def add_door_source(programme_id: int) -> ResponseReturnValue:
    """A place where the link hangs."""
    who = signed_in()
    try:
        add_source(
            services().loyalty,
            who.merchant_id,
            programme_id,
            name=text("source_name"),
            actor=who.actor(),
        )
    except InvalidInput as error:
        return _refused(programme_id, error)
    return done(_("The link is there; copy it below."), "door", programme_id=programme_id)


@blueprint.post("/sources/<id:source_id>/archive")
def archive_door_source(source_id: int) -> ResponseReturnValue:
    """Count nobody under it any more."""
    who = signed_in()
    programme_id = archive_source(services().loyalty, who.merchant_id, source_id, actor=who.actor())
    return done(_("Nobody is counted there any more."), "door", programme_id=programme_id)


@blueprint.post("/cards/<id:programme_id>/door/invitations")
def add_invitations(programme_id: int) -> ResponseReturnValue:
    """Codes that let somebody join."""
    who = signed_in()
    try:
        ends = _day("ends_at")
        made = invite(
            services().loyalty,
            who.merchant_id,
            programme_id,
            label=text("label"),
            count=whole("count") or 1,
            uses=whole("uses"),
            ends_at=None if ends is None else ends + timedelta(days=1),
            actor=who.actor(),
        )
    except InvalidInput as error:
        return _refused(programme_id, error)
    words = ngettext("One code is made.", "%(number)d codes are made.", len(made))
    return done(words, "door", programme_id=programme_id)


@blueprint.post("/invitations/<id:invitation_id>/withdraw")
def withdraw_door_invitation(invitation_id: int) -> ResponseReturnValue:
    """Let a code open nothing any more."""
    who = signed_in()
    programme_id = withdraw_invitation(
        services().loyalty, who.merchant_id, invitation_id, actor=who.actor()
    )
    return done(_("The code opens nothing any more."), "door", programme_id=programme_id)


@blueprint.post("/cards/<id:programme_id>/door/pilots")
@limit_body(LIST_BYTES_MAX)
def add_door_pilots(programme_id: int) -> ResponseReturnValue:
    """Put contacts on the pilot's list."""
    who = signed_in()
    try:
        result = add_pilots(
            services().loyalty, who.merchant_id, programme_id, _sent_list(), actor=who.actor()
        )
    except InvalidInput as error:
        return _refused(programme_id, error)
    words = ngettext(
        "One contact is new on the list.",
        "%(number)d contacts are new on the list.",
        result.added,
    )
    if result.refused:
        lines = ", ".join(str(number) for number in result.refused)
        words += " " + _("Nobody could be read from line %(lines)s.", lines=lines)
    return done(words, "door", programme_id=programme_id)


@blueprint.post("/cards/<id:programme_id>/door/pilots/clear")
def clear_door_pilots(programme_id: int) -> ResponseReturnValue:
    """Empty the pilot's list."""
    who = signed_in()
    clear_pilots(services().loyalty, who.merchant_id, programme_id, actor=who.actor())
    return done(_("The list is empty."), "door", programme_id=programme_id)


def _sent_list() -> str:
    """The typed or uploaded lines; a file in Latin-1 is read as such."""
    upload = request.files.get("file")
    data = upload.stream.read() if upload else b""
    if not data:
        return request.form.get("contacts", "")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _sent_rules() -> JoinRules:
    """The rules of the sent form; their contents are judged by the use case.

    Raises:
        InvalidInput, InvalidInputs: fields `who`, `purchases`, `pilot_max`.
    """
    chosen = text("who")
    if chosen not in set(Who):
        raise InvalidInputs([InvalidInput(_("Choose who may join."), field="who")])
    questions = [
        Question(
            key=f"q{number}",
            text=text(f"question_q{number}"),
            ask=text(f"ask_q{number}") or "off",
            why=text(f"why_q{number}"),
        )
        for number in range(1, QUESTIONS_MAX + 1)
    ]
    return JoinRules(
        who=Who(chosen),
        interest=text("interest"),
        purchases=whole("purchases") or 0,
        pilot_max=whole("pilot_max"),
        ask={name: text(f"ask_{name}") or "off" for name in ASKED},
        why={name: text(f"why_{name}") for name in EXPLAINED},
        questions=tuple(questions),
    )


def _day(name: str) -> datetime | None:
    """The first moment of a typed day by the shop's clock, None when empty.

    Raises:
        InvalidInput: not a day.
    """
    typed = text(name)
    if not typed:
        return None
    try:
        day = date.fromisoformat(typed)
    except ValueError as error:
        raise InvalidInput(_("Choose a day."), field=name) from error
    return datetime.combine(day, time(), ZoneInfo(signed_in().merchant.time_zone))


def _values(programme_id: int) -> dict[str, object]:
    """The door as the form shows it."""
    who = signed_in()
    found = door_page(services().loyalty, who.merchant_id, programme_id).door
    rules = found.rules
    values: dict[str, object] = {
        "state": str(found.state),
        "who": str(rules.who),
        "interest": rules.interest,
        "purchases": rules.purchases or "",
        "pilot_max": rules.pilot_max or "",
        "count": 1,
        "uses": 1,
    }
    if found.opens_at is not None:
        zone = ZoneInfo(who.merchant.time_zone)
        values["opens_at"] = found.opens_at.astimezone(zone).date().isoformat()
    values |= {f"ask_{name}": rules.asks(name) for name in ASKED}
    values |= {f"why_{name}": rules.why.get(name, "") for name in EXPLAINED}
    for one in rules.questions:
        values |= {
            f"question_{one.key}": one.text,
            f"ask_{one.key}": one.ask,
            f"why_{one.key}": one.why,
        }
    return values


def _refused(programme_id: int, error: InvalidInput) -> ResponseReturnValue:
    if wants_json():
        return answer(error)
    form = refused(error)
    # Each form of the page sends its own fields; the others show what is kept.
    values = {**_values(programme_id), **form.values}
    return _page(programme_id, Form(values=values, errors=form.errors)), error.status


def _page(programme_id: int, form: Form) -> str:
    who, ctx = signed_in(), services().loyalty
    programme = read_programme(ctx, who.merchant_id, programme_id)
    link = services().absolute(url_for("join.show", code=programme.join_code))
    return page(
        "door.html",
        programme=programme,
        form=form,
        found=door_page(ctx, who.merchant_id, programme_id),
        sources=sources(ctx, who.merchant_id, programme_id),
        invitations=invitations(ctx, who.merchant_id, programme_id),
        question_keys=[f"q{number}" for number in range(1, QUESTIONS_MAX + 1)],
        link=link,
        now=ctx.clock.now(),
    )
