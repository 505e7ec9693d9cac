"""The statements of `Books`, as both engines take them, with `?` for each value.

They are constants: nothing is ever put into them but bound values. Each names the merchant, as
row-level security does on PostgreSQL.
"""

from __future__ import annotations

from typing import Final

INSERT_ACCOUNT: Final = """
insert into account
  (merchant_id, id, programme_id, member_id, kind, unit, balance, carry, revision)
values (?, ?, ?, ?, ?, ?, ?, ?, ?)
"""

# One row by unique keys only. `s` is the account as the statement's snapshot has it: where it
# differs from the locked row, a writer committed while this one waited.
_STANDING_COLUMNS: Final = """
select m.status, m.currency, m.time_zone, m.sale_max_minor, b.state,
  p.id, p.terms_version, t.document,
  a.id, a.unit, a.balance, a.carry, a.revision, c.id,
  (select o.id from operation o
    where o.merchant_id = a.merchant_id and o.idempotency_key = ?),
  s.revision,
  (select o.id from operation o
    where o.merchant_id = a.merchant_id and o.source = ? and o.source_ref = ? and o.kind = ?),
  (select o.created_at from operation o
    where o.merchant_id = a.merchant_id and o.member_id = a.member_id and o.kind = 'earn'
      and o.part_of_id is null
    order by o.id desc limit 1 offset ?),
  p.next_terms_at
from account a
  join member b on b.merchant_id = a.merchant_id and b.id = a.member_id
  join merchant m on m.id = a.merchant_id
  join programme p on p.merchant_id = a.merchant_id and p.id = a.programme_id
  join terms t on t.merchant_id = a.merchant_id and t.programme_id = p.id
    and t.version = p.terms_version
  join account c on c.merchant_id = a.merchant_id and c.programme_id = p.id
    and c.kind = ? and c.unit = a.unit and c.member_id is null
"""
_STANDING_WHERE: Final = """
where a.merchant_id = ? and a.member_id = ? and a.unit = p.unit
"""
STANDING: Final = _STANDING_COLUMNS.replace("s.revision", "a.revision") + _STANDING_WHERE
# NO KEY UPDATE keeps two movements of a card apart and lets foreign keys read the row.
LOCK_STANDING: Final = (
    _STANDING_COLUMNS
    + "  join account s on s.merchant_id = a.merchant_id and s.id = a.id"
    + _STANDING_WHERE
    + "for no key update of a"
)

OPEN_LOTS: Final = """
select id, amount, remaining, available_from, expires_at from lot
where merchant_id = ? and account_id = ? and remaining > 0
"""

REWARD: Final = """
select id, programme_id, name, cost, active from reward where merchant_id = ? and id = ?
"""

_REDEMPTIONS: Final = """
select r.name, f.name, l.name, o.created_at from operation o
  left join reward r on r.merchant_id = o.merchant_id and r.id = o.reward_id
  left join staff f on f.merchant_id = o.merchant_id and f.id = o.actor_id
    and o.actor_kind = 'staff'
  left join till l on l.merchant_id = o.merchant_id and l.id = o.till_id
where o.merchant_id = ? and {which} and o.kind = 'redeem'
  and not exists (select 1 from operation v
    where v.merchant_id = o.merchant_id and v.reverses_id = o.id)
order by {order} desc limit 1
"""
LAST_REDEMPTION: Final = _REDEMPTIONS.format(which="o.member_id = ?", order="o.id")
LAST_OF_REWARD: Final = _REDEMPTIONS.format(
    which="o.created_at >= ? and o.reward_id = ?", order="o.created_at"
)
TIMES_REDEEMED: Final = """
select count(*) from operation o
where o.merchant_id = ? and o.member_id = ? and o.reward_id = ? and o.kind = 'redeem'
  and not exists (select 1 from operation v
    where v.merchant_id = o.merchant_id and v.reverses_id = o.id)
"""

ID_OF_KEY: Final = """
select id from operation where merchant_id = ? and idempotency_key = ?
"""

INSERT_SALE: Final = """
insert into sale
  (merchant_id, id, location_id, till_id, staff_id, member_id, source, source_ref, sold_at,
   currency, gross_minor, net_minor, created_at, tax_minor, tip_minor, discount_minor)
values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0, 0)
"""

