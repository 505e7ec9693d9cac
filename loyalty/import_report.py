"""What is asked of an import of members, and what became of its rows.

Not done here: the import itself (import_members.py).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from common.actor import Actor
from common.errors import InvalidInput
from loyalty.member_list import MemberList

COMPLAINTS_MAX: Final = 10_000
"""Complaints that are kept; all are counted."""


class Fate(StrEnum):
    """What becomes of a row."""

    NEW = "new"  # a member with a card of their own
    JOINED = "joined"  # the contact has a card: the balance goes there
    AGAIN = "again"  # brought in before


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportOrder:
    """What to take over. `good_only` takes the good rows of a list that has bad ones.

    `after_line` and `rows_max` take a part: the rows below that line, at most so many.
    """

    programme_id: int
    listed: MemberList
    actor: Actor
    good_only: bool = False
    after_line: int = 0
    rows_max: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport:
    """What would become, or became, of the rows.

    `units` are credited, or would be; `complaints` have the field `line <n>` and are cut at
    10 000, `bad` counts them all. `last_line` is how far it came.
    """

    fates: Counter[Fate]
    units: int
    bad: int
    complaints: tuple[InvalidInput, ...] = field(repr=False)
    last_line: int

    @property
    def rows(self) -> int:
        """Rows that were looked at."""
        return self.fates.total() + self.bad

    @property
    def new(self) -> int:
        """New members."""
        return self.fates[Fate.NEW]

    @property
    def joined(self) -> int:
        """Rows that go on a card that is here."""
        return self.fates[Fate.JOINED]

    @property
    def again(self) -> int:
        """Rows that are here already."""
        return self.fates[Fate.AGAIN]

    @property
    def to_do(self) -> int:
        """Rows that something is done with."""
        return self.new + self.joined


@dataclass(slots=True, kw_only=True)
class Tally:
    """What a report is counted from."""

    fates: Counter[Fate] = field(default_factory=Counter)
    units: int = 0
    bad: int = 0
    complaints: list[InvalidInput] = field(default_factory=list)
    last_line: int = 0

    def complain(self, error: InvalidInput) -> None:
        self.bad += 1
        if len(self.complaints) < COMPLAINTS_MAX:
            self.complaints.append(error)

    def add(self, fate: Fate, units: int) -> None:
        self.fates[fate] += 1
        if fate is not Fate.AGAIN:
            self.units += units

    def report(self) -> ImportReport:
        ordered = sorted(self.complaints, key=lambda one: line_number(one.field))
        return ImportReport(
            fates=self.fates,
            units=self.units,
            bad=self.bad,
            complaints=tuple(ordered),
            last_line=self.last_line,
        )


def line_number(name: str) -> int:
    """The number of a complaint's field, `line <n>`."""
    return int(name.removeprefix("line "))
