"""Looks at every commit of a simulated shop, and holds it against the one before.

A race that the next change would hide is seen at the step it happens. Not here: what must hold when
all is quiet (oracles.py). Judged at each turn of the floor, where something was committed:
- no movement is in the ledger that nobody ordered, none vanishes;
- a wanted revision is the card's own; a delivered one never goes back but for a new registration;
- what counts as told was told: a push that was accepted, an answer to "what changed?", or a face
  that nobody could tell from the last; at Google, a card that shows it;
- stamps come in commit order; Last-Modified never goes back;
- a row is held by one worker, a card at Google is asked for by one at a time;
- a phone at rest that waits for nothing shows the present, and is registered.
"""

from __future__ import annotations

import importlib
import sqlite3
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from tests.simulation.floor import Place
from tests.simulation.passes import balance_of, name_of

if TYPE_CHECKING:
    from tests.simulation.phones import IPhone
    from tests.simulation.shop import SimulatedShop

Rows = dict[int, Any]
NEVER: Final = 1 << 62
"""More than any stamp."""
LEASE_S: Final = 59.0
STUMBLE_S: Final = 70.0
BUDGET_S: Final = 60.0
MOST_PUSHES: Final = 9
"""In a minute to one phone that is paced: a burst, its windows, and one whose note a kill lost."""

_QUERIES: Final = {
    "delivery": "select id, channel, pass_id, device_id, wanted_revision wanted, "
    "delivered_revision told, state, lease, priority from delivery",
    "card": "select c.id, c.serial_number, c.pass_type_id, c.revision, c.stamped_revision stamped, "
    "c.stamp, c.stamped_face face, c.last_modified_s second, c.fetched_revision fetched, c.voided_at voided, "
    "c.google_object_id object_id, a.balance, m.name from wallet_pass c join member m "
    "on m.merchant_id = c.merchant_id and m.id = c.member_id left join account a "
    "on a.merchant_id = c.merchant_id and a.member_id = c.member_id",
    "device": "select id, library_identifier library, push_token from device",
    "registration": "select id, device_id, pass_id from registration",
    "pass_type": "select id, last_stamp from pass_type",
    "operation": "select 0 id, count(*) number from operation",
}


@dataclass(slots=True)
class World:
    """What was committed at one moment: each table's rows by id."""

    delivery: Rows
    card: Rows
    device: Rows
    registration: Rows
    pass_type: Rows
    operation: Rows


@dataclass(frozen=True, slots=True)
class _Held:
    lease: str
    since_s: float


