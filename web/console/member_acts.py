"""What is done on a member's page: details, notes, the copy of their data, two cards made one."""

from __future__ import annotations

from flask import Response, redirect, request, url_for
from flask.typing import ResponseReturnValue

from common.errors import InvalidInput, NotFound
from common.i18n import gettext as _
from loyalty.erase_member import member_of_number
from loyalty.join_answers import ANSWER_FIELD
from loyalty.member_export import export_member
from loyalty.member_notes import NOTE_MAX, add_note, remove_note
from loyalty.member_profile import change_profile, read_profile
from loyalty.merge_members import merge_members, preview_merge, undo_merge
from web.console.door import blueprint, done, page
from web.errors import answer, wants_json
from web.forms import Form, refused, shown, text
from web.months import months
from web.profile import language_choices, profile_values, sent_profile
from web.services import services
from web.sessions import signed_in

ID_DIGITS_MAX = 18


@blueprint.get("/members/<id:member_id>/details")
def member_details(member_id: int) -> ResponseReturnValue:
    """The form of what is kept of a member."""
    found = read_profile(services().loyalty, signed_in().merchant_id, member_id)
    return _details(member_id, shown(profile_values(found)))


@blueprint.post("/members/<id:member_id>/details")
def save_member_details(member_id: int) -> ResponseReturnValue:
    """Keep what is wanted from now on."""
    who, ctx = signed_in(), services().loyalty
    before = read_profile(ctx, who.merchant_id, member_id)
    try:
        change_profile(ctx, who.merchant_id, member_id, sent_profile(before), actor=who.actor())
    except InvalidInput as error:
        if wants_json():
            return answer(error)
        return _details(member_id, refused(error)), error.status
    words = _("Saved. A contact that another card has already was left as it is.")
    return done(words, "member", member_id=member_id)


@blueprint.post("/members/<id:member_id>/notes")
def add_member_note(member_id: int) -> ResponseReturnValue:
    """Write a note down."""
    who = signed_in()
    typed = request.form.get("note", "").replace("\0", "")[: NOTE_MAX * 2]
    try:
        add_note(services().loyalty, who.merchant_id, member_id, typed, actor=who.actor())
    except InvalidInput as error:
        if wants_json():
            return answer(error)
        return done(error.message, "member", member_id=member_id)
    return done(_("The note is kept."), "member", member_id=member_id)


@blueprint.post("/members/<id:member_id>/notes/<id:note_id>/remove")
def remove_member_note(member_id: int, note_id: int) -> ResponseReturnValue:
    """Take a note away."""
    who = signed_in()
    remove_note(services().loyalty, who.merchant_id, member_id, note_id, actor=who.actor())
    return done(_("The note is gone."), "member", member_id=member_id)


@blueprint.post("/members/<id:member_id>/export")
def export_member_data(member_id: int) -> ResponseReturnValue:
    """A copy of everything that is kept of a member, for a customer who asks for it."""
    who = signed_in()
    who.require_owner()
    body = export_member(services().loyalty, who.merchant_id, member_id, actor=who.actor())
    response = Response(body, mimetype="application/json")
    response.headers["Content-Disposition"] = 'attachment; filename="member.json"'
    response.headers["Cache-Control"] = "no-store"
    return response


@blueprint.get("/members/<id:member_id>/merge")
def merge_page(member_id: int) -> ResponseReturnValue:
    """What making two cards one would do."""
    who, ctx = signed_in(), services().loyalty
    read_profile(ctx, who.merchant_id, member_id)  # another shop's member is nobody's
    typed = request.args.get("other", "").strip()
    if not typed:
        return redirect(url_for("console.member", member_id=member_id), code=303)
    try:
        other_id = _other(typed)
    except NotFound as error:
        return done(error.message, "member", member_id=member_id)
    return page("merge.html", found=preview_merge(ctx, who.merchant_id, member_id, other_id))


@blueprint.post("/members/<id:member_id>/merge")
def merge_now(member_id: int) -> ResponseReturnValue:
    """Put everything of another card on this one."""
    who = signed_in()
    who.require_owner()
    other = text("other")
    if not _is_id(other):
        raise InvalidInput(_("Choose the other card again."), field="other")
    merge_members(services().loyalty, who.merchant_id, member_id, int(other), actor=who.actor())
    return done(
        _("The two cards are one. It can be taken back for thirty days while nothing is spent."),
        "member",
        member_id=member_id,
    )


@blueprint.post("/merges/<id:merge_id>/undo")
def undo_merge_now(merge_id: int) -> ResponseReturnValue:
    """Part two cards again."""
    who = signed_in()
    who.require_owner()
    undo_merge(services().loyalty, who.merchant_id, merge_id, actor=who.actor())
    return done(_("The two cards are two again."), "member", member_id=_sent_id("back"))


def _sent_id(name: str) -> int:
    """A sent id, 0 for anything else: its page then does not exist."""
    return int(text(name)) if _is_id(text(name)) else 0


def _is_id(typed: str) -> bool:
    return typed.isascii() and typed.isdigit() and len(typed) <= ID_DIGITS_MAX


def _other(typed: str) -> int:
    """The member of a suggestion's id, or of a typed number.

    Raises:
        NotFound: nobody has it.
    """
    if _is_id(typed):
        return int(typed)
    return member_of_number(services().loyalty, signed_in().merchant_id, typed)


def _details(member_id: int, form: Form) -> str:
    found = read_profile(services().loyalty, signed_in().merchant_id, member_id)
    return page(
        "member_details.html",
        member_id=member_id,
        form=form,
        found=found,
        months=months(),
        answer_field=ANSWER_FIELD,
        languages=language_choices(found.language),
    )
