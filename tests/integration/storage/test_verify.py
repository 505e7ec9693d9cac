"""Every invariant is broken on purpose, past constraints and triggers, and must be found."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import inspect, text

from common.actor import SYSTEM
from common.clock import ManualClock
from ledger.offers import RewardKind
from loyalty.context import Loyalty
from loyalty.coupons import CouponForm, add_coupon
from loyalty.redeem import RedeemRequest, redeem
from signing.keyring import Keyring
from storage.engine import Database, DatabaseSettings
from storage.tables import APPEND_ONLY, MERCHANT_TABLES
from storage.verify import FINDINGS_MAX, count_open, verify
from storage.verify_cards import CARD_RULES
from storage.verify_ledger import LEDGER_RULES
from tests.support.builders import CAFE, Merchants, a_context
from tests.support.database import SqliteTemplates
from tests.support.shop import a_busy_shop, buy

MEMBER = "kind = 'member' and id = (select min(id) from account where kind = 'member')"
FIRST_CARD = "id = (select min(id) from wallet_pass)"
SPENT_LOT = "(select min(lot_id) from allocation)"

BREAKS: dict[str, str] = {
    "balance.sum": f"update account set balance = balance + 1 where {MEMBER}",
    "balance.negative": f"update account set balance = -1 where {MEMBER}",
    "balance.lots": "delete from lot where id = (select min(id) from lot where remaining > 0)",
    "balance.cached": "update account set balance = 5 where kind = 'issued'",
    "account.revision": f"update account set revision = revision + 1 where {MEMBER}",
    "account.carry": f"update account set carry = carry + 1 where {MEMBER}",
    "operation.account": f"delete from account where {MEMBER}",
    "operation.balance_after": "update operation set balance_after = balance_after + 1 "
    "where id = (select max(id) from operation)",
    "operation.transfers": "delete from transfer where id = (select max(id) from transfer)",
    "operation.lots": "delete from allocation where id = (select max(id) from allocation)",
    "operation.key": "update operation set idempotency_key = 'same' where kind = 'earn'",
    "operation.source": "update operation set source_ref = 'same' where kind = 'earn'",
    "operation.sign": "update operation set units = -units where kind = 'redeem'",
    "sale.source": "update sale set source_ref = 'same'",
    "reversal.once": "insert into operation select * from operation where kind = 'reverse'",
    "reversal.kind": "update operation set reverses_id = null where kind = 'reverse'",
    "reversal.exact": "update operation set units = units - 1 where kind = 'reverse'",
    "reversal.lots": "insert into allocation select merchant_id, id + 1, "
    "(select min(id) from lot), operation_id, 1 from allocation "
    "where operation_id = (select id from operation where kind = 'reverse')",
    "transfer.unit": "update transfer set unit = 'stamps'",
    "transfer.sides": "update transfer set credit_account_id = (select id from account "
    "where kind = 'expired') where id = (select min(id) from transfer)",
    "lot.remaining": f"update lot set remaining = remaining - 1 where id = {SPENT_LOT}",
    "lot.owner": "update lot set account_id = (select max(id) from account where kind = 'member') "
    "where id = (select min(id) from lot)",
    "allocation.owner": "update allocation set lot_id = (select max(id) from lot) "
    "where amount > 0 and id = (select min(id) from allocation)",
    "debt.sum": f"update account set debt = 5 where {MEMBER}",
    "debt.transfers": "update operation set debt_change = 1 where id = "
    "(select min(id) from operation)",
    "operation.part": "update operation set part_of_id = 1 where id = "
    "(select min(id) from operation)",
    "reward.used": "update reward set stock = 1, used = 2",
    "coupon.used": "insert into coupon_use (merchant_id, id, coupon_id, member_id, operation_id, "
    "saved_minor, created_at) select merchant_id, 1, id, 1, 1, 0, 0 from coupon",
    "refund.amount": "insert into refund (merchant_id, id, sale_id, source, source_ref, "
    "amount_minor, document, request_hash, created_at) "
    "select merchant_id, id, id, 'till', 'r', gross_minor + 1, '{}', 'x', 1 from sale",
    "programme.terms": "delete from terms",
    "programme.design": "update programme set design_version = 7",
    "programme.accounts": "delete from account where kind = 'issued'",
    "programme.join": "delete from directory_name where kind = 'join'",
    "member.account": f"delete from account where {MEMBER}",
    "member.pass": f"update wallet_pass set voided_at = 1 where {FIRST_CARD}",
    "pass.programme": f"update wallet_pass set programme_id = 1 where {FIRST_CARD}",
    "pass.revision": f"update wallet_pass set stamped_revision = 99 where {FIRST_CARD}",
    "pass.stamp": f"update wallet_pass set stamp = 99 where {FIRST_CARD}",
    "pass.stamp_twice": "update wallet_pass set stamp = 1",
    "token.subject": "update directory_token set subject_id = 1 where kind = 'card'",
    "delivery.wanted": "update delivery set wanted_revision = wanted_revision - 1",
    "delivery.ahead": "update delivery set delivered_revision = wanted_revision + 1",
    "delivery.lease": "update delivery set lease = 'worker'",
    "delivery.registration": "delete from delivery where channel = 'apple'",
    "delivery.target": "delete from registration",
    "device.gone": "update device set gone_at = 1",
    "registration.pass_type": f"update wallet_pass set pass_type_id = null where {FIRST_CARD}",
    "reference.operation.member_id": "update operation set member_id = 1",
    "reference.member.programme_id": "update member set programme_id = 1",
    "reference.audit_entry.merchant_id": "update audit_entry set merchant_id = 9",
    "reference.one_time_link.merchant_id": "insert into one_time_link "
    "values ('t', 'staff_pin', 9, 1, 1, 1, null)",
}


# What a busy shop has none of.
ROWS = {
    "sale_line": [
        "insert into sale_line select merchant_id, id, 1, 'x', 'y', 1000, 1, null from sale"
    ],
    "rating": ["insert into rating select merchant_id, id, 1, 'x' from operation"],
    "refund": [
        """insert into refund (merchant_id, id, sale_id, source, source_ref, amount_minor,
        document, request_hash, created_at)
        select merchant_id, id, id, 'till', source_ref, 0, 'x', 'x', 1 from sale"""
    ],
    "coupon_use": [
        """insert into coupon (merchant_id, id, programme_id, code, name, kind, active, used,
        conditions, created_at)
        select merchant_id, id, id, 'X', 'x', 'product', true, 0, 'x', 1 from programme""",
        """insert into coupon_use (merchant_id, id, coupon_id, member_id, operation_id,
        saved_minor, created_at)
        select merchant_id, id, {programme}, member_id, id, 0, 1 from operation""",
    ],
}


def loosen(database: Database) -> None:
    """Rebuild every table without constraints, triggers or fence."""
    with database.schema_connection() as connection:
        if not database.is_sqlite:
            connection.execute(text("select set_config('regulars.merchant', '*', true)"))
        names = [name for name in inspect(connection).get_table_names() if name[0] != "_"]
        for name in names:
            connection.execute(text(f"create table _{name} as select * from {name}"))
        for name in names:
            connection.execute(text(f"drop table {name}{'' if database.is_sqlite else ' cascade'}"))
            connection.execute(text(f"alter table _{name} rename to {name}"))
        connection.commit()


def break_by(database: Database, statement: str) -> int:
    with database.schema_connection() as connection:
        if not database.is_sqlite:
            connection.execute(text("select set_config('regulars.merchant', '*', true)"))
        changed = connection.execution_options(preserve_rowcount=True).execute(text(statement))
        connection.commit()
        return int(changed.rowcount)


def rules_found(database: Database) -> set[str]:
    return {found.rule for found in verify(database) if not found.rule.startswith("guard.")}


def test_busy_shops_break_no_rule(ctx: Loyalty, merchants: Merchants) -> None:
    a_busy_shop(ctx, merchants.cafe.id)
    a_busy_shop(ctx, merchants.gym.id)

    assert verify(ctx.database) == []
    assert count_open(ctx.database) == {
        "undelivered": 12,
        "parked": 0,
        "unstamped": 6,
        "mass_changes": 0,
        "channels_stopped": 0,
    }


def test_every_rule_is_broken_somewhere_here() -> None:
    assert set(LEDGER_RULES) | set(CARD_RULES) <= set(BREAKS) | {"lot.order"}


def test_every_break_is_found(ctx: Loyalty, merchants: Merchants) -> None:
    """One database for all: each break is undone by putting the table's rows back."""
    shop = a_busy_shop(ctx, merchants.cafe.id)
    add_coupon(
        ctx,
        merchants.cafe.id,
        shop.programme_id,
        coupon=CouponForm(code="TEN", name="Ten", kind=RewardKind.PERCENT, percent=10),
        actor=SYSTEM,
    )
    loosen(ctx.database)
    assert rules_found(ctx.database) == set()
    keep(ctx.database)

    missed = []
    for rule, statement in BREAKS.items():
        assert break_by(ctx.database, statement) > 0, rule
        if rule not in rules_found(ctx.database):
            missed.append(rule)
        put_back(ctx.database)
    assert missed == []


