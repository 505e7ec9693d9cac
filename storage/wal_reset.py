"""Which SQLite carries the WAL-reset fault: two connections, one checkpoint, a damaged file.

Not done here: what keeps such an SQLite safe (engine, locks).
Source: sqlite.org/wal.html
"""

from __future__ import annotations

from typing import Final

FIXED_SQLITE: Final = (3, 51, 3)
# Older lines that were given the fix too.
_FIXED_LINES: Final = {(3, 44): 6, (3, 50): 7}


def has_wal_reset_fix(version: tuple[int, ...]) -> bool:
    """Whether this SQLite is free of the WAL-reset fault (two connections, one checkpoint).

    Source: sqlite.org/wal.html
    """
    fixed_in_line = _FIXED_LINES.get((version[0], version[1]))
    return version >= FIXED_SQLITE or (fixed_in_line is not None and version[2] >= fixed_in_line)
