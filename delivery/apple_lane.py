"""Deliver Apple's claims: stamp, look at the pace, push, record.

Not here: taking claims and what happens when something breaks (flow.py). Rules:
- each push is recorded as soon as it is answered, whatever hangs beside it;
- a merchant has at most `SHARE_MAX` pushes on the way, a phone one.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from common.errors import Unavailable, WalletError
from delivery import pace, retry
from delivery.apns import Push, PushClient
from delivery.bad_tokens import BadTokens
from delivery.desk import Desk
from delivery.flow import COLLECT_S, by_merchant, poisoned, write_settlements
from delivery.outcomes import Answer, Outcome
from delivery.provider_tokens import ProviderTokens
from delivery.pushers import AtOnce, FlowingPusher, Pusher
from delivery.stamps import Stamped, stamp_cards
from signing.apple_certificates import curl_identity, load_pass_certificate
from signing.sealing import unseal
from storage import claims as settle
from storage.apple_keys import ApplePushKey
from storage.breakers import Breakers
from storage.claims import Claim, Claims, Settlement
from storage.devices import Devices, PushTarget
from storage.unit_of_work import UnitOfWork, open_work, run_work
from storage.wallet_passes import AppleCertificate

CHANNEL = "apple"
KEY_COLUMN = "apple_certificate.key"
NO_CERTIFICATE = "no_certificate"
CERTIFICATE_ENDED = "certificate_expired"
PACE = "pace"
BUSY_CARD_WAIT = timedelta(milliseconds=50)
SHARE_MAX: Final = 128

_log = logging.getLogger("regulars.delivery")


@dataclass(slots=True, kw_only=True)
class _Parcel:
    """A push to one phone of one merchant and the claims it serves.

    `known` need no push; `unstamped` wait for a till that changes the card right now.
    """

    merchant_id: int
    target: PushTarget
    claims: list[Claim]
    known: list[Claim]
    unstamped: list[Claim]
    revisions: Mapping[int, Stamped]
    due_at: datetime | None
    score_after: float
    push: Push | None = None
    answer: Answer = field(default_factory=lambda: Answer(outcome=Outcome.TEMPORARY))

    def take(self, push: Push | Answer) -> None:
        """The push to send, or the answer that stands in its place."""
        if isinstance(push, Push):
            self.push = push
        else:
            self.answer = push

    def told(self, claim: Claim) -> Settlement:
        """The phone of this claim knows the card's last stamp."""
        return settle.delivered(claim, self.revisions[claim.pass_id or 0].revision)