def keep(database: Database) -> None:
    for name in _tables(database):
        break_by(database, f"create table _{name} as select * from {name}")


def put_back(database: Database) -> None:
    with database.schema_connection() as connection:
        for name in _tables(database):
            connection.execute(text(f"delete from {name}"))
            connection.execute(text(f"insert into {name} select * from _{name}"))
        connection.commit()


def _tables(database: Database) -> list[str]:
    with database.connection(writing=False) as connection:
        return [name for name in inspect(connection).get_table_names() if name[0] != "_"]


def test_spending_a_young_lot_before_an_old_one_is_found(
    ctx: Loyalty, merchants: Merchants
) -> None:
    shop = a_busy_shop(ctx, merchants.cafe.id, members=1)
    buy(ctx, shop, shop.member_ids[0], amount_minor=2000, key="late")
    request = RedeemRequest(
        member_id=shop.member_ids[0],
        reward_id=shop.reward_id,
        actor=SYSTEM,
        idempotency_key="second",
    )
    redeem(ctx, shop.merchant_id, request)
    loosen(ctx.database)
    assert rules_found(ctx.database) == set()

    oldest = "(select min(id) from lot)"
    break_by(ctx.database, f"update lot set expires_at = 2000000000000000 where id <> {oldest}")

    assert "lot.order" in rules_found(ctx.database)


