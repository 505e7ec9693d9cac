"""Tills and the owner of the simulated shop, and what they remember.

A till sends a key again until it is answered, and keeps what it was told: the oracles hold the
books against it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

from common.actor import SYSTEM
from common.errors import Conflict, LimitReached, NotFound, OperationInFlight, WalletError
from ledger.limits import Limits
from loyalty import mass_changes
from loyalty.context import Loyalty
from loyalty.design import save_words
from loyalty.earn import EarnRequest, earn
from loyalty.lost_card import replace_lost_card
from loyalty.member_profile import ProfileChange, change_profile
from loyalty.messages import NewMessage, send_message, withdraw_message
from loyalty.publish import publish
from loyalty.redeem import RedeemRequest, redeem
from loyalty.results import OperationResult
from loyalty.reverse import ReverseRequest, reverse
from storage.mass_changes import MassChanges, MassState
from storage.segments import Segment, SegmentKind
from storage.unit_of_work import open_work
from tests.simulation.floor import Floor, Killed, Place
from tests.support.builders import CAFE

if TYPE_CHECKING:
    from tests.simulation.shop import SimulatedShop

LIMITS: Final = Limits(earns_per_card_day=1_000_000)
T = TypeVar("T")


class Lost(Exception):
    """The connection broke: whether the request was taken is not known."""


class Person:
    """Somebody with a device of their own."""

    def __init__(self, name: str, shop: SimulatedShop) -> None:
        self.name = name
        self.shop = shop
        self.floor: Floor = shop.floor
        self.place = Place(name=name)

    def ask(self, action: Callable[[Loyalty], T]) -> T:
        """Let the web process do something; its death is a broken connection here.

        Raises:
            Lost: no answer came.
        """
        web = self.shop.web
        if web is None:
            raise Lost
        try:
            answer = action(web.ctx)
        except Killed:
            if self.place.is_dead:
                raise
            raise Lost from None
        if self.floor.chance.random() < self.shop.answers_lost:
            raise Lost
        return answer

    def work(self) -> None:
        """What it does all day."""
        raise NotImplementedError

    def rest(self, least_s: float, most_s: float) -> None:
        self.floor.pause(self.place, seconds=self.floor.chance.uniform(least_s, most_s))


# --- tills ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One movement under its key."""

    key: str
    what: str
    member_id: int
    amount_minor: int = 0
    operation_id: int = 0


class Till(Person):
    """Earns, redeems and undoes, and now and then sends an old key again."""

    def __init__(self, name: str, shop: SimulatedShop) -> None:
        super().__init__(name, shop)
        self.answered: dict[str, tuple[Order, OperationResult]] = {}
        self.refused: dict[str, Order] = {}
        self._number = 0
        self.is_busy = False

    def work(self) -> None:
        chance = self.floor.chance
        while not self.shop.is_calm:
            if self.shop.is_resting:
                self.rest(1, 5)
                continue
            if self.answered and chance.random() < 0.1:
                self.settle(chance.choice(list(self.answered.values()))[0])
            else:
                self.settle(self._next_order())
            self.rest(0, chance.choice([0.2, 0.5, 3, 20]))

    def settle(self, order: Order) -> None:
        """Send until it is answered or refused, always under the same key."""
        self.is_busy = True
        if order.key not in self.answered and order.key not in self.refused:
            self.shop.orders_begun += 1
        try:
            self._settle(order)
        finally:
            self.is_busy = False

    def _settle(self, order: Order) -> None:
        while True:
            try:
                result = self.ask(lambda ctx: self._send(ctx, order))
            except (Lost, OperationInFlight):
                self.rest(0, 5)
            except WalletError as error:
                if error.retryable:
                    self.rest(0, 5)
                    continue
                self._note_refusal(order, error)
                return
            else:
                self._keep(order, result)
                return

    def _note_refusal(self, order: Order, refusal: WalletError) -> None:
        assert order.key not in self.answered, f"{order} was answered, and now: {refusal!r}"
        self.refused[order.key] = order
        self.floor.note(f"{order.what} refused: {refusal.code}")

    def _keep(self, order: Order, result: OperationResult) -> None:
        assert order.key not in self.refused, f"{order} was refused before"
        _same, before = self.answered.setdefault(order.key, (order, result))
        told, again = ((r.operation_id, r.units, r.balance) for r in (before, result))
        assert told == again, f"{order.key} was answered in two ways: {told} {again}"
        self.floor.note(
            f"{order.what} {result.units:+d} -> {result.balance} of {order.member_id % 10_000}"
        )

    def _next_order(self) -> Order:
        chance = self.floor.chance
        self._number += 1
        member_id = chance.choice(self.shop.members)
        key = f"{self.name}-{self._number}"
        earns = [o for o, _r in self.answered.values() if o.what in {"earn", "redeem"}]
        kind = chance.random()
        if kind < 0.15 and earns:
            order = chance.choice(earns[-4:])
            done = self.answered[order.key][1].operation_id
            return Order(key=key, what="reverse", member_id=order.member_id, operation_id=done)
        if kind < 0.3:
            return Order(key=key, what="redeem", member_id=member_id)
        amount = chance.choice([40, 99, 100, 350, 1240, 99_900])
        return Order(key=key, what="earn", member_id=member_id, amount_minor=amount)

    def _send(self, ctx: Loyalty, order: Order) -> OperationResult:
        common: dict[str, Any] = {"actor": SYSTEM, "idempotency_key": order.key}
        if order.what == "earn":
            asked = EarnRequest(
                member_id=order.member_id, amount_minor=order.amount_minor, visits=None, **common
            )
            return earn(ctx, CAFE.id, asked, limits=LIMITS)
        if order.what == "redeem":
            wanted = RedeemRequest(
                member_id=order.member_id, reward_id=self.shop.reward_id, **common
            )
            return redeem(ctx, CAFE.id, wanted)
        undo = ReverseRequest(operation_id=order.operation_id, own_recent_only=False, **common)
        return reverse(ctx, CAFE.id, undo)


