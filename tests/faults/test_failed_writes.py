"""One write or one sync to the disk fails, or the process dies in it: the same keys mend it.

The till of tests/support/earning_till.py runs under strace, which makes the n-th call of its
working thread fail. SQLite only: PostgreSQL's disk is its server's matter.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from common.clock import SystemClock
from storage.engine import Database, DatabaseSettings
from storage.verify import verify
from tests.support.builders import CAFE
from tests.support.counter import Shop, a_shop, count
from tests.support.database import SqliteTemplates
from tests.support.ledger_proof import broken_rules

ROOT = Path(__file__).resolve().parents[2]
ORDERS = 6
FAULTS = [
    *(f"pwrite64:error=ENOSPC:when={n}" for n in (1, 4, 9)),
    *(f"pwrite64:error=EIO:when={n}" for n in (2, 13)),
    *(f"fsync,fdatasync:error=EIO:when={n}" for n in (1, 2, 4)),
    *(f"pwrite64:signal=KILL:when={n}" for n in (1, 5, 11)),
    *(f"fsync,fdatasync:signal=KILL:when={n}" for n in (1, 3)),
]

pytestmark = pytest.mark.skipif(
    shutil.which("strace") is None, reason="NOT RUN: strace is not installed"
)


EVERY = [
    *(
        f"pwrite64:{what}:when={n}"
        for what in ("error=ENOSPC", "error=EIO", "signal=KILL")
        for n in range(1, 27)
    ),
    *(
        f"fsync,fdatasync:{what}:when={n}"
        for what in ("error=EIO", "signal=KILL")
        for n in range(1, 9)
    ),
]
"""Every write and every sync that the till makes, one after the other."""


@pytest.mark.parametrize(
    "fault",
    [*FAULTS, *(pytest.param(f, marks=pytest.mark.long) for f in EVERY if f not in FAULTS)],
)
def test_a_failed_write_is_mended_by_the_same_keys(
    fault: str, sqlite_templates: SqliteTemplates, tmp_path: Path
) -> None:
    url = sqlite_templates.filled()
    database = Database(DatabaseSettings(url=url))
    shop = a_shop(database, SystemClock())
    database.close()

    first = _earn(url, shop, fault=fault, log=tmp_path / "strace.log")
    late = fault not in FAULTS  # one past the till's last write meets nothing
    assert late or "INJECTED" in (tmp_path / "strace.log").read_text() or "KILL" in fault
    second = _earn(url, shop)

    database = Database(DatabaseSettings(url=url))
    assert first.items() <= second.items()
    assert len(second) == count(database, "operation") == count(database, "sale") == ORDERS
    assert broken_rules(database) == []
    assert verify(database) == []
    database.close()


def _earn(url: str, shop: Shop, *, fault: str = "", log: Path | None = None) -> dict[str, str]:
    """Send the orders; what was answered, by key."""
    orders = "".join(f"k{n} {shop.member} {1240 + n}\n" for n in range(ORDERS))
    till = [sys.executable, "-m", "tests.support.earning_till", url, str(CAFE.id), "1"]
    call = fault.partition(":")[0]
    traced = ["strace", "-f", "-qq", "-o", str(log), "-e", f"trace={call}", "-e", f"inject={fault}"]
    done = subprocess.run(
        [*(traced if fault else []), *till],
        cwd=ROOT,
        input=orders.encode(),
        stdout=subprocess.PIPE,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0 or "KILL" in fault, done
    lines = [line.split(" ", 1) for line in done.stdout.decode().splitlines()]
    return dict(lines)
