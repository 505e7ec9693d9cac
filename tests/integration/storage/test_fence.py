"""One merchant never sees another's rows: the scope's statements on both engines, and on
PostgreSQL the database itself, whatever SQL is run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from common.clock import ManualClock
from loyalty.context import Loyalty
from signing.keyring import Keyring
from storage.engine import Database, DatabaseSettings
from storage.scope import Scope
from storage.tables import MERCHANT_TABLES, location, member, metadata
from storage.unit_of_work import open_work
from storage.verify import is_fenced
from tests.support.builders import Merchants, a_context, a_location
from tests.support.database import PostgresqlTemplates
from tests.support.shop import a_busy_shop


@pytest.fixture
def fenced(postgresql_templates: PostgresqlTemplates) -> Iterator[Database]:
    url = postgresql_templates.filled()
    database = Database(DatabaseSettings(url=url))
    yield database
    database.close()
    postgresql_templates.drop(url)


@pytest.fixture
def two_shops(
    fenced: Database, clock: ManualClock, keyring: Keyring, merchants: Merchants
) -> Loyalty:
    ctx = a_context(fenced, clock, keyring)
    a_busy_shop(ctx, merchants.cafe.id, members=1)
    a_busy_shop(ctx, merchants.gym.id, members=1)
    return ctx


def test_tests_run_as_a_role_the_fence_binds(fenced: Database) -> None:
    assert is_fenced(fenced)


def test_raw_sql_sees_only_its_own_merchant(two_shops: Loyalty, merchants: Merchants) -> None:
    for mine in (merchants.cafe.id, merchants.gym.id):
        with open_work(two_shops.database, mine, clock=two_shops.clock, writing=False) as work:
            for table in MERCHANT_TABLES:
                seen = work.scope.execute(text(f"select distinct merchant_id from {table}"))
                assert set(seen.scalars()) <= {mine}, table
            assert work.scope.execute(text("select count(*) from operation")).scalar_one() > 0


def test_raw_sql_changes_only_its_own_merchant(two_shops: Loyalty, merchants: Merchants) -> None:
    with open_work(two_shops.database, merchants.cafe.id, clock=two_shops.clock) as work:
        work.scope.execute(text("update member set name = 'Stolen'"))
        work.scope.execute(text("delete from registration"))
        work.commit()

    with open_work(two_shops.database, merchants.gym.id, clock=two_shops.clock) as work:
        names = work.scope.execute(text("select name from member")).scalars().all()
        left = work.scope.execute(text("select count(*) from registration")).scalar_one()
    assert names == ["Mia Berg"]
    assert left == 1


def test_row_of_another_merchant_cannot_be_written(
    two_shops: Loyalty, merchants: Merchants
) -> None:
    statements = (
        f"insert into breaker values ({merchants.gym.id}, 'apple', 'x', 1, 1)",
        f"update location set merchant_id = {merchants.gym.id}",
    )
    for statement in statements:
        with (
            pytest.raises(DBAPIError, match="row-level security"),
            open_work(two_shops.database, merchants.cafe.id, clock=two_shops.clock) as work,
        ):
            work.scope.execute(text(statement))


def test_connection_without_a_merchant_sees_nothing(two_shops: Loyalty) -> None:
    with two_shops.database.connection(writing=False) as connection:
        for table in MERCHANT_TABLES:
            assert connection.execute(text(f"select count(*) from {table}")).scalar_one() == 0


def test_merchant_of_the_last_transaction_is_forgotten(
    two_shops: Loyalty, merchants: Merchants
) -> None:
    """The pool hands a connection on; the merchant must not travel with it."""
    for _connection in range(3):
        with open_work(two_shops.database, merchants.cafe.id, clock=two_shops.clock) as work:
            work.commit()
    with two_shops.database.connection(writing=False) as connection:
        assert connection.execute(text("select count(*) from member")).scalar_one() == 0


def test_whole_installation_sees_both(two_shops: Loyalty, merchants: Merchants) -> None:
    with open_work(two_shops.database, None, clock=two_shops.clock, writing=False) as work:
        seen = set(work.scope.execute(text("select merchant_id from member")).scalars())
    assert seen == {merchants.cafe.id, merchants.gym.id}


def test_scope_binds_its_statements_to_its_merchant(
    database: Database, clock: ManualClock, merchants: Merchants
) -> None:
    for merchant, name in ((merchants.cafe, "Market"), (merchants.gym, "North")):
        with open_work(database, merchant.id, clock=clock) as work:
            a_location(work, name=name)
            work.commit()

    with open_work(database, merchants.cafe.id, clock=clock) as work:
        scope = work.scope
        assert [row.name for row in scope.execute(scope.select(location))] == ["Market"]
        assert scope.execute(scope.update(location).values(name="Square")).rowcount == 1
        work.commit()
    with open_work(database, merchants.gym.id, clock=clock) as work:
        assert [place.name for place in work.places.all()] == ["North"]


def test_scope_without_a_merchant_refuses_a_merchants_statement(
    database: Database, clock: ManualClock
) -> None:
    with open_work(database, None, clock=clock) as work:
        scope: Scope = work.scope
        for statement in (scope.select, scope.update):
            with pytest.raises(RuntimeError, match="one merchant"):
                statement(member)
        with pytest.raises(RuntimeError, match="one merchant"):
            scope.insert(member, id=1)


def test_every_table_with_a_merchant_is_fenced_or_asked_before_one_is_known() -> None:
    asked_before = {"session", "one_time_link", "directory_name", "directory_token"}
    with_merchant = {name for name, table in metadata.tables.items() if "merchant_id" in table.c}

    assert with_merchant == set(MERCHANT_TABLES) | asked_before
