"""Pushes with a team's key: a bearer token in place of the certificate, renewed in time."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from common.actor import SYSTEM
from common.clock import ManualClock
from common.errors import NotFound
from delivery.apns import Push
from delivery.apple_lane import AppleLane
from delivery.desk import Desk
from delivery.outcomes import Answer, Outcome
from delivery.settings import DeliverySettings, PaceSettings
from delivery.worker import turn
from loyalty.apple_push_key import install_push_key, remove_push_key
from loyalty.context import Loyalty
from storage.deliveries import Channel
from storage.devices import Devices
from storage.unit_of_work import UnitOfWork, run_work
from tests.support import builders
from tests.support.builders import CAFE
from tests.unit.signing.chains import ec_key, key_pem


class Recorder:
    def __init__(self) -> None:
        self.sent: list[Push] = []

    def send(self, pushes: Sequence[Push], *, stop: object) -> list[Answer]:
        self.sent += pushes
        return [Answer(outcome=Outcome.DELIVERED) for _push in pushes]

    def close(self) -> None: ...


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def push(ctx: Loyalty, clock: ManualClock, recorder: Recorder):
    """Change the card once, and let the worker tell its phone."""

    def furnish(work: UnitOfWork) -> tuple[int, str]:
        kind = builders.a_pass_type(work)
        member = builders.a_member(work, builders.a_programme(work))
        card = work.passes.current_of_member(member.id)
        Devices(work.scope).register(
            card,
            pass_type_id=kind.id,
            library_identifier="lib",
            push_token="aa",
            due_at=work.clock.now(),
        )
        return card.id, kind.team_identifier

    pass_id, team = run_work(ctx.database, CAFE.id, furnish, clock=clock)
    desk = Desk(
        settings=DeliverySettings(
            public_url="http://127.0.0.1:1", pace=PaceSettings(burst_score=1e9)
        ),
        database=ctx.database,
        clock=clock,
        keyring=ctx.keyring,
    )
    lane = AppleLane(desk, recorder)

    def once() -> None:
        run_work(
            ctx.database, CAFE.id, lambda work: work.deliveries.bump_pass(pass_id), clock=clock
        )
        while turn(desk, lane, [Channel.APPLE]):
            pass

    once.team = team
    return once


def test_a_push_key_pushes_without_a_certificate_and_its_token_is_renewed(
    ctx, clock, recorder, push
):
    install_push_key(
        ctx,
        CAFE.id,
        key_pem(ec_key()),
        key_identifier="ABC123DEFG",
        team_identifier=push.team,
        actor=SYSTEM,
    )

    clock.advance(seconds=1800 - clock.now().timestamp() % 1800)
    for _push in range(5):
        push()
        clock.advance(minutes=12)

    tokens = [one.identity for one in recorder.sent]
    assert len(tokens) == 5
    assert all(isinstance(token, str) and token.count(".") == 2 for token in tokens)
    assert tokens[0] == tokens[1] == tokens[2] != tokens[3] == tokens[4]
    assert tokens[0] not in repr(recorder.sent)


def test_without_key_and_certificate_the_channel_stops(ctx, clock, recorder, push):
    push()

    assert recorder.sent == []
    with pytest.raises(NotFound):
        remove_push_key(ctx, CAFE.id, team_identifier=push.team, actor=SYSTEM)
