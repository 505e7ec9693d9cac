"""What a database's complaint means: wait, run the use case again, or mend the program.

Not done here: raising (engine, unit_of_work).
Source: sqlite.org/rescode.html, postgresql.org/docs/current/errcodes-appendix.html
"""

from __future__ import annotations

import re
from typing import Final

from sqlalchemy.exc import DBAPIError, IntegrityError

from common.errors import Unavailable
from storage.moved import REFUSAL

_SQLITE_BUSY: Final = {5, 6, 15}  # BUSY, LOCKED, PROTOCOL
_SQLITE_READONLY: Final = 8
_SQLITE_AWAY: Final = {7, 9, 10, 13, 14}  # NOMEM, INTERRUPT, IOERR, FULL, CANTOPEN
# SQLSTATE classes that pass by themselves: connection, resources, operator, system.
_AWAY_CLASSES: Final = {"08", "53", "57", "58"}
# Lock time-out, a standby after a fail-over, a transaction that idled too long.
_AWAY_STATES: Final = {"55P03", "25006", "25P03", "25P04"}
_DEADLOCKS: Final = {"40001", "40P01"}
_DUPLICATE_ID: Final = re.compile(r"\.id(?:$|,)|[(, ]id\)=\(")


def is_retryable(error: BaseException) -> bool:
    """Whether running the whole use case again may succeed.

    A deadlock or serialization failure on PostgreSQL, or two processes that drew one id.
    """
    if isinstance(error, IntegrityError):
        return _DUPLICATE_ID.search(str(error.orig)) is not None
    return isinstance(error, DBAPIError) and _sqlstate(error) in _DEADLOCKS


def is_away(error: DBAPIError) -> bool:
    """Whether the database is locked, full or out of reach, and the statement itself sound."""
    code = _sqlite_code(error)
    if code is not None:
        if REFUSAL in str(error.orig):
            return True  # the shop was moved: this process has to be started on the new address
        return code in _SQLITE_BUSY | _SQLITE_AWAY | {_SQLITE_READONLY}
    state = _sqlstate(error)
    if state is None:
        # The client library's own words: the connection was lost, or there never was one.
        return error.connection_invalidated or type(error.orig).__name__ == "OperationalError"
    return state[:2] in _AWAY_CLASSES or state in _AWAY_STATES


def is_locked(error: Unavailable) -> bool:
    """Whether it was another writer that made it Unavailable, so that waiting is enough."""
    cause = error.__cause__
    return not isinstance(cause, DBAPIError) or _sqlite_code(cause) in _SQLITE_BUSY


def is_write_refusal(error: DBAPIError) -> bool:
    """Whether a write was refused because the transaction or the database is read-only."""
    return _sqlite_code(error) == _SQLITE_READONLY or _sqlstate(error) == "25006"


def _sqlite_code(error: DBAPIError) -> int | None:
    code = getattr(error.orig, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF  # the low byte; the rest is detail


def _sqlstate(error: DBAPIError) -> str | None:
    return getattr(error.orig, "sqlstate", None)
