"""Deliver Google's claims: send each letter, judge the answer, record.

Every request carries the whole present state, so a lost, doubled or late one cannot make a card
wrong. Not here: taking claims (worker.py), what a letter says (google_letters.py), the requests of
one letter (google_sending.py), HTTP (google_client.py). Rules:
- merchants take turns, also those that share an account, and have a share of the threads: one
  that hangs holds up nobody else; what has not begun after a second is given back, so that a
  scan at a counter never waits for a mass change;
- each answer is recorded as soon as it is there;
- a mass change goes out in batches where Google offers them; scans go one by one;
- over Google's own count of notifications the same change is sent again, silently.
"""

from __future__ import annotations

import logging
import queue
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Final

from common.clock import to_micros
from common.errors import NotFound, Unavailable
from delivery.apple_lane import again
from delivery.desk import Desk
from delivery.fair_threads import FairThreads
from delivery.flow import by_merchant, poisoned, write_settlements
from delivery.google_client import QUOTA, GoogleClient
from delivery.google_letters import UNCHANGED, Letter, nowhere, write_letters
from delivery.google_sending import note_differences, send_letter
from delivery.outcomes import Answer, Outcome
from storage import claims as settle
from storage.breakers import Breakers
from storage.claims import Claim, Claims, Settlement
from storage.deliveries import MASS
from storage.google_identities import google_home
from storage.unit_of_work import UnitOfWork, open_work, run_work

CHANNEL: Final = "google"
ROUND_S: Final = 1.0
SHARE_MAX: Final = 64
"""Claims of one merchant on the way at once."""
CLOSE_S: Final = 4.0

_log = logging.getLogger("regulars.delivery")


@dataclass(frozen=True, slots=True, eq=False)
class _Job:
    """One request for one letter or many; `run` leaves the answers in them."""

    merchant_id: int
    letters: Sequence[Letter]
    run: Callable[[], None]


