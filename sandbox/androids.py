"""The pretend Android phones: which Google cards they hold. What a card says is Google's to know."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from sandbox.clock import SandboxClock, iso
from sandbox.events import EventLog
from sandbox.google_callbacks import Callbacks
from sandbox.google_rules import KINDS, Kind
from sandbox.google_wallet import REFERENCE, GoogleWallet
from sandbox.iphones import PHONES_MAX, NoSuchPhone
from sandbox.store import Document, Store

NOTICES_MAX = 20


@dataclass(slots=True, kw_only=True)
class Android:
    """One phone and its owner. `cards` are `<kind>/<object id>`, in the order of saving."""

    id: str
    name: str
    cards: list[str] = field(default_factory=list)
    notices: list[dict[str, Any]] = field(default_factory=list)
    revision: int = 0


class Androids:
    def __init__(
        self, *, store: Store, clock: SandboxClock, events: EventLog,
        wallet: GoogleWallet, callbacks: Callbacks,
    ) -> None:  # fmt: skip
        self._store, self._clock, self._events = store, clock, events
        self._wallet, self._callbacks = wallet, callbacks
        # One lock for both: a change of the wallet tells the phones, and a phone asks the wallet.
        self._lock = wallet.lock
        self._phones = {key: Android(**each) for key, each in store.all("android").items()}
        wallet.on_notice = self._show_notice
        wallet.on_link = self._show_linked

    def all(self) -> list[Android]:
        with self._lock:
            return sorted(self._phones.values(), key=lambda phone: (len(phone.id), phone.id))

    def get(self, phone_id: str) -> Android:
        with self._lock:
            if phone_id not in self._phones:
                raise NoSuchPhone(f"There is no Android phone {phone_id!r}.")
            return self._phones[phone_id]

    def create(self, name: str = "") -> Android:
        with self._lock:
            if len(self._phones) >= PHONES_MAX:
                raise NoSuchPhone(f"There are already {PHONES_MAX} Android phones.")
            number = 1 + max((int(key.split("-")[1]) for key in self._phones), default=0)
            shown = name[:40] or ("Android" if number == 1 else f"Android {number}")
            phone = Android(id=f"android-{number}", name=shown)
            self._phones[phone.id] = phone
            self._save(phone)
        self._events.add("phone.created", phone=phone.id)
        return phone

    def save_card(self, phone_id: str, kind: Kind, object_id: str) -> None:
        """Put an existing object on the phone; ApiRefused where Google would refuse it."""
        phone = self.get(phone_id)
        card = f"{kind.path}/{object_id}"
        with self._lock:
            if card in phone.cards:
                return
            self._wallet.hold(kind, object_id, phone_id)
            phone.cards.append(card)
            self._save(phone)
        self._events.add("card.saved", phone=phone_id, resource=object_id)
        self._call_back("save", kind, object_id)
        self._show_linked(kind, object_id)

    def remove_card(self, phone_id: str, card: str) -> None:
        phone = self.get(phone_id)
        with self._lock:
            if card not in phone.cards:
                raise NoSuchPhone(f"{phone_id} holds no card {card!r}.")
            phone.cards.remove(card)
            kind, object_id = split_card(card)
            self._wallet.let_go(kind, object_id, phone_id)
            self._save(phone)
        self._events.add("card.deleted", phone=phone_id, resource=object_id)
        self._call_back("del", kind, object_id)

    def card(self, card: str) -> Document:
        """The object as Google holds it now, its class under `classReference`."""
        kind, object_id = split_card(card)
        return self._wallet.find(kind, object_id) or {}

    def card_revision(self, card: str) -> tuple[int, int]:
        kind, object_id = split_card(card)
        class_id = self.card(card).get("classId", "")
        return (
            self._wallet.revision(kind, object_id),
            self._wallet.revision(kind.sibling(), class_id),
        )

    def as_json(self, phone: Android) -> Document:
        with self._lock:
            return asdict(phone) | {"cards": [self.card(card) for card in phone.cards]}

    def _show_linked(self, kind: Kind, object_id: str) -> None:
        """Put the passes that a card names beside it; nothing takes them off again but their owner."""
        passes = self._wallet.links(kind, object_id)
        if not passes:
            return
        card = f"{kind.path}/{object_id}"
        with self._lock:
            holders = [phone.id for phone in self._phones.values() if card in phone.cards]
        for phone in holders:
            for linked_kind, key in passes:
                self.save_card(phone, linked_kind, key)

    def _call_back(self, event: str, kind: Kind, object_id: str) -> None:
        shown = self._wallet.find(kind, object_id) or {}
        url = (shown.get(REFERENCE, {}).get("callbackOptions") or {}).get("url")
        if url:
            class_id = str(shown["classId"])
            self._callbacks.send(url, event=event, class_id=class_id, object_id=object_id)

    def _show_notice(self, kind: Kind, object_id: str, text: str) -> None:
        card = f"{kind.path}/{object_id}"
        shown = self._wallet.find(kind, object_id) or {}
        title = str(shown.get(REFERENCE, {}).get("issuerName", "Google Wallet"))
        notice = {"at": iso(self._clock.now_s()), "title": title, "text": text}
        with self._lock:
            holders = [phone for phone in self._phones.values() if card in phone.cards]
            for phone in holders:
                phone.notices.insert(0, notice)
                del phone.notices[NOTICES_MAX:]
                self._save(phone)
        for phone in holders:
            self._events.add("phone.notified", phone=phone.id, title=title, text=text,
                             resource=object_id)  # fmt: skip

    def _save(self, phone: Android) -> None:
        phone.revision += 1
        self._store.put("android", phone.id, asdict(phone))


def split_card(card: str) -> tuple[Kind, str]:
    path, _slash, object_id = card.partition("/")
    return KINDS[path], object_id
