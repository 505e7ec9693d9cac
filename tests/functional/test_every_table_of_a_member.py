"""Every table with a member in it: the export holds it or says why not; erasing leaves nothing."""

from __future__ import annotations

import json
import logging
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from common.actor import SYSTEM, Actor, ActorKind
from common.clock import ManualClock
from loyalty.context import Loyalty
from loyalty.doors import set_join_rules
from loyalty.earn import EarnRequest, earn
from loyalty.enrol import EnrolRequest
from loyalty.erase_member import erase_member
from loyalty.join import join
from loyalty.join_links import add_pilots, add_source, invite
from loyalty.lost_card import replace_lost_card
from loyalty.mailed_codes import send_code
from loyalty.member_export import export_member
from loyalty.member_notes import add_note
from loyalty.merge_members import merge_members
from loyalty.new_card import card_token
from loyalty.new_phone import make_new_phone_link
from loyalty.old_codes import add_old_code
from loyalty.open_card import CardId
from loyalty.redeem import RedeemRequest, redeem
from loyalty.reverse import ReverseRequest, reverse
from signing.sealing import blind_index
from storage.archive import LEFT_OUT, write_archive
from storage.join_rules import JoinRules, Question, Who
from storage.member_rows import ABOUT_NOBODY, NOT_EXPORTED, tables_of_members
from storage.migrate import see_everyone
from storage.outbox import OutboxKind
from storage.tables import metadata
from storage.unit_of_work import open_work, run_work
from storage.verify import verify
from tests.support.house import House, a_house
from tests.support.letters import with_mail

NAME, OTHER_NAME = "Adaline Canarybird", "adaline canarybird"
EMAIL, PHONE = "canary.bird@example.com", "+4930901820"
ADDRESS, BRAND, ANSWER = "77 Canary Wharf", "Canarybrand", "Rex the canary"
NOTE, OLD_CODE = "The canary likes oat milk", "OLD-CANARY-CODE-0001-0002"


@pytest.fixture
def house(ctx: Loyalty, clock: ManualClock) -> House:
    return a_house(with_mail(ctx), clock)


def a_whole_life(house: House) -> int:
    """A member about whom as much is known as can be."""
    ctx, shop, programme = house.ctx, house.merchant_id, house.programme_id
    rules = JoinRules(
        who=Who.INVITED,
        ask=dict.fromkeys(("address", "birthday", "brand"), "optional"),
        questions=(Question(key="q1", text="Your dog’s name?", ask="optional"),),
    )
    set_join_rules(ctx, shop, programme, rules, actor=SYSTEM)
    (code,) = invite(ctx, shop, programme, label="Ada", actor=SYSTEM)
    source = add_source(ctx, shop, programme, name="Parcel", actor=SYSTEM)
    add_pilots(ctx, shop, programme, EMAIL, actor=SYSTEM)
    request = EnrolRequest(
        programme_id=programme,
        name=NAME,
        email=EMAIL,
        phone=PHONE,
        address=ADDRESS,
        birthday="12-10",
        brand=BRAND,
        answers={"q1": ANSWER},
        invitation=code.code,
        came_from=source.code,
        offers=True,
        actor=Actor(kind=ActorKind.MEMBER),
        form_key="one",
    )
    join(ctx, shop, request)
    with open_work(ctx.database, shop, clock=house.clock, writing=False) as work:
        (member,) = work.members.recent()
    its_ways(house, member.id)
    other = house.enrol(name=OTHER_NAME, email="second.canary@example.com").member_id
    buys(house, other, "other")
    merge_members(ctx, shop, member.id, other, actor=SYSTEM)
    return member.id


def its_ways(house: House, member_id: int) -> None:
    """Buying, taking, undoing; a note, an old code, a lost card, links and codes."""
    ctx, shop = house.ctx, house.merchant_id
    first = buys(house, member_id, "first")
    buys(house, member_id, "second")
    reverse(
        ctx,
        shop,
        ReverseRequest(
            operation_id=first, actor=SYSTEM, idempotency_key="undo", own_recent_only=False
        ),
    )
    with open_work(ctx.database, shop, clock=house.clock, writing=False) as work:
        (reward,) = work.programmes.rewards(house.programme_id)
    redeem(
        ctx,
        shop,
        RedeemRequest(member_id=member_id, reward_id=reward.id, actor=SYSTEM, idempotency_key="r"),
    )
    add_note(ctx, shop, member_id, NOTE, actor=SYSTEM)
    replace_lost_card(ctx, shop, member_id, actor=SYSTEM)

    def more(work: Any) -> int:
        card = work.passes.current_of_member(member_id)
        add_old_code(work, card.id, OLD_CODE)
        return int(card.id)

    pass_id = run_work(ctx.database, shop, more, clock=house.clock)
    make_new_phone_link(ctx, shop, member_id, actor=SYSTEM)
    card = CardId(merchant_id=shop, member_id=member_id, pass_id=pass_id, actor=SYSTEM)
    for kind in (OutboxKind.NEW_CARD_CODE, OutboxKind.MEMBER_CODE):
        send_code(ctx, card, kind)


