"""Deliver Google's claims: build the class or object as it is now, send it, record.

Every request carries the whole present state, so a lost, doubled or late one cannot make a card
wrong. Not here: taking claims (worker.py), HTTP (google_client.py). Rules:
- what was sent last is remembered by its hash: an unchanged object costs no request;
- a changed balance notifies the member while the day's budget of notifications lasts (Google's
  limit is three a card); past that the card changes silently.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from common.clock import to_micros
from common.errors import InvalidInput, NotFound, WalletError
from delivery.apple_lane import again, by_merchant
from delivery.desk import Desk
from delivery.google_client import GoogleClient
from delivery.outcomes import Answer, Outcome
from passes.google import loyalty_object, object_patch
from storage import claims as settle
from storage.breakers import Breakers
from storage.claims import Claim, Claims, Settlement
from storage.deliveries import Channel
from storage.faces import Face, load_faces
from storage.google_identities import GoogleHome, google_home
from storage.unit_of_work import UnitOfWork, open_work, run_work

CHANNEL: Final = "google"
NO_ACCOUNT: Final = "no_account"
DAY_US: Final = 24 * 3600 * 1_000_000
QUOTA: Final = "quotaExceeded"


@dataclass(slots=True, kw_only=True)
class _Letter:
    """One claim's documents, and how to send them."""

    claim: Claim
    revision: int
    insert: Mapping[str, Any]
    patch: Mapping[str, Any]
    class_insert: Mapping[str, Any]
    facts: dict[str, Any]
    notifies: bool = False
    answer: Answer | None = None


