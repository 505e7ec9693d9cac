"""Card payments for gift cards, on the merchant's own Stripe account.

Rules:
- Both keys are sealed; neither is ever shown again or logged.
- A message from Stripe rings the bell and no more: what was paid is read back with the merchant's
  own key, and amount, currency and order must be those we asked for.
- A message told twice, late or out of order makes one card alive once.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from common.actor import SYSTEM, Actor
from common.checkout import Checkout, CheckoutRequest
from common.errors import (
    Conflict,
    DeliveryError,
    InvalidInput,
    InvalidInputs,
    NotAllowed,
    NotFound,
    Unavailable,
)
from common.i18n import gettext as _
from common.ids import new_id
from loyalty.context import Loyalty
from loyalty.gift_alive import AliveGift, come_alive
from loyalty.gift_cards import retried
from loyalty.payment_port import PaymentPort
from signing.sealing import seal, unseal
from signing.stripe_messages import is_from_stripe
from signing.tokens import random_token
from storage.gift_cards import GiftCard, GiftCards, GiftState
from storage.payment_accounts import HOOK, PaymentAccount, PaymentAccounts
from storage.unit_of_work import UnitOfWork, open_work, run_work

STRIPE: Final = "stripe"
MESSAGE_BYTES_MAX: Final = 256 * 1024
PAID_EVENTS: Final = ("checkout.session.completed", "checkout.session.async_payment_succeeded")
_KEY: Final = re.compile(r"(?:sk|rk)_(?:live|test)_[A-Za-z0-9_]{8,240}", re.ASCII)
_HOOK: Final = re.compile(r"whsec_[A-Za-z0-9+/=_\-]{8,240}", re.ASCII)
_SESSION: Final = re.compile(r"cs_[A-Za-z0-9_]{4,200}", re.ASCII)


class NotFromStripe(NotAllowed):
    """The message bears no signature of this endpoint's."""

    code = "not_from_stripe"


class PaymentTrouble(Unavailable):
    """Paying by card is not possible just now."""

    code = "payment_trouble"


@dataclass(frozen=True, slots=True, kw_only=True)
class StripeState:
    """What the console shows; `endpoint` belongs into `/hooks/stripe/<endpoint>`."""

    endpoint: str
    live: bool
    broken_at: datetime | None
    since: datetime


def connect_stripe(
    ctx: Loyalty, merchant_id: int, *, key: str, hook_secret: str, actor: Actor
) -> StripeState:
    """Take card payments on this account from now on.

    Raises:
        InvalidInputs: fields `key` and `hook_secret`.
    """
    key, hook_secret = key.strip(), hook_secret.strip()
    complaints = []
    if not _KEY.fullmatch(key):
        complaints.append(
            InvalidInput(_("Copy the secret key; it begins with sk_ or rk_."), field="key")
        )
    if not _HOOK.fullmatch(hook_secret):
        complaints.append(
            InvalidInput(_("Copy the signing secret; it begins with whsec_."), field="hook_secret")
        )
    if complaints:
        raise InvalidInputs(complaints)

    def action(work: UnitOfWork) -> None:
        accounts = PaymentAccounts(work.scope)
        before = accounts.get(STRIPE)
        endpoint = random_token() if before is None else before.endpoint
        accounts.put(
            PaymentAccount(
                id=new_id(),
                provider=STRIPE,
                key_sealed=_sealed(ctx, merchant_id, key, "key"),
                hook_sealed=_sealed(ctx, merchant_id, hook_secret, "hook"),
                endpoint=endpoint,
                created_at=work.clock.now(),
            )
        )
        work.directory.add_name(HOOK, endpoint, merchant_id)
        _note(work, actor, "stripe.connect")

    run_work(ctx.database, merchant_id, action, clock=ctx.clock)
    found = read_stripe(ctx, merchant_id)
    if found is None:
        raise NotFound
    return found


def disconnect_stripe(ctx: Loyalty, merchant_id: int, *, actor: Actor) -> None:
    """Take no more card payments; twice is no error."""

    def action(work: UnitOfWork) -> None:
        accounts = PaymentAccounts(work.scope)
        known = accounts.get(STRIPE)
        if known is None:
            return
        accounts.drop(STRIPE)
        work.directory.remove_name(HOOK, known.endpoint)
        _note(work, actor, "stripe.disconnect")

    run_work(ctx.database, merchant_id, action, clock=ctx.clock)


def read_stripe(ctx: Loyalty, merchant_id: int) -> StripeState | None:
    """The connection, None where there is none."""
    with open_work(ctx.database, merchant_id, clock=ctx.clock, writing=False) as work:
        known = PaymentAccounts(work.scope).get(STRIPE)
    if known is None:
        return None
    return StripeState(
        endpoint=known.endpoint,
        live="_live_" in _opened(ctx, merchant_id, known.key_sealed, "key"),
        broken_at=known.broken_at,
        since=known.created_at,
    )


def takes_cards(ctx: Loyalty, merchant_id: int) -> bool:
    """Whether a customer can pay by card."""
    return ctx.payments is not None and read_stripe(ctx, merchant_id) is not None


