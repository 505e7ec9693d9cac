"""The link that puts a member's card into Google Wallet, made at the click.

The object must be at Google before the customer is sent there. So the card's row is committed as
wanted and taken first, then Google is asked through the port, outside any transaction, then what
was taken is recorded: a crash in between leaves work for the worker and nothing lost. Rules:
- the link names the object and holds no data of anyone;
- one request is on its way for a card at a time: a row that the worker or another click holds is
  waited for;
- an object that Google has is the worker's to change: its link is given at once, for a new phone
  as for the first.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from common.errors import DeliveryError, NotFound, Unavailable
from common.i18n import gettext as _
from common.ids import new_id
from loyalty.context import Loyalty
from loyalty.ports import GooglePort
from passes.google_cards import card_change, card_document
from passes.google_parts import GoogleIdentity, state_digest
from signing.google_jwt import save_jwt, stored_service_account
from signing.sealing import unseal
from storage import claims as settle
from storage.claims import Claim, Claims, Settlement
from storage.deliveries import Channel
from storage.faces import load_face
from storage.google_accounts import GoogleAccount
from storage.google_identities import google_home
from storage.google_offers import offer_book
from storage.unit_of_work import UnitOfWork, open_work, run_work

WAIT_STEP_S: Final = 0.1
WORKER_WAITS: Final = timedelta(seconds=10)
"""The worker leaves the row alone while the click itself sends it."""

KEY_COLUMN: Final = "google_account.key"
INSTALLATION: Final = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Order:
    account: GoogleAccount
    identity: GoogleIdentity
    pass_id: int
    programme_id: int
    claim: Claim | None
    is_there: bool
    revision: int
    balance: int
    class_document: Mapping[str, Any]
    object_document: Mapping[str, Any]
    object_patch: Mapping[str, Any]
    class_at_google: str
    has_offers: bool


def google_save_link(ctx: Loyalty, merchant_id: int, member_id: int) -> str:
    """The address to send the customer to.

    Raises:
        NotFound: the shop has no Google account, or the member no card.
        DeliveryError: Google did not take the card now; the sentence says what to do.
        Unavailable: Google is not wired into this process, or the sandbox that the account needs
            does not run.
    """
    if ctx.google is None:
        raise Unavailable(_("Google Wallet cannot be reached from here. Please try again."))
    order = run_work(
        ctx.database, merchant_id, lambda work: _want(ctx, work, member_id), clock=ctx.clock
    )
    if not order.is_there and order.claim is None:
        _wait(ctx, merchant_id, order)
    elif order.claim is not None:
        _send(ctx, ctx.google, merchant_id, order, order.claim)
    return f"{ctx.settings.google_save_url.rstrip('/')}/{_token(ctx, order)}"


def _want(ctx: Loyalty, work: UnitOfWork, member_id: int) -> _Order:
    home = google_home(work, public_url=ctx.settings.public_url)
    card = work.passes.current_of_member(member_id)
    face = load_face(work, card.id, keyring=ctx.keyring, public_url=ctx.settings.public_url)
    identity = home.card_identity(face)
    due_at = ctx.clock.now() + WORKER_WAITS
    work.passes.set_google_object(card.id, identity.object_id)
    if not work.deliveries.has_google_class(card.programme_id):
        work.deliveries.want_google_class(card.programme_id, due_at=due_at)
    work.deliveries.want_google_object(card.id, due_at=due_at)
    fresh = work.deliveries.is_fresh(Channel.GOOGLE_OBJECT, card.id)
    claim = None
    if fresh:
        lease = f"click-{new_id()}"
        claim = Claims(work.scope).take(Channel.GOOGLE_OBJECT, card.id, lease=lease)
    return _Order(
        account=home.account,
        identity=identity,
        pass_id=card.id,
        programme_id=card.programme_id,
        claim=claim,
        is_there=not fresh,
        revision=face.wallet_pass.revision,
        balance=face.content.balance,
        class_document=home.class_of_card(face, identity),
        object_document=card_document(face.design, face.content, identity),
        object_patch=card_change(face.design, face.content, identity),
        class_at_google=_class_at_google(work, card.id) or identity.class_id,
        has_offers=bool(offer_book(work, [face]).usable(face)),
    )


def _class_at_google(work: UnitOfWork, pass_id: int) -> str:
    """The class that the object is known to stand in; a move to another tier may be on its way."""
    found = work.deliveries.facts_of(Channel.GOOGLE_OBJECT, pass_id).get("class")
    return found if isinstance(found, str) else ""


def _send(ctx: Loyalty, google: GooglePort, merchant_id: int, order: _Order, claim: Claim) -> None:
    """Ask Google, and settle the claim whatever comes of it."""
    outcome = settle.given_back(claim)
    try:
        google.upsert(
            account_id=order.account.id,
            class_document=order.class_document,
            object_document=order.object_document,
            object_patch={"classId": order.identity.class_id, **order.object_patch},
            timeout_s=ctx.settings.google_save_timeout_s,
            kind=order.identity.kind,
        )
        facts = {
            "sent": state_digest(order.identity, order.object_patch),
            "class": order.identity.class_id,
            "balance": order.balance,
            "notified": [],
        }
        outcome = settle.delivered(claim, order.revision, facts=facts)
    finally:
        run_work(
            ctx.database,
            merchant_id,
            lambda work: _settle(work, order, outcome),
            clock=ctx.clock,
        )


def _settle(work: UnitOfWork, order: _Order, outcome: Settlement) -> None:
    """Record what became of the card; its class is the worker's to compare and settle, now.

    So are its coupons, for which nobody waits at a button.
    """
    Claims(work.scope).settle([outcome])
    if order.has_offers:
        work.deliveries.bump_pass(order.pass_id)
    work.deliveries.hurry(Channel.GOOGLE_CLASS, order.programme_id)


def _wait(ctx: Loyalty, merchant_id: int, order: _Order) -> None:
    """Wait for whoever sends the card now: the worker, or the first tap of two."""
    ends_s = ctx.clock.monotonic_s() + ctx.settings.google_save_timeout_s
    while ctx.clock.monotonic_s() < ends_s:
        with open_work(ctx.database, merchant_id, clock=ctx.clock, writing=False) as work:
            if not work.deliveries.is_fresh(Channel.GOOGLE_OBJECT, order.pass_id):
                return
        threading.Event().wait(WAIT_STEP_S)
    raise DeliveryError(_("Your card is on its way to Google. Please try again in a moment."))


def _token(ctx: Loyalty, order: _Order) -> str:
    key_file = unseal(
        ctx.keyring, order.account.key_sealed, merchant_id=INSTALLATION, column=KEY_COLUMN
    )
    account = stored_service_account(
        key_file,
        sandbox=order.account.sandbox,
        allowed_token_uri=ctx.settings.allowed_token_uri,
    )
    identity = order.identity
    if not identity.object_id:
        raise NotFound
    return save_jwt(
        account,
        object_ids=[identity.object_id],
        class_id=order.class_at_google,
        origins=[identity.origin],
        now=ctx.clock.now(),
        payload=f"{identity.kind.objects}s",
    )
