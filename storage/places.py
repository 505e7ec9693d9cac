"""A merchant's branches, the people at the counter, and the tills.

Rules: a branch, a person or a till that was ever used stays, because the ledger names it; it is
archived, disabled or revoked. Not done here: hashing PINs (signing), sessions of devices.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from common.errors import NotFound
from common.i18n import gettext as _
from storage.records import columns, maybe_record, record_of, values_of
from storage.scope import Scope
from storage.tables import location, staff, till


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """A branch. Degrees are WGS 84, both or none; `time_zone` is an IANA name."""

    id: int
    name: str
    address: str
    time_zone: str
    latitude: float | None = None
    longitude: float | None = None
    archived_at: datetime | None = None
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Staff:
    """Someone at the counter: role `staff` or `manager`; `pin_hash` None until they chose one."""

    id: int
    name: str
    role: str
    pin_hash: str | None = None
    pin_set_at: datetime | None = None
    disabled_at: datetime | None = None
    created_at: datetime

    def __repr__(self) -> str:
        return f"Staff(id={self.id}, role={self.role!r})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Till:
    """A device at the counter; `paired_at` None until one took the place."""

    id: int
    location_id: int
    name: str
    paired_at: datetime | None = None
    revoked_at: datetime | None = None
    created_at: datetime


class Places:
    """Branches, staff and tills of the scope's merchant."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def add_location(self, new: Location) -> None:
        """Store a branch."""
        self._scope.execute(self._scope.insert(location, **values_of(new)))

    def update(self, changed: Location) -> None:
        """Store a branch's new facts."""
        mine = self._scope.update(location).where(location.c.id == changed.id)
        self._scope.execute(mine.values(values_of(changed)))

    def get(self, location_id: int) -> Location:
        """A branch, archived or not.

        Raises:
            NotFound: there is none with this id.
        """
        query = self._scope.select(location, *columns(location, Location))
        row = self._scope.execute(query.where(location.c.id == location_id)).one_or_none()
        if row is None:
            raise NotFound(_("There is no such branch."))
        return record_of(Location, row)

    def all(self, *, archived: bool = False) -> list[Location]:
        """The branches, the oldest first; with `archived` the closed ones as well."""
        query = self._scope.select(location, *columns(location, Location))
        if not archived:
            query = query.where(location.c.archived_at.is_(None))
        rows = self._scope.execute(query.order_by(location.c.id))
        return [record_of(Location, row) for row in rows]

    def add_staff(self, new: Staff) -> None:
        """Store a person of the counter."""
        self._scope.execute(self._scope.insert(staff, **values_of(new)))

    def staff(self, staff_id: int) -> Staff:
        """A person of the counter, disabled or not.

        Raises:
            NotFound: there is none with this id.
        """
        query = self._scope.select(staff, *columns(staff, Staff)).where(staff.c.id == staff_id)
        row = self._scope.execute(query).one_or_none()
        if row is None:
            raise NotFound(_("There is no such person."))
        return record_of(Staff, row)

    def all_staff(self) -> list[Staff]:
        """Everyone of the counter, those who work first, the oldest first."""
        query = self._scope.select(staff, *columns(staff, Staff))
        rows = self._scope.execute(query.order_by(staff.c.disabled_at.is_not(None), staff.c.id))
        return [record_of(Staff, row) for row in rows]

    def set_pin(self, staff_id: int, pin_hash: str | None) -> None:
        """Store a person's new PIN hash, or take the PIN away."""
        set_at = None if pin_hash is None else self._scope.clock.now()
        mine = self._scope.update(staff).where(staff.c.id == staff_id)
        self._scope.execute(mine.values(pin_hash=pin_hash, pin_set_at=set_at))

    def set_role(self, staff_id: int, role: str) -> None:
        """Make a person `staff` or `manager`."""
        mine = self._scope.update(staff).where(staff.c.id == staff_id)
        self._scope.execute(mine.values(role=role))

    def disable_staff(self, staff_id: int, *, disabled: bool = True) -> None:
        """Stop a person's PIN, or let it work again."""
        moment = self._scope.clock.now() if disabled else None
        mine = self._scope.update(staff).where(staff.c.id == staff_id)
        self._scope.execute(mine.values(disabled_at=moment))

    def add_till(self, new: Till) -> None:
        """Store a till."""
        self._scope.execute(self._scope.insert(till, **values_of(new)))

    def till(self, till_id: int) -> Till:
        """A till, revoked or not.

        Raises:
            NotFound: there is none with this id.
        """
        query = self._scope.select(till, *columns(till, Till)).where(till.c.id == till_id)
        found = maybe_record(Till, self._scope.execute(query).one_or_none())
        if found is None:
            raise NotFound(_("There is no such till."))
        return found

    def tills(self, *, revoked: bool = False) -> list[Till]:
        """The tills, the oldest first; with `revoked` the removed ones as well."""
        query = self._scope.select(till, *columns(till, Till))
        if not revoked:
            query = query.where(till.c.revoked_at.is_(None))
        return [record_of(Till, row) for row in self._scope.execute(query.order_by(till.c.id))]

    def pair(self, till_id: int) -> None:
        """Note that a device took the till's place."""
        mine = self._scope.update(till).where(till.c.id == till_id)
        self._scope.execute(mine.values(paired_at=self._scope.clock.now()))

    def revoke(self, till_id: int) -> None:
        """End a till for good."""
        mine = self._scope.update(till).where(till.c.id == till_id)
        self._scope.execute(mine.values(revoked_at=self._scope.clock.now()))