def start_checkout(
    ctx: Loyalty, merchant_id: int, gift_id: int, *, success_url: str, cancel_url: str
) -> str:
    """The address of the page to pay on.

    Raises:
        PaymentTrouble: Stripe refuses the key or does not answer; the counter's code still works.
        Conflict: the order is paid, or ended.
    """
    port, key = _way(ctx, merchant_id)
    with open_work(ctx.database, merchant_id, clock=ctx.clock, writing=False) as work:
        gift = GiftCards(work.scope).get(gift_id)
        merchant = work.merchants.get()
        currency = work.programmes.get(gift.programme_id).unit
    if gift.state != GiftState.ORDERED:
        raise Conflict(_("This gift card is paid already, or its order has ended."))
    request = CheckoutRequest(
        amount_minor=gift.amount_minor,
        currency=currency,
        title=_("Gift card of %(shop)s", shop=merchant.name),
        reference=str(gift.id),
        success_url=success_url,
        cancel_url=cancel_url,
    )
    made = _asked(ctx, merchant_id, lambda: port.open_checkout(key, request))
    run_work(
        ctx.database,
        merchant_id,
        lambda work: GiftCards(work.scope).change(
            gift.id, was=GiftState.ORDERED, payment_ref=made.id
        ),
        clock=ctx.clock,
    )
    return made.url


def take_message(ctx: Loyalty, endpoint: str, body: bytes, signature: str) -> bool:
    """What Stripe tells: True when a gift card became alive by it.

    Raises:
        NotFound: no merchant has this endpoint.
        NotFromStripe: the signature does not fit, or is old.
        PaymentTrouble: Stripe could not be asked back; it will tell again.
    """
    with open_work(ctx.database, None, clock=ctx.clock, writing=False) as work:
        entry = work.directory.name(HOOK, endpoint)
    if entry is None:
        raise NotFound
    merchant_id = entry.merchant_id
    with open_work(ctx.database, merchant_id, clock=ctx.clock, writing=False) as work:
        account = PaymentAccounts(work.scope).get(STRIPE)
    if account is None:
        raise NotFound
    secret = _opened(ctx, merchant_id, account.hook_sealed, "hook")
    if not is_from_stripe(secret, signature, body, now=ctx.clock.now()):
        raise NotFromStripe(_("This message is not from Stripe."))
    session = _session_of(body)
    return session is not None and settle(ctx, merchant_id, session)


def settle(ctx: Loyalty, merchant_id: int, session: str) -> bool:
    """Ask what became of a checkout, and make the card alive where it was paid."""
    port, key = _way(ctx, merchant_id)
    found = _asked(ctx, merchant_id, lambda: port.read_checkout(key, session))
    with open_work(ctx.database, merchant_id, clock=ctx.clock, writing=False) as work:
        gift = _order_of(work, found)
    if gift is None or not found.paid or gift.state != GiftState.ORDERED:
        return False

    def action(work: UnitOfWork) -> AliveGift:
        order = GiftCards(work.scope).get(gift.id)
        if order.state != GiftState.ORDERED:
            raise Conflict(_("This gift card was paid or ended a moment ago."))
        return come_alive(ctx, work, order, actor=SYSTEM, payment=STRIPE, payment_ref=found.id)

    try:
        retried(ctx, merchant_id, action)
    except Conflict:
        return False  # the same message came twice at once
    return True


def _order_of(work: UnitOfWork, found: Checkout) -> GiftCard | None:
    """The order a checkout pays: ours, for exactly that amount and currency."""
    if not (found.reference.isascii() and found.reference.isdigit() and len(found.reference) < 20):  # noqa: PLR2004 - digits of an id
        return None
    try:
        gift = GiftCards(work.scope).get(int(found.reference))
    except NotFound:
        return None
    currency = work.programmes.get(gift.programme_id).unit
    same = (found.amount_minor, found.currency) == (gift.amount_minor, currency)
    return gift if same else None


def _session_of(body: bytes) -> str | None:
    """The checkout a message speaks of, None where it speaks of something else."""
    try:
        told = json.loads(body)
        kind, session = told["type"], told["data"]["object"]["id"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    if kind not in PAID_EVENTS or not isinstance(session, str):
        return None
    return session if _SESSION.fullmatch(session) else None


def _way(ctx: Loyalty, merchant_id: int) -> tuple[PaymentPort, str]:
    with open_work(ctx.database, merchant_id, clock=ctx.clock, writing=False) as work:
        account = PaymentAccounts(work.scope).get(STRIPE)
    if account is None or ctx.payments is None:
        raise PaymentTrouble(_("Paying by card is not set up here. Pay at the counter."))
    return ctx.payments, _opened(ctx, merchant_id, account.key_sealed, "key")


def _asked(ctx: Loyalty, merchant_id: int, ask: Callable[[], Checkout]) -> Checkout:
    try:
        answer = ask()
    except DeliveryError as error:
        _mark(ctx, merchant_id, broken=True)
        raise PaymentTrouble(
            _("Paying by card is not possible just now. Pay at the counter, or try later.")
        ) from error
    _mark(ctx, merchant_id, broken=False)
    return answer


def _mark(ctx: Loyalty, merchant_id: int, *, broken: bool) -> None:
    known = read_stripe(ctx, merchant_id)
    if known is not None and (known.broken_at is not None) is not broken:
        run_work(
            ctx.database,
            merchant_id,
            lambda work: PaymentAccounts(work.scope).mark(STRIPE, broken=broken),
            clock=ctx.clock,
        )


def _sealed(ctx: Loyalty, merchant_id: int, text: str, column: str) -> bytes:
    return seal(
        ctx.keyring, text.encode(), merchant_id=merchant_id, column=f"payment_account.{column}"
    )


def _opened(ctx: Loyalty, merchant_id: int, sealed: bytes, column: str) -> str:
    return unseal(
        ctx.keyring, sealed, merchant_id=merchant_id, column=f"payment_account.{column}"
    ).decode()


def _note(work: UnitOfWork, actor: Actor, action: str) -> None:
    work.audit.add(
        actor=actor,
        action=action,
        subject_kind="merchant",
        subject_id=work.scope.merchant,
        detail={},
    )
