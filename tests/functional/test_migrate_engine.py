"""`regulars upgrade` and `migrate-engine` as whoever runs the machine meets them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.database import PostgresqlTemplates
from tests.support.live import LiveInstallation


@pytest.fixture
def live(tmp_path: Path) -> Iterator[LiveInstallation]:
    """A café that runs on SQLite."""
    with LiveInstallation(tmp_path) as running:
        yield running


@pytest.fixture
def postgresql_url(postgresql_templates: PostgresqlTemplates) -> Iterator[str]:
    url = postgresql_templates.empty()
    yield url
    postgresql_templates.drop(url)


def test_a_shop_moves_while_it_runs_and_its_phones_miss_nothing(
    live: LiveInstallation, postgresql_url: str
) -> None:
    card = live.command("issue", "--programme", "demo", "--name", "Ada")
    add_to_phone(live, card)
    earn_and_see(live, card, "12.40", shows="12")

    moved = live.command("migrate-engine", "--to", postgresql_url)

    assert moved["again"] is False
    assert moved["rows"]["operation"] == 1
    assert "regulars@" not in moved["to"]
    # Web and worker still hold the old place open, and nobody can write there any more.
    refused = live.command("earn", card["member_number"], "5", code=3)
    assert "was moved to" in refused["error"]["message"]
    live.stop()
    live.environment["REGULARS_DATABASE_URL"] = postgresql_url
    live.start()
    assert live.command("verify")["ok"] is True
    earn_and_see(live, card, "3.80", shows="16")
    again = live.command("migrate-engine", "--to", postgresql_url, code=1)
    assert "the same database" in again["error"]["message"]


def add_to_phone(live: LiveInstallation, card: dict[str, Any]) -> None:
    after = live.sandbox.last_event()
    url = f"{live.address}{re.sub(r'^https?://[^/]+', '', card['card_link'])}/apple.pkpass"
    live.sandbox.do("iphone-1", "add", url=url)
    live.sandbox.wait_for_kind("registered", after=after, phone="iphone-1")


def earn_and_see(live: LiveInstallation, card: dict[str, Any], amount: str, *, shows: str) -> None:
    """A sale; the phone is pushed, asks with the tag it has, and shows the balance."""
    after = live.sandbox.last_event()
    live.command("earn", card["member_number"], amount)
    live.sandbox.wait_for_kind("fetched", after=after, phone="iphone-1", changed=True)
    assert shows in str(live.sandbox.iphone()["cards"])


@pytest.fixture
def quiet(tmp_path: Path) -> LiveInstallation:
    """A café on SQLite that nobody serves."""
    made = LiveInstallation(tmp_path)
    made.command("init", "--demo")
    return made


def test_upgrade_of_a_current_database_says_so(quiet: LiveInstallation) -> None:
    looked = quiet.command("upgrade", "--check")
    done = quiet.command("upgrade")

    assert looked["steps"] == done["steps"] == []
    assert looked["from"] == done["to"]


def test_a_place_without_a_shop_is_told_what_to_run(
    quiet: LiveInstallation, tmp_path: Path
) -> None:
    quiet.environment["REGULARS_DATA"] = str(tmp_path / "nowhere")

    for command in (("upgrade",), ("migrate-engine", "--undo")):
        refused = quiet.command(*command, code=3)
        assert "regulars init" in refused["error"]["message"]


def test_migrate_engine_wants_one_of_its_two_ways(quiet: LiveInstallation) -> None:
    assert quiet.command("migrate-engine", code=2)["error"]["code"] == "usage"
    refused = quiet.command("migrate-engine", "--undo", code=1)
    assert "was not left" in refused["error"]["message"]
