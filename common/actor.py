"""Who did it: carried by every operation and every audit entry."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ActorKind(StrEnum):
    """The kinds of people and things that act."""

    OWNER = "owner"  # someone signed in at the console; id = person
    STAFF = "staff"  # someone who typed a PIN at a till; id = staff
    KEY = "key"  # an API key
    MEMBER = "member"  # the customer; id = member
    SYSTEM = "system"  # the command line or a scheduled job; no id


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """One who acts; `till_id` and `location_id` say where, when it was at a till."""

    kind: ActorKind
    id: int | None = None
    till_id: int | None = None
    location_id: int | None = None


SYSTEM = Actor(kind=ActorKind.SYSTEM)
