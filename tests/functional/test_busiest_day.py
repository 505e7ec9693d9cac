"""The busiest day of a busy shop, hour by hour on a simulated clock, with the phones' own limiter.

Tills, ledger, worker, web service and signing are the product's; time is ours, and the phones keep
the sandbox's score, which was written apart from the server's. A phone that counts us as pushy
would hold its question back; on this day none ever does.
"""

from __future__ import annotations

import heapq
import json
import random
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from io import BytesIO

import pytest
from sqlalchemy import func, select

from common.actor import SYSTEM
from common.clock import ManualClock
from common.errors import InsufficientBalance, LimitReached
from common.ids import new_id
from delivery.apns import Push
from delivery.apple_lane import AppleLane
from delivery.desk import Desk
from delivery.outcomes import Answer, Outcome
from delivery.settings import DeliverySettings
from delivery.worker import turn
from loyalty.apple_certificate import install_certificate
from loyalty.balance import card_state
from loyalty.context import Loyalty
from loyalty.devices import authenticate, changed_serials, register
from loyalty.earn import EarnRequest, earn
from loyalty.read_pass import apple_pass
from loyalty.redeem import RedeemRequest, redeem
from loyalty.reverse import ReverseRequest, reverse
from sandbox.push_score import DEFAULT_THRESHOLDS, PushScore
from signing.apple_certificates import read_pem
from signing.keyring import Keyring
from signing.sandbox_chain import SANDBOX_PASS_TYPE, make_sandbox_apple
from signing.tokens import apple_authentication_token
from storage import tables
from storage.deliveries import Channel
from storage.engine import Database, DatabaseSettings
from storage.unit_of_work import open_work
from tests.support.builders import CAFE, START, a_context
from tests.support.database import SqliteTemplates
from tests.support.house import House, a_house

MEMBERS = 90
HOURS = 14
VISITS = 600
SLACK = timedelta(seconds=1)
# Past its last threshold a phone asks once an hour, and then offers to switch the card off.
PUNISHED = DEFAULT_THRESHOLDS[-1][0]


@dataclass(kw_only=True)
class Pocket:
    """A phone: its cards, its score of us, and what each card shows."""

    library: str
    token: str
    cards: dict[str, int]  # serial number -> pass id
    score: PushScore = field(default_factory=PushScore)
    tag: str | None = None
    shown: dict[int, int] = field(default_factory=dict)
    pushes: int = 0


@dataclass(kw_only=True)
class Card:
    member_id: int
    pass_id: int
    serial_number: str
    owner: Pocket | None = None
    changed_at: datetime | None = None
    promised: datetime | None = None
    scans: int = 0
    waits: list[timedelta] = field(default_factory=list)


class Street:
    """Every phone in town; it takes pushes in place of Apple's servers."""

    def __init__(self, day: Day) -> None:
        self.day = day
        self.pockets: dict[str, Pocket] = {}
        self.held: list[str] = []
        self.worst = 0.0

    def send(self, pushes: Sequence[Push], *, stop: object) -> list[Answer]:
        for push in pushes:
            pocket = self.pockets[push.push_token]
            now_s = self.day.clock.now().timestamp()
            pocket.pushes += 1
            pocket.score.push(now_s, passes=len(pocket.cards))
            self.worst = max(self.worst, pocket.score.score)
            if pocket.score.may_ask_at(DEFAULT_THRESHOLDS) > now_s:
                self.held.append(pocket.library)
            self.day.asking.append(pocket)
        return [Answer(outcome=Outcome.DELIVERED) for _push in pushes]

    def close(self) -> None: ...