class GoogleLane:
    """Sends to Google with a few threads; one lane per worker."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._client = GoogleClient(
            desk.settings, database=desk.database, keyring=desk.keyring, clock=desk.clock
        )
        self._threads = FairThreads(desk.settings.google_threads, name="google", clock=desk.clock)
        self._ended: queue.SimpleQueue[_Job] = queue.SimpleQueue()
        self._on_the_way: dict[int, _Job] = {}
        self._broken: list[_Job] = []
        # Kept until they are written: a database that is away must not cost a second request.
        self._answered: dict[int, list[Letter]] = {}

    @property
    def in_hand(self) -> int:
        """Claims that are not settled."""
        waiting = sum(len(job.letters) for job in self._on_the_way.values())
        return waiting + sum(len(letters) for letters in self._answered.values())

    @property
    def full(self) -> set[int]:
        """Merchants that have their share on the way."""
        counts: Counter[int] = Counter()
        for job in self._on_the_way.values():
            counts[job.merchant_id] += len(job.letters)
        return {merchant_id for merchant_id, count in counts.items() if count >= SHARE_MAX}

    def close(self) -> None:
        self._threads.close(wait_s=CLOSE_S)
        self._client.close()

    def deliver(self, claims: Sequence[Claim]) -> None:
        """Deliver a batch of claims of any merchants, one by one, and settle every one."""
        for merchant_id, mine in by_merchant(claims).items():
            letters = self._letters(merchant_id, mine)
            for job in self._jobs(merchant_id, letters):
                job.run()
            self._record(merchant_id, letters)

    def begin(self, merchant_id: int, claims: Sequence[Claim]) -> None:
        """Start the requests of a merchant's claims."""
        letters = self._letters(merchant_id, claims)
        answered = [letter for letter in letters if letter.answer is not None]
        if answered:
            self._answered.setdefault(merchant_id, []).extend(answered)
        for job in self._jobs(merchant_id, letters):
            self._on_the_way[id(job)] = job
            self._threads.add(merchant_id, partial(self._run, job))

    def collect(self, wait_s: float) -> None:
        """Settle what has ended; wait at most so long for the first."""
        for job in self._take_ended(0.0 if self._answered else wait_s):
            if self._on_the_way.pop(id(job), None) is None:
                continue
            if job in self._broken:
                self._broken.remove(job)
                broken = [poisoned(self._desk, letter.claim) for letter in job.letters]
                write_settlements(self._desk, broken)
            else:
                self._answered.setdefault(job.merchant_id, []).extend(job.letters)
        for merchant_id in sorted(self._answered):
            self._record_all(merchant_id, self._answered[merchant_id])
            del self._answered[merchant_id]

    def abandon(self) -> None:
        """Give back what has not ended."""
        left = [letter.claim for job in self._on_the_way.values() for letter in job.letters]
        self._on_the_way.clear()
        write_settlements(self._desk, [settle.given_back(claim) for claim in left])

    def _run(self, job: _Job) -> None:
        try:
            job.run()
        except Exception:
            self._broken.append(job)
            raise
        finally:
            self._ended.put(job)

    def _take_ended(self, wait_s: float) -> list[_Job]:
        found: list[_Job] = []
        try:
            found.append(self._ended.get(timeout=wait_s) if wait_s else self._ended.get_nowait())
            while True:
                found.append(self._ended.get_nowait())
        except queue.Empty:
            return found

    def _letters(self, merchant_id: int, claims: Sequence[Claim]) -> list[Letter]:
        desk = self._desk
        with open_work(desk.database, merchant_id, clock=desk.clock, writing=False) as work:
            try:
                home = google_home(work, public_url=desk.settings.public_url)
            except NotFound:
                return [nowhere(claim) for claim in claims]
            return write_letters(desk, work, home, claims)

    def _jobs(self, merchant_id: int, letters: Sequence[Letter]) -> list[_Job]:
        """Scans one by one first, then mass changes in batches of one account each."""
        ends_s = self._desk.clock.monotonic_s() + ROUND_S
        waiting = [letter for letter in letters if letter.answer is None]
        size = self._batch_size()
        together = [one for one in waiting if size > 1 and _fits_batch(one)]
        jobs = [
            _Job(merchant_id, [letter], partial(self._send_within, letter, ends_s))
            for letter in waiting
            if size <= 1 or not _fits_batch(letter)
        ]
        for account_id in dict.fromkeys(letter.account_id for letter in together):
            mine = [letter for letter in together if letter.account_id == account_id]
            jobs += [
                _Job(merchant_id, chunk, partial(self._send_together, account_id, chunk, ends_s))
                for chunk in (mine[at : at + size] for at in range(0, len(mine), size))
            ]
        return jobs

    def _batch_size(self) -> int:
        settings = self._desk.settings
        return min(settings.google_batch, max(1, int(settings.google_requests_per_s)))

    def _send_within(self, letter: Letter, ends_s: float) -> None:
        if self._over(ends_s):
            return
        timeout_s = self._desk.settings.request_timeout_s
        send_letter(self._client, letter, timeout_s=timeout_s, over=lambda: self._over(ends_s))

    def _send_together(self, account_id: int, letters: Sequence[Letter], ends_s: float) -> None:
        if self._over(ends_s):
            return
        answers = self._client.patch_objects(
            account_id,
            [(letter.kind, letter.key, letter.patch) for letter in letters],
            timeout_s=self._desk.settings.request_timeout_s,
        )
        if answers is None:
            for letter in letters:
                self._send_within(letter, ends_s)
            return
        for letter, answer in zip(letters, answers, strict=True):
            # A card that is not there is inserted, which a batch of changes cannot.
            if answer.outcome is not Outcome.MISSING:
                letter.answer = answer
            else:
                self._send_within(letter, ends_s)

    def _over(self, ends_s: float) -> bool:
        return self._desk.stop.is_set() or self._desk.clock.monotonic_s() > ends_s

    def _record_all(self, merchant_id: int, letters: Sequence[Letter]) -> None:
        """Write what the answers mean; one that cannot be written harms no other."""
        try:
            self._record(merchant_id, letters)
        except Unavailable:
            raise
        except Exception:  # noqa: BLE001 - one broken row must not stop the others
            _log.exception("delivery.record_failed", extra={"rows": len(letters)})
            for letter in letters:
                self._record_alone(merchant_id, letter)

    def _record_alone(self, merchant_id: int, letter: Letter) -> None:
        try:
            self._record(merchant_id, [letter])
        except Unavailable:
            raise
        except Exception:  # noqa: BLE001 - the row is parked in the end
            _log.exception("delivery.record_failed", extra={"rows": 1})
            write_settlements(self._desk, [poisoned(self._desk, letter.claim)])

    def _record(self, merchant_id: int, letters: Sequence[Letter]) -> None:
        for letter in letters:
            if letter.is_object and letter.answer is not None:
                note_differences(letter, letter.patch, letter.answer)

        def action(work: UnitOfWork) -> None:
            _turn_breaker(work, [one.answer for one in letters if one.answer is not None])
            Claims(work.scope).settle([self._settlement(letter) for letter in letters])

        run_work(self._desk.database, merchant_id, action, clock=self._desk.clock)

    def _settlement(self, letter: Letter) -> Settlement:
        """What becomes of the claim; what Google took of its parts is remembered in any case."""
        settled = self._settled(letter)
        if letter.kept and settled.facts is None:
            return replace(settled, facts=letter.progress)
        return settled

    def _settled(self, letter: Letter) -> Settlement:
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

    def _throttled(self, letter: Letter, answer: Answer) -> Settlement:
        if letter.notifies and answer.reason == QUOTA:
            return self._silently(letter)
        wait = timedelta(seconds=max(answer.retry_after_s or 1.0, 0.05))
        due_at = self._desk.clock.now() + wait * (1 + self._desk.draw())
        return settle.later(letter.claim, due_at, error=answer.reason, attempt=False)

    def _silently(self, letter: Letter) -> Settlement:
        """Google counts more notifications than we did: the budget is spent for a day."""
        now = self._desk.clock.now()
        spent = [to_micros(now)] * self._desk.settings.google_notifications_per_day
        again_at = settle.later(letter.claim, now, error=QUOTA, attempt=False)
        return replace(again_at, facts={**letter.progress, "notified": spent})


def _fits_batch(letter: Letter) -> bool:
    claim = letter.claim
    at_google = letter.is_object and claim.delivered_revision > 0
    return at_google and claim.priority >= MASS and not letter.offers


def _turn_breaker(work: UnitOfWork, answers: Sequence[Answer]) -> None:
    refused = [one for one in answers if one.outcome is Outcome.BREAKER]
    if refused:
        Breakers(work.scope).open(CHANNEL, reason=refused[0].reason)
    elif any(one.outcome is Outcome.DELIVERED and one.reason != UNCHANGED for one in answers):
        Breakers(work.scope).close(CHANNEL)