INSERT_OPERATION: Final = """
insert into operation
  (merchant_id, id, programme_id, member_id, kind, sale_id, reward_id, location_id, till_id,
   actor_kind, actor_id, source, source_ref, idempotency_key, request_hash, terms_version,
   reason, units, unit, carry_change, balance_after, account_revision, reverses_id, created_at)
values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""

INSERT_TRANSFER: Final = """
insert into transfer
  (merchant_id, id, operation_id, debit_account_id, credit_account_id, unit, amount)
values (?, ?, ?, ?, ?, ?, ?)
"""

INSERT_LOT: Final = """
insert into lot
  (merchant_id, id, account_id, operation_id, amount, remaining, available_from, expires_at,
   terms_version)
values (?, ?, ?, ?, ?, ?, ?, ?, ?)
"""

INSERT_ALLOCATION: Final = """
insert into allocation (merchant_id, id, lot_id, operation_id, amount) values (?, ?, ?, ?, ?)
"""

TAKE_FROM_LOT: Final = """
update lot set remaining = remaining - ? where merchant_id = ? and id = ?
"""

MOVE_BALANCE: Final = """
update account set balance = ?, carry = ?, revision = ?
where merchant_id = ? and id = ? and revision = ?
"""

_OPERATION_COLUMNS: Final = """
select o.id, o.kind, o.member_id, o.unit, o.units, o.carry_change, o.balance_after,
  o.terms_version, o.reason, o.request_hash, o.actor_kind, o.actor_id, o.created_at,
  o.reverses_id, r.name, v.id,
  exists (select 1 from lot l where l.merchant_id = o.merchant_id and l.operation_id = o.id
    and l.remaining < l.amount), o.part_of_id, o.debt_change, o.reward_id
from operation o
  left join reward r on r.merchant_id = o.merchant_id and r.id = o.reward_id
  left join operation v on v.merchant_id = o.merchant_id and v.reverses_id = o.id
"""
OPERATION: Final = _OPERATION_COLUMNS + "where o.merchant_id = ? and o.id = ?"
# The further operations of an event are told with its first, but what ran out is told apart.
HISTORY: Final = (
    _OPERATION_COLUMNS + "where o.merchant_id = ? and o.member_id = ? "
    "and (o.part_of_id is null or o.kind = 'expire') order by o.id desc limit ?"
)

MEMBER_OF_OPERATION: Final = """
select member_id, kind from operation where merchant_id = ? and id = ?
"""

# Ordered by the indexed time, so that it never reads further back than asked.
LATEST_OF_ACTOR: Final = """
select id from operation
where merchant_id = ? and created_at >= ? and actor_kind = ? and actor_id = ?
  and part_of_id is null
order by created_at desc, id desc limit 1
"""

LOTS_MADE: Final = """
select id, amount, remaining, available_from, expires_at from lot
where merchant_id = ? and operation_id = ?
"""

LOTS_TAKEN: Final = """
select lot_id, amount from allocation where merchant_id = ? and operation_id = ? order by id
"""

# Who took from the lots that an operation made and was not undone since.
SPENT_BY: Final = """
select distinct x.operation_id from lot l
  join allocation x on x.merchant_id = l.merchant_id and x.lot_id = l.id and x.amount > 0
where l.merchant_id = ? and l.operation_id = ?
  and not exists (select 1 from operation v
    where v.merchant_id = x.merchant_id and v.reverses_id = x.operation_id)
order by 1
"""

CARD: Final = """
select b.number, b.name, p.id, a.unit, a.balance, a.carry, p.terms_version, t.document,
  (select coalesce(sum(l.remaining), 0) from lot l
    where l.merchant_id = a.merchant_id and l.account_id = a.id and l.remaining > 0
      and l.available_from <= ? and (l.expires_at is null or l.expires_at > ?)),
  (select m.time_zone from merchant m where m.id = a.merchant_id)
from account a
  join member b on b.merchant_id = a.merchant_id and b.id = a.member_id
  join programme p on p.merchant_id = a.merchant_id and p.id = a.programme_id
  join terms t on t.merchant_id = a.merchant_id and t.programme_id = p.id
    and t.version = p.terms_version
where a.merchant_id = ? and a.member_id = ? and a.unit = p.unit
"""

CARD_REWARDS: Final = """
select id, slug, name, cost from reward
where merchant_id = ? and programme_id = ? and active order by cost, id
"""
