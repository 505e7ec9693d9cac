"""Two web and two worker processes on one PostgreSQL: whoever dies, nothing is lost or doubled."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from loyalty.balance import card_state
from signing.keyring import Keyring
from storage.unit_of_work import open_work
from storage.verify import verify
from tests.support.cluster import Cluster
from tests.support.database import PostgresqlTemplates
from tests.support.sandbox import SandboxProcess
from tests.support.world import World

CARDS = 6
DRAIN_S = 10.0


@pytest.fixture
def postgresql_url(postgresql_templates: PostgresqlTemplates) -> Iterator[str]:
    url = postgresql_templates.empty()
    yield url
    postgresql_templates.drop(url)


@pytest.fixture
def cluster(tmp_path: Path, postgresql_url: str) -> Iterator[Cluster]:
    with Cluster(tmp_path, postgresql_url) as running:
        yield running


def test_killed_webs_and_workers_lose_nothing_and_double_nothing(cluster: Cluster) -> None:
    members = [cluster.join(f"Guest {number}") for number in range(CARDS)]
    phones = [cluster.put_on_iphone(member) for member in members]
    barcodes = [cluster.barcode(member) for member in members]
    served: list[int] = []
    first_half, killed = threading.Event(), threading.Event()

    def barista(number: int) -> None:
        till = cluster.till()
        for place in range(number, CARDS, 2):
            till.earn(barcodes[place], "12.40")
            served.append(place)
            first_half.set()
            till.earn(barcodes[place], "3.80")
            served.append(place)
        killed.wait(60)

    baristas = [threading.Thread(target=barista, args=(number,)) for number in range(2)]
    for each in baristas:
        each.start()
    assert first_half.wait(60), cluster.log()
    cluster.kill("web-0")
    cluster.kill("worker-0")
    cluster.start("web-0")
    cluster.start("worker-0")
    cluster.kill("worker-1")
    assert cluster.drain("web-1") < DRAIN_S + 1
    cluster.start("worker-1")
    cluster.start("web-1")
    killed.set()
    for each in baristas:
        each.join(120)
        assert not each.is_alive()

    assert sorted(served) == sorted([*range(CARDS), *range(CARDS)])
    cluster.settle()
    for member in members:
        state = card_state(cluster.ctx, cluster.merchant_id, member.member_id)
        assert (state.balance, len(state.history)) == (16, 2)
    assert verify(cluster.installation.database) == []
    for phone in phones:
        assert "16" in str(cluster.sandbox.iphone(phone)["cards"])


def test_a_worker_that_is_asked_to_end_says_goodbye_in_time(cluster: Cluster) -> None:
    assert cluster.drain("worker-0") < DRAIN_S + 1
    assert cluster.drain("worker-1") < DRAIN_S + 1

    with open_work(cluster.ctx.database, None, clock=cluster.ctx.clock, writing=False) as work:
        assert work.reports.worker_seen_at() is None


def test_a_change_wakes_an_idle_worker_long_before_it_looks_by_itself(
    sandbox: SandboxProcess,
    postgresql_templates: PostgresqlTemplates,
    keyring: Keyring,
    caplog: pytest.LogCaptureFixture,
) -> None:
    url = postgresql_templates.filled()
    with World(sandbox, url, keyring, poll_s=3600.0) as world:
        world.start_worker()
        world.start_worker()
        card = world.join()
        world.put_on_iphone(card)
        world.settled()
        after = sandbox.last_event()

        world.spend(card)

        # An hour is how long they would have slept.
        sandbox.wait_for_kind("fetched", after=after, phone=world.iphone, changed=True)
        # A lane that breaks looks again after a second, and would pass for one that was woken.
        assert "lane_failed" not in caplog.text
    postgresql_templates.drop(url)
