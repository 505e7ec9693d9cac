"""The simulated machine's processes: a web process and workers, made of the product's own parts.

Their database (disk.py) and their providers give the turn away; a process dies where it waits.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Final

from flask import Flask

from delivery.apns import Push
from delivery.apple_lane import AppleLane
from delivery.desk import Desk
from delivery.flow import FlowingLane, run_lane
from delivery.google_client import GoogleClient
from delivery.google_lane import GoogleLane
from delivery.messages import step_messages
from delivery.night import reconcile, remind_next
from delivery.outcomes import Answer
from delivery.settings import DeliverySettings
from delivery.slices import move_slice
from loyalty.context import Loyalty, LoyaltySettings
from signing.keyring import Keyring
from storage.claims import Claim
from storage.deliveries import Channel
from storage.engine import Database
from storage.reminders import START
from tests.simulation.disk import Disk
from tests.simulation.floor import Floor, Place, SimulatedClock
from tests.simulation.providers import GoogleSide, PushService
from tests.simulation.witness import Witness
from web.app import WebSettings, create_app
from web.services import EXTENSION

POLL_S: Final = 15.0
IDLE_S: Final = 4.0
HOUSE_EVERY_S: Final = 8.0
NIGHT_EVERY_S: Final = 40.0
STUMBLES: Final = 0.06
_BUSY_S: Final = 0.5


class SlowGoogle:
    """The port to Google; the process may die before and after each request."""

    def __init__(
        self, client: GoogleClient, *, floor: Floor, place: Place, witness: Witness
    ) -> None:
        self._client, self._floor, self._place = client, floor, place
        self._witness = witness

    def upsert(self, **request: Any) -> None:
        self._floor.pause(self._place, "asks Google")
        with self._witness.asks_google(str(request["object_document"]["id"])):
            self._client.upsert(**request | {"timeout_s": 5.0})
            self._floor.pause(self._place, "asked Google")

    def rehearse(self, **request: Any) -> str:
        return self._client.rehearse(**request | {"timeout_s": 5.0})

    def check(self, **request: Any) -> None:
        self._client.check(**request | {"timeout_s": 5.0})


class WebProcess:
    """The web application and its use cases; requests run in the thread of whoever asks."""

    def __init__(
        self,
        name: str,
        disk: Disk,
        *,
        floor: Floor,
        keyring: Keyring,
        google: GoogleSide,
        witness: Witness,
    ) -> None:
        self.place = Place(name=name)
        self.database = disk.open(floor=floor, place=self.place)
        clock = SimulatedClock(floor)
        client = GoogleClient(google.settings, database=self.database, keyring=keyring, clock=clock)
        self._client = client
        self.ctx = Loyalty(
            database=self.database,
            clock=clock,
            keyring=keyring,
            settings=LoyaltySettings(
                public_url=google.settings.public_url,
                google_save_url="http://127.0.0.1:1/save",
                sandbox=True,
                allowed_token_uri=google.settings.allowed_token_uri,
                google_save_timeout_s=0.2,
            ),
            google=SlowGoogle(client, floor=floor, place=self.place, witness=witness),
        )
        self.app = _app(self.ctx)

    def close(self) -> None:
        self._client.close()


@cache
def _application(public_url: str) -> Flask:
    return create_app(None, WebSettings(public_url=public_url, secret_key="of a simulation"))  # type: ignore[arg-type]


def _app(ctx: Loyalty) -> Flask:
    """The application over `ctx`; its routes are made once, for that takes long."""
    app = _application(ctx.settings.public_url)
    made = app.extensions[EXTENSION]
    app.extensions[EXTENSION] = replace(made, loyalty=ctx)
    return app


class Stop(threading.Event):
    """A worker's stop; who waits for it gives the turn away."""

    def __init__(self, floor: Floor, place: Place) -> None:
        super().__init__()
        self._floor, self._place = floor, place

    def wait(self, timeout: float | None = None) -> bool:
        self._floor.wait_until(self._place, "", self.is_set, most_s=timeout or 0.0)
        return self.is_set()


