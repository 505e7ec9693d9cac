"""What members do beside buying: a few chances, once each, looked at by the owner where asked."""

from __future__ import annotations

import threading
from dataclasses import replace
from io import BytesIO
from typing import Any

import pytest
from PIL import Image

from common.actor import SYSTEM
from common.clock import ManualClock
from common.errors import Conflict, InvalidInput, InvalidInputs, NotFound, WalletError
from loyalty.activities import ActivityForm, ActivityKind, add_activity, stop_activity
from loyalty.activity_claims import (
    Entry,
    NoChance,
    NotYet,
    approve_claim,
    claim_photo,
    claim_queue,
    refuse_claim,
    send_in,
)
from loyalty.activity_pages import (
    check_in_of,
    offered_activities,
    open_landing,
    screen_code,
    shown_entries,
)
from loyalty.balance import card_state
from loyalty.context import Loyalty
from loyalty.open_card import CardId, find_card
from storage.engine import Database
from storage.verify import verify
from tests.support.builders import CAFE
from tests.support.house import House, a_house

REVIEW = ActivityForm(kind=ActivityKind.REVIEW, name="Write a review", units=100)
GOOD = Entry(text="Best coffee in town", stars=5)


@pytest.fixture
def house(ctx: Loyalty, clock: ManualClock) -> House:
    return a_house(ctx, clock)


@pytest.fixture
def ada(house: House) -> CardId:
    return find_card(house.ctx, house.enrol(name="Ada Lovelace").card_token)


def offer(house: House, form: ActivityForm = REVIEW, **changes: Any) -> int:
    wanted = replace(form, **changes)
    return add_activity(house.ctx, CAFE.id, house.programme_id, wanted, actor=SYSTEM)


def points(house: House, card: CardId) -> int:
    return card_state(house.ctx, CAFE.id, card.member_id).balance


def only_claim(house: House) -> int:
    (claim,) = claim_queue(house.ctx, CAFE.id)
    return claim.id


def a_photo(**more: Any) -> bytes:
    kept = BytesIO()
    Image.new("RGB", (1600, 900), "#884422").save(kept, "JPEG", **more)
    return kept.getvalue()


def test_100_points_for_a_review(house: House, ada: CardId, database: Database) -> None:
    review = offer(house)

    assert send_in(house.ctx, ada, review, GOOD) == "waiting"
    assert points(house, ada) == 0
    approve_claim(house.ctx, CAFE.id, only_claim(house), actor=SYSTEM)

    assert points(house, ada) == 100
    said = card_state(house.ctx, CAFE.id, ada.member_id).history[0].sentences
    assert said == ("+100 points", "Thank you for your review")
    assert verify(database) == []


def test_only_a_few_chances(house: House, ada: CardId, clock: ManualClock) -> None:
    answer = offer(
        house,
        ActivityForm(
            kind=ActivityKind.QUESTION,
            name="Ask",
            units=5,
            question="Tea?",
            approval=False,
            chances=2,
            days=30,
        ),
    )
    for _time in range(2):
        assert send_in(house.ctx, ada, answer, Entry(text="yes")) == "approved"
    with pytest.raises(NoChance):
        send_in(house.ctx, ada, answer, Entry(text="yes"))
    assert points(house, ada) == 10

    clock.advance(days=31)
    send_in(house.ctx, ada, answer, Entry(text="yes"))

    assert points(house, ada) == 15


def test_how_many_there_are_in_all_is_kept(house: House, ada: CardId) -> None:
    review = offer(house, total=1)
    send_in(house.ctx, ada, review, GOOD)
    ben = find_card(house.ctx, house.enrol(name="Ben").card_token)

    with pytest.raises(NoChance):
        send_in(house.ctx, ben, review, GOOD)


def test_two_taps_at_once_are_one_claim(house: House, ada: CardId, database: Database) -> None:
    review = offer(house)
    found: list[object] = []
    gate = threading.Barrier(2)

    def tap() -> None:
        gate.wait()
        try:
            found.append(send_in(house.ctx, ada, review, GOOD))
        except WalletError as error:
            found.append(type(error))

    taps = [threading.Thread(target=tap) for _ in range(2)]
    for one in taps:
        one.start()
    for one in taps:
        one.join()

    assert sorted(map(str, found)) == sorted([str(NoChance), "waiting"])
    assert verify(database) == []


def test_approved_twice_gives_once(house: House, ada: CardId, database: Database) -> None:
    review = offer(house)
    send_in(house.ctx, ada, review, GOOD)
    claim = only_claim(house)
    approve_claim(house.ctx, CAFE.id, claim, actor=SYSTEM)

    with pytest.raises(Conflict):
        approve_claim(house.ctx, CAFE.id, claim, actor=SYSTEM)
    with pytest.raises(Conflict):
        refuse_claim(house.ctx, CAFE.id, claim, reason="late", actor=SYSTEM)

    assert points(house, ada) == 100
    assert verify(database) == []