class AppleLane:
    """Pushes; one thread."""

    def __init__(self, desk: Desk, pusher: Pusher | None = None) -> None:
        self._desk = desk
        self._pusher: FlowingPusher = (
            PushClient(desk.settings, clock=desk.clock)
            if pusher is None
            else AtOnce(pusher, stop=desk.stop)
        )
        self._identities: dict[int, tuple[bytes, bytes]] = {}
        self._tokens = ProviderTokens()
        self._bad_tokens = BadTokens()
        self._on_the_way: dict[int, _Parcel] = {}
        self._answered: dict[int, list[_Parcel]] = {}

    @property
    def in_hand(self) -> int:
        """Claims that are not settled."""
        answered = (parcel for parcels in self._answered.values() for parcel in parcels)
        return sum(len(p.claims) for p in (*self._on_the_way.values(), *answered))

    @property
    def full(self) -> set[int]:
        """Merchants that have their share on the way."""
        counts = Counter(parcel.merchant_id for parcel in self._on_the_way.values())
        return {merchant_id for merchant_id, count in counts.items() if count >= SHARE_MAX}

    def close(self) -> None:
        self._pusher.close()

    def deliver(self, claims: Sequence[Claim]) -> None:
        """Deliver a batch of claims of any merchants and settle every one."""
        for merchant_id, mine in by_merchant(claims).items():
            self.begin(merchant_id, mine)
        while self.in_hand:
            self.collect(COLLECT_S)

    def begin(self, merchant_id: int, claims: Sequence[Claim]) -> None:
        """Start the pushes of a merchant's claims."""
        parcels = self._prepare(merchant_id, claims)
        sent = {id(parcel.push): parcel for parcel in parcels if parcel.push is not None}
        self._pusher.begin([parcel.push for parcel in sent.values() if parcel.push is not None])
        self._on_the_way |= sent
        refused = [parcel for parcel in parcels if parcel.push is None]
        if refused:
            self._answered.setdefault(merchant_id, []).extend(refused)

    def collect(self, wait_s: float) -> None:
        """Settle what has an answer; wait at most so long for the first."""
        for push, answer in self._pusher.collect(0.0 if self._answered else wait_s):
            parcel = self._on_the_way.pop(id(push))
            parcel.answer = answer
            self._answered.setdefault(parcel.merchant_id, []).append(parcel)
        for merchant_id in sorted(self._answered):
            # Kept until they are written: a database that is away must not cost a second push.
            self._record_all(merchant_id, self._answered[merchant_id])
            del self._answered[merchant_id]

    def abandon(self) -> None:
        """Give back what has no answer."""
        left = [claim for parcel in self._on_the_way.values() for claim in parcel.claims]
        self._on_the_way.clear()
        write_settlements(self._desk, [settle.given_back(claim) for claim in left])

    def _prepare(self, merchant_id: int, claims: Sequence[Claim]) -> list[_Parcel]:
        """Stamp; settle what needs no push now; what is left is pushed."""
        desk = self._desk
        claims = self._one_push_at_a_time(merchant_id, claims)
        stamped = stamp_cards(desk, merchant_id, [c.pass_id for c in claims if c.pass_id])
        with open_work(desk.database, merchant_id, clock=desk.clock, writing=False) as work:
            targets = Devices(work.scope).push_targets([c.device_id for c in claims if c.device_id])
            pushes = {one.device.id: self._push(work, one, merchant_id) for one in targets}
        by_phone = settle.merged(claims)
        parcels = [
            self._parcel(merchant_id, one, by_phone[one.device.id], stamped)
            for one in targets
            if one.device.id in by_phone
        ]
        for parcel in parcels:
            parcel.take(pushes[parcel.target.device.id])
        self._settle_early(merchant_id, claims, parcels)
        return [parcel for parcel in parcels if parcel.claims and parcel.due_at is None]

    def _one_push_at_a_time(self, merchant_id: int, claims: Sequence[Claim]) -> list[Claim]:
        """A phone with a push on the way waits for it, or its score would be counted wrongly."""
        busy = {
            parcel.target.device.id
            for parcel in self._on_the_way.values()
            if parcel.merchant_id == merchant_id
        }
        soon = self._desk.clock.now() + BUSY_CARD_WAIT
        waiting = [settle.waits(claim, soon) for claim in claims if claim.device_id in busy]
        write_settlements(self._desk, waiting)
        return [claim for claim in claims if claim.device_id not in busy]

    def _parcel(
        self,
        merchant_id: int,
        target: PushTarget,
        claims: Sequence[Claim],
        stamped: Mapping[int, Stamped],
    ) -> _Parcel:
        known, behind, unstamped = _split(claims, stamped)
        decision = self._pace(target)
        return _Parcel(
            merchant_id=merchant_id,
            target=target,
            claims=behind,
            known=known,
            unstamped=unstamped,
            revisions=stamped,
            due_at=decision.due_at,
            score_after=decision.score_after,
        )

    def _settle_early(
        self, merchant_id: int, claims: Sequence[Claim], parcels: Sequence[_Parcel]
    ) -> None:
        """Settle what is known already, what waits for its pace, and what lost its phone."""
        settlements = [p.told(c) for p in parcels for c in p.known]
        soon = self._desk.clock.now() + BUSY_CARD_WAIT
        settlements += [settle.waits(c, soon) for p in parcels for c in p.unstamped]
        for parcel in parcels:
            if parcel.due_at is not None:
                settlements += [
                    settle.later(c, parcel.due_at, error=PACE, attempt=False) for c in parcel.claims
                ]
        phones = {parcel.target.device.id for parcel in parcels}
        settlements += [settle.given_back(c) for c in claims if c.device_id not in phones]
        if settlements:
            run_work(
                self._desk.database,
                merchant_id,
                lambda work: Claims(work.scope).settle(settlements),
                clock=self._desk.clock,
            )

    def _pace(self, target: PushTarget) -> pace.PaceDecision:
        phone = pace.PhoneScore(
            score=target.device.push_score_milli / 1000, pushed_at=target.device.pushed_at
        )
        return pace.decide(
            phone,
            now=self._desk.clock.now(),
            cards=target.cards,
            settings=self._desk.settings.pace,
        )

    def _push(self, work: UnitOfWork, target: PushTarget, merchant_id: int) -> Push | Answer:
        """The push, or why the merchant cannot push."""
        pass_type = work.passes.pass_type(target.device.pass_type_id)
        push_key = work.apple_keys.push_key_of(pass_type.team_identifier)
        if push_key is not None:
            return self._push_with_key(target, pass_type.identifier, push_key, merchant_id)
        certificate = work.passes.newest_certificate(pass_type.id)
        if certificate is None:
            return Answer(outcome=Outcome.BREAKER, reason=NO_CERTIFICATE)
        if certificate.not_after <= self._desk.clock.now():
            return Answer(outcome=Outcome.BREAKER, reason=CERTIFICATE_ENDED)
        try:
            identity = self._identity(certificate, merchant_id)
        except WalletError as error:
            return Answer(outcome=Outcome.BREAKER, reason=error.code)
        return Push(
            push_token=target.device.push_token, topic=pass_type.identifier, identity=identity
        )

    def _push_with_key(
        self, target: PushTarget, topic: str, key: ApplePushKey, merchant_id: int
    ) -> Push | Answer:
        try:
            token = self._tokens.token(self._desk, key, merchant_id)
        except WalletError as error:
            return Answer(outcome=Outcome.BREAKER, reason=error.code)
        return Push(push_token=target.device.push_token, topic=topic, identity=token)

    def _identity(self, certificate: AppleCertificate, merchant_id: int) -> tuple[bytes, bytes]:
        kept = self._identities.get(certificate.id)
        if kept is None:
            key_pem = unseal(
                self._desk.keyring,
                certificate.key_sealed,
                merchant_id=merchant_id,
                column=KEY_COLUMN,
            )
            loaded = load_pass_certificate(
                certificate.certificate_pem,
                certificate.intermediate_pem,
                key_pem,
                now=self._desk.clock.now(),
            )
            kept = self._identities[certificate.id] = curl_identity(loaded)
        return kept

    def _record_all(self, merchant_id: int, parcels: Sequence[_Parcel]) -> None:
        """Write what the answers mean; one that cannot be written harms no other."""
        for parcel in parcels:
            attempts = max((claim.attempts for claim in parcel.claims), default=0)
            parcel.answer = self._bad_tokens.judge(merchant_id, parcel.answer, attempts=attempts)
        try:
            self._record(merchant_id, parcels)
        except Unavailable:
            raise
        except Exception:  # noqa: BLE001 - one broken row must not stop the others
            _log.exception("delivery.record_failed", extra={"rows": len(parcels)})
            for parcel in parcels:
                self._record_alone(merchant_id, parcel)

    def _record_alone(self, merchant_id: int, parcel: _Parcel) -> None:
        try:
            self._record(merchant_id, [parcel])
        except Unavailable:
            raise
        except Exception:  # noqa: BLE001 - the row is parked in the end
            _log.exception("delivery.record_failed", extra={"rows": 1})
            write_settlements(self._desk, [poisoned(self._desk, c) for c in parcel.claims])

    def _record(self, merchant_id: int, parcels: Sequence[_Parcel]) -> None:
        def action(work: UnitOfWork) -> None:
            devices = Devices(work.scope)
            _turn_breaker(work, parcels)
            settlements: list[Settlement] = []
            for parcel in parcels:
                settlements += self._settlements(devices, parcel)
            Claims(work.scope).settle(settlements)

        run_work(self._desk.database, merchant_id, action, clock=self._desk.clock)

    def _settlements(self, devices: Devices, parcel: _Parcel) -> list[Settlement]:
        answer, claims = parcel.answer, parcel.claims
        match answer.outcome:
            case Outcome.DELIVERED:
                devices.note_pushed(
                    parcel.target.device.id, score_milli=round(parcel.score_after * 1000)
                )
                return [parcel.told(c) for c in claims]
            case Outcome.GONE:
                return self._gone(devices, parcel)
            case Outcome.BREAKER:
                return [
                    settle.later(c, c.due_at, error=answer.reason, attempt=False) for c in claims
                ]
            case Outcome.PERMANENT:
                return [settle.parked(c, error=answer.reason) for c in claims]
            case _:
                return [again(self._desk, c, answer) for c in claims]

    def _gone(self, devices: Devices, parcel: _Parcel) -> list[Settlement]:
        """End the phone's registrations, unless it came back with a token since."""
        pushed = parcel.target.device
        # Without a moment from the service, what we pushed to is what died.
        before = parcel.answer.gone_since or pushed.push_token_at
        if devices.end_device(pushed.id, push_token=pushed.push_token, token_before=before):
            return []
        return [again(self._desk, c, parcel.answer) for c in parcel.claims]


