"""What a worker looks after when nobody asks: phones that never fetched, and the nightly books.

One thread of its own; what it finds wrong is wanted again and told. Rules:
- phones that did not fetch are looked for in small slices all day long;
- once a night one worker of all compares what every phone is to show with the books: the wanted
  revisions with the cards', and what the cards said when they were stamped with what they say now.
  The difference should be zero; where it is not, it is mended, logged as an error and shown.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import asdict
from datetime import timedelta
from functools import partial
from typing import Final

from delivery.desk import Desk
from passes.content import face_digest
from storage.faces import load_faces
from storage.night import take_night
from storage.reconciled import (
    Reconciled,
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
    targets = wrong = lost = cards = stale = 0
    for merchant_id in merchants:
        found = run_work(desk.database, merchant_id, _compare_targets, clock=desk.clock)
        drawn = _compare_faces(desk, merchant_id)
        targets, wrong, lost = targets + found[0], wrong + found[1], lost + found[2]
        cards, stale = cards + drawn[0], stale + drawn[1]
    result = Reconciled(
        at=desk.clock.now(),
        targets=targets,
        wrong=wrong,
        unwatched=lost,
        cards=cards,
        stale=stale,
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


def _compare_faces(desk: Desk, merchant_id: int) -> tuple[int, int]:
    cards = stale = after = 0
    while not desk.stop.is_set():
        with open_work(desk.database, merchant_id, clock=desk.clock, writing=False) as work:
            batch = stamped_cards(work.scope, after=after, limit=FACES_AT_ONCE)
            differ = _differing(desk, work, batch)
        if not batch:
            break
        after = batch[-1][0]
        cards += len(batch)
        stale += len(differ)
        if differ:
            run_work(desk.database, merchant_id, partial(_bump, pass_ids=differ), clock=desk.clock)
    return cards, stale


def _differing(desk: Desk, work: UnitOfWork, batch: Sequence[tuple[int, bytes]]) -> list[int]:
    faces = load_faces(
        work,
        [pass_id for pass_id, _told in batch],
        keyring=desk.keyring,
        public_url=desk.settings.public_url,
    )
    return [
        pass_id
        for pass_id, told in batch
        if (face := faces.get(pass_id)) is not None
        and face_digest(face.design, face.content) != told
    ]


def _bump(work: UnitOfWork, *, pass_ids: Sequence[int]) -> None:
    for pass_id in pass_ids:
        work.deliveries.bump_pass(pass_id)
