"""How large an installation must be: `python -m bench.load_model --cards 100000`, or `--table`.

A model, not a measurement: it multiplies what was measured on one small machine (COSTS, each with
where it comes from) by what a shop's customers do (the options). Rates of web and worker grow with
their processes; the one thing that does not is the database's commits, so that is where the model
says when one server ends. Not done here: measuring (the rest of this folder).
"""

from __future__ import annotations

import argparse
import json
import math
from dataclasses import asdict, dataclass
from typing import Any, Final

DAYS_A_MONTH: Final = 30.4
# A core that is asked for more than this makes the next one wait.
BUSY_MAX: Final = 0.6
GIB: Final = 1024**3


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """What one thing costs; CPU in ms of one core of a 2-core cloud machine that was busy."""

    # Scan, amount, answer: four pages of the till over PostgreSQL, with the client's own work.
    scan_cpu_ms: float = 67.0
    # A phone asks what changed and fetches: bench fetches, "304" and "changed pass".
    asked_cpu_ms: float = 3.4
    fetch_cpu_ms: float = 19.1
    # Claim, face, stamp, push, settle: one worker over 1000 due cards, without the network.
    push_cpu_ms: float = 2.5
    # bench google: one PATCH, and one card of a batch.
    patch_cpu_ms: float = 2.8
    batch_cpu_ms: float = 0.32
    # Google's quota of one account; bench google measured 20.2.
    google_per_s: float = 20.0
    # 100 000 earns moved to PostgreSQL 18: operation, sale, lot, transfer with their indexes.
    operation_bytes: int = 1240
    # Member, account, card, phone, registration, two targets, tokens.
    card_bytes: int = 2600
    # Earn, claim, stamp, settle, hand out: transactions of one visit that reaches a phone.
    commits_per_visit: float = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Crowd:
    """What customers do."""

    cards: int
    merchants: int = 1
    visits_per_month: float = 2.0
    # Of a day's visits in its busiest hour, and how much its busiest minute stands out.
    busiest_hour: float = 0.15
    busiest_minute: float = 2.0
    apple: float = 0.55
    years: float = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Machines:
    """What they have and what a database takes."""

    cores: int = 4
    threads: int = 8
    worker_connections: int = 8
    # A server with its log on a good disk; this VM's disk gave 250 to one connection.
    commits_per_s: float = 3000.0
    database_gib: float = 2000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """What the busiest minute takes; rates are a second's."""

    cards: int
    scans_per_s: float
    pushes_per_s: float
    google_per_s: float
    commits_per_s: float
    web_cores: float
    worker_cores: float
    web_processes: int
    worker_processes: int
    machines: int
    connections: int
    storage_gib: float
    redesign_apple_min: float
    redesign_google_h: float
    shards: int
    engine: str


def need(crowd: Crowd, machines: Machines, costs: Costs) -> Need:
    """What `crowd` needs in its busiest minute, and after `crowd.years` of storage."""
    scans = _busiest(crowd)
    pushes = scans * crowd.apple
    google = scans * (1 - crowd.apple)
    web_ms = scans * costs.scan_cpu_ms + pushes * (costs.asked_cpu_ms + costs.fetch_cpu_ms)
    worker_ms = pushes * costs.push_cpu_ms + google * costs.patch_cpu_ms
    web_cores, worker_cores = web_ms / 1000 / BUSY_MAX, worker_ms / 1000 / BUSY_MAX
    commits = scans * costs.commits_per_visit
    storage = _storage_gib(crowd, costs)
    small = web_cores + worker_cores <= 1 and crowd.cards <= 100_000
    web = 1 if small else max(2, math.ceil(web_cores))
    worker = 1 if small else max(2, math.ceil(worker_cores))
    return Need(
        cards=crowd.cards,
        scans_per_s=round(scans, 2),
        pushes_per_s=round(pushes, 2),
        google_per_s=round(google, 2),
        commits_per_s=round(commits, 1),
        web_cores=round(web_cores, 2),
        worker_cores=round(worker_cores, 2),
        web_processes=web,
        worker_processes=worker,
        machines=1 if small else max(2, math.ceil((web + worker) / machines.cores)),
        connections=0 if small else web * machines.threads + worker * machines.worker_connections,
        storage_gib=round(storage, 1),
        redesign_apple_min=round(_apple_min(crowd, costs, worker), 1),
        redesign_google_h=round(_google_h(crowd, costs), 1),
        shards=max(
            1,
            math.ceil(commits / (machines.commits_per_s * BUSY_MAX)),
            math.ceil(storage / machines.database_gib),
        ),
        engine="SQLite" if small else "PostgreSQL",
    )


