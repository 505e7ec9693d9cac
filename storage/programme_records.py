"""What `Programmes` takes and gives: frozen records of programmes, rewards, drafts and pictures."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from passes.design import Design


@dataclass(frozen=True, slots=True, kw_only=True)
class Programme:
    """A programme. `design_version` is the published one, 0 before the first.

    `ask_name`, `ask_email` and `ask_phone` are `off`, `optional` or `required`; `kind` is `card`
    or `gift`.
    """

    id: int
    slug: str
    name: str
    unit: str
    terms_version: int = 0
    design_version: int = 0
    join_code: str
    ask_name: str = "optional"
    ask_email: str = "off"
    ask_phone: str = "off"
    published_at: datetime | None = None
    created_at: datetime
    next_terms_version: int | None = None
    next_terms_at: datetime | None = None
    join_by_mail: bool | None = None
    kind: str = "card"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reward:
    """What a member gets for `cost` of `unit` (None: the programme's own).

    `kind` as ledger.offers has it; `value` is percent or minor units, as the kind says; `stock`
    None has no end; `used` is how many were handed over and stand; `conditions` are further costs,
    the least sale, items and tiers (loyalty/offers.py reads them).
    """

    id: int
    programme_id: int
    slug: str
    name: str
    cost: int
    active: bool = True
    created_at: datetime
    kind: str = "product"
    unit: str | None = None
    value: int | None = None
    cost_minor: int | None = None
    stock: int | None = None
    per_member: int | None = None
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    note: str = ""
    used: int = 0
    conditions: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TermsDraft:
    """The rules as they are edited; `based_on` is the version they were begun from."""

    based_on: int
    document: dict[str, Any]
    changed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredDesign:
    """One version of a programme's look; `published_at` None is the draft."""

    version: int
    design: Design
    published_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredImage:
    """A picture's bytes; `media_type` is image/png for what may be shown."""

    data: bytes
    media_type: str
    width: int
    height: int
