"""Members: find one, and see everything about one."""

from __future__ import annotations

from flask import request
from flask.typing import ResponseReturnValue

from loyalty.overview import PAGE, QUERY_MAX, member_page
from loyalty.overview import members as find_members
from web.console.activity import before
from web.console.door import blueprint, page
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
    who = signed_in()
    return page("member.html", found=member_page(services().loyalty, who.merchant_id, member_id))
