"""Sessions of the console and the till, and links that work once.

Not done here: making tokens (signing.tokens) and deciding how long a session lives (loyalty).

Rules:
- Only the SHA-256 of a token is stored.
- A link is spent by one conditional UPDATE, so of any number of clicks exactly one wins.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import and_, delete, insert, select, update

from storage.records import maybe_record, record_of, values_of
from storage.scope import Scope
from storage.tables import one_time_link, session


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One signed-in browser: kind `console` (a person) or `till` (a paired device)."""

    token_hash: bytes
    kind: str
    person_id: int | None = None
    merchant_id: int | None = None
    till_id: int | None = None
    staff_id: int | None = None
    staff_until: datetime | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    created_at: datetime
    seen_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OneTimeLink:
    """A link or code that works once, for one purpose and subject."""

    token_hash: bytes
    purpose: str
    merchant_id: int
    subject_id: int
    created_at: datetime
    expires_at: datetime
    spent_at: datetime | None = None


class Sessions:
    """Sessions and links by the hash of their token."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def add(self, new: Session) -> None:
        """Store a session."""
        self._scope.execute(insert(session).values(values_of(new)))

    def by_hash(self, token_hash: bytes) -> Session | None:
        """The session, expired or not."""
        query = select(session).where(session.c.token_hash == token_hash)
        return maybe_record(Session, self._scope.execute(query).one_or_none())

    def update(self, token_hash: bytes, **values: Any) -> None:
        """Change columns of a session; no error when it has ended."""
        self._scope.execute(
            update(session).where(session.c.token_hash == token_hash).values(**values)
        )

    def end(self, token_hash: bytes) -> None:
        """Sign one browser out."""
        self._scope.execute(delete(session).where(session.c.token_hash == token_hash))

    def end_of_person(self, person_id: int) -> None:
        """Sign a person out everywhere."""
        self._scope.execute(delete(session).where(session.c.person_id == person_id))

    def end_of_till(self, till_id: int) -> None:
        """Sign a till's devices out."""
        self._scope.execute(
            delete(session).where(
                session.c.merchant_id == self._scope.merchant, session.c.till_id == till_id
            )
        )

    def of_person(self, person_id: int) -> list[Session]:
        """A person's sessions, the last seen first."""
        query = (
            select(session)
            .where(session.c.person_id == person_id)
            .order_by(session.c.seen_at.desc())
        )
        return [record_of(Session, row) for row in self._scope.execute(query)]

    def drop_expired(self, before: datetime) -> int:
        """Forget sessions and links that ran out before a moment; returns how many."""
        gone = (
            delete(session).where(session.c.expires_at <= before),
            delete(one_time_link).where(one_time_link.c.expires_at <= before),
        )
        return sum(int(self._scope.execute(statement).rowcount) for statement in gone)

    def add_link(self, new: OneTimeLink) -> None:
        """Store a link that works once."""
        self._scope.execute(insert(one_time_link).values(values_of(new)))

    def add_link_once(self, new: OneTimeLink) -> bool:
        """Store a link unless its token is taken; at the same moment exactly one gets True."""
        return self._scope.insert_new(one_time_link, **values_of(new))

    def link(self, token_hash: bytes) -> OneTimeLink | None:
        """The link, spent, expired or not."""
        query = select(one_time_link).where(one_time_link.c.token_hash == token_hash)
        return maybe_record(OneTimeLink, self._scope.execute(query).one_or_none())

    def spend_link(self, token_hash: bytes) -> bool:
        """True for exactly one caller, and only before the link expires."""
        now = self._scope.clock.now()
        spent = self._scope.execute(
            update(one_time_link)
            .where(
                and_(
                    one_time_link.c.token_hash == token_hash,
                    one_time_link.c.spent_at.is_(None),
                    one_time_link.c.expires_at > now,
                )
            )
            .values(spent_at=now)
        )
        return bool(spent.rowcount)

    def drop_links(self, purpose: str, subject_id: int) -> None:
        """Make the merchant's links of a purpose and subject dead."""
        self._scope.execute(
            delete(one_time_link).where(
                one_time_link.c.merchant_id == self._scope.merchant,
                one_time_link.c.purpose == purpose,
                one_time_link.c.subject_id == subject_id,
            )
        )
