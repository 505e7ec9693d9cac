"""What one pretend iPhone remembers: its passes, tokens, tags and scores. No behaviour here."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from sandbox.push_score import PushScore

NOTICES_MAX = 20


@dataclass(slots=True, kw_only=True)
class Card:
    """A pass in the wallet. Times are seconds since 1970 on the phones' clock."""

    topic: str
    serial_number: str
    authentication_token: str = ""
    web_service_url: str = ""
    last_modified: str | None = None
    registered: bool = False
    automatic_updates: bool = True
    added_at: float = 0.0
    changed_at: float = 0.0

    @property
    def key(self) -> str:
        return f"{self.topic}/{self.serial_number}"


@dataclass(slots=True, kw_only=True)
class ServiceRecord:
    """What the phone keeps per web service and pass type: its name there and the update tag."""

    topic: str
    web_service_url: str
    device_library_identifier: str
    tag: str | None = None
    tag_at: float = 0.0


@dataclass(slots=True, kw_only=True)
class IPhone:
    id: str
    name: str
    powered: bool = True
    cards: dict[str, Card] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    services: dict[str, ServiceRecord] = field(default_factory=dict)
    scores: dict[str, PushScore] = field(default_factory=dict)
    stored_pushes: list[str] = field(default_factory=list)
    notices: list[dict[str, Any]] = field(default_factory=list)
    refusal: str | None = None
    revision: int = 0

    def cards_of(self, topic: str) -> list[Card]:
        return [card for card in self.cards.values() if card.topic == topic]

    def registered(self, record: ServiceRecord) -> list[Card]:
        return [
            card
            for card in self.cards_of(record.topic)
            if card.registered and card.web_service_url == record.web_service_url
        ]

    def score(self, topic: str) -> PushScore:
        return self.scores.setdefault(topic, PushScore())

    def notify(self, at: str, title: str, text: str) -> None:
        self.notices.insert(0, {"at": at, "title": title, "text": text})
        del self.notices[NOTICES_MAX:]

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def iphone_from_json(document: dict[str, Any]) -> IPhone:
    facts = dict(document)
    facts["cards"] = {key: Card(**card) for key, card in facts["cards"].items()}
    facts["services"] = {key: ServiceRecord(**each) for key, each in facts["services"].items()}
    facts["scores"] = {key: PushScore(**each) for key, each in facts["scores"].items()}
    return IPhone(**facts)
