"""The statements of programmes with rules, as both engines take them, with `?` for each value.

Constants, as those of book_statements; each names the merchant.
"""

from __future__ import annotations

from typing import Final

ACCOUNTS: Final = """
select id, unit, balance, carry, revision, debt, locked_at from account
where merchant_id = ? and member_id = ?
"""

PROGRAMME_ACCOUNTS: Final = """
select kind, unit, id from account
where merchant_id = ? and programme_id = ? and member_id is null
"""

OPEN_LOTS: Final = """
select l.account_id, l.id, l.amount, l.remaining, l.available_from, l.expires_at, l.idle_days,
  l.operation_id, l.terms_version
from account a join lot l on l.merchant_id = a.merchant_id and l.account_id = a.id
where a.merchant_id = ? and a.member_id = ? and l.remaining > 0
order by l.id
"""
# Spent ones too: a refund may give back to a lot that is empty.
LOTS_OF_OPERATION: Final = """
select l.account_id, l.id, l.amount, l.remaining, l.available_from, l.expires_at, l.idle_days,
  l.operation_id, l.terms_version
from lot l where l.merchant_id = ? and (l.operation_id = ? or l.id in (
  select x.lot_id from allocation x where x.merchant_id = l.merchant_id and x.operation_id = ?))
order by l.id
"""

STANDING: Final = """
select purchases, net_minor, active_at, earned_at, tier, tier_since, grace_until
from member_standing where merchant_id = ? and member_id = ?
"""
PUT_STANDING: Final = """
insert into member_standing
  (merchant_id, member_id, programme_id, purchases, net_minor, active_at, earned_at,
   tier, tier_since, grace_until)
values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
on conflict (merchant_id, member_id) do update set
  purchases = excluded.purchases, net_minor = excluded.net_minor,
  active_at = excluded.active_at, earned_at = excluded.earned_at,
  tier = excluded.tier, tier_since = excluded.tier_since, grace_until = excluded.grace_until
"""

DAY: Final = """
select unit, earns, units from member_day where merchant_id = ? and member_id = ? and day = ?
"""
WINDOW: Final = """
select coalesce(sum(counted_minor), 0), coalesce(sum(units), 0) from member_day
where merchant_id = ? and member_id = ? and unit = ? and day >= ?
"""
HISTORY: Final = """
select day, counted_minor, units from member_day
where merchant_id = ? and member_id = ? and unit = ? order by day
"""
AVERAGE: Final = """
select coalesce(sum(sales), 0), coalesce(sum(net_minor), 0) from member_day
where merchant_id = ? and member_id = ? and unit = '' and day >= ?
"""
PUT_DAY: Final = """
insert into member_day
  (merchant_id, member_id, unit, day, earns, sales, net_minor, counted_minor, units)
values (?, ?, ?, ?, ?, ?, ?, ?, ?)
on conflict (merchant_id, member_id, unit, day) do update set
  earns = member_day.earns + excluded.earns, sales = member_day.sales + excluded.sales,
  net_minor = member_day.net_minor + excluded.net_minor,
  counted_minor = member_day.counted_minor + excluded.counted_minor,
  units = member_day.units + excluded.units
"""

# What a shop gave since its midnight, less what was undone.
SHOP_UNITS: Final = """
select o.unit, coalesce(sum(o.units), 0) from operation o
where o.merchant_id = ? and o.created_at >= ? and o.programme_id = ?
  and (o.kind = 'earn' or (o.kind = 'reverse' and o.units < 0)) group by o.unit
"""
PROGRAMME: Final = """
select average_minor, next_terms_at from programme where merchant_id = ? and id = ?
"""

PROMISES: Final = """
select id, rule, document, created_at, expires_at from promise
where merchant_id = ? and member_id = ? and kept_by_id is null and withdrawn_at is null
  and (expires_at is null or expires_at > ?) order by id
"""
PROMISES_OF: Final = """
select id, rule, kept_by_id from promise
where merchant_id = ? and member_id = ? and made_by_id = ? and withdrawn_at is null order by id
"""
ADD_PROMISE: Final = """
insert into promise
  (merchant_id, id, member_id, rule, document, created_at, expires_at, made_by_id)
values (?, ?, ?, ?, ?, ?, ?, ?)
"""
KEEP_PROMISE: Final = """
update promise set kept_by_id = ? where merchant_id = ? and member_id = ? and id = ?
"""
WITHDRAW_PROMISE: Final = """
update promise set withdrawn_at = ? where merchant_id = ? and member_id = ? and id = ?
"""

