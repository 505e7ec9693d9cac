"""Rules that were published and wait for the end of their notice: from when, and what changes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ledger.terms_diff import diff
from loyalty.context import Loyalty
from loyalty.rule_drafts import as_rules
from storage.unit_of_work import open_work


@dataclass(frozen=True, slots=True, kw_only=True)
class ComingRules:
    """From when they count, and what they change, in sentences of the current language."""

    starts: datetime
    changes: tuple[str, ...]


def coming_rules(ctx: Loyalty, merchant_id: int, programme_id: int) -> ComingRules | None:
    """What members must be told before it counts; None when nothing waits.

    Raises:
        NotFound: it is not this merchant's.
    """
    with open_work(ctx.database, merchant_id, clock=ctx.clock, writing=False) as work:
        programme, merchant = work.programmes.get(programme_id), work.merchants.get()
        starts, version = programme.next_terms_at, programme.next_terms_version
        if starts is None or version is None or starts <= ctx.clock.now():
            return None
        old, new = (
            as_rules(terms, currency=merchant.currency, time_zone=merchant.time_zone)
            for terms in (
                work.programmes.terms(programme_id),
                work.programmes.terms(programme_id, version),
            )
        )
    changes = tuple(change.sentence for change in diff(old, new))
    return ComingRules(starts=starts, changes=changes)
