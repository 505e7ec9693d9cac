"""Merchants, the people of the console, and which person serves which merchant.

A person is one for the whole installation (an agency serves several merchants); a role belongs
to the scope's merchant.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Select, delete, or_, select, update

from common.errors import Conflict, NotFound
from common.money import decimals
from storage.records import maybe_record, record_of, values_of
from storage.scope import Scope
from storage.tables import merchant, person, role

REFUND_MAX_WHOLE: Final = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Merchant:
    """A business that issues cards; amounts in minor units of `currency`."""

    id: int
    slug: str
    name: str
    currency: str
    language: str
    country: str
    time_zone: str
    public_url: str | None = None
    status: str = "active"
    sandbox: bool = False
    sale_max_minor: int
    google_account_id: int | None = None
    privacy_url: str = ""
    created_at: datetime
    refund_max_minor: int | None = None

    @property
    def staff_refund_max_minor(self) -> int:
        """What staff take back of one sale without a manager."""
        if self.refund_max_minor is not None:
            return self.refund_max_minor
        whole: int = REFUND_MAX_WHOLE * 10 ** decimals(self.currency)
        return whole


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Someone who may sign in at the console; `email` is lower case."""

    id: int
    email: str
    name: str
    password_hash: str | None = None
    disabled_at: datetime | None = None
    created_at: datetime
    totp_sealed: bytes | None = None
    totp_last_step: int | None = None


class Merchants:
    """Merchants, people and roles."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def add(self, new: Merchant) -> None:
        """Store a merchant.

        Raises:
            Conflict: its slug is taken.
        """
        if not self._scope.insert_new(merchant, **values_of(new)):
            raise Conflict(f"There is already a merchant called {new.slug!r}.")

    def get(self, merchant_id: int | None = None) -> Merchant:
        """A merchant, the scope's own by default.

        Raises:
            NotFound: there is none with this id.
        """
        wanted = self._scope.merchant if merchant_id is None else merchant_id
        row = self._scope.execute(select(merchant).where(merchant.c.id == wanted)).one_or_none()
        if row is None:
            raise NotFound("There is no such merchant.")
        return record_of(Merchant, row)

    def by_slug(self, slug: str) -> Merchant | None:
        """The merchant of a slug."""
        query = select(merchant).where(merchant.c.slug == slug)
        return maybe_record(Merchant, self._scope.execute(query).one_or_none())

    def all(self) -> list[Merchant]:
        """Every merchant, the oldest first."""
        rows = self._scope.execute(select(merchant).order_by(merchant.c.id))
        return [record_of(Merchant, row) for row in rows]

    def set_status(self, status: str) -> None:
        """Set the scope's merchant `active` or `suspended`."""
        self._set(status=status)

    def set_facts(
        self, *, name: str, privacy_url: str, sale_max_minor: int, refund_max_minor: int
    ) -> None:
        """Store what the owner may change of the scope's merchant."""
        self._set(
            name=name,
            privacy_url=privacy_url,
            sale_max_minor=sale_max_minor,
            refund_max_minor=refund_max_minor,
        )

    def set_google_account(self, account_id: int | None) -> None:
        """Say which Google account speaks for the scope's merchant."""
        self._set(google_account_id=account_id)

    def set_public_url(self, public_url: str | None) -> None:
        """Fix the address that the merchant's installed passes call."""
        self._set(public_url=public_url)

    def add_person(self, new: Person) -> None:
        """Store a person.

        Raises:
            Conflict: the address is taken.
        """
        if not self._scope.insert_new(person, **values_of(new)):
            raise Conflict("There is already someone with this e-mail address.")

    def person(self, person_id: int) -> Person:
        """A person.

        Raises:
            NotFound: there is none with this id.
        """
        row = self._scope.execute(select(person).where(person.c.id == person_id)).one_or_none()
        if row is None:
            raise NotFound("There is no such person.")
        return record_of(Person, row)

    def person_by_email(self, email: str) -> Person | None:
        """The person who signs in with this address, in whatever case it is typed."""
        query = select(person).where(person.c.email == email.strip().lower())
        return maybe_record(Person, self._scope.execute(query).one_or_none())

    def set_password(self, person_id: int, password_hash: str) -> None:
        """Store the hash of a person's new password."""
        self._scope.execute(
            update(person).where(person.c.id == person_id).values(password_hash=password_hash)
        )

    def set_second_factor(
        self, person_id: int, sealed: bytes | None, *, last_step: int | None
    ) -> None:
        """Store the sealed secret of a person's second factor, or take it away."""
        self._scope.execute(
            update(person)
            .where(person.c.id == person_id)
            .values(totp_sealed=sealed, totp_last_step=last_step)
        )

    def use_second_factor(self, person_id: int, step: int) -> bool:
        """True for exactly one use of a code's step, and never for an older one."""
        used = self._scope.execute(
            update(person)
            .where(
                person.c.id == person_id,
                or_(person.c.totp_last_step.is_(None), person.c.totp_last_step < step),
            )
            .values(totp_last_step=step)
        )
        return bool(used.rowcount)

    def add_role(self, person_id: int, role_name: str) -> None:
        """Let a person serve the scope's merchant as `owner` or `manager`, or change the role."""
        fresh = self._scope.insert_new(
            role,
            merchant_id=self._scope.merchant,
            person_id=person_id,
            role=role_name,
            created_at=self._scope.clock.now(),
        )
        if not fresh:
            mine = self._scope.update(role).where(role.c.person_id == person_id)
            self._scope.execute(mine.values(role=role_name))

    def remove_role(self, person_id: int) -> None:
        """Let a person serve the scope's merchant no longer."""
        self._scope.execute(
            delete(role).where(
                role.c.merchant_id == self._scope.merchant, role.c.person_id == person_id
            )
        )

    def role_of(self, person_id: int) -> str | None:
        """What a person is to the scope's merchant."""
        query = self._scope.select(role, role.c.role).where(role.c.person_id == person_id)
        found: str | None = self._scope.execute(query).scalar_one_or_none()
        return found

    def roles_of(self, person_id: int) -> list[tuple[int, str]]:
        """(merchant, role) of a person; within one merchant's work only that merchant's."""
        query: Select[tuple[int, str]] = (
            select(role.c.merchant_id, role.c.role)
            .where(role.c.person_id == person_id)
            .order_by(role.c.merchant_id)
        )
        if self._scope.merchant_id is not None:
            query = query.where(role.c.merchant_id == self._scope.merchant_id)
        return [(row.merchant_id, row.role) for row in self._scope.execute(query)]

    def owners(self) -> list[Person]:
        """The people who own the scope's merchant, the oldest first."""
        query = (
            self._scope.select(role, *person.c)
            .join(person, person.c.id == role.c.person_id)
            .where(role.c.role == "owner")
            .order_by(person.c.id)
        )
        return [record_of(Person, row) for row in self._scope.execute(query)]

    def _set(self, **values: object) -> None:
        mine = update(merchant).where(merchant.c.id == self._scope.merchant)
        self._scope.execute(mine.values(**values))