def _split(
    claims: Sequence[Claim], stamped: Mapping[int, Stamped]
) -> tuple[list[Claim], list[Claim], list[Claim]]:
    """Claims whose phone knows the present, those it must be told, those not stamped yet."""
    known: list[Claim] = []
    behind: list[Claim] = []
    unstamped: list[Claim] = []
    for claim in claims:
        card = stamped.get(claim.pass_id or 0)
        if card is None or card.revision < claim.wanted_revision:
            unstamped.append(claim)
        elif claim.delivered_revision >= card.known_revision:
            known.append(claim)
        else:
            behind.append(claim)
    return known, behind, unstamped


def _turn_breaker(work: UnitOfWork, parcels: Sequence[_Parcel]) -> None:
    """One refused credential stops the channel; one accepted push lets it flow."""
    refused = [p.answer for p in parcels if p.answer.outcome is Outcome.BREAKER]
    if refused:
        Breakers(work.scope).open(CHANNEL, reason=refused[0].reason)
    elif any(p.answer.outcome is Outcome.DELIVERED for p in parcels):
        Breakers(work.scope).close(CHANNEL)


def again(desk: Desk, claim: Claim, answer: Answer) -> Settlement:
    decision = retry.decide(
        now=desk.clock.now(),
        attempts=claim.attempts,
        draw=desk.draw,
        retry_after_s=answer.retry_after_s,
        tries_max=desk.settings.tries_max,
    )
    if decision.due_at is None:
        return settle.parked(claim, error=answer.reason)
    return settle.later(claim, decision.due_at, error=answer.reason, attempt=True)
