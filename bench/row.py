"""One line of the table: a ratio, its goal, and whether it is reached."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What was measured.

    `measured` and `goal` are ratios to the baseline in the same run, or milliseconds where
    `unit` says so. `more_is_better` tells which side of the goal is good. `facts` are the rates
    behind it; they are this machine's and mean nothing on another.
    """

    name: str
    baseline: str
    goal: float
    measured: float
    more_is_better: bool
    unit: str = "x"
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def reached(self) -> bool:
        """Whether the goal is reached."""
        if self.more_is_better:
            return self.measured >= self.goal
        return self.measured <= self.goal

    def as_document(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "name": self.name,
            "baseline": self.baseline,
            "goal": self.goal,
            "measured": round(self.measured, 3),
            "unit": self.unit,
            "reached": self.reached,
            "facts": dict(self.facts),
        }


def table(rows: list[Row]) -> str:
    """The rows for a person, in columns."""
    heads = ("what", "against", "goal", "measured", "verdict", "seen on this machine")
    lines = [heads, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(heads))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def _cells(row: Row) -> tuple[str, str, str, str, str, str]:
    sign = "≥" if row.more_is_better else "≤"
    facts = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in row.facts.items())
    return (
        row.name,
        row.baseline,
        f"{sign} {row.goal:g} {row.unit}",
        f"{row.measured:.2f} {row.unit}",
        "reached" if row.reached else "MISSED",
        facts,
    )