PROGRESS: Final = """
select rule, document from challenge_progress where merchant_id = ? and member_id = ?
"""
PUT_PROGRESS: Final = """
insert into challenge_progress (merchant_id, member_id, rule, document, changed_at)
values (?, ?, ?, ?, ?)
on conflict (merchant_id, member_id, rule) do update set
  document = excluded.document, changed_at = excluded.changed_at
"""

PAUSES: Final = """
select p.account_id, p.first_day, p.last_day from account a
  join pause p on p.merchant_id = a.merchant_id and p.account_id = a.id
where a.merchant_id = ? and a.member_id = ? and p.withdrawn_at is null order by p.first_day
"""

# A contact was welcomed; a member who gave none is known by the membership alone.
WELCOMED: Final = """
select 1 from welcome w where w.merchant_id = ? and w.programme_id = ? and w.member_id = ?
union all
select 1 from member b
  join welcome w on w.merchant_id = b.merchant_id and w.programme_id = b.programme_id
    and w.contact_index in (b.email_index, b.phone_index)
where b.merchant_id = ? and b.id = ?
limit 1
"""

INSERT_SALE: Final = """
insert into sale
  (merchant_id, id, location_id, till_id, staff_id, member_id, source, source_ref, sold_at,
   currency, gross_minor, net_minor, created_at, tax_minor, tip_minor, discount_minor, gift_minor)
values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
INSERT_SALE_LINE: Final = """
insert into sale_line
  (merchant_id, sale_id, line, item, category, quantity_milli, net_minor, cost_minor)
values (?, ?, ?, ?, ?, ?, ?, ?)
"""
INSERT_OPERATION: Final = """
insert into operation
  (merchant_id, id, programme_id, member_id, kind, sale_id, reward_id, location_id, till_id,
   actor_kind, actor_id, source, source_ref, idempotency_key, request_hash, terms_version,
   reason, units, unit, carry_change, balance_after, account_revision, reverses_id, created_at,
   part_of_id, debt_change, value_minor, cost_minor)
values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
INSERT_LOT: Final = """
insert into lot
  (merchant_id, id, account_id, operation_id, amount, remaining, available_from, expires_at,
   terms_version, idle_days)
values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
EXTEND_LOT: Final = """
update lot set expires_at = ?, extended_at = ?, idle_days = null where merchant_id = ? and id = ?
"""
MOVE_ACCOUNT: Final = """
update account set balance = ?, carry = ?, revision = ?, debt = ?
where merchant_id = ? and id = ? and revision = ?
"""
INSERT_RATING: Final = """
insert into rating (merchant_id, operation_id, terms_version, document) values (?, ?, ?, ?)
"""
RATING: Final = """
select terms_version, document from rating where merchant_id = ? and operation_id = ?
"""

# The operations of one event, the first of it among them.
PARTS: Final = """
select o.id, o.kind, o.unit, o.units, o.carry_change, o.debt_change, v.id
from operation o
  left join operation v on v.merchant_id = o.merchant_id and v.reverses_id = o.id
where o.merchant_id = ? and (o.id = ? or o.part_of_id = ?) order by o.id
"""

EXPIRED_OF: Final = """
select coalesce(sum(x.amount), 0) from lot l
  join allocation x on x.merchant_id = l.merchant_id and x.lot_id = l.id
  join operation o on o.merchant_id = x.merchant_id and o.id = x.operation_id
    and o.kind = 'expire'
where l.merchant_id = ? and l.operation_id = ?
"""
PROMISES_KEPT: Final = """
select id from promise where merchant_id = ? and kept_by_id = ? order by id
"""
PROMISE_KEEPERS: Final = """
select id, kept_by_id from promise
where merchant_id = ? and member_id = ? and kept_by_id is not null order by id
"""
REOPEN_PROMISE: Final = """
update promise set kept_by_id = null where merchant_id = ? and id = ?
"""
PROLONG_PROMISE: Final = """
update promise set expires_at = ? where merchant_id = ? and id = ? and expires_at < ?
"""