def test_finding_names_rule_merchant_and_ids(ctx: Loyalty, merchants: Merchants) -> None:
    a_busy_shop(ctx, merchants.cafe.id)
    a_busy_shop(ctx, merchants.gym.id)
    break_by(ctx.database, f"update account set balance = balance + 1 where {MEMBER}")

    found = [one for one in verify(ctx.database) if one.rule == "balance.sum"]

    assert [one.merchant_id for one in found] == [merchants.cafe.id]
    assert len(found[0].ids) == 3
    assert "balance" in found[0].what


def test_findings_of_one_rule_are_capped(ctx: Loyalty, merchants: Merchants) -> None:
    loosen(ctx.database)
    rows = ", ".join(f"(9, {number}, 'x', 1)" for number in range(FINDINGS_MAX + 50))
    break_by(ctx.database, "delete from apple_log")
    break_by(ctx.database, f"insert into apple_log values {rows}")

    assert len([v for v in verify(ctx.database) if v.rule.startswith("reference.")]) == FINDINGS_MAX


def test_missing_triggers_and_fence_are_found(database: Database) -> None:
    assert verify(database) == []

    if database.is_sqlite:
        break_by(database, "drop trigger transfer_no_delete")
    else:
        break_by(database, "alter table transfer disable trigger transfer_no_truncate")
        break_by(database, "alter table member no force row level security")

    found = [(one.rule, one.ids) for one in verify(database)]
    expected = [("guard.trigger", ("transfer",))]
    if not database.is_sqlite:
        expected.append(("guard.fence", ("member",)))
    assert found == expected


def test_damaged_file_is_told_and_nothing_else_is_claimed(
    sqlite_templates: SqliteTemplates, clock: ManualClock, keyring: Keyring
) -> None:
    url = sqlite_templates.filled()
    database = Database(DatabaseSettings(url=url))
    a_busy_shop(a_context(database, clock, keyring), CAFE.id)
    database.close()
    path = Path(url.removeprefix("sqlite:///"))
    data = bytearray(path.read_bytes())
    page = 4096
    for number in range(60, len(data) // page, 5):
        data[number * page : number * page + 200] = b"\xff" * 200
    path.write_bytes(data)

    damaged = Database(DatabaseSettings(url=url))
    found = verify(damaged)
    damaged.close()

    assert {one.rule for one in found} == {"guard.file"}
    assert "restore a backup" in found[0].what


@pytest.mark.parametrize("table", APPEND_ONLY)
def test_append_only_tables_refuse_change_and_removal(
    ctx: Loyalty, merchants: Merchants, table: str
) -> None:
    shop = a_busy_shop(ctx, merchants.cafe.id, members=1)
    for statement in ROWS.get(table, ()):
        break_by(ctx.database, statement.format(programme=shop.programme_id))

    attempts = [f"update {table} set merchant_id = merchant_id", f"delete from {table}"]
    attempts.append(
        f"replace into {table} select * from {table}"
        if ctx.database.is_sqlite
        else f"truncate {table} cascade"
    )
    for attempt in attempts:
        with pytest.raises(Exception, match="append-only"):
            break_by(ctx.database, attempt)


def test_fence_covers_every_table_with_a_merchant() -> None:
    assert {"member", "operation", "role", "breaker", "image"} <= set(MERCHANT_TABLES)
