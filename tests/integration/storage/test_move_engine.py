"""A shop moves between engines whole, whoever is killed; no phone and no till can tell."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from common.errors import ConfigurationError, Conflict, Unavailable
from common.ids import new_id
from delivery.desk import Desk
from delivery.messages import step_messages
from delivery.settings import DeliverySettings
from delivery.slices import move_slice
from loyalty.context import Loyalty
from storage import migrate
from storage.engine import Database, DatabaseSettings
from storage.mails import Mail, open_mail, write_mail
from storage.message_steps import MessageSteps
from storage.messages import Message, MessageState
from storage.move_engine import address, move_engine, take_back
from storage.outbox import OutboxChannel, OutboxKind
from storage.outbox_claims import OutboxClaims
from storage.segments import Segment, SegmentKind
from storage.table_rows import alike, plain_rows
from storage.tables import metadata
from storage.unit_of_work import open_work, run_work
from storage.verify import verify
from tests.support.builders import Merchants, a_context, a_merchant
from tests.support.database import PostgresqlTemplates, SqliteTemplates
from tests.support.shop import Shop, a_busy_shop, buy

ROOT = Path(__file__).resolve().parents[3]
# One crash in each stretch between two commits, and one amid the rows.
STEPS_BEFORE_LEAVING = ("begun", "operation", "compared", "arrived", "verified")
STEPS_AFTER_LEAVING = ("left", "opened")


@pytest.fixture
def other_engine(
    engine_name: str,
    sqlite_templates: SqliteTemplates,
    postgresql_templates: PostgresqlTemplates,
) -> Iterator[Database]:
    """An empty place on the engine that the shop is not on."""
    on_postgresql = engine_name == "sqlite"
    url = postgresql_templates.empty() if on_postgresql else sqlite_templates.empty()
    place = Database(DatabaseSettings(url=url))
    yield place
    place.close()
    if on_postgresql:
        postgresql_templates.drop(url)


def silent(_step: str, _rows: int) -> None:
    return None


def everything(database: Database) -> dict[str, list[str]]:
    """Every row of every table, without the marks of the move."""
    with database.snapshot() as connection:
        migrate.see_everyone(connection)
        return {
            table.name: sorted(
                repr(alike(table)(row))
                for row in plain_rows(connection, table)
                if not (table.name == "installation" and row[0] in {"move", "arrival"})
            )
            for table in metadata.sorted_tables
        }


def there(ctx: Loyalty, database: Database) -> Loyalty:
    """The same shop, opened at the other place."""
    return a_context(database, ctx.clock, ctx.keyring)  # type: ignore[arg-type]


def test_every_row_arrives_as_it_was(
    ctx: Loyalty, merchants: Merchants, elsewhere: Database
) -> None:
    a_busy_shop(ctx, merchants.cafe.id)
    a_busy_shop(ctx, merchants.gym.id)
    with ctx.database.connection(writing=True) as connection:
        connection.execute(text("insert into installation values ('tag_epoch', 'EPOCH')"))
        connection.commit()
    before = everything(ctx.database)

    done = move_engine(ctx.database, elsewhere, clock=ctx.clock, tell=silent)

    assert everything(elsewhere) == before
    assert done.rows["operation"] == 16
    assert not done.again
    assert verify(elsewhere) == []
    migrate.check_current(elsewhere)


def test_the_shop_goes_on_at_the_new_place(
    ctx: Loyalty, merchants: Merchants, other_engine: Database
) -> None:
    shop = a_busy_shop(ctx, merchants.cafe.id)
    move_engine(ctx.database, other_engine, clock=ctx.clock, tell=silent)

    ctx.clock.advance(seconds=1)  # type: ignore[attr-defined]
    buy(there(ctx, other_engine), shop, shop.member_ids[0], amount_minor=999)

    assert verify(other_engine) == []


def test_what_waits_to_be_said_is_said_from_the_new_place(
    ctx: Loyalty, merchants: Merchants, other_engine: Database
) -> None:
    shop = a_busy_shop(ctx, merchants.cafe.id)
    now = ctx.clock.now()
    message_id = new_id()
    waiting = Message(
        id=message_id,
        programme_id=shop.programme_id,
        state=MessageState.WAITS,
        segment=Segment(kind=SegmentKind.ALL).to_document(),
        texts={"en": "Double points today"},
        loud=True,
        send_at=now,
        ends_at=now + timedelta(days=7),
        cursor_id=0,
        cards=0,
        person_id=None,
        started_at=None,
        ended_at=None,
        created_at=now,
    )
    run_work(ctx.database, shop.merchant_id, lambda w: w.messages.add(waiting), clock=ctx.clock)
    run_work(ctx.database, None, lambda w: MessageSteps(w.scope).step(), clock=ctx.clock)
    mail = Mail(to="o@example.com", language="en", time_zone="Europe/Berlin", facts={"a": "b"})
    row_id = run_work(
        ctx.database,
        shop.merchant_id,
        lambda work: write_mail(
            work, mail, OutboxKind.WELCOME, keyring=ctx.keyring, life=timedelta(days=3)
        ),
        clock=ctx.clock,
    )

    move_engine(ctx.database, other_engine, clock=ctx.clock, tell=silent)

    desk = Desk(
        settings=DeliverySettings(public_url="http://127.0.0.1:1"),
        database=other_engine,
        clock=ctx.clock,
        keyring=ctx.keyring,
    )
    (claim,) = run_work(
        other_engine,
        None,
        lambda work: OutboxClaims(work.scope).claim([OutboxChannel.MAIL], lease="l", limit=5),
        clock=ctx.clock,
    )
    assert claim.id == row_id
    assert open_mail(ctx.keyring, claim.payload_sealed or b"", merchant_id=shop.merchant_id) == mail
    while step_messages(desk) or move_slice(desk):
        pass
    with open_work(other_engine, shop.merchant_id, clock=ctx.clock, writing=False) as work:
        message = work.messages.find(message_id)
    assert message is not None
    assert message.state in {MessageState.SENDS, MessageState.SENT}
    assert message.cards == len(shop.member_ids)


def test_the_old_place_refuses_every_write_and_every_start(
    ctx: Loyalty, merchants: Merchants, other_engine: Database
) -> None:
    shop = a_busy_shop(ctx, merchants.cafe.id)
    before = everything(ctx.database)
    move_engine(ctx.database, other_engine, clock=ctx.clock, tell=silent)

    # This process held it open all the while.
    with pytest.raises(Unavailable):
        buy(ctx, shop, shop.member_ids[0], amount_minor=999, key="late")
    with (
        pytest.raises(Unavailable),
        open_work(ctx.database, shop.merchant_id, clock=ctx.clock) as work,
    ):
        work.deliveries.bump_member(shop.member_ids[0])
    for start in (migrate.check_current, migrate.upgrade):
        with pytest.raises(ConfigurationError, match="was moved to"):
            start(ctx.database)
    assert everything(ctx.database) == before


def test_the_way_back_is_the_same_way(
    ctx: Loyalty,
    merchants: Merchants,
    other_engine: Database,
    elsewhere: Database,
) -> None:
    shop = a_busy_shop(ctx, merchants.cafe.id)
    move_engine(ctx.database, other_engine, clock=ctx.clock, tell=silent)
    ctx.clock.advance(seconds=1)  # type: ignore[attr-defined]
    buy(there(ctx, other_engine), shop, shop.member_ids[0], amount_minor=999)
    before = everything(other_engine)

    move_engine(other_engine, elsewhere, clock=ctx.clock, tell=silent)

    assert everything(elsewhere) == before
    assert verify(elsewhere) == []


@pytest.mark.parametrize("step", STEPS_BEFORE_LEAVING)
def test_killed_before_it_left_the_shop_works_on_and_moves_later(
    ctx: Loyalty, merchants: Merchants, other_engine: Database, step: str
) -> None:
    shop = a_busy_shop(ctx, merchants.cafe.id)
    assert killed_at(step, ctx.database, other_engine)

    buy(ctx, shop, shop.member_ids[0], amount_minor=999, key=f"after-{step}")
    with pytest.raises(ConfigurationError):
        migrate.check_current(other_engine)
    before = everything(ctx.database)
    move_engine(ctx.database, other_engine, clock=ctx.clock, tell=silent)

    assert everything(other_engine) == before
    assert verify(other_engine) == []
    migrate.check_current(other_engine)


@pytest.mark.parametrize("step", STEPS_AFTER_LEAVING)
def test_killed_after_it_left_the_new_place_is_opened_as_it_was(
    ctx: Loyalty, merchants: Merchants, other_engine: Database, step: str
) -> None:
    shop = a_busy_shop(ctx, merchants.cafe.id)
    before = everything(ctx.database)
    assert killed_at(step, ctx.database, other_engine)

    with pytest.raises(Unavailable):
        buy(ctx, shop, shop.member_ids[0], amount_minor=999, key="late")
    done = move_engine(ctx.database, other_engine, clock=ctx.clock, tell=silent)

    assert done.again
    assert everything(other_engine) == before
    migrate.check_current(other_engine)


def killed_at(step: str, source: Database, target: Database) -> bool:
    """Whether a move was killed at that step."""
    command = [sys.executable, "-m", "tests.support.moving", source.url, target.url, step]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode < 0


def test_what_was_answered_during_the_move_is_there_and_nothing_else(
    ctx: Loyalty, merchants: Merchants, other_engine: Database
) -> None:
    shop = a_busy_shop(ctx, merchants.cafe.id)
    answered: dict[str, int] = {}
    begun = threading.Event()
    tills = [threading.Thread(target=sell, args=(ctx, shop, answered, begun)) for _ in range(3)]
    for till in tills:
        till.start()
    assert begun.wait(20)

    def look(step: str, _rows: int) -> None:
        if step == "compared":  # nobody can write now, and everybody can read
            with open_work(ctx.database, shop.merchant_id, clock=ctx.clock, writing=False) as work:
                assert work.members.get(shop.member_ids[0])

    move_engine(ctx.database, other_engine, clock=ctx.clock, tell=look)
    for till in tills:
        till.join(30)

    with open_work(other_engine, shop.merchant_id, clock=ctx.clock, writing=False) as work:
        rows = work.scope.run_sql("select idempotency_key, id from operation", ()).fetchall()
    assert {key: found for key, found in rows if key.startswith("till-")} == answered
    assert verify(other_engine) == []


def sell(ctx: Loyalty, shop: Shop, answered: dict[str, int], begun: threading.Event) -> None:
    """Sales, one after another, until the shop is gone."""
    while True:
        key = f"till-{new_id()}"
        try:
            answered[key] = buy(ctx, shop, shop.member_ids[0], amount_minor=150, key=key)
        except Unavailable:
            return
        begun.set()


def test_a_place_with_other_data_is_left_alone(
    ctx: Loyalty, merchants: Merchants, elsewhere: Database
) -> None:
    shop = a_busy_shop(ctx, merchants.cafe.id)
    migrate.upgrade(elsewhere)
    with open_work(elsewhere, None, clock=ctx.clock) as work:
        work.merchants.add(a_merchant(slug="other"))
        work.commit()

    with pytest.raises(Conflict, match="data at the new address"):
        move_engine(ctx.database, elsewhere, clock=ctx.clock, tell=silent)

    with open_work(elsewhere, None, clock=ctx.clock, writing=False) as work:
        assert [merchant.slug for merchant in work.merchants.all()] == ["other"]
    buy(ctx, shop, shop.member_ids[0], amount_minor=999, key="goes-on")


def test_a_place_of_another_program_is_left_alone(ctx: Loyalty, elsewhere: Database) -> None:
    with elsewhere.connection(writing=True) as connection:
        connection.execute(text("create table wp_posts (id integer)"))
        connection.commit()

    with pytest.raises(ConfigurationError, match="another program"):
        move_engine(ctx.database, elsewhere, clock=ctx.clock, tell=silent)


def test_books_that_break_a_rule_do_not_move(
    ctx: Loyalty, merchants: Merchants, other_engine: Database
) -> None:
    shop = a_busy_shop(ctx, merchants.cafe.id)
    with ctx.database.connection(writing=True) as connection:
        migrate.see_everyone(connection)
        connection.execute(text("update account set balance = balance + 1 where kind = 'member'"))
        connection.commit()

    with pytest.raises(Conflict, match=r"balance\.sum"):
        move_engine(ctx.database, other_engine, clock=ctx.clock, tell=silent)

    buy(ctx, shop, shop.member_ids[0], amount_minor=999, key="goes-on")


def test_a_shop_that_left_goes_to_one_place_only(
    ctx: Loyalty, merchants: Merchants, other_engine: Database, elsewhere: Database
) -> None:
    a_busy_shop(ctx, merchants.cafe.id)
    move_engine(ctx.database, other_engine, clock=ctx.clock, tell=silent)

    with pytest.raises(Conflict, match="was moved to"):
        move_engine(ctx.database, elsewhere, clock=ctx.clock, tell=silent)


def test_a_place_is_not_moved_onto_itself(ctx: Loyalty) -> None:
    with pytest.raises(Conflict, match="the same database"):
        move_engine(
            ctx.database,
            Database(DatabaseSettings(url=ctx.database.url)),
            clock=ctx.clock,
            tell=silent,
        )


def test_taken_back_the_old_place_works_on_as_after_a_restore(
    ctx: Loyalty, merchants: Merchants, other_engine: Database
) -> None:
    shop = a_busy_shop(ctx, merchants.cafe.id)
    with pytest.raises(Conflict, match="was not left"):
        take_back(ctx.database, clock=ctx.clock)
    move_engine(ctx.database, other_engine, clock=ctx.clock, tell=silent)

    take_back(ctx.database, clock=ctx.clock)

    migrate.check_current(ctx.database)
    buy(ctx, shop, shop.member_ids[0], amount_minor=999, key="goes-on")
    assert verify(ctx.database) == []


def test_text_that_postgresql_cannot_keep_is_named(
    sqlite_templates: SqliteTemplates,
    postgresql_templates: PostgresqlTemplates,
    ctx: Loyalty,
) -> None:
    if not ctx.database.is_sqlite:
        pytest.skip("PostgreSQL cannot hold such a text in the first place")
    with ctx.database.connection(writing=True) as connection:
        connection.execute(text("insert into installation values ('odd', 'a' || char(0) || 'b')"))
        connection.commit()
    url = postgresql_templates.empty()
    place = Database(DatabaseSettings(url=url))

    with pytest.raises(Conflict, match="installation"):
        move_engine(ctx.database, place, clock=ctx.clock, tell=silent)

    place.close()
    postgresql_templates.drop(url)


def test_an_address_tells_no_secret() -> None:
    place = Database(
        DatabaseSettings(
            url="postgresql://someone:s3cret@db.example.com:5433/cards?sslpassword=s3cret"
        )
    )

    assert address(place) == "postgresql://db.example.com:5433/cards"
