"""A disk that is full: sales are refused with a clear word, reading goes on, space mends it.

The database lies on a tmpfs of a few megabytes, which needs root; without it the limit is one on
the size of files. Both are real: the kernel refuses the write.
"""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from common.clock import ManualClock
from common.errors import Unavailable
from loyalty.balance import card_state
from signing.keyring import Keyring
from storage.engine import Database, DatabaseSettings
from storage.verify import verify
from tests.support.builders import START, a_context
from tests.support.counter import a_shop, do_earn
from tests.support.database import SqliteTemplates
from tests.support.house import a_house, an_app, at_the_till
from tests.support.ledger_proof import broken_rules

MARGIN = 700_000


@contextmanager
def small_disk(path: Path, size: int) -> Iterator[Callable[[], None]]:
    """A file system of `size` bytes at `path`; what is given makes it larger."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(path)], check=True)
    try:
        yield (
            lambda: (
                subprocess.run(["mount", "-o", f"remount,size={size * 8}", str(path)], check=True)
                and None
            )
        )
    finally:
        subprocess.run(["umount", "-l", str(path)], check=True)


@contextmanager
def small_files(size: int) -> Iterator[Callable[[], None]]:
    """No file of this process may grow past `size`; what is given lifts that."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)


@pytest.fixture(params=["tmpfs", "file limit"])
def full(
    request: pytest.FixtureRequest, sqlite_templates: SqliteTemplates, tmp_path: Path
) -> Iterator[tuple[Database, Callable[[], None]]]:
    """A database with little room left, and what makes room."""
    template = Path(sqlite_templates.filled().removeprefix("sqlite:///"))
    room = template.stat().st_size + MARGIN
    place = tmp_path / "disk"
    place.mkdir()
    if request.param == "tmpfs" and os.geteuid() != 0:
        pytest.skip("NOT RUN: a tmpfs is mounted by root alone")
    disk = small_disk(place, room) if request.param == "tmpfs" else small_files(MARGIN)
    if request.param != "tmpfs":
        shutil.copyfile(template, place / "shop.db")
    with disk as make_room:
        if request.param == "tmpfs":
            shutil.copyfile(template, place / "shop.db")
        database = Database(DatabaseSettings(url=f"sqlite:///{place / 'shop.db'}"))
        yield database, make_room
        make_room()
        database.close()


def test_a_full_disk_refuses_sales_and_loses_none(
    full: tuple[Database, Callable[[], None]], keyring: Keyring
) -> None:
    database, make_room = full
    clock = ManualClock(START)
    ctx = a_context(database, clock, keyring)
    shop = a_shop(database, clock)
    answered = []

    with pytest.raises(Unavailable) as refused:  # noqa: PT012
        for number in range(2000):
            result = do_earn(ctx, shop, 1240, idempotency_key=f"k{number}")
            answered.append(result.operation_id)
            clock.advance(hours=3)

    assert refused.value.retryable
    assert answered, "there was a little room"
    assert card_state(ctx, shop.merchant_id, shop.member).balance == (len(answered) * 1240) // 100
    assert broken_rules(database) == []
    make_room()
    again = do_earn(ctx, shop, 1240, idempotency_key=f"k{len(answered)}")
    assert not again.replayed
    assert card_state(ctx, shop.merchant_id, shop.member).balance == again.balance
    assert verify(database) == []


def test_the_till_says_so_in_a_sentence_and_works_on_afterwards(
    full: tuple[Database, Callable[[], None]], keyring: Keyring
) -> None:
    database, make_room = full
    clock = ManualClock(START)
    ctx = a_context(database, clock, keyring)
    house = a_house(ctx, clock)
    member = house.enrol(name="Ada")
    till = at_the_till(an_app(ctx), house)
    with pytest.raises(Unavailable):  # noqa: PT012
        for _ in range(2000):
            house.enrol(name="Somebody")

    page = till.get("/till")
    refused = till.send("/till/find", code=house.barcode(member.member_id))

    assert page.status_code == 200, "reading goes on"
    assert refused.status_code in {200, 503}
    assert "Traceback" not in till.page
    make_room()
    till.get("/till")
    assert till.send("/till/find", code=house.barcode(member.member_id)).status_code == 200
    assert "Ada" in till.page
