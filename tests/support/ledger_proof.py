"""The ledger's invariants as plain queries, written apart from `storage.verify`: a second witness."""

from __future__ import annotations

from typing import Final

from storage.engine import Database

# Each query answers with the rows that break the rule.
RULES: Final = {
    "transfers per unit add up to zero over the accounts": """
        select unit, sum(amount) from (
          select unit, amount from transfer union all select unit, -amount from transfer) x
        group by unit having sum(amount) <> 0""",
    "a cached balance is the sum of its transfers": """
        select a.id, a.balance from account a where a.member_id is not null and a.balance <>
          coalesce((select sum(t.amount) from transfer t where t.merchant_id = a.merchant_id and t.credit_account_id = a.id), 0)
          - coalesce((select sum(t.amount) from transfer t where t.merchant_id = a.merchant_id and t.debit_account_id = a.id), 0)""",
    "a balance is what its lots still hold": """
        select a.id from account a where a.member_id is not null and a.balance <>
          coalesce((select sum(l.remaining) from lot l where l.merchant_id = a.merchant_id and l.account_id = a.id), 0)""",
    "a lot holds its amount less its allocations": """
        select l.id from lot l where l.remaining <> l.amount
          - coalesce((select sum(x.amount) from allocation x where x.merchant_id = l.merchant_id and x.lot_id = l.id), 0)""",
    "no balance is below zero": "select id from account where balance < 0",
    "a cached carry is the sum of its changes": """
        select a.id from account a where a.member_id is not null and a.carry <>
          coalesce((select sum(o.carry_change) from operation o
            where o.merchant_id = a.merchant_id and o.member_id = a.member_id
              and o.unit = a.unit), 0)""",
    "revisions count the operations": """
        select a.id from account a where a.member_id is not null and a.revision <>
          (select count(*) from operation o
            where o.merchant_id = a.merchant_id and o.member_id = a.member_id
              and o.unit = a.unit)""",
    "an operation moves what it says": """
        select o.id from operation o where abs(o.units) + abs(o.debt_change) <>
          coalesce((select sum(t.amount) from transfer t where t.merchant_id = o.merchant_id and t.operation_id = o.id), 0)""",
    "a reversal mirrors what it reverses": """
        select o.id from operation o join operation p
          on p.merchant_id = o.merchant_id and p.id = o.reverses_id
        where o.units <> -p.units or o.carry_change <> -p.carry_change
          or o.member_id <> p.member_id or p.kind = 'reverse'""",
    "an operation is reversed at most once": """
        select reverses_id from operation where reverses_id is not null
        group by reverses_id having count(*) > 1""",
    "a key stands for one operation": """
        select merchant_id, idempotency_key from operation
        group by merchant_id, idempotency_key having count(*) > 1""",
    "every sale that was told has its operation": """
        select s.id from sale s left join operation o
          on o.merchant_id = s.merchant_id and o.source = s.source
          and o.source_ref = s.source_ref and o.sale_id = s.id
        where o.id is null""",
    "programme accounts cache nothing": """
        select id from account where member_id is null and (balance <> 0 or carry <> 0)""",
}


def broken_rules(database: Database) -> list[str]:
    """The rules that do not hold, with one row each; empty when the books are right."""
    found = []
    with database.connection(writing=False) as connection:
        if not database.is_sqlite:
            connection.exec_driver_sql("select set_config('regulars.merchant', '*', true)")
        for rule, query in RULES.items():
            row = connection.exec_driver_sql(query).first()
            if row is not None:
                found.append(f"{rule}: {tuple(row)}")
    return found
