"""A shop with very many members, written by the database itself: what growth is measured on.

Every member has one account and so many earns of ten points, each with its operation, transfer and
lot, all as the ledger writes them, so that `verify` holds for it.
"""

from __future__ import annotations

from typing import Final

from common.clock import to_micros
from storage.engine import Database
from storage.unit_of_work import UnitOfWork, open_work
from tests.support.counter import Shop

BASE: Final = 1 << 40
STRIDE: Final = 64
AMOUNT: Final = 10
AT_ONCE: Final = 5_000

_MEMBERS: Final = """
insert into member (merchant_id, id, programme_id, number, name, name_folded, language,
  generation, state, source, joined_at)
select {merchant}, {base} + n, {programme}, 'B' || n, 'Ada', 'ada', 'en', 1, 'active', 'bench', {now}
from ({series}) s
"""
_ACCOUNTS: Final = """
insert into account (merchant_id, id, programme_id, member_id, kind, unit, balance, carry, revision)
select {merchant}, {base} + n, {programme}, {base} + n, 'member', 'points', {amount} * {earns}, 0,
  {earns} from ({series}) s
"""
_PASSES: Final = """
insert into wallet_pass (merchant_id, id, programme_id, member_id, generation, serial_number,
  revision, stamped_revision, stamp, last_modified_s, fetched_revision, created_at)
select {merchant}, {base} + n, {programme}, {base} + n, 1, 'B' || n, 1, 0, 0, 0, 0, {now}
from ({series}) s
"""
_OPERATIONS: Final = """
insert into operation (merchant_id, id, programme_id, member_id, kind, actor_kind, source,
  source_ref, idempotency_key, request_hash, terms_version, reason, units, unit, carry_change,
  balance_after, account_revision, created_at)
select {merchant}, {base} + n * {stride} + k, {programme}, {base} + n, 'earn', 'system', 'bench',
  'B' || n || '-' || k, 'B' || n || '-' || k, {hash}, 1,
  '{{"carry_minor":0,"rule":"spend","terms_version":1,"unit":"points","units":10}}', {amount},
  'points', 0, {amount} * k, k, {now} from ({series}) s, ({earned}) e
"""
_TRANSFERS: Final = """
insert into transfer (merchant_id, id, operation_id, debit_account_id, credit_account_id, unit, amount)
select {merchant}, {base} + n * {stride} + k, {base} + n * {stride} + k, {issued}, {base} + n,
  'points', {amount} from ({series}) s, ({earned}) e
"""
_LOTS: Final = """
insert into lot (merchant_id, id, account_id, operation_id, amount, remaining, available_from,
  expires_at, terms_version)
select {merchant}, {base} + n * {stride} + k, {base} + n, {base} + n * {stride} + k, {amount},
  {amount}, {now}, {expires}, 1 from ({series}) s, ({earned}) e
"""


def fill(
    database: Database, shop: Shop, *, members: int, earns: int, clock: object, expires: int | None
) -> list[int]:
    """Add members with so many earns each; their ids are returned.

    `expires` is the moment (microseconds) when every lot ends, None for never.
    """
    for first in range(1, members + 1, AT_ONCE):
        last = min(members, first + AT_ONCE - 1)
        with open_work(database, shop.merchant_id, clock=clock) as work:  # type: ignore[arg-type]
            _fill(work, shop, first, last, earns=earns, expires=expires)
            work.commit()
    return [BASE + n for n in range(1, members + 1)]


def _fill(
    work: UnitOfWork, shop: Shop, first: int, last: int, *, earns: int, expires: int | None
) -> None:
    on_sqlite = work.scope.connection.dialect.name == "sqlite"
    if not on_sqlite:
        work.scope.connection.exec_driver_sql("set local statement_timeout = 0")
    issued = work.scope.connection.exec_driver_sql(
        f"select id from account where merchant_id = {shop.merchant_id} and kind = 'issued' "
        f"and programme_id = {shop.programme_id} and unit = 'points'"
    ).scalar_one()
    facts = {
        "merchant": shop.merchant_id,
        "programme": shop.programme_id,
        "base": BASE,
        "stride": STRIDE,
        "amount": AMOUNT,
        "earns": earns,
        "now": to_micros(work.clock.now()),
        "expires": "null" if expires is None else expires,
        "issued": issued,
        "hash": "x'00'" if on_sqlite else "'\\x00'::bytea",
        "series": _series("n", first, last, on_sqlite=on_sqlite),
        "earned": _series("k", 1, earns, on_sqlite=on_sqlite),
    }
    for statement in (_MEMBERS, _ACCOUNTS, _PASSES, _OPERATIONS, _TRANSFERS, _LOTS):
        work.scope.connection.exec_driver_sql(statement.format(**facts))


def _series(name: str, first: int, last: int, *, on_sqlite: bool) -> str:
    if not on_sqlite:
        return f"select generate_series({first}, {last}) as {name}"
    return (
        f"with recursive r({name}) as (select {first} union all select {name} + 1 from r "
        f"where {name} < {last}) select {name} from r"
    )
