"""Is the simulation sharp? Bugs planted one by one in a copy of the code, and who sees them.

    python -m tests.simulation.planted [--bug NAME] [--most 40] [--first 0]

Each bug is a few lines changed, named by what they break; seeds run until one fails, and what it said
is printed. A bug that no seed sees makes the exit code 1. A change of the code that takes the ground
from under a bug is told too: plant it anew.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

HOME: Final = Path(__file__).parents[2]
ROOMS: Final = [
    "common",
    "ledger",
    "passes",
    "signing",
    "storage",
    "loyalty",
    "delivery",
    "web",
    "templates",
    "sandbox",
    "regulars",
    "tests",
]
SEED_S: Final = 300


@dataclass(frozen=True, slots=True)
class Change:
    """`old` stands in the file once."""

    path: str
    old: str
    new: str


BUGS: Final = {
    "a stale worker overwrites": [
        Change(
            "storage/claims.py",
            "where merchant_id = ? and id = ? and lease = ?",
            "where merchant_id = ? and id = ? and coalesce(lease, ?) is not null",
        ),
        Change(
            "storage/claims.py",
            "                table.c.lease == one.claim.lease,\n",
            "",
        ),
        Change(
            "storage/claims.py",
            "delivered_revision = case when delivered_revision > ? then delivered_revision else ? end",
            "delivered_revision = case when 0 > ? then delivered_revision else ? end",
        ),
        Change(
            "storage/claims.py",
            "            (table.c.delivered_revision > one.delivered_revision, "
            "table.c.delivered_revision),\n",
            "            (table.c.delivered_revision < 0, table.c.delivered_revision),\n",
        ),
    ],
    "a number given before the commit": [
        Change(
            "delivery/stamps.py",
            "            stamp = partial(_stamp, pass_type_id=pass_type_id, drawn=drawn)\n",
            "            def draw_number(work: UnitOfWork, its=pass_type_id, most=len(drawn)) -> int:\n"
            "                last = Stamps(work.scope).lock(its)\n"
            "                Stamps(work.scope).close(its, last + most)\n"
            "                return last\n"
            "            given = run_work(desk.database, merchant_id, draw_number, clock=desk.clock)\n"
            "            stamp = partial("
            "_stamp, pass_type_id=pass_type_id, drawn=drawn, given=given)\n",
        ),
        Change(
            "delivery/stamps.py",
            "    work: UnitOfWork, *, pass_type_id: int, drawn: Mapping[int, _Drawn]\n",
            "    work: UnitOfWork, *, pass_type_id: int, drawn: Mapping[int, _Drawn], given: int\n",
        ),
        Change(
            "delivery/stamps.py", "    number = stamps.lock(pass_type_id)\n", "    number = given\n"
        ),
        Change("delivery/stamps.py", "    stamps.close(pass_type_id, number)\n", ""),
    ],
    "delivered is marked before the answer": [
        Change(
            "delivery/apple_lane.py",
            "        self._pusher.begin(",
            "        for early in sent.values():\n"
            "            self._record(merchant_id, [_as_delivered(early)])\n"
            "        self._pusher.begin(",
        ),
        Change(
            "delivery/apple_lane.py",
            "class AppleLane:",
            "def _as_delivered(parcel: _Parcel) -> _Parcel:\n"
            "    parcel.answer = Answer(outcome=Outcome.DELIVERED)\n"
            "    return parcel\n\n\nclass AppleLane:",
        ),
    ],
    "a 410 ends a registration with a new token": [
        Change(
            "storage/devices.py",
            "            device.c.id == device_id, device.c.push_token == push_token\n",
            "            device.c.id == device_id\n",
        ),
        Change(
            "storage/devices.py",
            "        if token_before is not None:\n            stored",
            "        if token_before is None:\n            stored",
        ),
    ],
    "a skipped stamp forgets who fetched in between": [
        Change(
            "storage/stamps.py",
            "return self.stamped_face == digest and self.fetched_revision <= self.stamped_revision",
            "return self.stamped_face == digest",
        )
    ],
    "a key sent again counts twice": [
        Change(
            "loyalty/posting.py",
            "    reference = key if source_ref is None else source_ref\n",
            "    key = f'{key[:90]}-{new_id()}'\n"
            "    reference = key if source_ref is None else source_ref\n",
        ),
        Change(
            "loyalty/posting.py",
            "from common.i18n import gettext as _\n",
            "from common.i18n import gettext as _\nfrom common.ids import new_id\n",
        ),
    ],
    "a change during a push is dropped": [
        Change(
            "storage/claims.py",
            "delivered_revision = case when delivered_revision > ? then delivered_revision else ? end",
            "delivered_revision = case when 0 > ? and 0 > ? then 0 else coalesce((select "
            "w.stamped_revision from wallet_pass w where w.merchant_id = delivery.merchant_id "
            "and w.id = delivery.pass_id), wanted_revision) end",
        ),
    ],
    "a lease is taken and not renewed": [
        Change(
            "storage/claims.py",
            "            .where(tuple_(table.c.merchant_id, table.c.id).in_(select(picked)))\n"
            "            .values(lease=lease, lease_until=now + LEASE)\n",
            "            .where(tuple_(table.c.merchant_id, table.c.id).in_(select(picked)))\n"
            "            .values(lease=lease, lease_until=now)\n",
        )
    ],
    "a late request at Google stays": [
        Change(
            "storage/claims.py",
            "            elif _may_have_overwritten(one):\n",
            "            elif False:\n",
        )
    ],
}


class Gone(Exception):
    """The code a bug stands on is not there any more."""


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--bug", choices=sorted(BUGS))
    parser.add_argument("--most", type=int, default=40)
    parser.add_argument("--first", type=int, default=0)
    wanted = parser.parse_args()
    unseen = 0
    for name in [wanted.bug] if wanted.bug else list(BUGS):
        seen = _first_that_sees(name, first=wanted.first, most=wanted.most)
        unseen += seen is None
        told = f"seed {seen[0]}: {seen[1]}" if seen else f"NOT SEEN by {wanted.most} seeds"
        sys.stdout.write(f"{name}: {told}\n")
        sys.stdout.flush()
    return 1 if unseen else 0


def _first_that_sees(name: str, *, first: int, most: int) -> tuple[int, str] | None:
    with _planted(BUGS[name]) as place:
        for seed in range(first, first + most):
            complaint = _complaint(place, seed)
            if complaint:
                return seed, complaint
    return None


def _complaint(place: Path, seed: int) -> str:
    """What a seed said about the copy; empty when it saw nothing."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.simulation", "--seeds", "1", "--first", str(seed)],
        cwd=place,
        env={**os.environ, "PYTHONPATH": str(place), "PYTHONHASHSEED": "0"},
        capture_output=True,
        text=True,
        timeout=SEED_S,
        check=False,
    )
    lines = (done.stdout + done.stderr).splitlines()
    told = [line for line in lines if line.startswith(f"seed {seed}: ")]
    if done.returncode and not told:
        raise Gone("\n".join(lines[-20:]))
    return told[0].removeprefix(f"seed {seed}: ") if told else ""


@contextmanager
def _planted(changes: list[Change]) -> Iterator[Path]:
    place = Path(tempfile.mkdtemp(prefix="regulars-planted-"))
    try:
        for room in ROOMS:
            shutil.copytree(
                HOME / room, place / room, ignore=shutil.ignore_patterns("*.pyc", "node_modules")
            )
        for change in changes:
            path = place / change.path
            text = path.read_text(encoding="utf-8")
            if text.count(change.old) != 1:
                raise Gone(f"{change.path} has {text.count(change.old)} times: {change.old!r}")
            path.write_text(text.replace(change.old, change.new), encoding="utf-8")
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
