"""One seeded run: a shop with tills, phones, workers and providers, everything that can break
breaking, and in the end the proof that nothing was lost, doubled or left behind.

Not here: who acts how (people.py), processes (machines.py), what must hold (oracles.py).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from common.actor import SYSTEM
from common.clock import ManualClock, to_micros
from common.ids import IdSource, drawing_from
from delivery.settings import PaceSettings
from ledger.terms import PointsTerms
from loyalty.apple_certificate import install_certificate
from loyalty.enrol import EnrolRequest, enrol
from loyalty.google_account import install_google_account
from loyalty.programmes import add_programme
from loyalty.publish import publish
from loyalty.rewards import add_reward
from signing.apple_certificates import read_pem
from signing.keyring import Keyring
from storage.engine import Database, DatabaseSettings
from storage.migrate import upgrade
from storage.unit_of_work import open_work
from tests.simulation.disk import Disk
from tests.simulation.floor import Floor, Place
from tests.simulation.machines import WebProcess, WorkerProcess
from tests.simulation.nemesis import Nemesis
from tests.simulation.oracles import Oracle
from tests.simulation.people import Owner, Till
from tests.simulation.phones import Android, IPhone, Saved
from tests.simulation.providers import GoogleSide, PushService, account, google_server
from tests.simulation.witness import Witness
from tests.support.builders import CAFE, START, a_context
from tests.support.sandbox import AppleChain, make_apple_chain

MEMBERS: Final = 3
TILLS: Final = 3
IPHONES: Final = 4
STORM_S: Final = 80.0
CHECK_EVERY_S: Final = 40.0
# Longer than any wait that is honoured: pace, back-off, breaker, a due time of a wrong clock.
CALM_MOST_S: Final = 5 * 3600.0
CALM_LOOK_S: Final = 60.0
EPOCH_2025_MS: Final = 1_735_689_600_000

QUICK_PACE: Final = PaceSettings(
    windows=((6.0, 20.0), (10.0, 60.0)), rest_s=180.0, zero_interval_s=300.0, zero_interval_min_s=60
)
NO_PACE: Final = PaceSettings(burst_score=1e9)


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """A furnished database file that every seed copies, and what stands in it."""

    path: Path
    disk: Disk
    keyring: Keyring
    programme_id: int
    reward_id: int
    members: tuple[int, ...]
    topic: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a run was: equal digests are equal runs."""

    seed: int
    digest: str
    steps: int
    movements: int
    pushes: int
    kills: int
    calm_after_s: float


class SimulatedShop:
    """The parts of one run; people and nemesis reach each other through it."""

    def __init__(self, seed: int, template: Template, folder: Path) -> None:
        self.floor = Floor(seed, start=START)
        self.template = template
        self.programme_id, self.reward_id = template.programme_id, template.reward_id
        self.topic = template.topic
        self.members = list(template.members)
        self.is_calm = False
        self.is_resting = False
        self.orders_begun = 0
        self.answers_lost = 0.0
        self.kills = self.births = 0
        self._killed_s: list[float] = []
        self._thawed_s = -1e9
        template.disk.hold(template.path)
        pace = self.floor.chance.choice([NO_PACE, QUICK_PACE])
        self.is_paced = pace is QUICK_PACE
        self.google = GoogleSide(folder / "google", floor=self.floor, pace=pace)
        self.push_service = PushService(self.floor, start=START)
        self.oracle = Oracle(self)
        self.phones: list[IPhone] = []
        self.witness = Witness(self)
        self.push_service.accepted = self.witness.accepted
        self.saved = Saved()
        self._closing: list[WebProcess] = []
        self.web: WebProcess | None = self.new_web()
        self.workers = [self.new_worker(f"worker-{n}") for n in (1, 2)]
        self.tills = [Till(f"till-{n}", self) for n in range(1, TILLS + 1)]
        self.phones = [IPhone(f"iphone-{n}", self) for n in range(1, IPHONES + 1)]
        self.androids = [Android(f"android-{n}", self, self.saved) for n in (1, 2)]
        self.nemesis = Nemesis(self)

    def new_web(self) -> WebProcess:
        web = WebProcess(
            "web",
            self.template.disk,
            floor=self.floor,
            keyring=self.template.keyring,
            google=self.google,
            witness=self.witness,
        )
        self._closing.append(web)
        return web

    def new_worker(self, name: str) -> WorkerProcess:
        self.births += 1
        return WorkerProcess(
            name,
            self.template.disk,
            floor=self.floor,
            keyring=self.template.keyring,
            settings=self.google.settings,
            push_service=self.push_service,
            witness=self.witness,
        )

    # --- what excuses whom -----------------------------------------------------------------------

    def note_kill(self, worker: WorkerProcess) -> None:
        """A worker is gone, and with it what it knew."""
        self.kills += 1
        self._killed_s.append(self.floor.now_s)

    def kills_lately(self, seconds: float) -> int:
        return sum(1 for at_s in self._killed_s if at_s > self.floor.now_s - seconds)

    def note_freeze(self, place: Place) -> None:
        """From its waking on, what it does may be late."""
        self._thawed_s = max(self._thawed_s, place.frozen_until_s)

    def froze_lately(self, seconds: float) -> bool:
        return self._thawed_s > self.floor.now_s - seconds

    def is_late_at_google(self, delivery_id: int) -> bool:
        """Whether a worker has a request about this row on its way."""
        return any(worker.holds_at_google(delivery_id) for worker in self.workers)

    def pass_ids(self) -> list[int]:
        """Every card there is, void ones too."""
        return self.oracle.pass_ids()

    def begin(self) -> None:
        floor = self.floor
        floor.watch = self.witness.look
        for worker in self.workers:
            worker.start()
        for person in [*self.tills, *self.phones, *self.androids, Owner("owner", self)]:
            floor.spawn(person.name, person.place, person.work)
        floor.spawn("nemesis", self.nemesis.place, self.nemesis.work)

    def storm(self) -> None:
        """Everything goes on at once, and now and then all is quiet and must be right."""
        for _check in range(int(STORM_S / CHECK_EVERY_S) - 1):
            self.floor.run(CHECK_EVERY_S)
            self.oracle.check_books()
            self._rest()
        self.floor.run(CHECK_EVERY_S)
        self.oracle.check_books()

    def _rest(self) -> None:
        """A quiet hour in the middle."""
        self.is_resting = True
        self.nemesis.rest()
        for phone in self.phones:
            phone.calm_down()
        self._until_right()
        self.oracle.check_everything()
        self.is_resting = False

    def calm(self) -> float:
        """Nothing breaks any more: returns how many seconds it took until all was right."""
        self.is_calm = True
        self.nemesis.make_peace()
        for phone in self.phones:
            phone.calm_down()
        return self._until_right()

    def _until_right(self) -> float:
        begun_s = self.floor.now_s
        while self.floor.now_s - begun_s < CALM_MOST_S:
            self.floor.run(CALM_LOOK_S)
            while self.floor.writer is not None:
                self.floor.run(0.1)
            if not self.oracle.behind():
                return self.floor.now_s - begun_s
        raise AssertionError(f"still not right after {CALM_MOST_S} s: {self.oracle.behind()}")

    def close(self) -> None:
        self.floor.end()
        for process in self._closing:
            process.close()
        self.oracle.close()
        self.witness.close()
        self.google.close()


