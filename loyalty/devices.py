"""Phones with Apple Wallet: who may ask, registering, "what changed?", and their complaints.

Not here: the pass itself (read_pass.py), HTTP (web/apple.py). Rules:
- a wrong token, an unknown serial and a foreign pass type are one answer, in equal time;
- "what changed?" carries no secret but the phone's own identifier, and never refuses: a phone that
  is refused stops asking for ever;
- a phone that was told what changed needs no push for it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from common.errors import InvalidInput, NotSignedIn
from loyalty.context import Loyalty
from loyalty.kept_tokens import kept_token
from loyalty.limits import take
from loyalty.update_tags import format_tag, read_tag
from signing.keyring import Keyring
from signing.tokens import apple_authentication_token, equal
from storage.devices import Devices, Listing
from storage.phone_questions import asked_card
from storage.unit_of_work import UnitOfWork, open_work, run_work
from storage.wallet_passes import WalletPass

REGISTRATION_GRACE: Final = timedelta(seconds=5)
"""A phone asks by itself right after it registered; a push before that would be one too many."""

LOG_LINES_MAX: Final = 20
LOG_LINE_MAX: Final = 500
_LOG_CAPACITY: Final = 60
_LOG_REFILL_PER_S: Final = 1.0
_LIBRARY: Final = re.compile(r"[A-Za-z0-9._:-]{1,128}", re.ASCII)
_PUSH_TOKEN: Final = re.compile(r"[A-Za-z0-9._:-]{1,200}", re.ASCII)
_SERIAL_MAX: Final = 100
_IN_LINE: Final = re.compile(r"\bpass\.[A-Za-z0-9.-]{1,150}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownCard:
    """A card whose token was shown. `settled` says that no change waits for its stamp.

    `certificate_id` is the certificate that would sign it now, where that is known.
    """

    merchant_id: int
    card: WalletPass
    pass_type_id: int
    certificate_id: int | None = None

    @property
    def settled(self) -> bool:
        return self.card.revision == max(self.card.stamped_revision, self.card.fetched_revision)

    def unchanged_since(self, second: int | None) -> bool:
        """Whether a phone that was given the card of this Last-Modified second has the present."""
        return second == self.card.last_modified_s and self.settled


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """The cards that changed, and the tag to send back next time."""

    serial_numbers: tuple[str, ...]
    tag: str


def authenticate(
    ctx: Loyalty, pass_type_identifier: str, serial_number: str, *, token: str
) -> KnownCard:
    """The card a phone speaks for.

    Raises:
        NotSignedIn: token, serial number or pass type is wrong; which one is not told.
    """
    genuine = _is_genuine(ctx.keyring, serial_number[:_SERIAL_MAX], token)
    with open_work(ctx.database, None, clock=ctx.clock, writing=False) as work:
        asked = asked_card(work.scope, pass_type_identifier, serial_number[:_SERIAL_MAX])
    if asked is not None and asked.kept is not None and not genuine:
        genuine = equal(kept_token(ctx.keyring, asked.merchant_id, asked.kept), token)
    if not genuine or asked is None or asked.card.pass_type_id is None:
        raise NotSignedIn
    return KnownCard(
        merchant_id=asked.merchant_id,
        card=asked.card,
        pass_type_id=asked.card.pass_type_id,
        certificate_id=asked.certificate_id,
    )


def register(
    ctx: Loyalty, known: KnownCard, *, library_identifier: str, push_token: object
) -> bool:
    """Register the card on a phone; False when it was registered before (its token is renewed).

    Raises:
        InvalidInput: the identifier or the push token cannot be one.
        LimitReached: the card is on too many phones.
    """
    if not is_library_identifier(library_identifier):
        raise InvalidInput("Send the device library identifier as it is.", field="device")
    if not isinstance(push_token, str) or not is_push_token(push_token):
        raise InvalidInput("Send the push token as a string.", field="pushToken")

    def action(work: UnitOfWork) -> bool:
        return Devices(work.scope).register(
            known.card,
            pass_type_id=known.pass_type_id,
            library_identifier=library_identifier,
            push_token=push_token,
            due_at=ctx.clock.now() + REGISTRATION_GRACE,
        )

    return run_work(ctx.database, known.merchant_id, action, clock=ctx.clock)


def is_library_identifier(text: str) -> bool:
    """Whether a phone may call itself so."""
    return _LIBRARY.fullmatch(text) is not None


def is_push_token(text: str) -> bool:
    """Whether this can be a push token."""
    return _PUSH_TOKEN.fullmatch(text) is not None


def unregister(ctx: Loyalty, known: KnownCard, *, library_identifier: str) -> None:
    """End a registration; one that is gone already is no error, phones repeat themselves."""

    def action(work: UnitOfWork) -> bool:
        return Devices(work.scope).unregister(
            known.card.id, pass_type_id=known.pass_type_id, library_identifier=library_identifier
        )

    run_work(ctx.database, known.merchant_id, action, clock=ctx.clock)


def changed_serials(
    ctx: Loyalty, pass_type_identifier: str, *, library_identifier: str, tag: str | None
) -> Changes | None:
    """What changed on a phone since its tag; None when nothing did, or nobody knows it."""
    with open_work(ctx.database, None, clock=ctx.clock, writing=False) as work:
        entry = work.directory.name("pass_type", pass_type_identifier)
    if entry is None:
        return None
    with open_work(ctx.database, entry.merchant_id, clock=ctx.clock, writing=False) as work:
        listing = Devices(work.scope).listing(
            pass_type_id=entry.subject_id, library_identifier=library_identifier
        )
    told = read_tag(tag, listing.epoch)
    fresh = [card for card in listing.cards if told is None or card.stamp > told]
    _note_told(ctx, entry.merchant_id, listing)
    if not fresh:
        return None
    return Changes(
        serial_numbers=tuple(card.serial_number for card in fresh),
        tag=format_tag(listing.epoch, max(card.stamp for card in fresh)),
    )


def log_lines(ctx: Loyalty, lines: Sequence[object], *, address: str) -> int:
    """Keep phones' complaints for the owner of the pass type they name; returns how many.

    Anybody may write here: lines are cut, counted per address, and never shown as markup.

    Raises:
        TooMany: this address wrote too much.
    """
    kept: dict[str, list[str]] = {}
    for line in lines[:LOG_LINES_MAX]:
        text = line[:LOG_LINE_MAX] if isinstance(line, str) else ""
        named = _IN_LINE.search(text)
        if named:
            kept.setdefault(named.group(), []).append(text)
    take(ctx, f"apple-log|{address}", capacity=_LOG_CAPACITY, refill_per_s=_LOG_REFILL_PER_S)
    return sum(_keep_lines(ctx, identifier, texts) for identifier, texts in kept.items())


def _is_genuine(keyring: Keyring, serial_number: str, token: str) -> bool:
    """Whether the token is the serial number's under any derivation key that is still kept."""
    found = False
    for version in keyring.derivation:
        expected = apple_authentication_token(keyring, serial_number=serial_number, version=version)
        found |= equal(expected, token)
    return found


def _note_told(ctx: Loyalty, merchant_id: int, listing: Listing) -> None:
    behind = any(
        card.delivered_revision is not None and card.delivered_revision < card.stamped_revision
        for card in listing.cards
    )
    if not behind or listing.device_id is None:
        return
    device_id, highest = listing.device_id, max(card.stamp for card in listing.cards)
    run_work(
        ctx.database,
        merchant_id,
        lambda work: Devices(work.scope).note_listed(device_id, highest),
        clock=ctx.clock,
    )


def _keep_lines(ctx: Loyalty, pass_type_identifier: str, texts: list[str]) -> int:
    with open_work(ctx.database, None, clock=ctx.clock, writing=False) as work:
        entry = work.directory.name("pass_type", pass_type_identifier)
    if entry is None:
        return 0
    run_work(
        ctx.database,
        entry.merchant_id,
        lambda work: Devices(work.scope).add_log_lines(texts),
        clock=ctx.clock,
    )
    return len(texts)
