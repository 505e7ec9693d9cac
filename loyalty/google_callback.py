"""Take what Google posts when a card is saved or deleted: verified, counted once, kept per card.

Not done here: cryptography (signing.callbacks), fetching root keys (the worker), HTTP (web).

Rules:
- The recipient is the issuer of the account in the address, never one the message names.
- A message that none of our keys vouches for asks the worker for newer ones, at most once in
  WANT_EVERY: a burst of forged posts fetches nothing. While newer keys may still help the answer
  is "later"; right after a fetch it is a plain no.
- A nonce counts once for each account. An object that is no card of ours is kept and does nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final

from common.errors import Unavailable
from loyalty.context import Loyalty
from signing.callbacks import CallbackEvent, CallbackMessage, UnknownRootKey, verify_callback
from storage.google_accounts import GoogleAccount
from storage.google_callbacks import CardAtGoogle, GoogleCallbacks
from storage.google_keys import StoredKeys
from storage.scope import Scope
from storage.unit_of_work import UnitOfWork, open_work, run_work

WANT_EVERY: Final = timedelta(minutes=5)
RETRY_AFTER_S: Final = 60


class CallbackEffect(StrEnum):
    """What became of a verified message; Google gets the same answer for all of them."""

    KEPT = "kept"
    REPEATED = "repeated"
    UNKNOWN_OBJECT = "unknown_object"
    UNKNOWN_EVENT = "unknown_event"


def take_google_callback(ctx: Loyalty, account_id: int, body: bytes) -> CallbackEffect:
    """Verify a post to the account's address and keep what it says.

    Raises:
        NotFound: there is no such account.
        CallbackRefused: not from Google, not for this account, or too late.
        Unavailable: no key vouches for it, and newer keys are on their way: post it again.
    """
    with open_work(ctx.database, None, clock=ctx.clock, writing=False) as work:
        account = work.google_accounts.get(account_id)
        stored = work.google_keys.get(ctx.settings.google_keys_url)
    message = _verified(ctx, account, stored, body)
    return run_work(ctx.database, None, lambda work: _keep(work, account, message), clock=ctx.clock)


def _verified(
    ctx: Loyalty, account: GoogleAccount, stored: StoredKeys, body: bytes
) -> CallbackMessage:
    keys: Sequence[Mapping[str, Any]] = stored.keys
    try:
        return verify_callback(
            body, issuer_id=account.issuer_id, root_keys=keys, now=ctx.clock.now()
        )
    except UnknownRootKey as error:
        now = ctx.clock.now()
        if stored.fetched_at is not None and now - WANT_EVERY < stored.fetched_at <= now:
            raise
        _want_keys(ctx, stored)
        raise Unavailable(
            "Google's keys are being fetched. Please post this again.",
            retry_after_s=RETRY_AFTER_S,
        ) from error


def _want_keys(ctx: Loyalty, stored: StoredKeys) -> None:
    """Wake no one up twice: a flood of forged posts writes one row in five minutes."""
    now, last = ctx.clock.now(), stored.wanted_at
    if last is not None and now - WANT_EVERY < last <= now:
        return
    address = ctx.settings.google_keys_url
    run_work(ctx.database, None, lambda work: work.google_keys.want(address), clock=ctx.clock)


def _keep(work: UnitOfWork, account: GoogleAccount, message: CallbackMessage) -> CallbackEffect:
    callbacks = work.google_callbacks
    card = callbacks.card_of(message.object_id, issuer_id=account.issuer_id)
    fresh = callbacks.add(
        account.id,
        message.nonce,
        class_id=message.class_id,
        object_id=message.object_id,
        event=str(message.event),
        known=card is not None,
        signed_until=message.expires_at,
    )
    if not fresh:
        return CallbackEffect.REPEATED
    if card is None:
        return CallbackEffect.UNKNOWN_OBJECT
    if message.event is CallbackEvent.OTHER:
        return CallbackEffect.UNKNOWN_EVENT
    _of_merchant(work, card).note(card.pass_id, str(message.event), message.expires_at)
    return CallbackEffect.KEPT


def _of_merchant(work: UnitOfWork, card: CardAtGoogle) -> GoogleCallbacks:
    """The card's merchant is known only now, in the middle of the transaction."""
    scope = Scope(connection=work.scope.connection, merchant_id=card.merchant_id, clock=work.clock)
    return GoogleCallbacks(scope)
