"""What breaks: processes die or freeze, the clock jumps, providers and the disk have bad days."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.simulation.floor import Place

if TYPE_CHECKING:
    from tests.simulation.shop import SimulatedShop

DRAIN_S = 10.0
JUMPS_S = (-7200.0, -90.0, -3.0, 2.0, 61.0, 3600.0, 2 * 86400.0)


class Nemesis:
    """Draws one misfortune after the other until peace is made."""

    def __init__(self, shop: SimulatedShop) -> None:
        self._shop = shop
        self._floor = shop.floor
        self.place = Place(name="nemesis")
        self._is_over = False

    def work(self) -> None:
        deeds = [
            self._kill_web,
            self._kill_a_worker,
            self._kill_a_worker,
            self._drain_a_worker,
            self._freeze,
            self._freeze,
            self._jump,
            self._push_weather,
            self._push_weather,
            self._google_weather,
            self._google_weather,
            self._disk_weather,
            self._network_weather,
        ]
        while not self._is_over:
            self._floor.pause(self.place, seconds=self._floor.chance.uniform(1, 30))
            if not self._is_over and not self._shop.is_resting:
                self._floor.chance.choice(deeds)()

    def rest(self) -> None:
        """Break nothing for a while; what is broken is whole again."""
        self._mend()

    def make_peace(self) -> None:
        """From now on nothing breaks; what is broken is whole again."""
        self._is_over = True
        self._mend()

    def _mend(self) -> None:
        self._shop.push_service.weather = "fair"
        self._shop.answers_lost = 0.0
        self._shop.google.heal()
        for process in [self._shop.web, *self._shop.workers]:
            if process is not None:
                # Who is frozen wakes in its own time: late is what it is to be.
                process.database.refuses = 0.0
        if self._shop.web is None:
            self._shop.web = self._shop.new_web()

    def _kill_web(self) -> None:
        web = self._shop.web
        if web is None:
            return
        self._floor.note("the web process is killed")
        self._shop.kills += 1
        web.place.is_dead = True
        self._shop.web = None
        self._floor.pause(self.place, seconds=self._floor.chance.uniform(0, 10))
        if self._shop.web is None:
            self._shop.web = self._shop.new_web()

    def _kill_a_worker(self) -> None:
        place = self._floor.chance.randrange(len(self._shop.workers))
        worker = self._shop.workers[place]
        self._floor.note(f"{worker.place.name} is killed")
        self._shop.note_kill(worker)
        worker.place.is_dead = True
        self._floor.pause(self.place, seconds=self._floor.chance.uniform(0, 30))
        self._begin_worker(place)

    def _drain_a_worker(self) -> None:
        """SIGTERM: it gives back what it holds, and another begins."""
        place = self._floor.chance.randrange(len(self._shop.workers))
        worker = self._shop.workers[place]
        self._floor.note(f"{worker.place.name} is told to stop")
        worker.stop.set()
        self._floor.wait_until(self.place, "", lambda: not worker.lanes_running, most_s=DRAIN_S)
        self._shop.note_kill(worker)
        worker.place.is_dead = True
        self._begin_worker(place)

    def _begin_worker(self, place: int) -> None:
        fresh = self._shop.new_worker(f"worker-{place + 1}.{self._shop.births}")
        self._shop.workers[place] = fresh
        fresh.start()

    def _freeze(self) -> None:
        process = self._floor.chance.choice([self._shop.web, *self._shop.workers])
        if process is not None:
            seconds = self._floor.chance.choice([3, 70, 200])
            self._floor.note(f"{process.place.name} freezes for {seconds} s")
            process.place.frozen_until_s = self._floor.now_s + seconds
            self._shop.note_freeze(process.place)

    def _jump(self) -> None:
        if self._floor.ahead_s and self._floor.chance.random() < 0.6:
            self._floor.jump(-self._floor.ahead_s)
        else:
            self._floor.jump(self._floor.chance.choice(JUMPS_S))

    def _push_weather(self) -> None:
        service = self._shop.push_service
        service.weather = self._floor.chance.choice(["fair", "flaky", "flaky", "down", "refused"])
        self._floor.note(f"Apple: {service.weather}")

    def _google_weather(self) -> None:
        self._shop.google.worsen()

    def _disk_weather(self) -> None:
        refuses = self._floor.chance.choice([0.0, 0.0, 0.1, 0.3])
        for process in [self._shop.web, *self._shop.workers]:
            if process is not None:
                process.database.refuses = refuses
        self._floor.note(f"the disk refuses {refuses}")

    def _network_weather(self) -> None:
        self._shop.answers_lost = self._floor.chance.choice([0.0, 0.05, 0.3])
        self._floor.note(f"answers lost {self._shop.answers_lost}")
