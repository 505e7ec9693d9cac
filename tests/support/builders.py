"""Data for tests, made by the repositories, with valid defaults for all a test does not speak of."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from common.ids import new_id
from storage.merchants import Merchant, Person

START = datetime(2026, 11, 22, 12, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Merchants:
    """The two merchants of every test database."""

    cafe: Merchant
    gym: Merchant


def a_merchant(**values: Any) -> Merchant:
    defaults: dict[str, Any] = {
        "id": new_id(),
        "slug": "shop",
        "name": "Shop",
        "currency": "EUR",
        "language": "en",
        "country": "DE",
        "time_zone": "Europe/Berlin",
        "sandbox": True,
        "sale_max_minor": 9_999_999,
        "created_at": START,
    }
    return Merchant(**(defaults | values))


def a_person(**values: Any) -> Person:
    defaults: dict[str, Any] = {
        "id": new_id(),
        "email": "olga@example.com",
        "name": "Olga",
        "created_at": START,
    }
    return Person(**(defaults | values))


CAFE = a_merchant(id=101, slug="cafe", name="Café Corner")
GYM = a_merchant(
    id=102,
    slug="gym",
    name="Gym North",
    currency="GBP",
    country="GB",
    time_zone="Europe/London",
)
