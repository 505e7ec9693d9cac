"""The pretend iPhones at work: adding passes, being pushed, asking, fetching, complaining.

Conversations of one phone run one after the other (`_talking`); its memory is changed only under
`lock`, which is never held during a call. Drawing the phones is the page's part.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sandbox.agenda import Agenda
from sandbox.clock import SandboxClock, iso
from sandbox.events import EventLog
from sandbox.home import Home
from sandbox.iphone import Card, IPhone, ServiceRecord, iphone_from_json
from sandbox.loopback import NotLoopback
from sandbox.notices import change_notice
from sandbox.pkpass import CANNOT_INSTALL, OpenedPass, PassRefused, open_pass, reopen_pass
from sandbox.push_score import DEFAULT_THRESHOLDS
from sandbox.store import Store
from sandbox.update_calls import UpdateCalls
from sandbox.web_service import PASS_MIME, Answer, ServiceFault, download

PHONES_MAX = 2000


class NoSuchPhone(LookupError):
    """No phone or no pass of that name; the text says which."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetiredToken:
    topic: str
    since_ms: int


class IPhones:
    def __init__(
        self, *, home: Home, store: Store, clock: SandboxClock, events: EventLog, agenda: Agenda
    ) -> None:
        self.clock, self.events, self.agenda = clock, events, agenda
        self.lock = threading.RLock()
        self.thresholds: tuple[tuple[float, float], ...] = DEFAULT_THRESHOLDS
        self._home, self._store = home, store
        self._conversations: dict[str, threading.RLock] = {}
        self._opened: dict[tuple[str, str], OpenedPass] = {}
        self._waiting: set[tuple[str, str]] = set()
        self.calls = UpdateCalls(self)
        stored = store.all("iphone")
        self._phones = {key: iphone_from_json(each) for key, each in stored.items()}
        self._owners = {t: (p.id, topic) for p in self.all() for topic, t in p.tokens.items()}

    def all(self) -> list[IPhone]:
        with self.lock:
            return sorted(self._phones.values(), key=lambda phone: (len(phone.id), phone.id))

    def get(self, phone_id: str) -> IPhone:
        with self.lock:
            if phone_id not in self._phones:
                raise NoSuchPhone(f"There is no iPhone {phone_id!r}.")
            return self._phones[phone_id]

    def create(self, name: str = "") -> IPhone:
        with self.lock:
            if len(self._phones) >= PHONES_MAX:
                raise NoSuchPhone(f"There are already {PHONES_MAX} iPhones.")
            number = 1 + max((int(key.split("-")[1]) for key in self._phones), default=0)
            shown = name[:40] or ("iPhone" if number == 1 else f"iPhone {number}")
            phone = IPhone(id=f"iphone-{number}", name=shown)
            self._phones[phone.id] = phone
            self.save(phone)
        self.events.add("phone.created", phone=phone.id)
        return phone

    # Adding a pass.

    def add_from(self, phone_id: str, url: str) -> Card:
        """Open an address on the phone and add the pass behind it, or raise PassRefused."""
        phone = self.get(phone_id)
        try:
            return self.add(phone_id, _downloaded(url))
        except PassRefused as error:
            with self.lock:
                phone.refusal = str(error)
                self.save(phone)
            self.events.add("pass.refused", phone=phone_id, reason=str(error))
            raise

    def add(self, phone_id: str, body: bytes) -> Card:
        """Add a pass from its bytes; one of the same type and serial is replaced."""
        phone = self.get(phone_id)
        opened = open_pass(body, roots=self._home.apple_roots())
        now = self.clock.now_s()
        card = Card(
            topic=opened.pass_type_identifier,
            serial_number=opened.serial_number,
            authentication_token=str(opened.pass_json.get("authenticationToken", "")),
            web_service_url=str(opened.pass_json.get("webServiceURL", "")).rstrip("/"),
            added_at=now,
            changed_at=now,
        )
        with self.lock:
            phone.cards[card.key] = card
            phone.refusal = None
            self.remember(phone, card, opened, body)
        self.events.add(
            "pass.added", phone=phone.id, topic=card.topic, serial_number=card.serial_number,
            values=opened.values(),
        )  # fmt: skip
        if card.web_service_url:
            self.agenda.soon(lambda: self.calls.register(phone, card))
        return card

    def opened(self, phone: IPhone, card: Card) -> OpenedPass:
        key = (phone.id, card.key)
        with self.lock:
            if key not in self._opened:
                body = self._store.get_bytes("pkpass", f"{phone.id}/{card.key}")
                if body is None:
                    raise NoSuchPhone(f"{phone.id} holds no bytes of {card.key}.")
                self._opened[key] = reopen_pass(body)
            return self._opened[key]

    def remember(self, phone: IPhone, card: Card, opened: OpenedPass, body: bytes) -> None:
        with self.lock:
            self._opened[phone.id, card.key] = opened
            self._store.put_bytes("pkpass", f"{phone.id}/{card.key}", body)
            self.save(phone)

    def check(self, body: bytes) -> OpenedPass:
        return open_pass(body, roots=self._home.apple_roots())

    # Tokens and pushes.

    def token(self, phone: IPhone, topic: str) -> str:
        """The phone's push token for a topic, made at first use."""
        with self.lock:
            if topic not in phone.tokens:
                phone.tokens[topic] = secrets.token_hex(32)
                self._owners[phone.tokens[topic]] = (phone.id, topic)
                self.save(phone)
            return phone.tokens[topic]

    def retire_token(self, phone: IPhone, topic: str) -> None:
        with self.lock:
            token = phone.tokens.pop(topic, None)
            if token is None:
                return
            self._owners.pop(token, None)
            since_ms = int(time.time() * 1000)
            self._store.put("retired_token", token, {"topic": topic, "since_ms": since_ms})
            self.save(phone)

    def token_topic(self, token: str) -> str | RetiredToken | None:
        """The topic a token belongs to; RetiredToken once a phone gave it up; None if unknown."""
        with self.lock:
            owner = self._owners.get(token)
        if owner is not None:
            return owner[1]
        retired = self._store.get("retired_token", token)
        return None if retired is None else RetiredToken(**retired)

    def push(self, token: str, *, storable: bool, apns_id: str) -> None:
        """Take a push that the push server accepted, or keep it while the phone is off."""
        with self.lock:
            owner = self._owners.get(token)
            if owner is None:
                return
            phone, topic = self._phones[owner[0]], owner[1]
            facts = {"phone": phone.id, "topic": topic, "apns_id": apns_id}
            if not phone.powered:
                if storable and topic not in phone.stored_pushes:
                    phone.stored_pushes.append(topic)
                    self.save(phone)
                self.events.add("push.stored" if storable else "push.lost", **facts)
                return
            self.events.add("push.received", **facts)
            self._pushed(phone, topic)

    def _pushed(self, phone: IPhone, topic: str) -> None:
        now = self.clock.now_s()
        score = phone.score(topic)
        score.push(now, passes=len(phone.cards_of(topic)))
        due = score.may_ask_at(self.thresholds)
        self.save(phone)
        if (phone.id, topic) in self._waiting:
            return
        self._waiting.add((phone.id, topic))
        if due > now:
            self.events.add(
                "push.held", phone=phone.id, topic=topic, score=round(score.score, 2),
                seconds=round(due - now),
            )  # fmt: skip
            self.agenda.at(due, lambda: self.ask(phone, topic, "push"))
        else:
            self.agenda.soon(lambda: self.ask(phone, topic, "push"))

    def ask(self, phone: IPhone, topic: str, cause: str) -> None:
        """Ask every web service of a topic what changed, and fetch it."""
        with self.lock:
            # Cleared first: a push during the conversation must start another one.
            self._waiting.discard((phone.id, topic))
            if not phone.powered:
                return
            phone.score(topic).last_asked_s = self.clock.now_s()
            records = [each for each in phone.services.values() if each.topic == topic]
        for record in records:
            self.calls.ask_what_changed(phone, record, cause)

    # What a person does with the phone.

    def refresh(self, phone_id: str) -> None:
        """Pull to refresh: every pass is fetched directly, whatever the score says."""
        phone = self.get(phone_id)
        for card in self._cards(phone):
            self.agenda.soon(_bound(self.calls.fetch, phone, card, "refresh"))

    def remove(self, phone_id: str, key: str) -> None:
        """Delete a pass; with the last one of its type the token is given up."""
        phone, card = self.get(phone_id), self.card(phone_id, key)
        with self.lock:
            del phone.cards[key]
            self._opened.pop((phone.id, key), None)
            self._store.delete("pkpass", f"{phone.id}/{key}")
            if not phone.cards_of(card.topic):
                self.retire_token(phone, card.topic)
            self.save(phone)
        self.events.add("pass.removed", phone=phone.id, topic=card.topic,
                        serial_number=card.serial_number)  # fmt: skip
        if card.registered:
            self.agenda.soon(lambda: self.calls.unregister(phone, card))

    def automatic_updates(self, phone_id: str, key: str, *, wanted: bool) -> None:
        phone, card = self.get(phone_id), self.card(phone_id, key)
        with self.lock:
            card.automatic_updates = wanted
            self.save(phone)
        call = self.calls.register if wanted else self.calls.unregister
        if card.web_service_url:
            self.agenda.soon(lambda: call(phone, card))

    def new_tokens(self, phone_id: str) -> None:
        """Replace every push token, as after an update of iOS, and register anew with it."""
        phone = self.get(phone_id)
        with self.lock:
            for topic in list(phone.tokens):
                self.retire_token(phone, topic)
            cards = [card for card in phone.cards.values() if card.registered]
        for card in cards:
            self.agenda.soon(_bound(self.calls.register, phone, card))

    def power(self, phone_id: str, *, on: bool) -> None:
        """Switch off, or on: a phone that comes back asks for every type, pushed or not."""
        phone = self.get(phone_id)
        with self.lock:
            if phone.powered == on:
                return
            phone.powered = on
            topics = {record.topic for record in phone.services.values()} if on else set()
            stored, phone.stored_pushes = phone.stored_pushes, []
            if not on:
                phone.stored_pushes = stored
            self.save(phone)
        self.events.add("phone.on" if on else "phone.off", phone=phone.id, stored=len(stored))
        for topic in sorted(topics):
            self.agenda.soon(_bound(self.ask, phone, topic, "power"))

    def card(self, phone_id: str, key: str) -> Card:
        phone = self.get(phone_id)
        with self.lock:
            if key not in phone.cards:
                raise NoSuchPhone(f"{phone_id} holds no pass {key!r}.")
            return phone.cards[key]

    # Shared with UpdateCalls.

    def record(self, phone: IPhone, card: Card) -> ServiceRecord:
        with self.lock:
            key = f"{card.web_service_url}|{card.topic}"
            if key not in phone.services:
                phone.services[key] = ServiceRecord(
                    topic=card.topic,
                    web_service_url=card.web_service_url,
                    device_library_identifier=secrets.token_hex(16),
                )
                self.save(phone)
            return phone.services[key]

    def save(self, phone: IPhone) -> None:
        with self.lock:
            phone.revision += 1
            self._store.put("iphone", phone.id, phone.as_json())

    def show_notice(self, phone: IPhone, old: OpenedPass, new: OpenedPass) -> None:
        text = change_notice(old, new)
        if text is None:
            return
        title = str(new.pass_json["organizationName"])
        with self.lock:
            phone.notify(iso(self.clock.now_s()), title, text)
            self.save(phone)
        self.events.add("phone.notified", phone=phone.id, title=title, text=text,
                        serial_number=new.serial_number)  # fmt: skip

    @contextmanager
    def talking(self, phone: IPhone) -> Iterator[None]:
        """One conversation of a phone at a time."""
        with self.lock:
            conversation = self._conversations.setdefault(phone.id, threading.RLock())
        with conversation:
            yield

    def _cards(self, phone: IPhone) -> list[Card]:
        with self.lock:
            return [card for card in phone.cards.values() if card.web_service_url]


def _downloaded(url: str) -> bytes:
    try:
        answer: Answer = download(url)
    except (ServiceFault, NotLoopback) as error:
        raise PassRefused(f"{CANNOT_INSTALL} {error}") from error
    if answer.status != 200:
        raise PassRefused(f"Safari cannot download this file: the server answered {answer.status}.")
    mime = answer.headers.get("Content-Type", "").split(";")[0].strip().lower()
    if mime != PASS_MIME:
        raise PassRefused(
            f"Safari cannot download this file: its type is {mime or 'missing'}, not {PASS_MIME}."
        )
    return answer.body


def _bound(call: Callable[..., None], *arguments: Any) -> Callable[[], None]:
    return lambda: call(*arguments)
