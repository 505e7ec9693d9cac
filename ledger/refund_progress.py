"""What a refund takes off challenges, streaks, sets and bonuses that are given once.

The sale is rated with and without what comes back, from the progress it found; the difference is
taken off the progress of today. So a level, a round or a bonus that this sale reached can be
reached again, and what a later sale reached stays reached.

Rules:
- Where nothing happened since, the progress is exactly what it would be without the sale.
- A window or a streak that is over is not touched: its actions count for nothing any more.
- A count never falls below zero: a level that a later sale reached stays given, and the actions
  that are then missing are forgiven.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ledger.evaluation import Evaluation
from ledger.member_state import Progress


def progress_back(
    known: Mapping[str, Progress],
    then: Mapping[str, Progress],
    *,
    old: Evaluation | None,
    new: Evaluation | None,
) -> dict[str, Progress]:
    """The rules whose progress changes, and to what.

    Args:
        known: the member's progress today.
        then: the progress the sale found.
        old: the sale as it stood before this refund, None when nothing of it was left.
        new: the sale as it stands after it.
    """
    before = old.progress if old is not None else {}
    after = new.progress if new is not None else {}
    found = {}
    for rule, reached in before.items():
        rest = after.get(rule) or then.get(rule) or Progress()
        today = known.get(rule)
        if today is None or rest == reached:
            continue
        changed = rest if today == reached else moved(today, reached, rest)
        if changed != today:
            found[rule] = changed
    return found


def moved(today: Progress, old: Progress, new: Progress) -> Progress:
    """Today's progress with the step from `old` to `new` added."""
    if today.since != old.since:
        return today
    if new.since != old.since:
        new = Progress(times=new.times)
    return replace(
        today,
        count=max(0, today.count - old.count + new.count),
        given=max(0, today.given - old.given + new.given),
        times=max(0, today.times - old.times + new.times),
        last=new.last if today.last == old.last else today.last,
        parts={
            unit: max(0, number - old.parts.get(unit, 0) + new.parts.get(unit, 0))
            for unit, number in today.parts.items()
        },
    )
