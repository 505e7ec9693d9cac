"""Publish a card's draft: freeze it and let every card show it.

Rules (DESIGN 6): with a real certificate the public address must be one that phones can reach over
https, because it is written into every pass and cannot be changed cheaply.
"""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from common.actor import Actor
from common.errors import Conflict
from common.i18n import gettext as _
from loyalty.context import Loyalty
from loyalty.google_rehearsal import rehearse
from loyalty.stamp_pictures import draw_for_draft
from passes.design import check_design
from storage.unit_of_work import UnitOfWork, run_work


class AddressNotPublic(Conflict):
    """Phones cannot reach this installation."""

    code = "address_not_public"


def publish(ctx: Loyalty, merchant_id: int, programme_id: int, *, actor: Actor) -> int:
    """Let every card show the draft; the version is returned. Twice is no error.

    Raises:
        AddressNotPublic: a real certificate, and an address that phones cannot call.
        InvalidInputs: the draft cannot be shown by a wallet.
        RefusedByGoogle: Google said in a dry run that it would not take it.
        NotFound: no such programme.
    """
    draw_for_draft(ctx, merchant_id, programme_id)
    rehearse(ctx, merchant_id, programme_id)

    def action(work: UnitOfWork) -> int:
        programme = work.programmes.get(programme_id)
        draft = work.programmes.draft(programme_id)
        if draft.version == programme.design_version:
            return draft.version
        check_design(draft.design)
        _check_address(ctx, work)
        work.programmes.publish(programme_id, draft.version)
        work.deliveries.bump_programme(programme_id, reason="design")
        if work.deliveries.has_google_class(programme_id):
            work.deliveries.want_google_class(programme_id)
        work.audit.add(
            actor=actor,
            action="design.publish",
            subject_kind="programme",
            subject_id=programme_id,
            detail={"version": draft.version},
        )
        return draft.version

    return run_work(ctx.database, merchant_id, action, clock=ctx.clock)


def address_complaint(public_url: str) -> str | None:
    """Why phones could not call this address, or None."""
    parts = urlsplit(public_url)
    host = parts.hostname or ""
    if parts.scheme != "https":
        return _("The public address must start with https://.")
    if host == "localhost" or "." not in host or host.endswith((".local", ".internal", ".test")):
        return _("The public address must be a name that phones can find on the internet.")
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return None
    return _("The public address must be a name, not a number.")


def _check_address(ctx: Loyalty, work: UnitOfWork) -> None:
    pass_type = work.passes.current_pass_type()
    if pass_type is None or pass_type.sandbox:
        return
    public_url = work.merchants.get().public_url or ctx.settings.public_url
    complaint = address_complaint(public_url)
    if complaint:
        raise AddressNotPublic(
            _(
                "%(complaint)s It is written into every card, so set it before you publish: see "
                "Set-up.",
                complaint=complaint,
            )
        )