class Hearing:
    """Wake-ups: somebody committed. An idle lane is slow to look, as on a busy machine."""

    def __init__(self, floor: Floor, place: Place, stop: Stop) -> None:
        self._floor, self._place, self._stop = floor, place, stop
        self._seen = floor.commits

    def wait(self, timeout_s: float) -> bool:
        floor = self._floor
        heard = floor.wait_until(
            self._place,
            "",
            lambda: floor.commits != self._seen or self._stop.is_set(),
            most_s=POLL_S,
        )
        floor.pause(self._place, seconds=floor.chance.random() * IDLE_S)
        self._seen = floor.commits
        return heard


@dataclass(slots=True, eq=False)
class _OnItsWay:
    push: Push
    arrives_s: float
    answer: Answer | None = None
    answers_s: float = 0.0


class Pushes:
    """Pushes on their way: each arrives, and is answered, in its own time."""

    def __init__(self, service: PushService, *, floor: Floor, place: Place) -> None:
        self._service, self._floor, self._place = service, floor, place
        self._going: list[_OnItsWay] = []

    def begin(self, pushes: Sequence[Push]) -> None:
        if not pushes:
            return
        self._floor.pause(self._place, f"pushes {len(pushes)}")
        for push in pushes:
            late_s = self._floor.chance.choice([0.0, self._floor.chance.random()])
            self._going.append(_OnItsWay(push, self._floor.now_s + late_s))
        self._arrive()

    def collect(self, wait_s: float) -> list[tuple[Push, Answer]]:
        floor, seen = self._floor, self._floor.commits
        if wait_s and self._going:
            next_s = min(max(one.arrives_s, one.answers_s) for one in self._going)
            floor.wait_until(
                self._place,
                "",
                lambda: floor.now_s >= next_s or floor.commits != seen,
                most_s=max(0.0, next_s - floor.now_s),
            )
        self._arrive()
        ended = [
            one for one in self._going if one.answer is not None and one.answers_s <= floor.now_s
        ]
        self._going = [one for one in self._going if one not in ended]
        if ended:
            floor.pause(self._place, f"pushed {len(ended)}")
        return [(one.push, one.answer) for one in ended if one.answer is not None]

    def close(self) -> None: ...

    def _arrive(self) -> None:
        for one in self._going:
            if one.answer is None and one.arrives_s <= self._floor.now_s:
                taken = self._service.take(one.push)
                one.answer = taken.answer
                one.answers_s = self._floor.now_s + taken.slow_s + self._floor.chance.random() / 5


class Hands:
    """Instead of a lane's threads: actors that take one job after the other."""

    def __init__(self, name: str, count: int, *, floor: Floor, place: Place) -> None:
        self._floor, self._place = floor, place
        self._jobs: deque[Callable[[], None]] = deque()
        for number in range(count):
            floor.spawn(f"{name}-{number}", place, self._work)

    def add(self, _owner: int, job: Callable[[], None]) -> None:
        self._jobs.append(job)

    def close(self, *, wait_s: float) -> None: ...

    def _work(self) -> None:
        while True:
            self._floor.wait_until(self._place, "", lambda: bool(self._jobs), most_s=1e9)
            if not self._jobs:
                continue
            try:
                self._jobs.popleft()()
            except Exception as error:  # as the product's threads do: told, and no more
                self._floor.note(f"a job failed: {type(error).__name__}")


class WatchedGoogle:
    """Google's client of a worker, which may die or freeze around each request."""

    def __init__(
        self, client: GoogleClient, *, floor: Floor, place: Place, witness: Witness
    ) -> None:
        self._client, self._floor, self._place = client, floor, place
        self._witness = witness

    def put_object(self, account_id: int, **request: Any) -> Answer:
        if self._floor.chance.random() < STUMBLES:
            # The worst moment: the letter is written, its lease runs out, and then it leaves.
            self._witness.stumble(self._place)
        self._floor.pause(self._place, "asks Google")
        with self._witness.asks_google(str(request["insert"]["id"])):
            answer = self._client.put_object(account_id, **request)
            self._floor.pause(self._place, f"Google: {answer.outcome}")
        return answer

    def put_class(self, account_id: int, **request: Any) -> Answer:
        self._floor.pause(self._place)
        return self._client.put_class(account_id, **request)

    def patch_objects(self, account_id: int, patches: Any, *, timeout_s: float) -> Any:
        self._floor.pause(self._place, "asks Google for many")
        return self._client.patch_objects(account_id, patches, timeout_s=timeout_s)

    def close(self) -> None:
        self._client.close()


