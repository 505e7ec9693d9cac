"""Ask Google whether it would take a card, before anybody has it: the dry run of publishing.

Nothing is stored there. Not done here: asking (the port), what the owner sees (web).

Rules: only Google's plain no to the card itself stops a publishing. A Google that is away, refuses
the account or was never set up does not: the worker and `doctor` tell of those.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from common.clock import Clock
from common.errors import DeliveryError, InvalidInput, NotFound, WalletError
from common.i18n import gettext as _
from loyalty.context import Loyalty
from loyalty.ports import GooglePort
from passes.content import Content, RuleLines
from passes.design import Design
from passes.google_cards import card_document
from passes.google_parts import GoogleKind
from storage.google_classes import card_classes, tiers_of
from storage.google_identities import GoogleHome, google_home
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
    """A programme's or tier's class with a card of nobody, as Google would get them."""

    account_id: int
    kind: GoogleKind
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
            scenes = rehearsals(ctx, work, programme, draft.design)
        except (DeliveryError, NotFound):
            return
    refused = _refusal(ctx.google, scenes, clock=ctx.clock)
    if refused:
        raise RefusedByGoogle(
            _("Google would refuse this card: %(why)s", why=refused), field="card"
        )


def _refusal(google: GooglePort, scenes: Sequence[Rehearsal], *, clock: Clock) -> str:
    """Google's first no; as many scenes are shown as the time allows, the first in any case."""
    ends_s = clock.monotonic_s() + TIMEOUT_S
    for scene in scenes:
        left_s = ends_s - clock.monotonic_s()
        if left_s <= 0:
            break
        try:
            refused = google.rehearse(
                account_id=scene.account_id,
                class_document=scene.class_document,
                object_document=scene.object_document,
                timeout_s=left_s,
                kind=scene.kind,
            )
        except WalletError:
            break
        if refused:
            return refused
    return ""


def rehearsals(
    ctx: Loyalty, work: UnitOfWork, programme: Programme, design: Design
) -> list[Rehearsal]:
    """The documents of a sample member without a tier, and of one in each tier.

    Raises:
        NotFound: the merchant has no account at Google.
        DeliveryError: the public address is not one that Google fetches from.
    """
    home = google_home(work, public_url=ctx.settings.public_url)
    tiers = tiers_of(work.programmes.terms(programme.id))
    names = {tier.code: tier.name for tier in tiers}
    found = []
    for one in card_classes(home, programme, design, tiers):
        identity = replace(one.identity, object_id=f"{one.key}-sample")
        content = _sample(home, programme, tier=one.tier, tier_name=names.get(one.tier, ""))
        found.append(
            Rehearsal(
                account_id=home.account.id,
                kind=identity.kind,
                class_document=one.insert,
                object_document=card_document(design.for_tier(one.tier), content, identity),
            )
        )
    return found


def _sample(home: GoogleHome, programme: Programme, *, tier: str, tier_name: str) -> Content:
    return Content(
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
        rule_lines=RuleLines(tier_code=tier, tier=tier_name) if tier else None,
    )
