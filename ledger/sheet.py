"""The sheet one evaluation writes on, rule after rule; it never leaves the room."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from ledger.evaluation import LeftOut, Part, PartKind, WhyNot
from ledger.member_state import Progress, Promise

FREE_OF_CAPS = (PartKind.PACK, PartKind.WELCOME)
"""What was paid for, and what was promised at joining, is given whole."""

BASE = (PartKind.SPEND, PartKind.CASHBACK, PartKind.VISIT, PartKind.ITEM)


@dataclass(slots=True, kw_only=True)
class Sheet:
    """What the rules gave so far.

    `carry` is the carry afterwards by unit; `pack_days` how long each pack of a unit lasts.
    """

    parts: defaultdict[str, list[Part]] = field(default_factory=lambda: defaultdict(list))
    carry: dict[str, int] = field(default_factory=dict)
    pack_days: dict[str, int] = field(default_factory=dict)
    promised: list[Promise] = field(default_factory=list)
    consumed: list[Promise] = field(default_factory=list)
    progress: dict[str, Progress] = field(default_factory=dict)
    left_out: list[LeftOut] = field(default_factory=list)

    def give(self, unit: str, part: Part) -> None:
        """Add units of a rule; none is none."""
        if part.units:
            self.parts[unit].append(part)

    def skip(self, rule: str, why: WhyNot, by: str = "") -> None:
        """Note why a rule gave nothing."""
        self.left_out.append(LeftOut(rule=rule, why=why, by=by))

    def consume(self, promise: Promise) -> None:
        """Use a promise up, once."""
        if promise not in self.consumed:
            self.consumed.append(promise)

    def total(self, unit: str, kinds: tuple[PartKind, ...]) -> int:
        """The units of a unit that came from these kinds."""
        return sum(part.units for part in self.parts.get(unit, ()) if part.kind in kinds)
