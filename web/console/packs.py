"""What a member's card of many rules holds, and letting a pack rest or locking a unit."""

from __future__ import annotations

from datetime import date

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from common.errors import InvalidInput, NotFound
from common.i18n import gettext as _
from loyalty.packs import lock_unit, pause_pack
from loyalty.rule_card import rule_card
from web.console.door import blueprint, done
from web.errors import answer, wants_json
from web.forms import text
from web.services import services
from web.sessions import signed_in


@blueprint.post("/members/<id:member_id>/units/<unit>/rest")
def rest_pack(member_id: int, unit: str) -> ResponseReturnValue:
    """Let a class pack rest for some days; its end moves by as many."""
    who = signed_in()
    if rule_card(services().loyalty, who.merchant_id, member_id) is None:
        raise NotFound(_("This card holds nothing of that."))
    try:
        pause_pack(
            services().loyalty,
            who.merchant_id,
            member_id,
            unit,
            first_day=_day("first_day"),
            last_day=_day("last_day"),
            actor=who.actor(),
        )
    except InvalidInput as error:
        if wants_json():
            return answer(error)
        flash(error.message, "bad")
        return redirect(url_for("console.member", member_id=member_id), code=303)
    return done(_("The pack rests; its end moved."), "member", member_id=member_id)


@blueprint.post("/members/<id:member_id>/units/<unit>/lock")
def lock_one_unit(member_id: int, unit: str) -> ResponseReturnValue:
    """Let nothing of a unit be spent, or let it be again."""
    who = signed_in()
    locked = request.form.get("open") != "1"
    lock_unit(
        services().loyalty, who.merchant_id, member_id, unit, locked=locked, actor=who.actor()
    )
    said = _("Locked: nothing of it can be spent.") if locked else _("It can be spent again.")
    return done(said, "member", member_id=member_id)


def _day(name: str) -> date:
    try:
        return date.fromisoformat(text(name))
    except ValueError as error:
        raise InvalidInput(_("Write the day like 2027-01-31."), field=name) from error
