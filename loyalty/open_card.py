"""What a member's personal link shows: the card, its balance and history, and the wallets offered.

The link reads and changes nothing. Not done here: passes (read_pass.py, save_to_google.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from common.actor import Actor, ActorKind
from common.errors import NotFound
from common.i18n import current_language
from common.i18n import gettext as _
from loyalty.balance import CardState, card_state
from loyalty.context import Loyalty
from loyalty.enrol import WORDING_VERSION
from loyalty.new_card import CARD, card_token
from loyalty.posting import MerchantSuspended
from loyalty.wallets import Wallets, wallets_of
from passes.web_card import CardView, card_view
from signing.tokens import equal, token_hash
from storage.directory import TokenEntry
from storage.faces import load_face
from storage.members import ConsentPurpose, Member, MemberState
from storage.merchants import Merchant
from storage.unit_of_work import UnitOfWork, open_work, run_work

TOKEN_TEXT_MAX: Final = 64


class DeadCard(NotFound):
    """This link opens no card."""

    code = "dead_card"


@dataclass(frozen=True, slots=True, kw_only=True)
class CardId:
    """Whose card a personal link opens."""

    merchant_id: int
    member_id: int
    pass_id: int
    actor: Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenCard:
    """Everything the card page draws; `token` is the link's, in its normal form.

    `message` is what the shop says on the card now, empty for nothing.
    """

    token: str
    merchant_id: int
    member_id: int
    merchant_name: str
    time_zone: str
    currency: str
    sandbox: bool
    privacy_url: str
    language: str
    view: CardView
    state: CardState
    wallets: Wallets
    message: str = ""


def find_card(ctx: Loyalty, token: str) -> CardId:
    """Whose card it is, for what hangs below the link.

    Raises:
        DeadCard: no living card has this link.
        MerchantSuspended: the merchant is suspended.
    """
    entry = _entry(ctx, token)
    with open_work(ctx.database, entry.merchant_id, clock=ctx.clock, writing=False) as work:
        _merchant, member = _living(ctx, work, entry, token=token)
        return CardId(
            merchant_id=entry.merchant_id,
            member_id=member.id,
            pass_id=work.passes.current_of_member(member.id).id,
            actor=Actor(kind=ActorKind.MEMBER, id=member.id),
        )


def open_card(ctx: Loyalty, token: str) -> OpenCard:
    """The card of a personal link.

    Raises:
        DeadCard: no living card has this link.
        MerchantSuspended: the merchant is suspended.
    """
    entry = _entry(ctx, token)
    with open_work(ctx.database, entry.merchant_id, clock=ctx.clock, writing=False) as work:
        merchant, member = _living(ctx, work, entry, token=token)
        current = work.passes.current_of_member(member.id)
        face = load_face(work, current.id, keyring=ctx.keyring, public_url=ctx.settings.public_url)
        wallets = wallets_of(ctx, work, merchant)
    return OpenCard(
        token=_normal_token(ctx, entry.merchant_id, member),
        merchant_id=merchant.id,
        member_id=member.id,
        merchant_name=merchant.name,
        time_zone=merchant.time_zone,
        currency=merchant.currency,
        sandbox=merchant.sandbox,
        privacy_url=merchant.privacy_url,
        language=member.language,
        view=card_view(face.design, face.content),
        state=card_state(ctx, merchant.id, member.id),
        wallets=wallets,
        message=face.content.message,
    )


def agree_to_google(ctx: Loyalty, card: CardId) -> None:
    """Keep that the member pressed Google's button, under the line that says what it does."""

    def note(work: UnitOfWork) -> None:
        given = {one.purpose for one in work.members.consents(card.member_id)}
        if ConsentPurpose.GOOGLE in given:
            return
        work.members.add_consent(
            card.member_id,
            ConsentPurpose.GOOGLE,
            version=WORDING_VERSION,
            language=current_language(),
            given=True,
        )

    run_work(ctx.database, card.merchant_id, note, clock=ctx.clock)


def _entry(ctx: Loyalty, token: str) -> TokenEntry:
    with open_work(ctx.database, None, clock=ctx.clock, writing=False) as work:
        known = len(token) <= TOKEN_TEXT_MAX
        entry = work.directory.token(token_hash(token)) if known else None
    if entry is None or entry.kind != CARD:
        raise _dead()
    return entry


def _living(
    ctx: Loyalty, work: UnitOfWork, entry: TokenEntry, *, token: str
) -> tuple[Merchant, Member]:
    merchant = work.merchants.get()
    if merchant.status != "active":
        raise MerchantSuspended(_("This shop's cards are paused at the moment."))
    member = work.members.get(entry.subject_id)
    # The directory forgets dead links; the generation is the second fence behind it.
    expected = _normal_token(ctx, entry.merchant_id, member)
    if member.state != MemberState.ACTIVE or not equal(token_hash(token), token_hash(expected)):
        raise _dead()
    return merchant, member


def _normal_token(ctx: Loyalty, merchant_id: int, member: Member) -> str:
    return card_token(ctx.keyring, member.id, merchant_id=merchant_id, generation=member.generation)


def _dead() -> DeadCard:
    return DeadCard(_("This link opens no card."))