def test_refused_the_member_reads_why_and_may_try_again_but_not_for_ever(
    house: House, ada: CardId
) -> None:
    review = offer(house)
    for _try in range(3):
        send_in(house.ctx, ada, review, GOOD)
        refuse_claim(house.ctx, CAFE.id, only_claim(house), reason="Not ours", actor=SYSTEM)
    (one,) = offered_activities(house.ctx, ada)

    assert (one.state, one.reason, one.left) == ("refused", "Not ours", 0)
    with pytest.raises(NoChance):
        send_in(house.ctx, ada, review, GOOD)
    assert points(house, ada) == 0


@pytest.mark.parametrize(
    ("entry", "field"),
    [
        (Entry(text="", stars=5), "text"),
        (Entry(text="x" * 1001, stars=5), "text"),
        (Entry(text="good"), "stars"),
        (Entry(text="good", stars=6), "stars"),
        (Entry(text="good", stars=5, photo=b"<script>"), "photo"),
    ],
)
def test_what_cannot_be_sent_in_names_its_field(
    house: House, ada: CardId, entry: Entry, field: str
) -> None:
    review = offer(house)

    with pytest.raises(InvalidInput) as refused:
        send_in(house.ctx, ada, review, entry)

    assert refused.value.errors[0]["field"] == field
    assert claim_queue(house.ctx, CAFE.id) == []


def test_a_photo_is_drawn_anew_and_small(house: House, ada: CardId) -> None:
    photo = offer(house, kind=ActivityKind.PHOTO, name="Photo")
    exif = Image.Exif()
    exif[0x010E] = "taken at home"

    send_in(house.ctx, ada, photo, Entry(photo=a_photo(exif=exif)))

    kept = claim_photo(house.ctx, CAFE.id, only_claim(house))
    assert b"taken at home" not in kept
    with Image.open(BytesIO(kept)) as picture:
        assert (picture.format, picture.size) == ("PNG", (800, 450))


def test_birthday_share_and_profile_wait_for_their_moment(house: House, ada: CardId) -> None:
    for kind in (ActivityKind.BIRTHDAY, ActivityKind.SHARE, ActivityKind.PROFILE):
        its = offer(house, kind=kind, name=kind, approval=False, hours=24)
        with pytest.raises(NotYet):
            send_in(house.ctx, ada, its, Entry())
    born = house.enrol(name="Ben", birthday="11-24")
    ben = find_card(house.ctx, born.card_token)
    for one in offered_activities(house.ctx, ben):
        if one.form.kind is not ActivityKind.SHARE:
            assert send_in(house.ctx, ben, one.id, Entry()) == "approved"

    assert points(house, ben) == 200


def test_the_shops_site_shows_what_was_approved_for_it_by_first_name(
    house: House, ada: CardId
) -> None:
    review = offer(house, embed="https://www.cafe.example", chances=2)
    landing = open_landing(house.ctx, offered_activities(house.ctx, ada)[0].code)
    send_in(house.ctx, ada, review, GOOD)
    assert shown_entries(house.ctx, landing) == []
    approve_claim(house.ctx, CAFE.id, only_claim(house), shown=True, actor=SYSTEM)
    send_in(house.ctx, ada, review, Entry(text="not for the site", stars=1))
    approve_claim(house.ctx, CAFE.id, only_claim(house), actor=SYSTEM)

    (shown,) = shown_entries(house.ctx, landing)

    assert (shown.name, shown.text, shown.stars) == ("Ada", "Best coffee in town", 5)
    hidden = open_landing(house.ctx, landing_code(house, ada, offer(house, name="Plain")))
    with pytest.raises(NotFound):
        shown_entries(house.ctx, hidden)


def landing_code(house: House, card: CardId, activity_id: int) -> str:
    return next(one.code for one in offered_activities(house.ctx, card) if one.id == activity_id)


def test_the_code_on_the_screen_is_good_for_a_minute(house: House, clock: ManualClock) -> None:
    offer(house, kind=ActivityKind.CHECK_IN, name="Visit", units=1, approval=False, days=1)
    code = screen_code(house.ctx, CAFE.id, house.till_id)
    assert len(check_in_of(house.ctx, code)) == 1
    clock.advance(seconds=30)
    assert screen_code(house.ctx, CAFE.id, house.till_id) != code
    assert len(check_in_of(house.ctx, code)) == 1
    clock.advance(seconds=31)

    for bad in (code, code[:-1] + ("0" if code[-1] != "0" else "1"), "", "x" * 500):
        with pytest.raises(NotFound):
            check_in_of(house.ctx, bad)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": ""}, "name"),
        ({"units": 0}, "units"),
        ({"chances": 0}, "chances"),
        ({"total": -1}, "total"),
        ({"unit": "miles"}, "unit"),
        ({"kind": ActivityKind.QUESTION}, "question"),
        ({"address": "javascript:alert(1)"}, "address"),
        ({"embed": "https://a.example/x"}, "embed"),
        ({"embed": "https://a.example", "approval": False}, "approval"),
    ],
)
def test_an_activity_that_cannot_be_offered_says_why(
    house: House, changes: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidInputs) as refused:
        offer(house, **changes)

    assert field in {one["field"] for one in refused.value.errors}


def test_what_is_stopped_takes_nothing_more(house: House, ada: CardId) -> None:
    review = offer(house)
    stop_activity(house.ctx, CAFE.id, review, stopped=True, actor=SYSTEM)

    with pytest.raises(NotFound):
        send_in(house.ctx, ada, review, GOOD)