class Witness:
    """Remembers the commit before, and who was told what."""

    def __init__(self, shop: SimulatedShop) -> None:
        self._shop = shop
        self._floor = shop.floor
        self._open()
        self._version = -1
        # By card: up to which revision each stamp speaks for it, oldest first.
        self._covers: dict[int, list[tuple[int, int]]] = {}
        # The card's stamp when its phone was told to come and ask.
        self._told: dict[tuple[int, int], int] = {}
        self._balances: dict[int, dict[int, int]] = {}
        self._held: dict[int, _Held] = {}
        self._asking: Counter[str] = Counter()
        self._pushed: dict[str, deque[float]] = {}
        self.world = self._read()
        for card in self.world.card.values():
            self._learn(card, None)

    def close(self) -> None:
        self._connection.close()

    # --- told by the providers -------------------------------------------------------------------

    def accepted(self, push_token: str) -> None:
        """The push service took a push for this phone."""
        self.look()
        pushed = self._pushed.setdefault(push_token, deque())
        pushed.append(self._floor.now_s)
        while pushed[0] < self._floor.now_s - BUDGET_S:
            pushed.popleft()
        if self._shop.is_paced and self._floor.now_s - self._floor.jumped_s > BUDGET_S:
            self._demand(
                len(pushed) <= MOST_PUSHES + self._shop.kills_lately(BUDGET_S),
                f"pace: {len(pushed)} pushes to one phone in {BUDGET_S:.0f} s",
            )
        for device in self.world.device.values():
            if device["push_token"] == push_token:
                self._note_told(device["id"])

    def stumble(self, place: Place) -> None:
        """A process freezes past its leases, unless all is to be quiet."""
        if not self._shop.is_calm and not self._shop.is_resting:
            place.frozen_until_s = self._floor.now_s + STUMBLE_S
            self._floor.note(f"{place.name} freezes with a letter in its hand")
            self._shop.note_freeze(place)

    @contextmanager
    def asks_google(self, object_id: str) -> Iterator[None]:
        """One request about a card is on its way."""
        self._asking[object_id] += 1
        if self._asking[object_id] > 1 and self._calm_clock(LEASE_S):
            self._demand(self._shop.froze_lately(200.0), f"P4: two ask Google for {object_id}")
        try:
            yield
        finally:
            self._asking[object_id] -= 1

    def _note_told(self, device_id: int) -> None:
        for registration in self.world.registration.values():
            if registration["device_id"] == device_id:
                pass_id = registration["pass_id"]
                self._told[device_id, pass_id] = self.world.card[pass_id]["stamp"]

    # --- at each turn ----------------------------------------------------------------------------

    def look(self) -> None:
        """Judge what was committed since the last look."""
        ((version,),) = self._connection.execute("pragma data_version").fetchall()
        if version == self._version:
            return
        self._version = version
        before, self.world = self.world, self._read()
        self._judge_ledger()
        for card in self.world.card.values():
            self._judge_card(before, card)
        self._judge_stamps(before)
        for row in self.world.delivery.values():
            self._judge_row(before, row)
        for phone in self._shop.phones:
            self.judge_phone(phone)

    def _judge_ledger(self) -> None:
        most = self._shop.orders_begun
        found = self.world.operation[0]["number"]
        self._demand(found <= most, f"L7: {found} movements, though {most} were ordered")

    def _judge_card(self, before: World, card: Any) -> None:
        old = before.card.get(card["id"])
        if old is not None:
            self._demand(card["revision"] >= old["revision"], "a card's revision went back")
            self._demand(card["second"] >= old["second"], "P8: Last-Modified went back")
            newer = max(card["stamped"], card["fetched"]) > max(old["stamped"], old["fetched"])
            moved = card["stamp"] != old["stamp"] or card["fetched"] != old["fetched"]
            # What leaves for the first time, by stamp or by hand, has its own second, unless it says
            # what left before. No face: it turned with the day under a revision that had left, and
            # the next stamp is a new one whatever it says.
            other = card["face"] is not None and card["face"] != old["face"]
            if newer and moved and other:
                self._demand(
                    card["second"] > old["second"],
                    f"P8: Last-Modified stood still: {old}, then {card}",
                )
        self._learn(card, old)

    def _learn(self, card: Any, old: Any) -> None:
        if card["balance"] is not None:
            self._balances.setdefault(card["id"], {})[card["revision"]] = card["balance"]
        if old is None or card["stamped"] != old["stamped"]:
            covers = self._covers.setdefault(card["id"], [])
            covers.append((card["stamped"], card["stamp"]))

    def _judge_stamps(self, before: World) -> None:
        highest = {one["id"]: one["last_stamp"] for one in before.pass_type.values()}
        seen: set[int] = set()
        for card in self.world.card.values():
            old = before.card.get(card["id"])
            if card["pass_type_id"] is None or (old and old["stamp"] == card["stamp"]):
                continue
            if card["stamp"] == 0:
                continue
            given = self.world.pass_type[card["pass_type_id"]]["last_stamp"]
            low = highest.get(card["pass_type_id"], 0)
            self._demand(
                low < card["stamp"] <= given and card["stamp"] not in seen,
                f"tags: stamp {card['stamp']} came after {low}, of {given}",
            )
            seen.add(card["stamp"])
        for one in self.world.pass_type.values():
            self._demand(one["last_stamp"] >= highest.get(one["id"], 0), "tags went back")

    # --- rows ------------------------------------------------------------------------------------

    def _judge_row(self, before: World, row: Any) -> None:
        old = before.delivery.get(row["id"])
        if row["pass_id"] is not None:
            card = self.world.card[row["pass_id"]]
            self._demand(
                row["wanted"] == card["revision"],
                f"P1: {row['channel']} wants {row['wanted']} of {card['revision']}",
            )
            self._demand(row["told"] <= row["wanted"], "told more than there is")
        self._demand(row["priority"] in {0, 10}, f"priority {row['priority']} is never claimed")
        self._judge_lease(row)
        told_before = old["told"] if old is not None else 0
        if row["told"] < told_before:
            self._judge_going_back(before, row)
        elif row["told"] > told_before:
            self._judge_told(before, row, told_before)
        if row["channel"] == "google_object" and row["told"] and row["lease"] is None:
            self._judge_google(row)

    def _judge_lease(self, row: Any) -> None:
        held = self._held.get(row["id"])
        if row["lease"] is None:
            self._held.pop(row["id"], None)
        elif held is None or held.lease != row["lease"]:
            now_s = self._floor.now_s
            if held is not None and self._calm_clock(now_s - held.since_s):
                self._demand(
                    now_s - held.since_s >= LEASE_S,
                    f"P4: a lease was taken over after {now_s - held.since_s:.0f} s",
                )
            self._held[row["id"]] = _Held(row["lease"], now_s)

    def _judge_going_back(self, before: World, row: Any) -> None:
        """Only a phone that registered anew, or what a late worker made unsure, begins again."""
        if row["channel"] != "apple":
            late = self._shop.froze_lately(300.0) or not self._calm_clock(300.0)
            self._demand(late, "P2: what Google was told went back")
            return
        new, old = (world.device.get(row["device_id"]) for world in (self.world, before))
        fresh = old is None or new is None or old["push_token"] != new["push_token"]
        self._demand(fresh or row["told"] == 0, "P2: what a phone was told went back")
        self._told.pop((row["device_id"], row["pass_id"]), None)

    def _judge_told(self, before: World, row: Any, told_before: int) -> None:
        if row["channel"] == "apple":
            self._judge_phone_told(before, row, told_before)

    def _judge_phone_told(self, before: World, row: Any, told_before: int) -> None:
        pass_id, device_id = row["pass_id"], row["device_id"]
        card, old = self.world.card[pass_id], before.card[pass_id]
        self._demand(
            row["told"] <= card["stamped"], f"told {row['told']}, stamped {card['stamped']}"
        )
        phone = self._phone_of(device_id)
        if phone is not None and phone.is_asking:
            self._told[device_id, pass_id] = card["stamp"]
            return
        if card["stamp"] == old["stamp"] and card["stamped"] > old["stamped"] <= told_before:
            return  # the face did not change
        known = self._told.get((device_id, pass_id), -1)
        needed = next(
            (stamp for upto, stamp in self._covers[pass_id] if upto >= row["told"]), NEVER
        )
        self._demand(
            known >= needed,
            f"P2: row {row['id'] % 10_000} counts as told {row['told']} (stamp {needed}), "
            f"the phone was told stamp {known}",
        )

    def _judge_google(self, row: Any) -> None:
        """P2: Google shows what counts as told, or something newer."""
        card = self.world.card[row["pass_id"]]
        if card["voided"] is not None or self._asking[card["object_id"]]:
            return
        if self._shop.is_late_at_google(row["id"]):
            return
        held = self._shop.google.card(card["object_id"])
        self._demand(held is not None, f"P2: Google does not have {card['object_id']}")
        shown = held["loyaltyPoints"]["balance"]["int"]  # type: ignore[index]
        known = self._balances.get(card["id"], {})
        allowed = {balance for revision, balance in known.items() if revision >= row["told"]}
        complete = row["told"] in known
        self._demand(
            shown in allowed or not complete,
            f"P2: Google shows {shown}, told {row['told']} of {card['revision']}: {allowed}",
        )

    # --- phones ----------------------------------------------------------------------------------

    def judge_phone(self, phone: IPhone) -> None:
        """P1 and P5 at any time: a phone that waits for nothing shows the present."""
        if phone.is_busy or phone.must_ask or phone.must_register:
            return
        for device in self.world.device.values():
            if device["library"] == phone.library:
                self._judge_cards(phone, device)

    def _judge_cards(self, phone: IPhone, device: Any) -> None:
        registered = {
            one["pass_id"]
            for one in self.world.registration.values()
            if one["device_id"] == device["id"]
        }
        rows = {
            row["pass_id"]: row
            for row in self.world.delivery.values()
            if row["channel"] == "apple" and row["device_id"] == device["id"]
        }
        for card in phone.cards.values():
            if not card.is_registered:
                continue
            self._demand(card.pass_id in registered, f"P5: {phone.name} is forgotten")
            row, present = rows.get(card.pass_id), self.world.card[card.pass_id]
            if row is None or row["told"] < row["wanted"] or present["voided"] is not None:
                continue
            shown = (balance_of(card.document), name_of(card.document) or present["name"])
            true = (present["balance"], present["name"])
            self._demand(
                shown == true,
                f"P1: {phone.name} waits for nothing and shows {shown} on "
                f"{card.pass_id % 10_000}, the books say {true}",
            )

    def _phone_of(self, device_id: int) -> IPhone | None:
        device = self.world.device.get(device_id)
        library = device["library"] if device is not None else ""
        return next((one for one in self._shop.phones if one.library == library), None)

    # --- inside ----------------------------------------------------------------------------------

    def _calm_clock(self, seconds: float) -> bool:
        return self._floor.now_s - self._floor.jumped_s > seconds

    def _demand(self, holds: bool, why: str) -> None:
        if not holds:
            # Who is watched may catch what is raised here.
            self._floor.fail(why)

    def _open(self) -> None:
        try:
            module = importlib.import_module("pysqlite3.dbapi2")
        except ImportError:
            module = sqlite3
        self._connection = module.connect(
            str(self._shop.template.disk.path), check_same_thread=False, isolation_level=None
        )
        self._connection.row_factory = module.Row

    def _read(self) -> World:
        self._connection.execute("begin")
        try:
            return World(
                **{
                    name: {row["id"]: row for row in self._connection.execute(query)}
                    for name, query in _QUERIES.items()
                }
            )
        finally:
            self._connection.execute("commit")
