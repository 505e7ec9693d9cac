"""The simulated machine's processes: a web process and workers, made of the product's own parts.

Their database (disk.py) and their providers give the turn away; a process dies where it waits.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from typing import Any, Final

from flask import Flask

from delivery.apns import Push
from delivery.apple_lane import AppleLane
from delivery.desk import Desk
from delivery.google_client import GoogleClient
from delivery.google_lane import GoogleLane
from delivery.outcomes import Answer
from delivery.settings import DeliverySettings
from delivery.slices import move_slice
from delivery.worker import AFTER_FAILURE_S, Lane, turn
from loyalty.context import Loyalty, LoyaltySettings
from signing.keyring import Keyring
from storage.deliveries import Channel
from tests.simulation.disk import Disk
from tests.simulation.floor import Floor, Place, SimulatedClock
from tests.simulation.providers import GoogleSide, PushService
from web.app import WebSettings, create_app
from web.services import EXTENSION

POLL_S: Final = 15.0
IDLE_S: Final = 4.0
HOUSE_EVERY_S: Final = 8.0


class SlowGoogle:
    """The port to Google; the process may die before and after each request."""

    def __init__(self, client: GoogleClient, *, floor: Floor, place: Place) -> None:
        self._client, self._floor, self._place = client, floor, place

    def upsert(self, **request: Any) -> None:
        self._floor.pause(self._place, "asks Google")
        self._client.upsert(**request | {"timeout_s": 5.0})
        self._floor.pause(self._place, "asked Google")

    def rehearse(self, **request: Any) -> str:
        return self._client.rehearse(**request | {"timeout_s": 5.0})

    def check(self, **request: Any) -> None:
        self._client.check(**request | {"timeout_s": 5.0})


class WebProcess:
    """The web application and its use cases; requests run in the thread of whoever asks."""

    def __init__(
        self, name: str, disk: Disk, *, floor: Floor, keyring: Keyring, google: GoogleSide
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
            google=SlowGoogle(client, floor=floor, place=self.place),
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


class Pusher:
    """What a worker pushes with; it may die between the push and what it writes about it."""

    def __init__(self, service: PushService, *, floor: Floor, place: Place) -> None:
        self._service, self._floor, self._place = service, floor, place

    def send(self, pushes: Sequence[Push], *, stop: threading.Event) -> list[Answer]:
        self._floor.pause(self._place, f"pushes {len(pushes)}")
        answers = [self._service.take(push) for push in pushes]
        slow_s = max((answer.slow_s for answer in answers), default=0.0)
        self._floor.pause(self._place, "pushed", seconds=slow_s)
        return [answer.answer for answer in answers]

    def close(self) -> None: ...


class WorkerProcess:
    """A worker: the product's lanes and its slices of mass changes, each in a thread."""

    def __init__(
        self,
        name: str,
        disk: Disk,
        *,
        floor: Floor,
        keyring: Keyring,
        settings: DeliverySettings,
        push_service: PushService,
    ) -> None:
        self.place = Place(name=name)
        self._floor = floor
        self._service = push_service
        self.database = disk.open(floor=floor, place=self.place)
        self.desk = Desk(
            settings=replace(settings, worker_name=name),
            database=self.database,
            clock=SimulatedClock(floor),
            keyring=keyring,
            draw=floor.chance.random,
        )

    def start(self) -> None:
        name, place = self.place.name, self.place
        self._floor.spawn(f"{name}-apple", place, lambda: self._run(self._apple, [Channel.APPLE]))
        google = [Channel.GOOGLE_OBJECT, Channel.GOOGLE_CLASS]
        self._floor.spawn(f"{name}-google", place, lambda: self._run(GoogleLane, google))
        self._floor.spawn(f"{name}-house", place, self._keep_house)

    def _apple(self, desk: Desk) -> AppleLane:
        pusher = Pusher(self._service, floor=self._floor, place=self.place)
        return AppleLane(desk, pusher)

    def _run(self, make_lane: Callable[[Desk], Lane], channels: Sequence[Channel]) -> None:
        lane = make_lane(self.desk)
        try:
            while True:
                self._step(lambda: turn(self.desk, lane, channels), hears=True)
        finally:
            lane.close()

    def _keep_house(self) -> None:
        while True:
            self._step(lambda: move_slice(self.desk), hears=False)
            self._floor.pause(self.place, seconds=HOUSE_EVERY_S)

    def _step(self, work: Callable[[], int], *, hears: bool) -> None:
        """As the product's loops do: what breaks is tried again, an idle one waits for a commit."""
        floor, seen = self._floor, self._floor.commits
        try:
            done = work()
        except Exception as error:  # the loop's edge
            floor.note(f"a lane failed: {type(error).__name__}")
            floor.pause(self.place, seconds=AFTER_FAILURE_S)
            return
        if not done and hears:
            floor.wait_until(self.place, "", lambda: floor.commits != seen, most_s=POLL_S)
        if not done:
            floor.pause(self.place, seconds=floor.chance.random() * IDLE_S)