def buys(house: House, member_id: int, key: str) -> int:
    request = EarnRequest(
        member_id=member_id, actor=SYSTEM, idempotency_key=key, amount_minor=2000, visits=None
    )
    return earn(house.ctx, house.merchant_id, request).operation_id


def everything(house: House) -> Iterator[tuple[str, str]]:
    """Every value of every column of every table, and where it lies."""
    with house.ctx.database.connection(writing=False) as connection:
        see_everyone(connection)
        for table in metadata.sorted_tables:
            for row in connection.execute(select(table)):
                for column, value in zip(table.c, row, strict=True):
                    plain = value.hex() if isinstance(value, (bytes, memoryview)) else str(value)
                    yield f"{table.name}.{column.name}", plain


def canaries(house: House, member_id: int) -> dict[str, str]:
    """What must be found nowhere once the member is erased."""
    ctx, shop = house.ctx, house.merchant_id
    indexes = {
        f"{column} index": blind_index(ctx.keyring, text, merchant_id=shop, column=column).hex()
        for column, text in (("email", EMAIL), ("phone", PHONE))
    }
    tokens = {
        f"link {generation}": card_token(
            ctx.keyring, member_id, merchant_id=shop, generation=generation
        )
        for generation in (1, 2)
    }
    words = {
        "name": "Canarybird",
        "folded": "canarybird",
        "word": b"canarybird".hex(),
        "email": "canary.bird",
        "phone": "30901820",
        "address": "Canary Wharf",
        "brand": "Canarybrand",
        "answer": "Rex the canary",
        "note": "oat milk",
        "old code": OLD_CODE,
        "barcode": house.barcode(member_id),
    }
    return indexes | tokens | words


def test_every_table_is_judged() -> None:
    walked = {table.name for table in tables_of_members()}
    judged = {**NOT_EXPORTED, **ABOUT_NOBODY}

    assert set(metadata.tables) == (walked | set(judged)), "say where a new table stands"
    assert not walked & set(ABOUT_NOBODY)
    assert all(reason for reason in judged.values())
    for table in metadata.sorted_tables:
        named = {key.column.table.name for key in table.foreign_keys}
        about = named & {"member", "wallet_pass", "account", "operation", "sale"}
        assert not about or table.name in walked, f"{table.name} names a member"


def test_the_export_holds_every_row_that_is_about_the_member(house: House) -> None:
    member_id = a_whole_life(house)

    text = export_member(house.ctx, house.merchant_id, member_id, actor=SYSTEM)

    document = json.loads(text)
    for told in (NAME, EMAIL, PHONE, ADDRESS, BRAND, ANSWER, NOTE, "12-10"):
        assert told in text, told
    tables = document["tables"]
    expected = {"member", "consent", "wallet_pass", "account", "operation", "transfer", "lot"}
    assert expected | {"allocation", "sale", "member_note", "member_merge", "outbox"} <= set(tables)
    assert len(tables["wallet_pass"]) == 2
    assert document["left_out"] == NOT_EXPORTED
    with house.ctx.database.connection(writing=False) as connection:
        see_everyone(connection)
        for table in tables_of_members():
            if table.name in NOT_EXPORTED or "member_id" not in table.c:
                continue
            rows = connection.execute(select(table).where(table.c.member_id == member_id)).all()
            assert len(rows) == len(tables.get(table.name, [])), table.name


def test_after_erasure_nothing_of_the_member_is_found_anywhere(
    house: House, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    member_id = a_whole_life(house)
    secrets = canaries(house, member_id)
    before = dict(house_sums(house))
    found_before = {name for name, word in secrets.items() if is_anywhere(house, word)}
    assert {"name", "folded", "word", "email index", "phone index"} <= found_before

    erase_member(house.ctx, house.merchant_id, member_id, actor=SYSTEM)

    found = [
        f"{what} in {where}"
        for where, value in everything(house)
        for what, word in secrets.items()
        if word in value
    ]
    assert found == []
    write_archive(house.ctx.database, tmp_path / "backup.zip", clock=house.clock)
    with zipfile.ZipFile(tmp_path / "backup.zip") as archive:
        kept = "".join(archive.read(name).decode("utf-8", "replace") for name in archive.namelist())
    assert [what for what, word in secrets.items() if word in kept] == []
    assert [what for what, word in secrets.items() if word in caplog.text] == []
    assert {"outbox", "one_time_link", "session"} <= LEFT_OUT
    assert dict(house_sums(house)) == before
    assert verify(house.ctx.database) == []


def is_anywhere(house: House, word: str) -> bool:
    return any(word in value for _where, value in everything(house))


def house_sums(house: House) -> Iterator[tuple[str, int]]:
    """What the books come to, account by account, and how many rows they have."""
    with house.ctx.database.connection(writing=False) as connection:
        see_everyone(connection)
        for name in ("operation", "transfer", "allocation", "lot", "sale"):
            yield name, len(connection.execute(select(metadata.tables[name])).all())
        account = metadata.tables["account"]
        for row in connection.execute(select(account.c.id, account.c.balance)):
            yield str(row.id), row.balance