class Day:
    """The shop from opening to closing."""

    def __init__(self, ctx: Loyalty, clock: ManualClock) -> None:
        self.ctx, self.clock = ctx, clock
        self.chance = random.Random(20261122)
        self.asking: list[Pocket] = []
        self.street = Street(self)
        self.house: House = a_house(ctx, clock)
        apple = make_sandbox_apple(START)
        material = read_pem(apple.certificate_pem + apple.intermediate_pem, apple.key_pem, None)
        install_certificate(ctx, CAFE.id, material, actor=SYSTEM, sandbox_root=apple.root_pem)
        self.desk = Desk(
            settings=DeliverySettings(public_url=ctx.settings.public_url),
            database=ctx.database,
            clock=clock,
            keyring=ctx.keyring,
            draw=lambda: 0.5,
        )
        self.lane = AppleLane(self.desk, self.street)
        with open_work(ctx.database, CAFE.id, clock=clock, writing=False) as work:
            self.reward_id = work.programmes.rewards(self.house.programme_id)[0].id
        self.cards = [self._join(n) for n in range(MEMBERS)]
        self.by_pass = {card.pass_id: card for card in self.cards}
        self._pocket_them()
        self.events = self.late = self.refused = 0

    # --- before opening --------------------------------------------------------------------------

    def _join(self, number: int) -> Card:
        member = self.house.enrol(name=f"Member {number}")
        with open_work(self.ctx.database, CAFE.id, clock=self.clock, writing=False) as work:
            card = work.passes.current_of_member(member.member_id)
        return Card(member_id=member.member_id, pass_id=card.id, serial_number=card.serial_number)

    def _pocket_them(self) -> None:
        """Most phones hold one card; some families and one collector hold several."""
        rest = list(self.cards)
        for size in [8, 4, 4, 3, 3, 2, 2, 2] + [1] * MEMBERS:
            mine, rest = rest[:size], rest[size:]
            if not mine:
                return
            number = len(self.street.pockets)
            pocket = Pocket(
                library=f"phone-{number}",
                token=f"token-{number}",
                cards={card.serial_number: card.pass_id for card in mine},
            )
            self.street.pockets[pocket.token] = pocket
            for card in mine:
                card.owner = pocket
                known = authenticate(
                    self.ctx,
                    SANDBOX_PASS_TYPE,
                    card.serial_number,
                    token=apple_authentication_token(
                        self.ctx.keyring, serial_number=card.serial_number
                    ),
                )
                register(
                    self.ctx, known, library_identifier=pocket.library, push_token=pocket.token
                )
            self.ask(pocket)

    # --- the day ---------------------------------------------------------------------------------

    def plan(self) -> Iterator[tuple[float, int, str]]:
        """(second, card, what): visits with their scans, most of them around noon."""
        for _visit in range(VISITS):
            second = self.chance.triangular(0, HOURS * 3600, HOURS * 1400)
            # Some come again and again: the runner who fetches for the whole office.
            number = min(int(self.chance.expovariate(1 / 25)), MEMBERS - 1)
            done = self.chance.choices(
                ["earn", "earn redeem", "earn undo earn", "earn redeem undo"], [70, 15, 10, 5]
            )[0]
            for what in done.split():
                yield second, number, what
                second += self.chance.uniform(4, 40)

    def run(self) -> None:
        queue = list(self.plan())
        heapq.heapify(queue)
        opening = self.clock.now()
        while queue:
            second, number, what = heapq.heappop(queue)
            self.until(opening + timedelta(seconds=second))
            self.till(self.cards[number], what)
            self.work()
            self.settle(self.cards[number])
            self.promise(self.cards[number])
        self.until(self.clock.now() + timedelta(hours=3))

    def until(self, moment: datetime) -> None:
        """Let the time pass, with the worker waking whenever a row is due."""
        while (due := self.next_due()) is not None and due < moment:
            self.move_to(due)
            self.work()
        self.move_to(moment)

    def move_to(self, moment: datetime) -> None:
        self.clock.advance(seconds=max(0.0, (moment - self.clock.now()).total_seconds()))

    def next_due(self) -> datetime | None:
        table = tables.delivery
        with open_work(self.ctx.database, None, clock=self.clock, writing=False) as work:
            found: datetime | None = work.scope.execute(
                select(func.min(table.c.due_at)).where(
                    table.c.wanted_revision > table.c.delivered_revision
                )
            ).scalar_one()
        return found

    def work(self) -> None:
        """The worker until nothing is due, and the phones it woke."""
        while turn(self.desk, self.lane, [Channel.APPLE]):
            pass
        while self.asking:
            self.ask(self.asking.pop())

    def till(self, card: Card, what: str) -> None:
        self.events += 1
        card.scans += 1
        key = f"key-{new_id()}"
        before = self.balance(card)
        match what:
            case "earn":
                amount = self.chance.randrange(250, 1500)
                try:
                    earn(self.ctx, CAFE.id, EarnRequest(
                        member_id=card.member_id, amount_minor=amount, visits=None, actor=SYSTEM,
                        idempotency_key=key))  # fmt: skip
                except LimitReached:
                    self.refused += 1
            case "redeem":
                try:
                    redeem(self.ctx, CAFE.id, RedeemRequest(
                        member_id=card.member_id, reward_id=self.reward_id, actor=SYSTEM,
                        idempotency_key=key))  # fmt: skip
                except InsufficientBalance:
                    self.refused += 1
            case _:
                last = next(
                    (m for m in card_state(self.ctx, CAFE.id, card.member_id).history
                     if m.reversible), None)  # fmt: skip
                if last is not None:
                    reverse(self.ctx, CAFE.id, ReverseRequest(
                        operation_id=last.operation_id, actor=SYSTEM, idempotency_key=key,
                        own_recent_only=False))  # fmt: skip
        if self.balance(card) != before and card.changed_at is None:
            card.changed_at = self.clock.now()

    def settle(self, card: Card) -> None:
        """An undo may bring back what the phone shows: then there is nothing to wait for."""
        assert card.owner is not None
        if card.owner.shown.get(card.pass_id) == self.balance(card):
            card.changed_at = card.promised = None

    def promise(self, card: Card) -> None:
        """What the card's page says about its next update, kept until it came."""
        if card.changed_at is None or card.promised is not None:
            return
        with open_work(self.ctx.database, CAFE.id, clock=self.clock, writing=False) as work:
            told = work.deliveries.next_update(card.pass_id)
        card.promised = told.due_at if told else self.clock.now()

    # --- phones ----------------------------------------------------------------------------------

    def ask(self, pocket: Pocket) -> None:
        pocket.score.last_asked_s = self.clock.now().timestamp()
        told = changed_serials(
            self.ctx, SANDBOX_PASS_TYPE, library_identifier=pocket.library, tag=pocket.tag
        )
        if told is None:
            return
        pocket.tag = told.tag
        for serial in told.serial_numbers:
            self.fetch(pocket, pocket.cards[serial])

    def fetch(self, pocket: Pocket, pass_id: int) -> None:
        signed = apple_pass(self.ctx, CAFE.id, pass_id)
        with zipfile.ZipFile(BytesIO(signed.data)) as bundle:
            document = json.loads(bundle.read("pass.json"))
        (points,) = (
            part for part in document["storeCard"]["headerFields"] if isinstance(part["value"], int)
        )
        pocket.shown[pass_id] = points["value"]
        self.arrived(self.by_pass[pass_id], points["value"])

    def arrived(self, card: Card, value: int) -> None:
        if card.changed_at is None or value != self.balance(card):
            return
        card.waits.append(self.clock.now() - card.changed_at)
        if card.promised is not None and self.clock.now() > card.promised + SLACK:
            self.late += 1
        card.changed_at = card.promised = None

    def summary(self) -> str:
        pushes = sum(pocket.pushes for pocket in self.street.pockets.values())
        waits = [wait for card in self.cards for wait in card.waits]
        at_once = sum(wait <= SLACK for wait in waits)
        return (
            f"{self.events} scans, {self.refused} refused, {pushes} pushes, worst score "
            f"{self.street.worst:.2f}, {at_once} of {len(waits)} updates at once, the longest "
            f"wait {max(waits)}, {len(self.street.held)} held by phones, {self.late} late"
        )

    def balance(self, card: Card) -> int:
        table = tables.account
        with open_work(self.ctx.database, CAFE.id, clock=self.clock, writing=False) as work:
            return int(
                work.scope.execute(
                    work.scope.select(table, table.c.balance).where(
                        table.c.member_id == card.member_id
                    )
                ).scalar_one()
            )


@pytest.fixture
def day(sqlite_templates: SqliteTemplates, keyring: Keyring) -> Iterator[Day]:
    database = Database(DatabaseSettings(url=sqlite_templates.filled()))
    clock = ManualClock(START)
    yield Day(a_context(database, clock, keyring), clock)
    database.close()


def test_the_busiest_day_never_trips_a_phone_and_ends_with_every_balance_right(day: Day) -> None:
    day.run()

    print(day.summary())  # noqa: T201 - shown by pytest -s
    assert day.events > 750
    assert day.street.held == []
    assert day.street.worst < PUNISHED
    assert day.late == 0
    assert day.next_due() is None
    for card in day.cards:
        assert card.owner is not None
        assert card.owner.shown[card.pass_id] == day.balance(card)
        assert card.changed_at is None
    ordinary = [card for card in day.cards if card.scans <= 3 and len(card.owner.cards) == 1]
    assert len(ordinary) > MEMBERS / 4
    assert all(wait <= SLACK for card in ordinary for wait in card.waits)