class GoogleLane:
    """Sends to Google with a few threads; one lane per worker."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._client = GoogleClient(
            desk.settings, database=desk.database, keyring=desk.keyring, clock=desk.clock
        )
        self._threads = ThreadPoolExecutor(
            desk.settings.google_threads, thread_name_prefix="google"
        )

    def close(self) -> None:
        self._threads.shutdown(wait=True, cancel_futures=True)
        self._client.close()

    def deliver(self, claims: Sequence[Claim]) -> None:
        """Deliver a batch of claims of any merchants and settle every one."""
        batches = by_merchant(claims)
        for merchant_id, mine in batches.items():
            self._deliver(merchant_id, mine)

    def _deliver(self, merchant_id: int, claims: Sequence[Claim]) -> None:
        desk = self._desk
        with open_work(desk.database, merchant_id, clock=desk.clock, writing=False) as work:
            try:
                home = google_home(work, public_url=desk.settings.public_url)
            except NotFound:
                home = None
            letters = [] if home is None else self._letters(work, home, claims)
        if home is None:
            letters = [_nowhere(claim) for claim in claims]
        else:
            account_id = home.account.id
            list(self._threads.map(lambda one: self._send(account_id, one), letters))
        self._record(merchant_id, claims, letters)

    def _letters(
        self, work: UnitOfWork, home: GoogleHome, claims: Sequence[Claim]
    ) -> list[_Letter]:
        faces = load_faces(
            work,
            [claim.pass_id for claim in claims if claim.pass_id is not None],
            keyring=self._desk.keyring,
            public_url=self._desk.settings.public_url,
        )
        letters = []
        for claim in claims:
            try:
                letters.append(self._letter(work, home, claim, faces))
            except WalletError as error:
                letters.append(_refused(claim, error))
        return letters

    def _letter(
        self, work: UnitOfWork, home: GoogleHome, claim: Claim, faces: Mapping[int, Face]
    ) -> _Letter:
        if claim.channel == Channel.GOOGLE_CLASS:
            return _class_letter(work, home, claim)
        face = faces.get(claim.pass_id or 0)
        if face is None:
            raise NotFound
        return self._object_letter(home, claim, face)

    def _object_letter(self, home: GoogleHome, claim: Claim, face: Face) -> _Letter:
        identity = home.identity(face.wallet_pass.programme_id, face.wallet_pass)
        patch = object_patch(face.design, face.content, identity)
        balance = face.content.balance
        notified = recent(claim.facts.get("notified"), self._desk.clock.now())
        notifies = (
            claim.facts.get("balance") not in (None, balance)
            and len(notified) < self._desk.settings.google_notifications_per_day
        )
        letter = _Letter(
            claim=claim,
            revision=face.wallet_pass.revision,
            insert=loyalty_object(face.design, face.content, identity),
            patch={**patch, "notifyPreference": "NOTIFY_ON_UPDATE"} if notifies else patch,
            class_insert=home.class_document(face.design, identity),
            facts={"sent": digest_of(patch), "balance": balance, "notified": notified},
            notifies=notifies,
        )
        if notifies:
            letter.facts["notified"] = [*notified, to_micros(self._desk.clock.now())]
        if claim.facts.get("sent") == letter.facts["sent"]:
            letter.answer = Answer(outcome=Outcome.DELIVERED, reason="unchanged")
            letter.facts = dict(claim.facts)
        return letter

    def _send(self, account_id: int, letter: _Letter) -> None:
        if letter.answer is not None or self._desk.stop.is_set():
            return
        claim = letter.claim
        timeout_s = self._desk.settings.request_timeout_s
        put: Callable[..., Answer] = self._client.put_class
        more: dict[str, Any] = {}
        if claim.channel == Channel.GOOGLE_OBJECT:
            put, more = self._client.put_object, {"class_document": letter.class_insert}
        letter.answer = put(
            account_id,
            insert=letter.insert,
            patch=letter.patch,
            timeout_s=timeout_s,
            exists=claim.delivered_revision > 0,
            **more,
        )

    def _record(
        self, merchant_id: int, claims: Sequence[Claim], letters: Sequence[_Letter]
    ) -> None:
        def action(work: UnitOfWork) -> None:
            answers = [letter.answer for letter in letters if letter.answer is not None]
            _turn_breaker(work, answers)
            settlements = [self._settlement(letter) for letter in letters]
            answered = {letter.claim.id for letter in letters}
            settlements += [settle.given_back(c) for c in claims if c.id not in answered]
            Claims(work.scope).settle(settlements)

        run_work(self._desk.database, merchant_id, action, clock=self._desk.clock)

    def _settlement(self, letter: _Letter) -> Settlement:
        claim, answer = letter.claim, letter.answer
        if answer is None:
            return settle.given_back(claim)
        match answer.outcome:
            case Outcome.DELIVERED:
                return settle.delivered(claim, letter.revision, facts=letter.facts)
            case Outcome.BREAKER:
                return settle.later(claim, claim.due_at, error=answer.reason, attempt=False)
            case Outcome.PERMANENT | Outcome.GONE:
                return settle.parked(claim, error=answer.reason)
            case Outcome.THROTTLED:
                return self._throttled(letter, answer)
            case _:
                return again(self._desk, claim, answer)

    def _throttled(self, letter: _Letter, answer: Answer) -> Settlement:
        if letter.notifies and answer.reason == QUOTA:
            return self._silently(letter)
        wait = timedelta(seconds=max(answer.retry_after_s or 1.0, 0.05))
        due_at = self._desk.clock.now() + wait * (1 + self._desk.draw())
        return settle.later(letter.claim, due_at, error=answer.reason, attempt=False)

    def _silently(self, letter: _Letter) -> Settlement:
        """Google counts more notifications than we did: the budget is spent for a day."""
        now = self._desk.clock.now()
        spent = [to_micros(now)] * self._desk.settings.google_notifications_per_day
        facts = {**letter.claim.facts, "notified": spent}
        return Settlement(
            claim=letter.claim,
            due_at=now,
            attempts=letter.claim.attempts,
            error=QUOTA,
            facts=facts,
        )


def digest_of(document: Mapping[str, Any]) -> str:
    """Hex that differs when the document does."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def recent(stamps: object, now: datetime) -> list[int]:
    """The notifications of the last 24 hours, in microseconds since 1970."""
    known = stamps if isinstance(stamps, list) else []
    now_us = to_micros(now)
    return [one for one in known if isinstance(one, int) and now_us - DAY_US < one <= now_us]


def _class_letter(work: UnitOfWork, home: GoogleHome, claim: Claim) -> _Letter:
    programme_id = claim.target_id
    published = work.programmes.published_design(programme_id)
    if published is None:
        raise NotFound
    identity = home.identity(programme_id)
    return _Letter(
        claim=claim,
        revision=claim.wanted_revision,
        insert=home.class_document(published.design, identity),
        patch=home.class_patch(published.design, identity),
        class_insert={},
        facts={},
    )


def _nowhere(claim: Claim) -> _Letter:
    answer = Answer(outcome=Outcome.BREAKER, reason=NO_ACCOUNT)
    return _Letter(
        claim=claim, revision=0, insert={}, patch={}, class_insert={}, facts={}, answer=answer
    )


def _refused(claim: Claim, error: WalletError) -> _Letter:
    reason = error.message if isinstance(error, InvalidInput) else error.code
    answer = Answer(outcome=Outcome.PERMANENT, reason=reason)
    return _Letter(
        claim=claim, revision=0, insert={}, patch={}, class_insert={}, facts={}, answer=answer
    )


def _turn_breaker(work: UnitOfWork, answers: Sequence[Answer]) -> None:
    refused = [one for one in answers if one.outcome is Outcome.BREAKER]
    if refused:
        Breakers(work.scope).open(CHANNEL, reason=refused[0].reason)
    elif any(one.outcome is Outcome.DELIVERED and one.reason != "unchanged" for one in answers):
        Breakers(work.scope).close(CHANNEL)