class SimulatedGoogleLane(GoogleLane):
    """The product's lane, with actors for threads."""

    def __init__(self, desk: Desk, *, floor: Floor, place: Place, witness: Witness) -> None:
        super().__init__(desk)
        self._threads.close(wait_s=0.0)
        self._threads = Hands(f"{place.name}-asks", 2, floor=floor, place=place)  # type: ignore[assignment]
        self._client = WatchedGoogle(  # type: ignore[assignment]
            self._client, floor=floor, place=place, witness=witness
        )
        self._floor, self._place = floor, place

    def claims(self) -> list[Claim]:
        """What is in its hands."""
        going = [letter for job in self._on_the_way.values() for letter in job.letters]
        done = [letter for letters in self._answered.values() for letter in letters]
        return [letter.claim for letter in (*going, *done)]

    def _take_ended(self, wait_s: float) -> Any:
        floor, seen = self._floor, self._floor.commits
        if wait_s:
            floor.wait_until(
                self._place,
                "",
                lambda: not self._ended.empty() or floor.commits != seen,
                most_s=_BUSY_S,
            )
        return super()._take_ended(0.0)


class WorkerProcess:
    """A worker: the product's own loop over its lanes, its housework and its night."""

    def __init__(
        self,
        name: str,
        disk: Disk,
        *,
        floor: Floor,
        keyring: Keyring,
        settings: DeliverySettings,
        push_service: PushService,
        witness: Witness,
    ) -> None:
        self.place = Place(name=name)
        self._floor = floor
        self._service = push_service
        self._witness = witness
        self.database = disk.open(floor=floor, place=self.place)
        self.google_lane: SimulatedGoogleLane | None = None
        self.lanes_running = 0
        self.frozen_at_s = -1e9
        self.stop = Stop(floor, self.place)
        self.desk = Desk(
            settings=replace(settings, worker_name=name),
            database=self.database,
            clock=SimulatedClock(floor),
            keyring=keyring,
            stop=self.stop,
            draw=floor.chance.random,
        )

    def start(self) -> None:
        name, place = self.place.name, self.place
        self._floor.spawn(f"{name}-apple", place, lambda: self._run(self._apple, [Channel.APPLE]))
        google = [Channel.GOOGLE_OBJECT, Channel.GOOGLE_CLASS]
        self._floor.spawn(f"{name}-google", place, lambda: self._run(self._google, google))
        self._floor.spawn(f"{name}-house", place, self._keep_house)
        self.lanes_running = 2

    def holds_at_google(self, delivery_id: int) -> bool:
        """Whether a request about this row may be on its way."""
        lane = self.google_lane
        return lane is not None and any(one.id == delivery_id for one in lane.claims())

    def _apple(self, desk: Desk) -> AppleLane:
        pushes = Pushes(self._service, floor=self._floor, place=self.place)
        lane = AppleLane(desk)
        lane.close()
        lane._pusher = pushes
        return lane

    def _google(self, desk: Desk) -> GoogleLane:
        self.google_lane = SimulatedGoogleLane(
            desk, floor=self._floor, place=self.place, witness=self._witness
        )
        return self.google_lane

    def _run(self, make_lane: Callable[[Desk], FlowingLane], channels: Sequence[Channel]) -> None:
        run_lane(self.desk, make_lane, channels, hear=self._hear)
        self.lanes_running -= 1

    def _hear(
        self, database: Database, *, stop: threading.Event
    ) -> AbstractContextManager[Hearing]:
        assert database is self.database
        assert stop is self.stop

        @contextmanager
        def opened() -> Iterator[Hearing]:
            yield Hearing(self._floor, self.place, self.stop)

        return opened()

    def _keep_house(self) -> None:
        place, next_night_s = START, self._floor.chance.random() * NIGHT_EVERY_S
        while not self.stop.is_set():
            try:
                step_messages(self.desk)
                move_slice(self.desk)
                _reminded, place = remind_next(self.desk, place)
                if self._floor.now_s > next_night_s:
                    next_night_s = self._floor.now_s + NIGHT_EVERY_S
                    self._look_at_night()
            except Exception as error:  # the loop's edge
                self._floor.note(f"the house failed: {type(error).__name__}")
            self._floor.pause(self.place, seconds=HOUSE_EVERY_S)

    def _look_at_night(self) -> None:
        """In the middle of everything there must be no difference to find."""
        found = reconcile(self.desk)
        if found.difference:
            self._floor.fail(f"P1: the night found {found}")
