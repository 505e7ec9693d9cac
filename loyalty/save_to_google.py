"""The link that puts a member's card into Google Wallet, made at the click.

The object must be at Google before the customer is sent there. So the card's row is committed as
wanted first, then Google is asked through the port, outside any transaction, then what was taken is
recorded: a crash in between leaves work for the worker and nothing lost. Rules: the link names the
object and holds no data of anyone; an object that is current is not sent again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from common.errors import NotFound, Unavailable
from common.i18n import gettext as _
from loyalty.context import Loyalty
from passes.google import loyalty_object
from passes.google_parts import GoogleIdentity
from signing.google_jwt import save_jwt, stored_service_account
from signing.sealing import unseal
from storage.deliveries import Channel
from storage.faces import load_face
from storage.google_accounts import GoogleAccount
from storage.google_identities import google_home
from storage.unit_of_work import UnitOfWork, run_work

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
    revision: int
    current: bool
    class_document: Mapping[str, Any]
    object_document: Mapping[str, Any]


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
    if not order.current:
        ctx.google.upsert(
            account_id=order.account.id,
            class_document=order.class_document,
            object_document=order.object_document,
            timeout_s=ctx.settings.google_save_timeout_s,
        )
        run_work(ctx.database, merchant_id, lambda work: _sent(work, order), clock=ctx.clock)
    return f"{ctx.settings.google_save_url.rstrip('/')}/{_token(ctx, order)}"


def _want(ctx: Loyalty, work: UnitOfWork, member_id: int) -> _Order:
    home = google_home(work, public_url=ctx.settings.public_url)
    card = work.passes.current_of_member(member_id)
    identity = home.identity(card.programme_id, card)
    due_at = ctx.clock.now() + WORKER_WAITS
    current = work.deliveries.is_delivered(Channel.GOOGLE_OBJECT, card.id)
    work.passes.set_google_object(card.id, identity.object_id)
    if not work.deliveries.has_google_class(card.programme_id):
        work.deliveries.want_google_class(card.programme_id, due_at=due_at)
    work.deliveries.want_google_object(card.id, due_at=due_at)
    face = load_face(work, card.id, keyring=ctx.keyring, public_url=ctx.settings.public_url)
    return _Order(
        account=home.account,
        identity=identity,
        pass_id=card.id,
        programme_id=card.programme_id,
        revision=face.wallet_pass.revision,
        current=current,
        class_document=home.class_document(face.design, identity),
        object_document=loyalty_object(face.design, face.content, identity),
    )


def _sent(work: UnitOfWork, order: _Order) -> None:
    """Only a card that was never there is known to be whole: a patch here clears nothing."""
    if work.deliveries.is_fresh(Channel.GOOGLE_OBJECT, order.pass_id):
        work.deliveries.mark_delivered(Channel.GOOGLE_OBJECT, order.pass_id, order.revision)


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
        class_id=identity.class_id,
        origins=[identity.origin],
        now=ctx.clock.now(),
    )
