"""Rotating the sealing key: everything opens as before, cards that are out go on, nothing is lost."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import select

from common.actor import SYSTEM
from common.clock import ManualClock
from common.errors import SealBroken
from loyalty import rotate_keys
from loyalty.apple_request import request_certificate
from loyalty.context import Loyalty
from loyalty.overview import member_page
from loyalty.rotate_keys import is_unfinished, reseal
from signing.keyring import Keyring, add_master_key, create_keyring, drop_master_keys, load_keyring
from signing.sealing import sealed_version
from storage import tables
from storage.sealed import SEALED
from storage.unit_of_work import open_work, run_work
from tests.support.builders import CAFE
from tests.support.house import STAFF_PIN, House, a_house, an_app, at_the_till

NEW = bytes(range(32))


def newer(ctx: Loyalty) -> Loyalty:
    """The context with one more master key."""
    master = {**ctx.keyring.master, ctx.keyring.master_version + 1: NEW}
    return replace(ctx, keyring=Keyring(master=master, derivation=ctx.keyring.derivation))


def only_newest(ctx: Loyalty) -> Loyalty:
    newest = ctx.keyring.master_version
    master = {newest: ctx.keyring.master[newest]}
    return replace(ctx, keyring=Keyring(master=master, derivation=ctx.keyring.derivation))


@pytest.fixture
def house(ctx: Loyalty, clock: ManualClock) -> House:
    return a_house(ctx, clock)


def blobs(ctx: Loyalty) -> list[bytes]:
    with open_work(ctx.database, None, clock=ctx.clock, writing=False) as work:
        return [
            row[0]
            for one in SEALED
            for row in work.scope.execute(select(one.table.c[one.column]))
            if row[0] is not None
        ]


def test_every_sealed_column_is_known() -> None:
    named = {(one.table.name, one.column) for one in SEALED}

    assert named == {
        (table.name, column.name)
        for table in tables.metadata.sorted_tables
        for column in table.c
        if column.name.endswith("_sealed")
    }


def test_everything_opens_with_the_new_key_alone(ctx, house, monkeypatch):
    monkeypatch.setattr(rotate_keys, "BATCH", 3)
    members = [house.enrol(name=f"M{n}", email=f"m{n}@example.com") for n in range(8)]
    request_certificate(ctx, CAFE.id, actor=SYSTEM)
    codes = [house.barcode(one.member_id) for one in members]
    ctx = newer(ctx)
    assert is_unfinished(ctx)

    done = reseal(ctx, actor=SYSTEM)

    assert (done.seen, done.changed, done.broken) == (9, 9, 0)
    assert {sealed_version(blob) for blob in blobs(ctx)} == {done.version}
    assert not is_unfinished(ctx)
    alone = only_newest(ctx)
    emails = [member_page(alone, CAFE.id, one.member_id).email for one in members]
    assert emails == [f"m{n}@example.com" for n in range(8)]
    assert codes == [house.barcode(one.member_id) for one in members]


def test_running_again_changes_nothing(ctx, house):
    house.enrol(name="Ada", email="ada@example.com")
    ctx = newer(ctx)
    reseal(ctx, actor=SYSTEM)
    before = blobs(ctx)

    assert reseal(ctx, actor=SYSTEM).changed == 0
    assert blobs(ctx) == before


def test_a_stopped_run_goes_on_where_it_was(ctx, house, monkeypatch):
    monkeypatch.setattr(rotate_keys, "BATCH", 2)
    for number in range(6):
        house.enrol(name=f"M{number}", email=f"m{number}@example.com")
    ctx = newer(ctx)
    real, calls = rotate_keys.change_batch, []

    def dies(*args, **options):
        calls.append(1)
        if len(calls) == 8:
            raise KeyboardInterrupt
        return real(*args, **options)

    monkeypatch.setattr(rotate_keys, "change_batch", dies)
    with pytest.raises(KeyboardInterrupt):
        reseal(ctx, actor=SYSTEM)
    assert is_unfinished(ctx)

    done = reseal(ctx, actor=SYSTEM)

    assert 0 < done.changed < 6
    assert not is_unfinished(ctx)


def test_a_damaged_value_is_counted_and_left(ctx, house):
    member = house.enrol(name="Ada", email="ada@example.com")
    table = tables.member
    run_work(
        ctx.database,
        CAFE.id,
        lambda work: work.scope.execute(
            work.scope.update(table)
            .where(table.c.id == member.member_id)
            .values(email_sealed=b"\x01\x00\x01" + b"x" * 40)
        ),
        clock=ctx.clock,
    )
    ctx = newer(ctx)

    done = reseal(ctx, actor=SYSTEM)

    assert (done.broken, done.still_needed) == (1, (1,))
    with pytest.raises(SealBroken):
        member_page(ctx, CAFE.id, member.member_id)


def test_pins_keep_their_old_key(ctx, house):
    done = reseal(newer(ctx), actor=SYSTEM)

    assert done.still_needed == (1,)
    till = at_the_till(an_app(newer(ctx)), house, pin=STAFF_PIN)
    assert till.status == 200
    assert "Scan" in till.page


def test_the_key_file_grows_and_shrinks_whole(tmp_path):
    folder = tmp_path / "keys"
    first = create_keyring(folder)

    second = add_master_key(folder)

    assert dict(load_keyring(folder).master) == dict(second.master)
    assert second.master[1] == first.master[1]
    assert second.master_version == 2
    assert second.derivation == first.derivation
    assert (folder / "master.key").stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in folder.iterdir()) == ["derivation.key", "master.key"]

    third = drop_master_keys(folder, {1, 2})

    assert dict(third.master) == {2: second.master[2]}
