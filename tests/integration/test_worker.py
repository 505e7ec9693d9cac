"""The worker's loop: a row that breaks alone is parked, the others flow; a stop gives leases back."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from common.clock import ManualClock
from common.errors import Unavailable
from delivery.desk import Desk
from delivery.settings import DeliverySettings
from delivery.slices import move_slice
from delivery.worker import POISON, turn
from loyalty.context import Loyalty
from storage import claims as settle
from storage.claims import Claim, Claims
from storage.deliveries import Channel
from storage.unit_of_work import UnitOfWork, open_work, run_work
from tests.support import builders
from tests.support.builders import CAFE

OBJECTS = [Channel.GOOGLE_OBJECT]


class RecordingLane:
    """Delivers every claim but the broken one."""

    def __init__(self, desk: Desk, *, broken: int = 0, away: bool = False) -> None:
        self._desk = desk
        self._broken = broken
        self._away = away
        self.delivered: list[int] = []

    def deliver(self, claims: Sequence[Claim]) -> None:
        if self._away:
            raise Unavailable
        if any(claim.pass_id == self._broken for claim in claims):
            raise ValueError("this card cannot be drawn")
        told = [settle.delivered(claim, claim.wanted_revision) for claim in claims]
        run_work(
            self._desk.database,
            None,
            lambda work: Claims(work.scope).settle(told),
            clock=self._desk.clock,
        )
        self.delivered += [claim.pass_id or 0 for claim in claims]

    def close(self) -> None: ...


@pytest.fixture
def desk(ctx: Loyalty) -> Desk:
    return Desk(
        settings=DeliverySettings(public_url="http://127.0.0.1:1", slice_cards=2),
        database=ctx.database,
        clock=ctx.clock,
        keyring=ctx.keyring,
    )


@pytest.fixture
def cards(ctx: Loyalty) -> list[int]:
    def action(work: UnitOfWork) -> list[int]:
        programme = builders.a_programme(work)
        members = [builders.a_member(work, programme) for _card in range(4)]
        found = [work.passes.current_of_member(member.id).id for member in members]
        for card in found:
            work.deliveries.want_google_object(card)
        return found

    return run_work(ctx.database, CAFE.id, action, clock=ctx.clock)


def test_a_poisoned_row_is_parked_and_the_others_flow(
    desk: Desk, cards: list[int], clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    lane = RecordingLane(desk, broken=cards[1])

    for _round in range(desk.settings.poison_tries_max):
        turn(desk, lane, OBJECTS)
        clock.advance(minutes=10)

    assert sorted(lane.delivered) == sorted(set(cards) - {cards[1]})
    with open_work(desk.database, CAFE.id, clock=clock, writing=False) as work:
        (line,) = work.deliveries.behind()
    assert (line.pass_id, line.parked, line.why) == (cards[1], True, POISON)
    assert turn(desk, lane, OBJECTS) == 0
    assert "cannot be drawn" in caplog.text


def test_a_database_that_is_away_poisons_no_row(desk: Desk, cards: list[int]) -> None:
    with pytest.raises(Unavailable):
        turn(desk, RecordingLane(desk, away=True), OBJECTS)

    with open_work(desk.database, CAFE.id, clock=desk.clock, writing=False) as work:
        assert [line.attempts for line in work.deliveries.behind()] == [0] * len(cards)


def test_a_stop_before_sending_gives_the_rows_back(desk: Desk, cards: list[int]) -> None:
    lane = RecordingLane(desk)
    desk.stop.set()

    assert turn(desk, lane, OBJECTS) == len(cards)

    desk.stop.clear()
    assert lane.delivered == []
    assert turn(desk, lane, OBJECTS) == len(cards)
    assert len(lane.delivered) == len(cards)


def test_a_slice_waits_until_the_last_one_is_on_its_way(desk: Desk, cards: list[int]) -> None:
    lane = RecordingLane(desk)
    turn(desk, lane, OBJECTS)

    def publish(work: UnitOfWork) -> None:
        programme_id = work.passes.get(cards[0]).programme_id
        work.deliveries.bump_programme(programme_id, reason="design")

    run_work(desk.database, CAFE.id, publish, clock=desk.clock)

    assert move_slice(desk) == 2
    assert move_slice(desk) == 0
    turn(desk, lane, OBJECTS)
    assert move_slice(desk) == 2
    turn(desk, lane, OBJECTS)
    assert move_slice(desk) == 0
    assert len(lane.delivered) == 8