def _busiest(crowd: Crowd) -> float:
    a_day = crowd.cards * crowd.visits_per_month / DAYS_A_MONTH
    return a_day * crowd.busiest_hour / 3600 * crowd.busiest_minute


def _storage_gib(crowd: Crowd, costs: Costs) -> float:
    operations = crowd.cards * crowd.visits_per_month * 12 * crowd.years
    return (operations * costs.operation_bytes + crowd.cards * costs.card_bytes) / GIB


def _apple_min(crowd: Crowd, costs: Costs, workers: int) -> float:
    """Minutes until every iPhone was told of a new design, all workers at it."""
    return crowd.cards * crowd.apple * costs.push_cpu_ms / 1000 / workers / 60


def _google_h(crowd: Crowd, costs: Costs) -> float:
    """Hours until Google has it: each merchant's own account has its own quota."""
    return crowd.cards * (1 - crowd.apple) / crowd.merchants / costs.google_per_s / 3600


SCENES: Final = (
    ("a café", Crowd(cards=1_000)),
    ("ten branches", Crowd(cards=10_000)),
    ("a town's chain", Crowd(cards=100_000)),
    ("a country's chain", Crowd(cards=1_000_000)),
    ("an agency, 2000 shops", Crowd(cards=10_000_000, merchants=2000)),
    ("one brand of ten million", Crowd(cards=10_000_000)),
)


def table() -> str:
    """Every scene, for a page of docs."""
    heads = (
        "who",
        "cards",
        "engine",
        "scans/s",
        "pushes/s",
        "Google/s",
        "commits/s",
        "web",
        "workers",
        "machines",
        "connections",
        "GiB, 5 years",
        "redesign Apple",
        "Google",
        "databases",
    )
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    for name, crowd in SCENES:
        one = need(crowd, Machines(), Costs())
        cells: list[Any] = [name, f"{one.cards:,}".replace(",", " "), one.engine]
        cells += [one.scans_per_s, one.pushes_per_s, one.google_per_s, one.commits_per_s]
        cells += [one.web_processes, one.worker_processes, one.machines, one.connections or "–"]
        cells += [one.storage_gib, f"{one.redesign_apple_min} min", f"{one.redesign_google_h} h"]
        lines.append("| " + " | ".join(str(cell) for cell in [*cells, one.shards]) + " |")
    return "\n".join(lines)


def main() -> None:
    """Print one installation's needs, or the table of docs."""
    parser = argparse.ArgumentParser(prog="python -m bench.load_model", description=__doc__)
    parser.add_argument("--table", action="store_true", help="every scene, as a table")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    for name, default in {**asdict(Crowd(cards=10_000)), **asdict(Machines())}.items():
        option = "--" + name.replace("_", "-")
        parser.add_argument(option, type=type(default), default=default)
    given = vars(parser.parse_args())
    if given["table"]:
        print(table())
        return
    crowd = Crowd(**{name: given[name] for name in asdict(Crowd(cards=0))})
    machines = Machines(**{name: given[name] for name in asdict(Machines())})
    found = asdict(need(crowd, machines, Costs()))
    if given["json"]:
        print(json.dumps(found))
        return
    for name, value in found.items():
        print(f"{name.replace('_', ' '):20} {value}")


if __name__ == "__main__":
    main()
