"""A list of members of another system: judged first, taken over whole or in part; both engines."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from common.actor import SYSTEM
from common.clock import ManualClock
from common.errors import InvalidInput
from loyalty.candidates import candidacy
from loyalty.context import Loyalty
from loyalty.erase_member import erase_member
from loyalty.find_member import FoundBy, find_by_code, find_members
from loyalty.import_members import import_members, judge_members, open_members
from loyalty.import_report import ImportOrder, ImportReport
from loyalty.lost_card import replace_lost_card
from loyalty.programmes import add_programme
from loyalty.publish import publish
from loyalty.rotating_code import UnknownCard
from storage.unit_of_work import open_work, run_work
from storage.verify import verify
from tests.support.builders import GYM
from tests.support.counter import count
from tests.support.house import House, a_house, balance, stamps
from tests.support.house import points as points_terms
from tests.support.rules import POINTS_UNIT, SPEND, terms_of

HEAD = "old_code,name,contact,points\n"
GOOD = HEAD + "C-1,Ada Byron,ada@example.com,7\nC-2,Bo,+44 121 234 5678,0\nC-3,,,12\n"


@pytest.fixture
def house(ctx: Loyalty, clock: ManualClock) -> House:
    return a_house(ctx, clock)


def order(house: House, listed: str | bytes, **more: object) -> ImportOrder:
    data = listed.encode() if isinstance(listed, str) else listed
    found = open_members(house.ctx, house.merchant_id, house.programme_id, lambda: io.BytesIO(data))
    return ImportOrder(programme_id=house.programme_id, listed=found, actor=SYSTEM, **more)  # type: ignore[arg-type]


def judge(house: House, listed: str | bytes) -> ImportReport:
    return judge_members(house.ctx, house.merchant_id, order(house, listed))


def take(house: House, listed: str | bytes, **more: object) -> ImportReport:
    return import_members(house.ctx, house.merchant_id, order(house, listed, **more))


def told(report: ImportReport) -> list[tuple[str, str]]:
    return [(one.field, one.message) for one in report.complaints]


def members(house: House) -> int:
    return count(house.ctx.database, "member")


def points_of(house: House, code: str) -> int:
    found = find_by_code(house.ctx, house.merchant_id, code)
    with open_work(house.ctx.database, house.merchant_id, clock=house.clock, writing=False) as work:
        return sum(
            one.account.balance
            for one in work.rules.accounts(found.member_id, house.programme_id).values()
        )


def test_a_look_says_what_would_happen_and_changes_nothing(house: House) -> None:
    report = judge(house, GOOD)

    assert (report.rows, report.new, report.joined, report.again) == (3, 3, 0, 0)
    assert (report.units, report.bad, members(house)) == (19, 0, 0)


def test_members_come_with_balance_and_the_old_code_finds_them(house: House) -> None:
    report = take(house, GOOD)

    assert (report.new, report.units) == (3, 19)
    assert [points_of(house, code) for code in ("C-1", "C-2", "C-3")] == [7, 0, 12]
    found = find_by_code(house.ctx, house.merchant_id, "C-1")
    assert (found.by, found.may_redeem, found.shows_old_card) == (FoundBy.OLD_CODE, False, True)
    assert len(find_members(house.ctx, house.merchant_id, "ada@example.com")) == 1
    assert verify(house.ctx.database) == []


def test_the_same_list_again_changes_nothing(house: House) -> None:
    take(house, GOOD)

    again = take(house, GOOD)

    assert (again.new, again.again, again.units, again.bad) == (0, 3, 0, 0)
    assert judge(house, GOOD).again == 3
    assert members(house) == 3


def test_an_interrupted_list_goes_on_where_it_stood(house: House) -> None:
    part = take(house, GOOD, good_only=True, rows_max=2)
    rest = take(house, GOOD, good_only=True, after_line=part.last_line, rows_max=2)

    assert (part.new, part.last_line) == (2, 3)
    assert (rest.new, rest.last_line) == (1, 4)


def test_another_balance_for_a_code_that_is_here_is_refused(house: House) -> None:
    take(house, GOOD)

    report = judge(house, GOOD.replace(",7\n", ",8\n"))

    assert told(report) == [
        ("line 2", "This code is here already with another balance, which was left as it is.")
    ]


def test_bad_rows_keep_the_list_out_until_the_good_ones_are_asked_for(house: House) -> None:
    bad = GOOD + "C-4,Cid,nowhere@,1\n,Dan,,2\nC-6,Eve,,-3\nC-1,Fay,,7\nC-7,Gil,,1,extra\n"

    with pytest.raises(InvalidInput, match="good rows only"):
        take(house, bad)
    assert members(house) == 0
    report = take(house, bad, good_only=True)

    assert report.new == 2
    assert [line for line, _why in told(report)] == [
        "line 2",
        "line 5",
        "line 6",
        "line 7",
        "line 8",
        "line 9",
    ]
    reasons = dict(told(report))
    assert reasons["line 2"] == "The same code stands in line 8. Keep one of them."
    assert reasons["line 8"] == "The same code stands in line 2. Keep one of them."
    assert reasons["line 6"] == "The old code is missing."
    assert reasons["line 7"] == "The points is a whole number, without a sign."
    assert reasons["line 9"] == "This row has more cells than the first line."
    assert "nowhere" not in reasons["line 5"]


def test_one_bad_row_does_not_take_its_neighbours_along(house: House) -> None:
    house.enrol(name="Zoe", email="zoe@example.com")
    number = house.enrol(name="Yan").number

    report = take(house, HEAD + f"C-1,Ada,,1\n{number},Bo,,2\nC-3,Cid,,3\n", good_only=True)

    assert (report.new, report.bad) == (2, 1)
    assert told(report) == [("line 3", "This code is the number of a card from here.")]


def test_who_has_a_card_here_gets_the_balance_on_it(house: House) -> None:
    ada = house.enrol(name="Ada", email="ada@example.com")
    listed = HEAD + "C-1,Ada,ADA@example.com,7\nC-2,Ada at home,ada@example.com,5\n"
    assert judge(house, listed).joined == 2

    report = take(house, listed)

    assert (report.new, report.joined, members(house)) == (0, 2, 1)
    assert balance(house, ada) == 12
    assert points_of(house, "C-1") == points_of(house, "C-2") == 12


def test_two_rows_of_one_contact_share_a_card_and_the_look_says_so(house: House) -> None:
    listed = HEAD + "C-1,Ada,ada@example.com,7\nC-2,Ada,ada@example.com,5\n"

    looked, took = judge(house, listed), take(house, listed)

    assert (looked.new, looked.joined) == (took.new, took.joined) == (1, 1)


@pytest.mark.parametrize(
    ("listed", "encoding", "separator"),
    [
        (b"\xef\xbb\xbfold_code;name;points\nC-1;J\xc3\xb6rg;3\n", "UTF-8", "semicolons"),
        ("old_code,name,points\nC-1,Jörg,3\n".encode("cp1252"), "Windows-1252", "commas"),
        (b"old_code\tname\tpoints\nC-1\tJ\xf6rg\t3\n\t\x81\t", "Latin-1", "tabs"),
        ("old_code\tname\tpoints\r\nC-1\tJörg\t3\r\n".encode("utf-16"), "UTF-16", "tabs"),
    ],
    ids=["mark", "windows", "latin", "utf-16"],
)
def test_the_writing_of_the_file_is_found_and_told(
    house: House, listed: bytes, encoding: str, separator: str
) -> None:
    found = order(house, listed).listed

    assert (found.encoding_shown, found.separator_shown) == (encoding, separator)
    take(house, listed, good_only=True)
    assert [one.initials for one in find_members(house.ctx, house.merchant_id, "jörg")] == ["J"]


@pytest.mark.parametrize(
    ("listed", "why"),
    [
        ("", "old_code is missing"),
        ("name,points\nAda,1\n", "old_code is missing"),
        ("old_code,name\nC-1,Ada\n", "points is missing"),
        ("old_code,points,stamps\nC-1,1,2\n", "Two columns"),
        ("old_code,code,points\nC-1,C-1,2\n", "Two columns"),
        ("old_code,stamps\nC-1,2\n", "The list counts stamps, and this card points"),
        ("old_code,points\n" + '"' + "x" * 200_000, "not a CSV file"),
    ],
    ids=["empty", "no-code", "no-balance", "two-balances", "twice", "stamps", "quote"],
)
def test_a_file_that_is_no_such_list_is_told_whole(house: House, listed: str, why: str) -> None:
    with pytest.raises(InvalidInput, match=why):
        judge(house, listed)


def test_columns_without_a_use_are_named(house: House) -> None:
    assert order(house, "old_code,points,shoe size\nC-1,1,44\n").listed.ignored == ("shoe_size",)


def test_stamps_come_onto_a_card_of_stamps(ctx: Loyalty, clock: ManualClock) -> None:
    house = a_house(ctx, clock, terms=stamps())

    take(house, "old_code,stamps\nC-1,4\n")

    assert points_of(house, "C-1") == 4


def test_a_column_may_name_any_unit_of_a_card_with_rules(ctx: Loyalty, clock: ManualClock) -> None:
    coffees = {"code": "coffees", "kind": "stamps", "goal": 9}
    terms = terms_of(SPEND, units=[POINTS_UNIT, coffees])
    house = a_house(ctx, clock, terms=terms)  # type: ignore[arg-type]

    listed = "old_code,coffees\nC-1,4\n"
    report, again = take(house, listed), take(house, listed)
    points = take(house, "old_code,points\nC-2,6\n")

    assert (report.new, again.again, points.new) == (1, 1, 1)
    member = find_by_code(house.ctx, house.merchant_id, "C-1").member_id
    with open_work(house.ctx.database, house.merchant_id, clock=house.clock, writing=False) as work:
        held = work.rules.accounts(member, house.programme_id)
    assert {unit: one.account.balance for unit, one in held.items()} == {"points": 0, "coffees": 4}
    assert points_of(house, "C-2") == 6
    assert verify(house.ctx.database) == []


def test_a_code_of_another_card_of_the_shop_is_refused(house: House) -> None:
    take(house, GOOD)
    other = add_programme(
        house.ctx,
        house.merchant_id,
        slug="tea",
        name="Tea Club",
        terms=points_terms(),
        actor=SYSTEM,
    )
    publish(house.ctx, house.merchant_id, other, actor=SYSTEM)

    report = judge(replace(house, programme_id=other), GOOD)

    assert [why for _line, why in told(report)] == [
        "This code is on another card of this shop."
    ] * 3


def test_purchases_of_before_are_counted(house: House) -> None:
    take(house, "old_code,purchases\nC-1,4\n")

    found = find_by_code(house.ctx, house.merchant_id, "C-1")
    with open_work(house.ctx.database, house.merchant_id, clock=house.clock, writing=False) as work:
        assert work.members.get(found.member_id).purchases_before == 4
        assert candidacy(work, found.member_id) is None


@pytest.mark.parametrize(("code", "line"), [("C-1", 2), ("C-2", 3)], ids=["balance", "empty"])
def test_an_erased_member_does_not_come_back_with_the_list(
    house: House, code: str, line: int
) -> None:
    take(house, GOOD)
    member = find_by_code(house.ctx, house.merchant_id, code).member_id
    erase_member(house.ctx, house.merchant_id, member, actor=SYSTEM)

    report = take(house, GOOD, good_only=True)

    assert told(report) == [
        (f"line {line}", "This card was brought in before and has ended since.")
    ]
    assert members(house) == 3
    assert verify(house.ctx.database) == []
    with pytest.raises(UnknownCard):
        find_by_code(house.ctx, house.merchant_id, code)


def test_the_old_code_of_a_lost_card_does_not_come_back_with_the_list(house: House) -> None:
    take(house, GOOD)
    member = find_by_code(house.ctx, house.merchant_id, "C-1").member_id
    replace_lost_card(house.ctx, house.merchant_id, member, actor=SYSTEM)

    assert take(house, GOOD, good_only=True).bad == 1
    with pytest.raises(UnknownCard):
        find_by_code(house.ctx, house.merchant_id, "C-1")


def test_codes_of_another_shop_stay_its_own(house: House, ctx: Loyalty, clock: ManualClock) -> None:
    other = a_house(ctx, clock, merchant_id=GYM.id)
    take(house, GOOD)

    report = take(other, GOOD.replace(",7\n", ",70\n"))

    assert report.new == 3
    assert (points_of(house, "C-1"), points_of(other, "C-1")) == (7, 70)


def test_who_took_the_list_over_stands_in_the_list_of_changes(house: House) -> None:
    take(house, GOOD)

    def latest(work) -> object:  # type: ignore[no-untyped-def]
        return next(one for one in work.audit.latest(3) if one.action == "members.import").detail

    assert run_work(house.ctx.database, house.merchant_id, latest, clock=house.clock) == {
        "new": 3,
        "joined": 0,
        "again": 0,
        "units": 19,
        "refused": 0,
    }


def test_two_who_send_the_list_at_once_credit_it_once(house: House) -> None:
    listed = HEAD + "".join(f"C-{n},N{n},n{n}@example.com,2\n" for n in range(30))

    with ThreadPoolExecutor(2) as people:
        reports = list(people.map(lambda _n: take(house, listed, good_only=True), range(2)))

    assert sum(one.new for one in reports) == 30
    assert sum(one.bad for one in reports) == 0
    assert members(house) == 30
    assert sum(points_of(house, f"C-{n}") for n in range(30)) == 60
    assert verify(house.ctx.database) == []
