"""Data for tests, made by the repositories, with valid defaults for all a test does not speak of.

Each builder takes the unit of work it writes in; nothing is committed here. A programme here has
no published design: what shows a face makes its card through the use cases.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from common.clock import Clock, to_micros
from common.crockford import encode
from common.ids import new_id
from ledger.terms import PointsTerms, StampTerms, Terms, unit_of
from loyalty.context import Loyalty, LoyaltySettings
from signing.keyring import Keyring
from storage.devices import Devices
from storage.engine import Database
from storage.members import Member
from storage.merchants import Merchant, Person
from storage.places import Location, Staff, Till
from storage.programmes import Programme, Reward
from storage.unit_of_work import UnitOfWork
from storage.wallet_passes import PassType, WalletPass

START = datetime(2026, 11, 22, 12, tzinfo=UTC)
PUBLIC_URL = "http://127.0.0.1:8080"
POINTS = PointsTerms(version=1, currency="EUR", spend_minor=100, points=1)
STAMPS = StampTerms(version=1, goal=9)


@dataclass(frozen=True, slots=True, kw_only=True)
class Merchants:
    """The two merchants of every test database."""

    cafe: Merchant
    gym: Merchant


def a_context(database: Database, clock: Clock, keyring: Keyring) -> Loyalty:
    """What every use case is given; Google is not wired."""
    return Loyalty(
        database=database,
        clock=clock,
        keyring=keyring,
        settings=LoyaltySettings(
            public_url=PUBLIC_URL, google_save_url="https://pay.google.com/gp/v/save/", sandbox=True
        ),
    )


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


def a_programme(work: UnitOfWork, *, terms: Terms = POINTS, **values: Any) -> Programme:
    """A programme with its terms, accounts and join code."""
    programme_id = values.pop("id", None) or new_id()
    defaults: dict[str, Any] = {
        "id": programme_id,
        "slug": "card",
        "name": "Stammkarte",
        "unit": str(unit_of(terms)),
        "join_code": encode(programme_id & (1 << 40) - 1, length=8),
        "created_at": work.clock.now(),
    }
    programme = Programme(**(defaults | values))
    work.programmes.add(programme)
    work.programmes.add_terms(programme.id, terms)
    work.books.open_programme(programme.id, programme.unit)
    work.directory.add_name("join", programme.join_code, programme.id)
    return work.programmes.get(programme.id)


def a_reward(work: UnitOfWork, programme: Programme, **values: Any) -> Reward:
    defaults: dict[str, Any] = {
        "id": new_id(),
        "programme_id": programme.id,
        "slug": "coffee",
        "name": "Coffee",
        "cost": 10,
        "created_at": work.clock.now(),
    }
    reward = Reward(**(defaults | values))
    work.programmes.add_reward(reward)
    return reward


def a_location(work: UnitOfWork, **values: Any) -> Location:
    defaults: dict[str, Any] = {
        "id": new_id(),
        "name": "Market Square",
        "address": "Markt 1",
        "time_zone": "Europe/Berlin",
        "created_at": work.clock.now(),
    }
    location = Location(**(defaults | values))
    work.places.add_location(location)
    return location


def a_staff(work: UnitOfWork, **values: Any) -> Staff:
    defaults: dict[str, Any] = {
        "id": new_id(),
        "name": "Bea",
        "role": "staff",
        "created_at": work.clock.now(),
    }
    staff = Staff(**(defaults | values))
    work.places.add_staff(staff)
    return staff


def a_till(work: UnitOfWork, location: Location, **values: Any) -> Till:
    defaults: dict[str, Any] = {
        "id": new_id(),
        "location_id": location.id,
        "name": "Till 1",
        "created_at": work.clock.now(),
    }
    till = Till(**(defaults | values))
    work.places.add_till(till)
    return till


def a_member(work: UnitOfWork, programme: Programme, **values: Any) -> Member:
    """A member with an empty account, a card and the card's tokens."""
    member_id = values.pop("id", None) or new_id()
    name = values.get("name", "Mia Berg")
    defaults: dict[str, Any] = {
        "id": member_id,
        "programme_id": programme.id,
        "number": encode(member_id & (1 << 50) - 1, length=10),
        "name": name,
        "name_folded": name.lower(),
        "language": "en",
        "source": "join",
        "joined_at": work.clock.now(),
    }
    member = Member(**(defaults | values))
    work.members.add(member)
    work.books.open_member(member.id, programme.id, programme.unit)
    a_wallet_pass(work, member)
    return member


def a_wallet_pass(work: UnitOfWork, member: Member, **values: Any) -> WalletPass:
    """The card of the member's generation, made for the current pass type if there is one."""
    pass_type = work.passes.current_pass_type()
    pass_id = values.pop("id", None) or new_id()
    defaults: dict[str, Any] = {
        "id": pass_id,
        "programme_id": member.programme_id,
        "member_id": member.id,
        "generation": member.generation,
        "serial_number": encode(pass_id, length=26),
        "pass_type_id": None if pass_type is None else pass_type.id,
        "last_modified_s": to_micros(work.clock.now()) // 1_000_000,
        "created_at": work.clock.now(),
    }
    wallet_pass = WalletPass(**(defaults | values))
    work.passes.add(wallet_pass)
    for kind, subject_id in (("barcode", wallet_pass.id), ("card", member.id)):
        token = f"{kind}:{member.id}:{member.generation}"
        work.directory.add_token(kind, hashlib.sha256(token.encode()).digest(), subject_id)
    return wallet_pass


def a_pass_type(work: UnitOfWork, **values: Any) -> PassType:
    pass_type_id = values.pop("id", None) or new_id()
    defaults: dict[str, Any] = {
        "id": pass_type_id,
        "identifier": f"pass.example.{work.scope.merchant}.{pass_type_id}",
        "team_identifier": "A1B2C3D4E5",
        "organization": "Example",
        "sandbox": True,
        "created_at": work.clock.now(),
    }
    pass_type = PassType(**(defaults | values))
    work.passes.add_pass_type(pass_type)
    work.directory.add_name("pass_type", pass_type.identifier, pass_type.id)
    return pass_type


def a_registration(work: UnitOfWork, wallet_pass: WalletPass, **values: Any) -> None:
    """The card on a phone, as Apple's web service would register it."""
    if wallet_pass.pass_type_id is None:
        raise ValueError("the card needs a pass type first")
    defaults: dict[str, Any] = {
        "library_identifier": f"phone-{wallet_pass.id}",
        "push_token": "ab" * 32,
        "due_at": work.clock.now(),
    }
    Devices(work.scope).register(
        wallet_pass, pass_type_id=wallet_pass.pass_type_id, **(defaults | values)
    )
