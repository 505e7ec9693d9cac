"""Branches: add one, change one, close one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final
from zoneinfo import available_timezones

from common.actor import Actor
from common.errors import Conflict, InvalidInput, InvalidInputs
from common.i18n import gettext as _
from common.ids import new_id
from loyalty.context import Loyalty
from storage.places import Location
from storage.unit_of_work import UnitOfWork, open_work, run_work

NAME_MAX: Final = 40
ADDRESS_MAX: Final = 200
LOCATIONS_MAX: Final = 500
LATITUDE_MAX: Final = 90.0
LONGITUDE_MAX: Final = 180.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """A branch as it is entered. Degrees (WGS 84): both or none."""

    name: str
    address: str = ""
    time_zone: str
    latitude: float | None = None
    longitude: float | None = None


def add_location(
    ctx: Loyalty,
    merchant_id: int,
    *,
    name: str,
    address: str,
    time_zone: str,
    latitude: float | None,
    longitude: float | None,
    actor: Actor,
) -> int:
    """Store a branch; its id is returned.

    Raises:
        InvalidInputs: fields `name`, `address`, `time_zone`, `latitude`, `longitude`.
        Conflict: there are too many.
    """
    branch = Branch(
        name=name, address=address, time_zone=time_zone, latitude=latitude, longitude=longitude
    )
    check_branch(branch)

    def action(work: UnitOfWork) -> int:
        if len(work.places.all()) >= LOCATIONS_MAX:
            raise Conflict(_("There can be at most %(max)d branches.", max=LOCATIONS_MAX))
        location = Location(
            id=new_id(),
            name=name.strip(),
            address=address.strip(),
            time_zone=time_zone,
            latitude=latitude,
            longitude=longitude,
            created_at=ctx.clock.now(),
        )
        work.places.add_location(location)
        _tell(work, location.id, actor, action="location.add")
        return location.id

    return run_work(ctx.database, merchant_id, action, clock=ctx.clock)


def change_location(
    ctx: Loyalty, merchant_id: int, location_id: int, branch: Branch, *, actor: Actor
) -> None:
    """Store a branch's new facts.

    Raises:
        InvalidInputs: as `add_location`.
        NotFound: it is not this merchant's.
    """
    check_branch(branch)

    def action(work: UnitOfWork) -> None:
        known = work.places.get(location_id)
        changed = replace(
            known,
            name=branch.name.strip(),
            address=branch.address.strip(),
            time_zone=branch.time_zone,
            latitude=branch.latitude,
            longitude=branch.longitude,
        )
        if changed != known:
            work.places.update(changed)
            _tell(work, location_id, actor, action="location.change")

    run_work(ctx.database, merchant_id, action, clock=ctx.clock)


def archive_location(ctx: Loyalty, merchant_id: int, location_id: int, *, actor: Actor) -> None:
    """Close a branch: its tills stop, its past stays.

    Raises:
        NotFound: it is not this merchant's.
    """

    def action(work: UnitOfWork) -> None:
        known = work.places.get(location_id)
        if known.archived_at is not None:
            return
        work.places.update(replace(known, archived_at=work.clock.now()))
        for till in work.places.tills():
            if till.location_id == location_id:
                work.places.revoke(till.id)
                work.sessions.end_of_till(till.id)
        _tell(work, location_id, actor, action="location.archive")

    run_work(ctx.database, merchant_id, action, clock=ctx.clock)


def list_locations(ctx: Loyalty, merchant_id: int) -> list[Location]:
    """The open branches, the oldest first."""
    with open_work(ctx.database, merchant_id, clock=ctx.clock, writing=False) as work:
        return work.places.all()


def read_location(ctx: Loyalty, merchant_id: int, location_id: int) -> Location:
    """One branch.

    Raises:
        NotFound: it is not this merchant's.
    """
    with open_work(ctx.database, merchant_id, clock=ctx.clock, writing=False) as work:
        return work.places.get(location_id)


def check_branch(branch: Branch) -> None:
    """Refuse what could not be shown or found, all complaints at once."""
    found = []
    if not 0 < len(branch.name.strip()) <= NAME_MAX or not branch.name.isprintable():
        message = _("Give the branch a name of at most %(max)d characters.", max=NAME_MAX)
        found.append(InvalidInput(message, field="name"))
    if len(branch.address) > ADDRESS_MAX:
        message = _("Use at most %(max)d characters.", max=ADDRESS_MAX)
        found.append(InvalidInput(message, field="address"))
    if branch.time_zone not in available_timezones():
        message = _("Choose a time zone like Europe/Dublin.")
        found.append(InvalidInput(message, field="time_zone"))
    found.extend(_degree_complaints(branch))
    if found:
        raise InvalidInputs(found)


def _degree_complaints(branch: Branch) -> list[InvalidInput]:
    if (branch.latitude is None) != (branch.longitude is None):
        empty = "latitude" if branch.latitude is None else "longitude"
        return [InvalidInput(_("Give both coordinates, or none."), field=empty)]
    found = []
    for field, limit in (("latitude", LATITUDE_MAX), ("longitude", LONGITUDE_MAX)):
        value = getattr(branch, field)
        # NaN is not between anything, so it is refused here too.
        if value is not None and not -limit <= value <= limit:
            message = _("Give degrees from -%(max)d to %(max)d.", max=int(limit))
            found.append(InvalidInput(message, field=field))
    return found


def _tell(work: UnitOfWork, location_id: int, actor: Actor, *, action: str) -> None:
    """Branches show on the lock screen nearby, so every card changes."""
    for programme in work.programmes.all():
        if programme.design_version:
            work.deliveries.bump_programme(programme.id, reason="design")
    work.audit.add(
        actor=actor, action=action, subject_kind="location", subject_id=location_id, detail={}
    )
