"""A change in the ledger reaches an iPhone by itself: push, "what changed?", fetch, on both engines."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from signing.keyring import Keyring
from tests.support.sandbox import SandboxProcess
from tests.support.world import World


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[SandboxProcess]:
    with SandboxProcess(tmp_path / "sandbox") as running:
        yield running


@pytest.fixture
def world(sandbox: SandboxProcess, database_url: str, keyring: Keyring) -> Iterator[World]:
    with World(sandbox, database_url, keyring) as made:
        yield made


def test_a_sale_shows_on_the_phone_by_itself(world: World) -> None:
    card = world.join()
    world.start_worker()
    world.put_on_iphone(card)
    after = world.sandbox.last_event()

    world.spend(card, 1200)

    fetched = world.sandbox.wait_for_kind("fetched", after=after, serial_number=card.serial_number)
    assert "12" in str(fetched)
    notified = world.sandbox.wait_for_kind("phone.notified", after=after)
    assert notified["text"] == "You now have 12 points"
