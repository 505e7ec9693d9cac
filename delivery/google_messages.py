"""Ring for a message on Android phones: addMessage, within Google's three bells a day per card.

The words themselves stand on the card as a text of the object (deliveries); this is the bell, and
the entry it leaves goes when the message is withdrawn or over. Not done here: claiming
(outbox_lane.py). Rules:
- the object's own delivery is held while it is rung, so the count of bells is never lost between
  the two;
- over our own count, or Google's, the message is put there silently;
- Google keeps ten messages on a card and refuses an eleventh: those of before go then.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from common.clock import to_micros
from common.errors import NotFound, WalletError
from common.ids import new_id
from delivery.desk import Desk
from delivery.google_client import QUOTA, GoogleClient
from delivery.google_letters import recent
from delivery.outbox_lane import record, settlement
from delivery.outcomes import Answer, Outcome
from passes.google_parts import GoogleKind
from storage import claims as deliveries
from storage import outbox_claims as settle
from storage.breakers import Breakers
from storage.claims import Claim, Claims
from storage.deliveries import Channel
from storage.google_identities import google_home, kind_of
from storage.messages import SHOWN, Message
from storage.outbox import OutboxKind
from storage.outbox_claims import OutboxClaim
from storage.unit_of_work import UnitOfWork, open_work, run_work

CHANNEL: Final = "google"
NOTHING_TO_SAY: Final = Answer(outcome=Outcome.DELIVERED, reason="nothing to say")
BUSY: Final = Answer(outcome=Outcome.THROTTLED, reason="busy", retry_after_s=1.0)
ROUND_S: Final = 20.0
MESSAGES_MAX: Final = 10
"""What a card holds at Google; fewer may be left, for a withdrawal takes all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bell:
    """What is rung for one card."""

    account_id: int
    object_id: str
    pass_id: int
    message: Message
    header: str
    language: str
    kind: GoogleKind


class GoogleMessageLane:
    """Rings at Google; one lane per worker."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._client = GoogleClient(
            desk.settings, database=desk.database, keyring=desk.keyring, clock=desk.clock
        )

    def close(self) -> None:
        self._client.close()

    def deliver(self, claims: Sequence[OutboxClaim]) -> None:
        """Ring for a batch of claims and settle every one."""
        ends_s = self._desk.clock.monotonic_s() + ROUND_S
        for claim in claims:
            if self._desk.stop.is_set() or self._desk.clock.monotonic_s() > ends_s:
                record(self._desk, [settle.given_back(claim)])
                continue
            answer = self._ring(claim)
            if answer.outcome is Outcome.BREAKER:
                self._stop_channel(claim, answer)
            record(self._desk, [settlement(self._desk, claim, _patient(answer))])

    def _ring(self, claim: OutboxClaim) -> Answer:
        desk = self._desk
        with open_work(desk.database, claim.merchant_id, clock=desk.clock, writing=False) as work:
            try:
                bell = _bell(desk, work, claim)
            except WalletError:
                return NOTHING_TO_SAY
        if bell is None:
            return NOTHING_TO_SAY
        if claim.kind == OutboxKind.WITHDRAWAL:
            return self._client.clear_messages(
                bell.account_id,
                bell.object_id,
                timeout_s=desk.settings.request_timeout_s,
                kind=bell.kind,
            )
        held = self._hold(claim, bell)
        if held is None:
            return BUSY
        facts = dict(held.facts)
        try:
            answer = self._say(bell, facts)
        finally:
            self._let_go(held, facts)
        return answer

    def _say(self, bell: _Bell, facts: dict[str, Any]) -> Answer:
        """Ring, and count it in `facts`."""
        desk = self._desk
        now = desk.clock.now()
        rung = recent(facts.get("notified"), now)
        full = self._make_room(bell, facts)
        if full is not None:
            return full
        loud = bell.message.loud and len(rung) < desk.settings.google_notifications_per_day
        answer = self._client.add_message(
            bell.account_id,
            bell.object_id,
            header=bell.header,
            body=bell.message.text(bell.language),
            loud=loud,
            timeout_s=desk.settings.request_timeout_s,
            message_id=f"regulars-{bell.message.id}",
            shown_until=bell.message.ends_at,
            kind=bell.kind,
        )
        if answer.outcome is Outcome.DELIVERED:
            facts["messages"] = facts.get("messages", 0) + 1
        if loud and answer.outcome is Outcome.DELIVERED:
            # Google counts more bells than we did: the budget is spent for a day.
            times = desk.settings.google_notifications_per_day if answer.reason == QUOTA else 1
            facts["notified"] = [*rung, *[to_micros(now)] * times]
        return answer

    def _make_room(self, bell: _Bell, facts: dict[str, Any]) -> Answer | None:
        """Take the old messages off a card that is full; an answer when Google did not do it."""
        if facts.get("messages", 0) < MESSAGES_MAX:
            return None
        answer = self._client.clear_messages(
            bell.account_id,
            bell.object_id,
            timeout_s=self._desk.settings.request_timeout_s,
            kind=bell.kind,
        )
        if answer.outcome is not Outcome.DELIVERED:
            return answer
        facts["messages"] = 0
        return None

    def _hold(self, claim: OutboxClaim, bell: _Bell) -> Claim | None:
        lease = f"{self._desk.settings.worker_name}-{new_id()}"
        return run_work(
            self._desk.database,
            claim.merchant_id,
            lambda work: Claims(work.scope).take(Channel.GOOGLE_OBJECT, bell.pass_id, lease=lease),
            clock=self._desk.clock,
        )

    def _let_go(self, held: Claim, facts: dict[str, Any]) -> None:
        back = replace(deliveries.given_back(held), facts=facts)
        run_work(
            self._desk.database,
            held.merchant_id,
            lambda work: Claims(work.scope).settle([back]),
            clock=self._desk.clock,
        )

    def _stop_channel(self, claim: OutboxClaim, answer: Answer) -> None:
        def stop(work: UnitOfWork) -> None:
            Breakers(work.scope).open(CHANNEL, reason=answer.reason)

        run_work(self._desk.database, claim.merchant_id, stop, clock=self._desk.clock)


def _bell(desk: Desk, work: UnitOfWork, claim: OutboxClaim) -> _Bell | None:
    """What to ring; None when there is nothing to say any more."""
    message = work.messages.find(claim.message_id or 0)
    member = work.members.find(claim.member_id or 0)
    if message is None or member is None:
        return None
    pass_id = work.messages.card_of(message.id, member.id)
    ringing = claim.kind == OutboxKind.MESSAGE
    if pass_id is None or (
        ringing and (message.state not in SHOWN or not work.messages.is_wanted(member.id))
    ):
        return None
    home = google_home(work, public_url=desk.settings.public_url)
    card = work.passes.get(pass_id)
    if card.voided_at is not None:
        raise NotFound
    programme = work.programmes.get(card.programme_id)
    return _Bell(
        account_id=home.account.id,
        object_id=home.identity(card.programme_id, card).object_id,
        pass_id=pass_id,
        message=message,
        header=programme.name,
        language=member.language,
        kind=kind_of(programme.kind),
    )


def _patient(answer: Answer) -> Answer:
    """A card that Google has not got yet will be there soon."""
    if answer.outcome in {Outcome.MISSING, Outcome.EXISTS}:
        return replace(answer, outcome=Outcome.TEMPORARY, reason=answer.reason or "missing")
    return answer
