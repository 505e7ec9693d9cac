"""The phones of the simulated shop: they keep what they were shown, and ask until they got it.

An iPhone speaks Apple's protocol to the web process; an Android's card is what Google holds.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from common.errors import WalletError
from loyalty.context import Loyalty
from loyalty.read_pass import apple_pass
from loyalty.save_to_google import google_save_link
from tests.simulation.passes import balance_of, read_pass
from tests.simulation.people import Lost, Person
from tests.support.builders import CAFE

if TYPE_CHECKING:
    from tests.simulation.shop import SimulatedShop


@dataclass(slots=True, kw_only=True)
class PhoneCard:
    """A pass as it lies on a phone."""

    pass_id: int
    serial: str
    token: str
    document: dict[str, Any]
    last_modified: str
    is_registered: bool = False


class NoAnswer(Exception):
    """The phone tries again later."""


class IPhone(Person):
    """Registers what it holds, asks what changed when it is pushed, and fetches that."""

    def __init__(self, name: str, shop: SimulatedShop) -> None:
        super().__init__(name, shop)
        self.library = f"library-{name}"
        self.push_token = shop.push_service.issue(self)
        self.cards: dict[str, PhoneCard] = {}
        self.tag: str | None = None
        self.must_ask = False
        self.must_register = False
        self.is_on = True
        self.is_busy = False
        self.is_asking = False
        self.is_curious = False
        # What each Last-Modified of a card stood for.
        self._seen: dict[tuple[str, str], int] = {}

    def hear(self) -> None:
        """A push arrived, or waits until the phone is on."""
        self.must_ask = True

    def work(self) -> None:
        chance = self.floor.chance
        while True:
            self.floor.wait_until(
                self.place,
                "",
                lambda: self.is_on and (self.must_ask or self.must_register or self.is_curious),
                most_s=chance.uniform(2, 40),
            )
            self.is_busy = True
            try:
                self._live()
            except NoAnswer:
                self.is_busy = False
                self.rest(1, 30)
            self.is_busy = False
            self.shop.witness.look()
            self.shop.witness.judge_phone(self)

    def look(self) -> None:
        """Somebody pulls the cards down to see them anew."""
        self.is_curious = True

    def calm_down(self) -> None:
        """The end of the story: the phone is on and does only what it must."""
        self.is_on = True
        self.must_register = True

    def _live(self) -> None:
        if self.must_register and self.is_on:
            self._register_all()
        if self.must_ask and self.is_on:
            self._ask_what_changed()
        elif self.is_curious and self.is_on:
            self.is_curious = False
            for card in list(self.cards.values()):
                self._fetch(card)
        elif not self.shop.is_calm and not self.shop.is_resting:
            self._do_something()

    def _do_something(self) -> None:
        chance = self.floor.chance
        kind = chance.random()
        if not self.is_on:
            self.is_on = chance.random() < 0.5
        elif kind < 0.35 or not self.cards:
            self._add(chance.choice(self.shop.pass_ids()))
        elif kind < 0.55:
            self._fetch(chance.choice(list(self.cards.values())))  # pull to refresh
        elif kind < 0.65:
            self._remove(chance.choice(list(self.cards.values())))
        elif kind < 0.75:
            self.push_token = self.shop.push_service.issue(self)
            self.floor.note("has a new push token")
            for card in self.cards.values():
                card.is_registered = False
            self.must_register = True
            self.rest(0, 12)
        elif kind < 0.85:
            self.is_on = False

    def _add(self, pass_id: int) -> None:
        try:
            signed = self.ask(lambda ctx: apple_pass(ctx, CAFE.id, pass_id))
        except (Lost, WalletError):
            raise NoAnswer from None
        if signed.serial_number in self.cards:
            return
        document = read_pass(signed.data)
        self.cards[signed.serial_number] = PhoneCard(
            pass_id=pass_id,
            serial=signed.serial_number,
            token=document["authenticationToken"],
            document=document,
            last_modified="",
        )
        self.must_register = True
        self.floor.note(f"adds a card {pass_id % 10_000} {balance_of(document)}")

    def _remove(self, card: PhoneCard) -> None:
        self.cards.pop(card.serial)
        address = f"{self._registrations}/{card.serial}"
        while self._call("DELETE", address, card=card)[0] >= 500:
            self.rest(1, 20)

    def _register_all(self) -> None:
        for card in list(self.cards.values()):
            if not card.is_registered:
                body = json.dumps({"pushToken": self.push_token})
                status, _headers, _data = self._call(
                    "POST", f"{self._registrations}/{card.serial}", card=card, data=body
                )
                if status not in {200, 201}:
                    raise NoAnswer
                card.is_registered = True
                self.must_ask = True
        self.must_register = False

    def _ask_what_changed(self) -> None:
        self.must_ask = False
        try:
            told = self._changes()
            for serial in told.get("serialNumbers", []):
                if serial in self.cards:
                    self._fetch(self.cards[serial])
        except NoAnswer:
            self.must_ask = True
            raise
        if told:
            self._keep_tag(told["lastUpdated"])

    def _changes(self) -> dict[str, Any]:
        """What changed since the phone's tag; nothing is an empty answer."""
        question = {"passesUpdatedSince": self.tag} if self.tag else {}
        self.is_asking = True
        try:
            status, _headers, data = self._call("GET", self._registrations, query=question)
        finally:
            self.is_asking = False
        assert status in {200, 204, 503}, f"{status} to what changed"
        if status == 503:
            raise NoAnswer
        told: dict[str, Any] = json.loads(data) if status == 200 else {}
        return told

    def _keep_tag(self, tag: str) -> None:
        if self.tag is not None:
            epoch, number = self.tag.split("-")
            new_epoch, new_number = tag.split("-")
            assert new_epoch == epoch, "the epoch changed without a restore"
            assert int(new_number) >= int(number), f"the tag went back: {self.tag} {tag}"
        self.tag = tag

    def _fetch(self, card: PhoneCard) -> None:
        headers = {"If-Modified-Since": card.last_modified} if card.last_modified else {}
        least = self.shop.oracle.revision_of(card.pass_id)
        status, answered, data = self._call(
            "GET", f"/apple/v1/passes/{self.shop.topic}/{card.serial}", card=card, headers=headers
        )
        if status == 304:
            # P7 again: what did not change since is what the card shows already.
            self.shop.oracle.demand_fresh(card.pass_id, least, card.document)
            return
        if status != 200:
            raise NoAnswer
        document = read_pass(data)
        before = card.last_modified
        card.document, card.last_modified = document, answered["Last-Modified"]
        seen = self._seen.setdefault((card.serial, card.last_modified), balance_of(document))
        assert seen == balance_of(document), "P8: two states under one Last-Modified"
        if before:
            self.shop.oracle.demand_later(before, card.last_modified)
        self.floor.note(f"shows {balance_of(document)} on {card.pass_id % 10_000}")
        self.shop.oracle.demand_fresh(card.pass_id, least, document)

    @property
    def _registrations(self) -> str:
        return f"/apple/v1/devices/{self.library}/registrations/{self.shop.topic}"

    def _call(
        self,
        method: str,
        path: str,
        *,
        card: PhoneCard | None = None,
        query: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
        data: str = "",
    ) -> tuple[int, dict[str, str], bytes]:
        """One request over HTTP; a broken connection is `NoAnswer`."""
        sent = dict(headers or {})
        if card is not None:
            sent["Authorization"] = f"ApplePass {card.token}"

        def request(_ctx: Loyalty) -> tuple[int, dict[str, str], bytes]:
            web = self.shop.web
            assert web is not None
            answer = web.app.test_client().open(
                path, method=method, headers=sent, query_string=query, data=data
            )
            return answer.status_code, dict(answer.headers), answer.get_data()

        try:
            found = self.ask(request)
        except Lost:
            raise NoAnswer from None
        words = [
            str(card.pass_id % 10_000) if card else "",
            found[1].get("Last-Modified", "")[17:25],
        ]
        self.floor.note(f"{method} {path.split('/')[3]} {found[0]} {' '.join(words)}")
        return found


@dataclass(slots=True, kw_only=True)
class Saved:
    """Members who pressed Google's button and were answered."""

    members: set[int] = field(default_factory=set)


class Android(Person):
    """Presses the save button for one member after the other."""

    def __init__(self, name: str, shop: SimulatedShop, saved: Saved) -> None:
        super().__init__(name, shop)
        self._saved = saved

    def work(self) -> None:
        for member_id in self.floor.chance.sample(self.shop.members, len(self.shop.members)):
            self.rest(1, 60)
            while self.shop.is_resting:
                self.rest(1, 5)
            try:
                self.ask(lambda ctx, who=member_id: google_save_link(ctx, CAFE.id, who))  # type: ignore[misc]
            except (Lost, WalletError) as error:
                self.floor.note(f"save: {type(error).__name__}")
                continue
            self._saved.members.add(member_id)