class Owner(Person):
    """Publishes designs, and replaces cards that were lost."""

    def work(self) -> None:
        chance = self.floor.chance
        for number in range(1, 100):
            self.rest(2, 25)
            if self.shop.is_calm:
                return
            if self.shop.is_resting:
                continue
            try:
                self._do(chance.random(), number)
            except (Lost, Conflict, NotFound, LimitReached) as error:
                self.floor.note(f"the owner: {type(error).__name__}")
            except WalletError as error:
                if not error.retryable:
                    raise
                self.floor.note(f"the owner: {error.code}")

    def _do(self, kind: float, number: int) -> None:
        if kind < 0.25:
            self.ask(lambda ctx: self._publish(ctx, number))
        elif kind < 0.35:
            member_id = self.floor.chance.choice(self.shop.members)
            self.ask(lambda ctx: self._replace(ctx, member_id))
        elif kind < 0.45:
            self.ask(lambda ctx: self._write(ctx, number))
        elif kind < 0.6:
            self.ask(self._turn_a_mass_change)
        else:
            self._rename(number)

    def _rename(self, number: int) -> None:
        """A name typed wrongly, and most times put right in a moment: the card is as it was."""
        member_id = self.floor.chance.choice(self.shop.members)
        with self.shop.oracle.reading() as work:
            before = work.members.get(member_id).name
        self.ask(lambda ctx: self._name(ctx, member_id, f"N {number}"))
        if self.floor.chance.random() < 0.8:
            for phone in self.shop.phones:
                phone.look()  # to see whether it is spelt well
            self.rest(0.2, self.floor.chance.choice([1, 1, 3, 10]))
            self.ask(lambda ctx: self._name(ctx, member_id, before))

    def _name(self, ctx: Loyalty, member_id: int, name: str) -> None:
        change_profile(ctx, CAFE.id, member_id, ProfileChange(name=name), actor=SYSTEM)
        self.floor.note(f"{member_id % 10_000} is called {name}")

    def _write(self, ctx: Loyalty, number: int) -> None:
        """A message to everybody, seldom withdrawn again."""
        message = NewMessage(
            programme_id=self.shop.programme_id,
            segment=Segment(kind=SegmentKind.ALL),
            texts={"en": f"News {number}"},
        )
        message_id = send_message(ctx, CAFE.id, message, actor=SYSTEM)
        self.floor.note("a message")
        if self.floor.chance.random() < 0.3:
            withdraw_message(ctx, CAFE.id, message_id, actor=SYSTEM)
            self.floor.note("a message is withdrawn")

    def _turn_a_mass_change(self, ctx: Loyalty) -> None:
        """Hold the newest, let it go on, or end it."""
        with open_work(ctx.database, CAFE.id, clock=ctx.clock, writing=False) as work:
            lines = MassChanges(work.scope).lines(limit=1)
        for line in lines:
            if line.state is MassState.PAUSED:
                turn = self.floor.chance.choice([mass_changes.resume, mass_changes.cancel])
            else:
                turn = mass_changes.pause
            turn(ctx, CAFE.id, line.id, actor=SYSTEM)
            self.floor.note(f"the owner: {turn.__name__} a mass change")

    def _publish(self, ctx: Loyalty, number: int) -> None:
        words = {"programme_name": f"Club {number}"}
        save_words(ctx, CAFE.id, self.shop.programme_id, words, actor=SYSTEM)
        publish(ctx, CAFE.id, self.shop.programme_id, actor=SYSTEM)
        self.floor.note("a new design")

    def _replace(self, ctx: Loyalty, member_id: int) -> None:
        replace_lost_card(ctx, CAFE.id, member_id, actor=SYSTEM)
        self.floor.note("a lost card")
