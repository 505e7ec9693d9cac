"""Everything that moved, the newest first, and who changed what."""

from __future__ import annotations

from typing import Final

from flask import request
from flask.typing import ResponseReturnValue

from common.i18n import gettext as _
from common.i18n import mark
from loyalty.overview import PAGE, activity, audit_trail, console_people
from loyalty.staff import list_staff
from web.console.door import blueprint, page
from web.services import services
from web.sessions import signed_in

ACTIONS: Final = {
    "apple_certificate.install": mark("Apple certificate installed"),
    "apple_certificate.request": mark("Apple certificate requested"),
    "apple_certificate.request_dropped": mark("Certificate request removed"),
    "apple_certificate.take_back": mark("Apple certificate removed"),
    "apple_push_key.install": mark("Apple push key installed"),
    "apple_push_key.remove": mark("Apple push key removed"),
    "delivery.retry": mark("Parked updates tried again"),
    "design.publish": mark("Card published"),
    "design.save": mark("Card's look changed"),
    "google_account.install": mark("Google account installed"),
    "invitation.add": mark("Invitations made"),
    "invitation.withdraw": mark("Invitation withdrawn"),
    "join_source.add": mark("Place of the join link added"),
    "join_source.archive": mark("Place of the join link ended"),
    "location.add": mark("Branch added"),
    "location.archive": mark("Branch closed"),
    "location.change": mark("Branch changed"),
    "manager.add": mark("Manager added"),
    "manager.remove": mark("Manager removed"),
    "member.change": mark("Member's details changed"),
    "member.erase": mark("Member erased"),
    "member.lost_card": mark("Lost card replaced"),
    "member.export": mark("Member's data handed over"),
    "member.leave": mark("Member left"),
    "member.merge": mark("Two cards made one"),
    "member.note": mark("Note about a member changed"),
    "member.printed_card": mark("Card printed on paper"),
    "member.unmerge": mark("Two cards parted again"),
    "merchant.add": mark("Shop added"),
    "merchant.change": mark("Shop's facts changed"),
    "owner.add": mark("Owner added"),
    "passes.export": mark("List of cards taken away"),
    "passes.import": mark("Cards of another system taken over"),
    "person.password": mark("Password changed"),
    "person.second_factor_off": mark("Second factor turned off"),
    "person.second_factor_on": mark("Second factor turned on"),
    "pilot.add": mark("Contacts put on a pilot's list"),
    "pilot.clear": mark("Pilot's list emptied"),
    "programme.add": mark("Card begun"),
    "programme.joining": mark("Who may join changed"),
    "programme.questions": mark("Join page changed"),
    "programme.state": mark("Card opened, announced or closed"),
    "reward.add": mark("Reward added"),
    "reward.change": mark("Reward changed"),
    "staff.add": mark("Staff added"),
    "staff.disable": mark("Staff stopped"),
    "staff.enable": mark("Staff came back"),
    "staff.pin_chosen": mark("PIN chosen"),
    "staff.pin_link": mark("Link for a PIN made"),
    "staff.pin_set": mark("PIN set"),
    "staff.role": mark("Staff's role changed"),
    "terms.change": mark("Rule changed"),
    "till.add": mark("Till added"),
    "till.code": mark("Code for a till made"),
    "till.manager_override": mark("Manager approved a redemption without the card"),
    "till.pair": mark("Device became a till"),
    "till.revoke": mark("Till removed"),
}
"""What the audit trail's words mean to a reader; an action without one is shown as it is."""


@blueprint.get("/activity")
def movements() -> ResponseReturnValue:
    """A page of movements."""
    who = signed_in()
    lines = activity(services().loyalty, who.merchant_id, before_id=before())
    older = lines[-1].line.id if len(lines) == PAGE else None
    return page("activity.html", lines=lines, older=older)


@blueprint.get("/changes")
def changes() -> ResponseReturnValue:
    """A page of the audit trail."""
    who = signed_in()
    ctx = services().loyalty
    lines = audit_trail(ctx, who.merchant_id, before_id=before())
    older = lines[-1].id if len(lines) == PAGE else None
    who_names = {("owner", one.id): one.name for one in console_people(ctx, who.merchant_id)}
    who_names |= {("staff", one.id): one.name for one in list_staff(ctx, who.merchant_id)}
    names = {action: _(text) for action, text in ACTIONS.items()}
    return page("changes.html", lines=lines, older=older, action_names=names, who_names=who_names)


def before() -> int | None:
    """The id a page of a list begins under; nonsense begins at the top."""
    value = request.args.get("before", "")
    return int(value) if value.isascii() and value.isdigit() and len(value) < 19 else None  # noqa: PLR2004