def simulate(seed: int, template: Template, folder: Path) -> Report:
    """Run one seed in a fresh folder; an AssertionError tells what did not hold."""
    chance_of_ids = Floor(seed, start=START).chance
    with _shop(seed, template, folder) as shop:
        floor = shop.floor
        source = IdSource(
            now_ms=lambda: int((to_micros(START) / 1e3) + floor.now_s * 1e3) - EPOCH_2025_MS,
            draw=chance_of_ids.randrange,
        )
        with drawing_from(source):
            try:
                shop.begin()
                shop.storm()
                calm_after_s = shop.calm()
                shop.oracle.check_everything()
            except (AssertionError, Exception) as error:
                raise AssertionError(_story(seed, shop, error)) from error
            finally:
                floor.end()
        return Report(
            seed=seed,
            digest=floor.digest,
            steps=floor.steps,
            movements=sum(len(till.answered) for till in shop.tills),
            pushes=shop.push_service.sent,
            kills=shop.kills,
            calm_after_s=calm_after_s,
        )


@contextmanager
def _shop(seed: int, template: Template, folder: Path) -> Iterator[SimulatedShop]:
    shop = SimulatedShop(seed, template, folder)
    try:
        yield shop
    finally:
        shop.close()


def _story(seed: int, shop: SimulatedShop, error: BaseException) -> str:
    lines = "\n".join(list(shop.floor.lines)[-60:])
    return f"seed {seed}: {type(error).__name__}: {error}\nthe last steps were\n{lines}"


@cache
def chain() -> AppleChain:
    return make_apple_chain(now=START, days=3650)


def make_template(folder: Path) -> Template:
    """A shop that is open: certificate, Google account, published card, members."""
    source = IdSource(
        now_ms=lambda: to_micros(START) // 1000 - EPOCH_2025_MS - 1000,
        draw=Floor(0, start=START).chance.randrange,
    )
    with drawing_from(source):
        return _make_template(folder)


def _make_template(folder: Path) -> Template:
    path = folder / "template.db"
    # Known to everybody: card tokens and serial numbers come from it, and a seed must repeat them.
    keyring = Keyring(master={1: b"m" * 32}, derivation={1: b"d" * 32})
    database = Database(DatabaseSettings(url=f"sqlite:///{path}"))
    clock = ManualClock(START)
    ctx = a_context(database, clock, keyring)
    upgrade(database)
    with open_work(database, None, clock=clock) as work:
        work.merchants.add(CAFE)
        work.commit()
    made = chain()
    material = read_pem(made.certificate_pem + made.intermediate_pem, made.key_pem, None)
    install_certificate(ctx, CAFE.id, material, actor=SYSTEM, sandbox_root=made.root_pem)
    token_uri = f"{google_server().url}/token"
    install_google_account(
        ctx,
        CAFE.id,
        json.dumps(account().key_file(token_uri)).encode(),
        issuer_id=account().issuer_id,
        actor=SYSTEM,
        sandbox_token_uri=token_uri,
    )
    terms = PointsTerms(version=1, currency="EUR", spend_minor=100, points=1)
    programme_id = add_programme(ctx, CAFE.id, slug="club", name="Club", terms=terms, actor=SYSTEM)
    reward_id = add_reward(
        ctx, CAFE.id, programme_id, slug="coffee", name="Coffee", cost=10, actor=SYSTEM
    )
    publish(ctx, CAFE.id, programme_id, actor=SYSTEM)
    members = tuple(
        enrol(
            ctx,
            CAFE.id,
            EnrolRequest(programme_id=programme_id, name=f"M {n}", actor=SYSTEM, source="command"),
        ).member_id
        for n in range(MEMBERS)
    )
    database.close()
    return Template(
        path=path,
        disk=Disk(folder / "shop.db"),
        keyring=keyring,
        programme_id=programme_id,
        reward_id=reward_id,
        members=members,
        topic=made.pass_type_identifier,
    )
