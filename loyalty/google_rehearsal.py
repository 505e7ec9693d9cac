"""Ask Google whether it would take a card, before anybody has it: the dry run of publishing.

Nothing is stored there. Not done here: asking (the port), what the owner sees (web).

Rules: only Google's plain no to the card itself stops a publishing. A Google that is away, refuses
the account or was never set up does not: the worker and `doctor` tell of those.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from common.errors import DeliveryError, InvalidInput, NotFound, WalletError
from common.i18n import gettext as _
from loyalty.context import Loyalty
from passes.content import Content
from passes.design import Design
from passes.google import loyalty_object
from storage.google_identities import google_home
from storage.programmes import Programme
from storage.unit_of_work import UnitOfWork, open_work

TIMEOUT_S: Final = 3.0
SAMPLE_CODE: Final = "00000000000000000000000000"
SAMPLE_NUMBER: Final = "0000000000"


class RefusedByGoogle(InvalidInput):
    """Google would refuse this card."""

    code = "refused_by_google"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsal:
    """A programme's class with a card of nobody, as Google would get them."""

    account_id: int
    class_document: Mapping[str, Any]
    object_document: Mapping[str, Any]


def rehearse(ctx: Loyalty, merchant_id: int, programme_id: int) -> None:
    """Let Google look at the programme's draft.

    Raises:
        RefusedByGoogle: field `card`; in Google's words.
        NotFound: no such programme.
    """
    if ctx.google is None:
        return
    with open_work(ctx.database, merchant_id, clock=ctx.clock, writing=False) as work:
        programme = work.programmes.get(programme_id)
        draft = work.programmes.draft(programme_id)
        if work.merchants.get().google_account_id is None:
            return
        if draft.version == programme.design_version:
            return
        try:
            told = rehearsal(ctx, work, programme, draft.design)
        except (DeliveryError, NotFound):
            return
    try:
        refused = ctx.google.rehearse(
            account_id=told.account_id,
            class_document=told.class_document,
            object_document=told.object_document,
            timeout_s=TIMEOUT_S,
        )
    except WalletError:
        return
    if refused:
        raise RefusedByGoogle(
            _("Google would refuse this card: %(why)s", why=refused), field="card"
        )


def rehearsal(ctx: Loyalty, work: UnitOfWork, programme: Programme, design: Design) -> Rehearsal:
    """The documents of a sample member.

    Raises:
        NotFound: the merchant has no account at Google.
        DeliveryError: the public address is not one that Google fetches from.
    """
    home = google_home(work, public_url=ctx.settings.public_url)
    identity = home.identity(programme.id)
    identity = replace(identity, object_id=f"{identity.class_id}-sample")
    content = Content(
        serial_number=SAMPLE_CODE,
        language=home.merchant.language,
        member_number=SAMPLE_NUMBER,
        member_name="",
        barcode=SAMPLE_CODE,
        unit=programme.unit,
        balance=0,
        goal=None,
        progress="",
        next_reward=None,
        card_link=f"{home.public_url}/m/{SAMPLE_CODE}",
    )
    return Rehearsal(
        account_id=home.account.id,
        class_document=home.class_document(design, identity),
        object_document=loyalty_object(design, content, identity),
    )
