"""The ledger's invariants as queries; each selects merchant, id and what helps, and finds nothing.

Run by storage.verify. "Member account" is `kind = 'member'`; a credit adds to it, a debit takes.
"""

from __future__ import annotations

from typing import Final

# What an account holds by its transfers: credits less debits.
_SUMS: Final = """
    select merchant_id, account_id, sum(amount) as total from (
        select merchant_id, credit_account_id as account_id, amount from transfer
        union all
        select merchant_id, debit_account_id, -amount from transfer
    ) entries group by merchant_id, account_id"""

# A lot's place in the order of spending: earliest expiry, then oldest.
_EARLIER: Final = """(
    case when other.expires_at is null then 1 else 0 end < case when lot.expires_at is null then 1 else 0 end
    or (other.expires_at < lot.expires_at)
    or (coalesce(other.expires_at, 0) = coalesce(lot.expires_at, 0)
        and (other.available_from < lot.available_from
            or (other.available_from = lot.available_from and other.id < lot.id))))"""

LEDGER_RULES: Final[dict[str, tuple[str, str]]] = {
    "balance.sum": (
        "a member's balance is not the sum of its transfers",
        f"""select a.merchant_id, a.id, a.balance, coalesce(s.total, 0) from account a
        left join ({_SUMS}) s on s.merchant_id = a.merchant_id and s.account_id = a.id
        where a.kind = 'member' and a.balance <> coalesce(s.total, 0)""",  # noqa: S608
    ),
    "balance.negative": (
        "a balance is below zero",
        "select merchant_id, id, balance from account where balance < 0",
    ),
    "balance.lots": (
        "a member's balance is not what is left of its lots",
        """select a.merchant_id, a.id, a.balance, coalesce(l.total, 0) from account a
        left join (select merchant_id, account_id, sum(remaining) as total from lot
            group by merchant_id, account_id) l
            on l.merchant_id = a.merchant_id and l.account_id = a.id
        where a.kind = 'member' and a.balance <> coalesce(l.total, 0)""",
    ),
    "balance.cached": (
        "a programme's account carries a cached balance",
        (
            "select merchant_id, id, balance from account "
            "where kind <> 'member' and (balance <> 0 or carry <> 0 or revision <> 0)"
        ),
    ),
    "account.revision": (
        "an account's revision is not the number of its operations, one by one",
        """select a.merchant_id, a.id, a.revision, coalesce(o.number, 0) from account a
        left join (select merchant_id, member_id, unit, count(*) as number,
                count(distinct account_revision) as different,
                min(account_revision) as first, max(account_revision) as last
            from operation group by merchant_id, member_id, unit) o
            on o.merchant_id = a.merchant_id and o.member_id = a.member_id and o.unit = a.unit
        where a.kind = 'member' and (a.revision <> coalesce(o.number, 0)
            or o.different <> o.number or o.first <> 1 or o.last <> o.number)""",
    ),
    "account.carry": (
        "what a card carries towards its next unit is not the sum of its operations",
        """select a.merchant_id, a.id, a.carry, coalesce(o.total, 0) from account a
        left join (select merchant_id, member_id, unit, sum(carry_change) as total
            from operation group by merchant_id, member_id, unit) o
            on o.merchant_id = a.merchant_id and o.member_id = a.member_id and o.unit = a.unit
        where a.kind = 'member' and a.carry <> coalesce(o.total, 0)""",
    ),
    "operation.account": (
        "an operation stands without the member's account",
        """select o.merchant_id, o.id from operation o where not exists (
            select 1 from account a where a.merchant_id = o.merchant_id and a.kind = 'member'
            and a.member_id = o.member_id and a.unit = o.unit and a.programme_id = o.programme_id)""",
    ),
    "operation.balance_after": (
        "an operation's balance does not follow from the one before it",
        """select merchant_id, id, balance_after, running from (
            select merchant_id, id, balance_after, sum(units) over (
                partition by merchant_id, member_id, unit order by account_revision) as running
            from operation) o where balance_after <> running""",
    ),
    "operation.transfers": (
        "an operation's units are not what its transfers move on the member's account",
        """select o.merchant_id, o.id, o.units, coalesce(t.total, 0) from operation o
        left join (select t.merchant_id, t.operation_id,
                sum(case when c.kind = 'member' then t.amount else 0 end)
                - sum(case when d.kind = 'member' then t.amount else 0 end) as total
            from transfer t
            join account c on c.merchant_id = t.merchant_id and c.id = t.credit_account_id
            join account d on d.merchant_id = t.merchant_id and d.id = t.debit_account_id
            group by t.merchant_id, t.operation_id) t
            on t.merchant_id = o.merchant_id and t.operation_id = o.id
        where o.units <> coalesce(t.total, 0)""",
    ),
    "operation.lots": (
        "an operation's units are not the lots it made less the lots it took from",
        """select o.merchant_id, o.id, o.units, coalesce(l.made, 0), coalesce(a.taken, 0)
        from operation o
        left join (select merchant_id, operation_id, sum(amount) as made from lot
            group by merchant_id, operation_id) l
            on l.merchant_id = o.merchant_id and l.operation_id = o.id
        left join (select merchant_id, operation_id, sum(amount) as taken from allocation
            group by merchant_id, operation_id) a
            on a.merchant_id = o.merchant_id and a.operation_id = o.id
        where o.units <> coalesce(l.made, 0) - coalesce(a.taken, 0)""",
    ),
    "operation.key": (
        "an idempotency key stands for two operations",
        (
            "select merchant_id, min(id), idempotency_key from operation "
            "group by merchant_id, idempotency_key having count(*) > 1"
        ),
    ),
    "operation.source": (
        "one event of the outside was counted twice",
        (
            "select merchant_id, min(id), source_ref from operation "
            "group by merchant_id, source, source_ref, kind having count(*) > 1"
        ),
    ),
    "operation.sign": (
        "an earn takes, or a redemption gives",
        (
            "select merchant_id, id, units from operation "
            "where (kind = 'earn' and units < 0) or (kind = 'expire' and units >= 0) "
            "or (kind = 'redeem' and units > 0) or (kind = 'refund' and units > 0)"
        ),
    ),
    "sale.source": (
        "one sale of the outside is in the books twice",
        (
            "select merchant_id, min(id), source_ref from sale "
            "group by merchant_id, source, source_ref having count(*) > 1"
        ),
    ),
    "reversal.once": (
        "an operation was reversed twice",
        (
            "select merchant_id, min(id), reverses_id from operation where reverses_id is not null "
            "group by merchant_id, reverses_id having count(*) > 1"
        ),
    ),
    "reversal.kind": (
        "a reversal names nothing, or something else than a reversal names an operation",
        (
            "select merchant_id, id, kind from operation "
            "where (kind = 'reverse') <> (reverses_id is not null)"
        ),
    ),
    "reversal.exact": (
        "a reversal does not take back exactly what it names",
        """select r.merchant_id, r.id, r.reverses_id from operation r
        join operation o on o.merchant_id = r.merchant_id and o.id = r.reverses_id
        where o.kind = 'reverse' or r.units <> -o.units or r.carry_change <> -o.carry_change
            or r.member_id <> o.member_id or r.unit <> o.unit
            or r.account_revision <= o.account_revision""",
    ),
    "reversal.lots": (
        "the lots of a reversed operation are not as they were before it",
        """select r.merchant_id, r.id, a.lot_id, sum(a.amount) from operation r
        join allocation a on a.merchant_id = r.merchant_id
            and a.operation_id in (r.id, r.reverses_id)
        join lot l on l.merchant_id = a.merchant_id and l.id = a.lot_id
        where r.kind = 'reverse' and l.operation_id <> r.reverses_id
        group by r.merchant_id, r.id, a.lot_id having sum(a.amount) <> 0""",
    ),
    "debt.sum": (
        "what a card owes is not the sum of its operations, or it is below zero",
        """select a.merchant_id, a.id, a.debt, coalesce(o.total, 0) from account a
        left join (select merchant_id, member_id, unit, sum(debt_change) as total
            from operation group by merchant_id, member_id, unit) o
            on o.merchant_id = a.merchant_id and o.member_id = a.member_id and o.unit = a.unit
        where a.debt < 0 or a.debt <> case when a.kind = 'member' then coalesce(o.total, 0)
            else 0 end""",
    ),
    "debt.transfers": (
        "an operation's debt is not what its transfers move to and from what is owed",
        """select o.merchant_id, o.id, o.debt_change, coalesce(t.total, 0) from operation o
        left join (select t.merchant_id, t.operation_id,
                sum(case when d.kind = 'debt' then t.amount else 0 end)
                - sum(case when c.kind = 'debt' then t.amount else 0 end) as total
            from transfer t
            join account c on c.merchant_id = t.merchant_id and c.id = t.credit_account_id
            join account d on d.merchant_id = t.merchant_id and d.id = t.debit_account_id
            group by t.merchant_id, t.operation_id) t
            on t.merchant_id = o.merchant_id and t.operation_id = o.id
        where o.debt_change <> coalesce(t.total, 0)""",
    ),
    "operation.part": (
        "a further operation of an event is another card's, or its first is none",
        """select o.merchant_id, o.id, o.part_of_id from operation o
        left join operation f on f.merchant_id = o.merchant_id and f.id = o.part_of_id
        where o.part_of_id is not null
            and (f.id is null or f.part_of_id is not null or f.member_id <> o.member_id)""",
    ),
    "reward.used": (
        "a reward was not handed over as often as it says",
        """select r.merchant_id, r.id, r.used, coalesce(o.number, 0) from reward r
        left join (select o.merchant_id, o.reward_id, count(*) as number from operation o
            where o.kind = 'redeem' and not exists (select 1 from operation v
                where v.merchant_id = o.merchant_id and v.reverses_id = o.id)
            group by o.merchant_id, o.reward_id) o
            on o.merchant_id = r.merchant_id and o.reward_id = r.id
        where r.stock is not null and r.used < coalesce(o.number, 0)
            or r.stock is not null and r.used > r.stock""",
    ),
    "coupon.used": (
        "a coupon was not used as often as it says",
        """select c.merchant_id, c.id, c.used, coalesce(u.number, 0) from coupon c
        left join (select u.merchant_id, u.coupon_id, count(*) as number from coupon_use u
            where not exists (select 1 from operation v
                where v.merchant_id = u.merchant_id and v.reverses_id = u.operation_id)
            group by u.merchant_id, u.coupon_id) u
            on u.merchant_id = c.merchant_id and u.coupon_id = c.id
        where c.used <> coalesce(u.number, 0)""",
    ),
    "refund.amount": (
        "more came back of a sale than it was",
        """select s.merchant_id, s.id, s.gross_minor, r.total from sale s
        join (select f.merchant_id, f.sale_id, sum(f.amount_minor) as total from refund f
            where not exists (select 1 from operation v
                where v.merchant_id = f.merchant_id and v.reverses_id = f.operation_id)
            group by f.merchant_id, f.sale_id) r on r.merchant_id = s.merchant_id and r.sale_id = s.id
        where r.total > s.gross_minor""",
    ),
    "transfer.unit": (
        "a transfer's unit is not that of its accounts and its operation",
        """select t.merchant_id, t.id from transfer t
        join account c on c.merchant_id = t.merchant_id and c.id = t.credit_account_id
        join account d on d.merchant_id = t.merchant_id and d.id = t.debit_account_id
        join operation o on o.merchant_id = t.merchant_id and o.id = t.operation_id
        where t.unit <> c.unit or t.unit <> d.unit or t.unit <> o.unit""",
    ),
    "transfer.sides": (
        "a transfer is not between its member and its programme, or moves nothing",
        """select t.merchant_id, t.id from transfer t
        join account c on c.merchant_id = t.merchant_id and c.id = t.credit_account_id
        join account d on d.merchant_id = t.merchant_id and d.id = t.debit_account_id
        join operation o on o.merchant_id = t.merchant_id and o.id = t.operation_id
        where t.amount <= 0 or c.programme_id <> o.programme_id
            or d.programme_id <> o.programme_id
            or (coalesce(c.member_id, d.member_id) is null
                and c.kind <> 'debt' and d.kind <> 'debt')
            or coalesce(c.member_id, d.member_id, o.member_id) <> o.member_id
            or (c.member_id is not null and d.member_id is not null)""",
    ),
    "lot.remaining": (
        "what is left of a lot is not its amount less what was taken",
        """select l.merchant_id, l.id, l.remaining, l.amount - coalesce(a.total, 0) from lot l
        left join (select merchant_id, lot_id, sum(amount) as total from allocation
            group by merchant_id, lot_id) a on a.merchant_id = l.merchant_id and a.lot_id = l.id
        where l.remaining <> l.amount - coalesce(a.total, 0)
            or l.remaining < 0 or l.remaining > l.amount""",
    ),
    "lot.owner": (
        "a lot was made for another card than its operation's",
        """select l.merchant_id, l.id, o.id from lot l
        join account a on a.merchant_id = l.merchant_id and a.id = l.account_id
        join operation o on o.merchant_id = l.merchant_id and o.id = l.operation_id
        where a.member_id is null or a.member_id <> o.member_id or a.unit <> o.unit""",
    ),
    "allocation.owner": (
        "an operation took from the lot of another card",
        """select b.merchant_id, b.id, b.lot_id, o.id from allocation b
        join lot l on l.merchant_id = b.merchant_id and l.id = b.lot_id
        join account a on a.merchant_id = l.merchant_id and a.id = l.account_id
        join operation o on o.merchant_id = b.merchant_id and o.id = b.operation_id
        where a.member_id is null or a.member_id <> o.member_id or a.unit <> o.unit""",
    ),
    "lot.order": (
        "a later lot was spent while an earlier one still held something",
        f"""select distinct o.merchant_id, o.id, lot.id, other.id from operation o
        join allocation al on al.merchant_id = o.merchant_id and al.operation_id = o.id
            and al.amount > 0
        join lot on lot.merchant_id = al.merchant_id and lot.id = al.lot_id
        join lot other on other.merchant_id = lot.merchant_id
            and other.account_id = lot.account_id and other.id <> lot.id
        join operation maker on maker.merchant_id = other.merchant_id
            and maker.id = other.operation_id
        where o.kind = 'redeem' and not exists (select 1 from lot odd
                where odd.merchant_id = lot.merchant_id and odd.account_id = lot.account_id
                and (odd.idle_days is not null or odd.extended_at is not null))
            and not exists (select 1 from pause where pause.merchant_id = lot.merchant_id
                and pause.account_id = lot.account_id)
            and maker.account_revision < o.account_revision
            and other.available_from <= o.created_at
            and (other.expires_at is null or other.expires_at > o.created_at) and {_EARLIER}
            and other.amount > (select coalesce(sum(b.amount), 0) from allocation b
                join operation p on p.merchant_id = b.merchant_id and p.id = b.operation_id
                where b.merchant_id = other.merchant_id and b.lot_id = other.id
                and p.account_revision <= o.account_revision)""",  # noqa: S608
    ),
}
