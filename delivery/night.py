"""What a worker looks after when nobody asks: phones that never fetched, and the nightly books.

One thread of its own; what it finds wrong is wanted again and told. Rules:
- phones that did not fetch are looked for in small slices all day long;
- once a night one worker of all compares what every phone is to show with the books: the wanted
  revisions with the cards', and what the cards said when they were stamped with what they say now.
  The difference should be zero; where it is not, it is mended, logged as an error and shown;
- what a card says may depend on the day (a tier's year, an offer's end): such a card is wanted anew
  and is no difference, for by the clock of its stamp it says what it said.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from delivery.desk import Desk
from passes.content import face_digest
from storage.faces import load_faces
from storage.night import take_night
from storage.reconciled import (
    Reconciled,
    StampedCard,
    hold_stamped,
    keep_reconciled,
    stamped_cards,
    unwatched,
    want_present,
)
from storage.reminders import START, Place, look, remind
from storage.unit_of_work import UnitOfWork, open_work, run_work

TASK: Final = "cards_reconciled_at"
NIGHT_STARTS: Final = timedelta(hours=2)
FACES_AT_ONCE: Final = 100
WALK_EVERY_S: Final = 1.0
WALK_AGAIN_S: Final = 600.0
NIGHT_LOOK_EVERY_S: Final = 60.0

_log = logging.getLogger("regulars.delivery")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Drawn:
    """How many cards were drawn, and how many of them said something else."""

    cards: int = 0
    stale: int = 0
    turned: int = 0

    def __add__(self, other: _Drawn) -> _Drawn:
        return _Drawn(
            cards=self.cards + other.cards,
            stale=self.stale + other.stale,
            turned=self.turned + other.turned,
        )


@dataclass(frozen=True, slots=True)
class _Then:
    """The clock as it stood when a card was stamped."""

    at: datetime

    def now(self) -> datetime:
        return self.at

    def monotonic_s(self) -> float:
        return 0.0


def run_night(desk: Desk) -> None:
    """Work until told to stop."""
    place, walk_s = START, desk.clock.monotonic_s()
    look_s = desk.clock.monotonic_s()
    while not desk.stop.is_set():
        try:
            now_s = desk.clock.monotonic_s()
            if now_s >= walk_s:
                _reminded, place = remind_next(desk, place)
                walk_s = now_s + (WALK_AGAIN_S if place == START else WALK_EVERY_S)
            if now_s >= look_s:
                look_s = now_s + NIGHT_LOOK_EVERY_S
                reconcile_nightly(desk)
        except Exception:  # noqa: BLE001 - the loop's edge
            _log.exception("delivery.night_failed")
        desk.stop.wait(WALK_EVERY_S)


def remind_next(desk: Desk, place: Place) -> tuple[int, Place]:
    """One slice of the walk; returns how many phones are pushed again, and where to go on."""
    with open_work(desk.database, None, clock=desk.clock, writing=False) as work:
        late, further = look(work.scope, after=place)
    if not late:
        return 0, further
    reminded = run_work(
        desk.database, None, lambda work: remind(work.scope, late), clock=desk.clock
    )
    _log.info("delivery.reminded", extra={"phones": reminded})
    return reminded, further


def reconcile_nightly(desk: Desk) -> Reconciled | None:
    """Do it when the night is ours; None when it is not."""
    taken = run_work(
        desk.database,
        None,
        lambda work: take_night(work.scope, TASK, starts=NIGHT_STARTS),
        clock=desk.clock,
    )
    return reconcile(desk) if taken else None


def reconcile(desk: Desk) -> Reconciled:
    """Compare every merchant's cards with the books, mend, keep the result and say it."""
    with open_work(desk.database, None, clock=desk.clock, writing=False) as work:
        merchants = [merchant.id for merchant in work.merchants.all()]
    targets = wrong = lost = 0
    drawn = _Drawn()
    for merchant_id in merchants:
        found = run_work(desk.database, merchant_id, _compare_targets, clock=desk.clock)
        drawn += _compare_faces(desk, merchant_id)
        targets, wrong, lost = targets + found[0], wrong + found[1], lost + found[2]
    result = Reconciled(
        at=desk.clock.now(),
        targets=targets,
        wrong=wrong,
        unwatched=lost,
        cards=drawn.cards,
        stale=drawn.stale,
        turned=drawn.turned,
    )
    run_work(
        desk.database,
        None,
        lambda work: keep_reconciled(work.scope, result),
        clock=desk.clock,
    )
    facts = asdict(result) | {"at": result.at.isoformat()}
    if result.difference:
        _log.error("delivery.reconcile_found", extra=facts)
    else:
        _log.info("delivery.reconciled", extra=facts)
    return result


def _compare_targets(work: UnitOfWork) -> tuple[int, int, int]:
    targets, wrong = want_present(work.scope)
    lost = unwatched(work.scope)
    for registration_id, pass_id, device_id in lost:
        work.deliveries.want_apple(
            registration_id=registration_id, pass_id=pass_id, device_id=device_id
        )
    return targets, wrong, len(lost)


def _compare_faces(desk: Desk, merchant_id: int) -> _Drawn:
    found, after = _Drawn(), 0
    while not desk.stop.is_set():
        with open_work(desk.database, merchant_id, clock=desk.clock, writing=False) as work:
            batch = stamped_cards(work.scope, after=after, limit=FACES_AT_ONCE)
            differ = [card.id for card in _differing(desk, work, batch)]
        if not batch:
            break
        after = batch[-1].id
        found += _Drawn(cards=len(batch))
        if differ:
            mend = partial(_mend, desk, pass_ids=differ)
            found += run_work(desk.database, merchant_id, mend, clock=desk.clock)
    return found


def _mend(desk: Desk, work: UnitOfWork, *, pass_ids: Sequence[int]) -> _Drawn:
    """Want what differs still, now that nobody changes it; what time alone turned is no fault."""
    stale = turned = 0
    for card in _differing(desk, work, hold_stamped(work.scope, pass_ids)):
        then = UnitOfWork(work.scope.connection, work.scope.merchant, clock=_Then(card.at))
        if _digests(desk, then, [card]).get(card.id) == card.face:
            turned += 1
        else:
            stale += 1
        work.deliveries.bump_pass(card.id)
    return _Drawn(stale=stale, turned=turned)


def _differing(desk: Desk, work: UnitOfWork, batch: Sequence[StampedCard]) -> list[StampedCard]:
    digests = _digests(desk, work, batch)
    return [card for card in batch if digests.get(card.id, card.face) != card.face]


def _digests(desk: Desk, work: UnitOfWork, batch: Sequence[StampedCard]) -> dict[int, bytes]:
    """What the cards say by the clock of `work`; one without a face is left out."""
    faces = load_faces(
        work,
        [card.id for card in batch],
        keyring=desk.keyring,
        public_url=desk.settings.public_url,
    )
    return {
        pass_id: face_digest(face.design, face.content)
        for pass_id, face in faces.items()
        if face is not None
    }
