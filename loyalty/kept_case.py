"""Which way there is to keep the cards of another system, told before anything is done.

Three cases, each worse than the one before it:
- MOVED: the old service's host name leads here now. Its paths are answered, and every card goes on
  as if nothing had happened.
- LAST_UPDATE: the old vendor sends one last update in which the passes name our address. Phones
  register here by themselves; serial number, token and pass type stay.
- NEW_CARD: neither. The balance and the old code are taken over, the till accepts the old code, and
  the customer is offered a new card.
The first two need the same Pass Type ID, whose certificate only its own Apple team can make.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from common.i18n import gettext as _
from loyalty.context import Loyalty
from loyalty.kept_addresses import host_of
from loyalty.kept_rows import KeptCard
from loyalty.read_pass import WEB_SERVICE_PATH
from storage.unit_of_work import UnitOfWork, open_work


class KeepCase(StrEnum):
    """How cards are kept; see the module."""

    MOVED = "moved"
    LAST_UPDATE = "last-update"
    NEW_CARD = "new-card"


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseReport:
    """The best case that holds, why, and what to do next; `possible` are all that may be chosen."""

    case: KeepCase
    possible: tuple[KeepCase, ...]
    because: tuple[str, ...]
    next_steps: tuple[str, ...]
    cards: int
    with_proof: int
    phones: int
    balance: int


def which_case(
    ctx: Loyalty,
    merchant_id: int,
    cards: Sequence[KeptCard],
    *,
    pass_type: str | None,
    old_url: str | None,
    leads_here: bool = False,
) -> CaseReport:
    """Say which case holds for these cards; nothing is changed.

    Args:
        ctx: the context.
        merchant_id: whose cards they shall be.
        cards: the list.
        pass_type: the Pass Type ID of the old cards.
        old_url: their webServiceURL.
        leads_here: the caller saw that the host of `old_url` leads to this machine.
    """
    with open_work(ctx.database, merchant_id, clock=ctx.clock, writing=False) as work:
        ours = (work.merchants.get().public_url or ctx.settings.public_url).rstrip("/")
        installed = pass_type is not None and _is_installed(work, pass_type)
    proof = sum(card.has_proof for card in cards)
    here = old_url is not None and (leads_here or host_of(old_url) == host_of(ours))
    case, because = _judged(pass_type, old_url, installed=installed, proof=proof, here=here)
    possible = {
        KeepCase.MOVED: tuple(KeepCase),
        KeepCase.LAST_UPDATE: (KeepCase.LAST_UPDATE, KeepCase.NEW_CARD),
        KeepCase.NEW_CARD: (KeepCase.NEW_CARD,),
    }[case]
    return CaseReport(
        case=case,
        possible=possible,
        because=because,
        next_steps=_next_steps(case, old_url, ours=ours, installed=installed),
        cards=len(cards),
        with_proof=proof,
        phones=sum(len(card.phones) for card in cards),
        balance=sum(card.balance for card in cards),
    )


def _is_installed(work: UnitOfWork, pass_type: str) -> bool:
    """Whether this merchant can sign for the pass type today."""
    found = work.passes.pass_type_by_identifier(pass_type)
    certificate = work.passes.newest_certificate(found.id) if found else None
    return certificate is not None and certificate.not_after > work.clock.now()


def _judged(
    pass_type: str | None, old_url: str | None, *, installed: bool, proof: int, here: bool
) -> tuple[KeepCase, tuple[str, ...]]:
    if pass_type is None:
        return KeepCase.NEW_CARD, (_("The Pass Type ID of the old cards is not told."),)
    if not installed:
        return KeepCase.NEW_CARD, (
            _(
                "No valid certificate of %(name)s is installed, and only its owner can change "
                "cards of that Pass Type ID.",
                name=pass_type,
            ),
        )
    if not proof:
        return KeepCase.NEW_CARD, (
            _(
                "The list has no serial numbers with authentication tokens, so no phone can be known."
            ),
        )
    signed = _("The certificate of %(name)s is installed.", name=pass_type)
    if here:
        return KeepCase.MOVED, (signed, _("%(url)s leads to this installation.", url=old_url))
    if old_url is None:
        return KeepCase.LAST_UPDATE, (signed, _("The old webServiceURL is not told."))
    return KeepCase.LAST_UPDATE, (signed, _("%(url)s does not lead here.", url=old_url))


def _next_steps(
    case: KeepCase, old_url: str | None, *, ours: str, installed: bool
) -> tuple[str, ...]:
    host = host_of(old_url) if old_url else ""
    match case:
        case KeepCase.MOVED:
            return (_("Take the cards over as moved."),)
        case KeepCase.LAST_UPDATE:
            move = _(
                "If the name %(host)s is yours, let it lead to this machine and look again: then "
                "nothing is asked of anybody.",
                host=host,
            )
            update = _(
                "Else take them over as last-update, and then ask the old vendor for one update of "
                "all passes with webServiceURL %(url)s and nothing else changed; phones then come "
                "here by themselves.",
                url=f"{ours}{WEB_SERVICE_PATH}",
            )
            neither = _("If the vendor refuses, take them over as new-card.")
            return (*((move,) if host else ()), update, neither)
        case KeepCase.NEW_CARD:
            install = _(
                "If the Pass Type ID belongs to your own Apple team, install a certificate for it "
                "first and look again."
            )
            take = _(
                "Else take them over as new-card: tills accept the old codes and show the balance, "
                "and each customer is offered a new card."
            )
            return (take,) if installed else (install, take)
