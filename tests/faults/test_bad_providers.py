"""Providers that answer nonsense, drip, freeze or lose their certificate's trust: the rest flows.

What passes by itself (429, 500, 503, GOAWAY, cut and hung streams) is in test_push_faults, and
Google's own refusals in tests/functional/test_google_loop.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import psutil
import pytest

from common.clock import SystemClock
from loyalty.save_to_google import google_save_link
from tests.support.bad_server import MANNERS, bad_server
from tests.support.sandbox import AppleChain, SandboxProcess, make_apple_chain
from tests.support.world import Card, World

pytestmark = pytest.mark.timeout(120)
MEMORY_MAX = 40 * 1024 * 1024


def saved_to_google(world: World) -> Card:
    card = world.join()
    google_save_link(world.ctx, world.merchant_id, card.member_id)
    return card


def google_shows(world: World, points: int, *, after: int) -> None:
    """Wait until Google holds the balance."""
    world.sandbox.wait_for(
        lambda event: (event.get("values") or {}).get("loyaltyPoints") == points, 40, after=after
    )


def iphone_shows(world: World, points: int, *, after: int) -> None:
    """Wait until the phone has fetched the balance."""
    world.sandbox.wait_for(
        lambda event: (
            event["kind"] == "fetched"
            and event["phone"] == world.iphone
            and (event.get("values") or {}).get("balance") == points
        ),
        40,
        after=after,
    )


def trust_first(world: World, chain: AppleChain) -> None:
    """Install a certificate that the push service knows already: no push meets it too early."""
    world.sandbox.trust(chain)
    world.install(chain)


@contextmanager
def a_worker(world: World, **settings: object) -> Iterator[None]:
    world.start_worker(**settings)
    yield
    world.stop_workers()


@pytest.mark.parametrize("manner", MANNERS)
def test_google_answers_nonsense_and_the_iphone_is_told_all_the_same(
    world: World, manner: str
) -> None:
    card = saved_to_google(world)
    world.put_on_iphone(card)
    before = psutil.Process().memory_info().rss
    with (
        bad_server(manner) as bad,
        a_worker(world, google_api_url=f"{bad.url}/walletobjects/v1", request_timeout_s=1.0),
    ):
        after = world.sandbox.last_event()
        world.spend(card, 1200)
        iphone_shows(world, 12, after=after)
        world.wait_until(lambda: bad.asked)
        line = world.wait_until(lambda: [one for one in world.behind_lines() if one.attempts])[0]
        grown = psutil.Process().memory_info().rss - before

    assert not line.parked
    assert grown < MEMORY_MAX, f"{grown} bytes for one answer"
    after = world.sandbox.last_event()
    world.start_worker()
    google_shows(world, 12, after=after)


@pytest.mark.parametrize("manner", ["html", "no http", "drip", "silent", "huge"])
def test_the_push_service_answers_nonsense_and_google_is_told_all_the_same(
    world: World, manner: str
) -> None:
    card = saved_to_google(world)
    world.put_on_iphone(card)
    with (
        bad_server(manner) as bad,
        a_worker(world, apns_url=bad.url.replace("http:", "https:"), request_timeout_s=1.0),
    ):
        after = world.sandbox.last_event()
        world.spend(card, 1200)
        google_shows(world, 12, after=after)
        world.wait_until(lambda: bad.asked)
        line = world.wait_until(lambda: [one for one in world.behind_lines() if one.attempts])[0]

    assert not line.parked
    world.start_worker()
    iphone_shows(world, 12, after=after)
    world.settled()


def test_a_push_server_that_freezes_with_its_connections_open_wedges_nobody(
    world: World, sandbox: SandboxProcess
) -> None:
    """As a half-open connection is: the other end's kernel takes all and nobody answers."""
    card = world.join()
    world.put_on_iphone(card)
    world.start_worker(request_timeout_s=1.0)
    after = sandbox.last_event()
    world.spend(card, 500)
    iphone_shows(world, 5, after=after)
    world.settled()
    assert sandbox._process is not None

    os.kill(sandbox._process.pid, signal.SIGSTOP)
    try:
        world.spend(card, 700)
        line = world.wait_until(lambda: [one for one in world.behind_lines() if one.attempts])[0]
    finally:
        os.kill(sandbox._process.pid, signal.SIGCONT)

    assert not line.parked
    world.settled()
    iphone_shows(world, 12, after=after)


class AYearAhead(SystemClock):
    """The worker's clock on the day after the certificate's last."""

    def now(self) -> datetime:
        return super().now() + timedelta(days=366)


def test_a_certificate_that_runs_out_in_the_middle_stops_its_channel_alone(world: World) -> None:
    card = saved_to_google(world)
    world.put_on_iphone(card)
    with a_worker(world):
        world.settled()
    world.clock = AYearAhead()
    world.start_worker()
    after = world.sandbox.last_event()

    world.spend(card, 1200)

    line = world.wait_until(lambda: [one for one in world.behind_lines() if one.breaker])[0]
    assert line.breaker == "certificate_expired"
    assert (line.attempts, line.parked) == (0, False)
    google_shows(world, 12, after=after)
    trust_first(world, make_apple_chain(days=400))
    iphone_shows(world, 12, after=after)
    world.settled()
