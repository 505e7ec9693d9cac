"""Which deliveries are due and come first, read without looking at all that wait.

A million rows may be due (after a restore, or when a wallet's service comes back), so nothing here
counts or sorts them: the index `ix_delivery_turn` is entered once for each merchant and once for
each of its priorities. Not here: taking rows (claims.py).
Rules:
- merchants take turns: each one's first row comes before anyone's second, and scans at a counter
  before mass changes;
- of more merchants than fit, those whose oldest scan waits longest come first, then those whose
  oldest mass change does;
- a merchant whose channel is broken (breaker) is passed over;
- the clock may jump: a lease or a due time further away than any we give counts as run out.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import timedelta
from functools import cache
from itertools import chain, islice, zip_longest
from typing import Any, Final

from common.clock import to_micros
from storage.deliveries import COUNTER, MASS, Channel
from storage.scope import Scope

LEASE_MAX: Final = timedelta(seconds=120)
"""The longest lease any version gives; one that ends later was written by a wrong clock."""
DUE_MAX: Final = timedelta(hours=3)
"""Longer than any pace, back-off or Retry-After that is honoured."""
MERCHANTS_MAX: Final = 64
"""Merchants that get a turn at once."""

DueRow = tuple[int, int]
"""A delivery's merchant and id."""

# As the index says it, word for word, or it is not used.
_OPEN: Final = "d.wanted_revision > d.delivered_revision and d.state = 'open'"
_FREE: Final = "(d.lease is null or d.lease_until <= ? or d.lease_until > ?)"
_OLDEST: Final = """
select d.due_at from delivery d
where d.channel = ? and d.merchant_id = waiting.id and d.priority = PRIORITY
  and OPEN and d.due_at <= ? and FREE
order by d.due_at limit 1
"""
# In `turns`, `odd` tells of a due time that a wrong clock wrote.
_MERCHANTS: Final = """
with recursive waiting(id) as (
  select min(d.merchant_id) from delivery d where d.channel = ? and OPEN
  union all
  select (
    select min(d.merchant_id) from delivery d
    where d.channel = ? and d.merchant_id > waiting.id and OPEN
  ) from waiting where waiting.id is not null
), turns(id, scan_at, mass_at, odd) as (
  select waiting.id, (OLDEST_SCAN), (OLDEST_MASS), (ODD_SCAN) or (ODD_MASS) from waiting
  where waiting.id is not null and not exists (
    select 1 from breaker b where b.merchant_id = waiting.id and b.channel = 'WALLET'
      and b.retry_at > ? and b.retry_at <= ?)
)
select id from turns where scan_at is not null or mass_at is not null or odd
order by scan_at is null, scan_at, mass_at is null, mass_at limit ?
"""
_ODD: Final = """
exists (select 1 from delivery d
where d.channel = ? and d.merchant_id = waiting.id and d.priority = PRIORITY
  and OPEN and d.due_at > ? and FREE)
"""
_FIRST: Final = """
select * from (
  select d.id from delivery d
  where d.channel = ? and d.merchant_id = ? and d.priority = PRIORITY
    and OPEN and d.due_at WHEN ? and FREE
  order by d.due_at, d.id limit ?) NAME
"""
_PRIORITIES: Final = (COUNTER, MASS)
"""All that a delivery may have."""


def due_rows(
    scope: Scope, channels: Sequence[Channel], *, limit: int, without: Collection[int] = ()
) -> list[DueRow]:
    """Up to `limit` due rows of these channels, in fair order."""
    queues = [
        queue
        for channel in channels
        for queue in _queues(scope, channel, limit=limit, without=frozenset(without))
    ]
    return list(islice(_in_turn(queues), limit))


def _queues(
    scope: Scope, channel: Channel, *, limit: int, without: frozenset[int]
) -> Iterator[list[DueRow]]:
    merchants = [one for one in _merchants(scope, channel, len(without)) if one not in without]
    each = -(-limit // max(1, len(merchants)))
    for merchant_id in merchants:
        yield _first_rows(scope, channel, merchant_id, limit=max(each, 1))


def _merchants(scope: Scope, channel: Channel, besides: int) -> list[int]:
    now = to_micros(scope.clock.now())
    far, leases = now + _micros(DUE_MAX), (now, now + _micros(LEASE_MAX))
    oldest, odd = (str(channel), now, *leases), (str(channel), far, *leases)
    probes = (*oldest, *oldest, *odd, *odd)
    values = (str(channel), str(channel), *probes, now, far, MERCHANTS_MAX + besides)
    rows = scope.run_sql(_merchants_statement(channel), values)
    return [int(row[0]) for row in rows.fetchall()]


def _first_rows(scope: Scope, channel: Channel, merchant_id: int, *, limit: int) -> list[DueRow]:
    now = to_micros(scope.clock.now())
    leases = (now, now + _micros(LEASE_MAX))
    on_time = (str(channel), merchant_id, now, *leases, limit)
    odd = (str(channel), merchant_id, now + _micros(DUE_MAX), *leases, limit)
    rows = scope.run_sql(_first_rows_statement(), (on_time + odd) * len(_PRIORITIES))
    return [(merchant_id, int(row[0])) for row in islice(rows.fetchall(), limit)]


@cache
def _merchants_statement(channel: Channel) -> str:
    text = _MERCHANTS
    for name, part in (("OLDEST", _OLDEST), ("ODD", _ODD)):
        text = text.replace(f"{name}_SCAN", part.replace("PRIORITY", str(COUNTER)))
        text = text.replace(f"{name}_MASS", part.replace("PRIORITY", str(MASS)))
    wallet = "apple" if channel is Channel.APPLE else "google"
    return _open_and_free(text).replace("WALLET", wallet)


@cache
def _first_rows_statement() -> str:
    return " union all ".join(
        _open_and_free(_FIRST)
        .replace("PRIORITY", str(priority))
        .replace("WHEN", when)
        .replace("NAME", f"q{priority}_{number}")
        for priority in _PRIORITIES
        for number, when in enumerate(("<=", ">"))
    )


def _open_and_free(text: str) -> str:
    return text.replace("OPEN", _OPEN).replace("FREE", _FREE)


def _in_turn(queues: Sequence[Sequence[DueRow]]) -> Iterator[DueRow]:
    """Every queue's first entry, then every queue's second, and so on."""
    rows: Iterator[Any] = chain.from_iterable(zip_longest(*queues))
    return (row for row in rows if row is not None)


def _micros(span: timedelta) -> int:
    return span // timedelta(microseconds=1)
