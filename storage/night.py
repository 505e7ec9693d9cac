"""Which worker does what is done once a night, or once in a while.

The moment of the last night is kept for the installation; whoever changes it has the night.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select, update

from storage.scope import Scope
from storage.tables import installation


def take_night(scope: Scope, task: str, *, starts: timedelta) -> bool:
    """True for exactly one caller after each `starts` past midnight UTC.

    The first call ever only remembers the moment: a new installation has nothing to look at.
    """
    now = scope.clock.now()
    if scope.insert_new(installation, name=task, value=now.isoformat()):
        return False
    query = select(installation.c.value).where(installation.c.name == task)
    last = str(scope.execute(query).scalar_one())
    if not is_new_night(_moment(last), now, starts=starts):
        return False
    taken = scope.execute(
        update(installation)
        .where(installation.c.name == task, installation.c.value == last)
        .values(value=now.isoformat())
    )
    return bool(taken.rowcount == 1)


def known_fact(scope: Scope, name: str) -> str | None:
    """What a worker noted for all of them under a name."""
    query = select(installation.c.value).where(installation.c.name == name)
    found: str | None = scope.execute(query).scalar_one_or_none()
    return found


def note_fact(scope: Scope, name: str, value: str, *, known: str | None) -> bool:
    """Note it; False when another worker noted something since `known` was read."""
    if known is None:
        return bool(scope.insert_new(installation, name=name, value=value))
    changed = scope.execute(
        update(installation)
        .where(installation.c.name == name, installation.c.value == known)
        .values(value=value)
    )
    return bool(changed.rowcount == 1)


def is_new_night(last: datetime | None, now: datetime, *, starts: timedelta) -> bool:
    """Whether a night began since `last`; a moment ahead of now was written by a wrong clock."""
    return last is None or last > now or (now - starts).date() > (last - starts).date()


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None
