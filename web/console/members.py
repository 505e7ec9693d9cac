"""Members: find one, and see everything about one."""

from __future__ import annotations

from flask import request
from flask.typing import ResponseReturnValue

from common.i18n import gettext as _
from loyalty.erase_member import erase_member
from loyalty.google_holdings import held_cards
from loyalty.member_page import member_more
from loyalty.overview import PAGE, QUERY_MAX, member_page
from loyalty.overview import members as find_members
from loyalty.rule_card import rule_card
from web.console.activity import before
from web.console.door import blueprint, done, page
from web.services import services
from web.sessions import signed_in


@blueprint.get("/members")
def members() -> ResponseReturnValue:
    """A page of members, all or those a name or number finds."""
    who = signed_in()
    query = request.args.get("q", "").replace("\0", "")[:QUERY_MAX]
    lines = find_members(services().loyalty, who.merchant_id, query=query, before_id=before())
    older = lines[-1].id if len(lines) == PAGE else None
    return page("members.html", members_found=lines, query=query, older=older)


@blueprint.get("/members/<id:member_id>")
def member(member_id: int) -> ResponseReturnValue:
    """One member: balance, movements with reasons, passes and phones."""
    who, ctx = signed_in(), services().loyalty
    found = member_page(ctx, who.merchant_id, member_id, before_id=before())
    return page(
        "member.html",
        found=found,
        more=member_more(ctx, who.merchant_id, member_id),
        older=found.movements[-1].line.id if len(found.movements) == PAGE else None,
        held=held_cards(ctx, who.merchant_id, member_id),
        may_erase=who.is_owner,
        rules=rule_card(ctx, who.merchant_id, member_id),
    )


@blueprint.post("/members/<id:member_id>/erase")
def erase(member_id: int) -> ResponseReturnValue:
    """Forget the person; the books keep movements that name nobody."""
    who = signed_in()
    who.require_owner()
    erase_member(services().loyalty, who.merchant_id, member_id, actor=who.actor())
    return done(_("The member is erased. Phones follow in a moment."), "members")
