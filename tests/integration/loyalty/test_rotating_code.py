"""A card's changing code at the till: taken once, within a window, and only from a living card."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import replace
from typing import Any

import pytest

from common.actor import SYSTEM
from loyalty.find_member import FoundBy, UnknownCard, find_by_code, find_members
from loyalty.lost_card import replace_lost_card
from loyalty.rotating_code import CodeUsed
from passes.google import object_face
from passes.google_options import GoogleOptions
from storage.faces import Face, load_face
from storage.unit_of_work import open_work
from tests.support.house import House, a_house, an_app, at_the_till

PERIOD_S = 30


class Phone:
    """An Android phone that draws the code of RFC 6238 from what Google was told."""

    def __init__(self, house: House, choice: str = "beside") -> None:
        self.house = house
        self.member = house.enrol(name="Ada Lovelace")
        face = self.face()
        options = GoogleOptions(rotating_code=choice)
        self.object = object_face(replace(face.design, google=options), face.content)

    def face(self) -> Face:
        ctx = self.house.ctx
        with open_work(ctx.database, 101, clock=self.house.clock, writing=False) as work:
            card = work.passes.current_of_member(self.member.member_id)
            return load_face(work, card.id, keyring=ctx.keyring, public_url="http://127.0.0.1:8080")

    def shows(self, off_s: int = 0) -> str:
        told = self.object["rotatingBarcode"]
        period_ms = int(told["totpDetails"]["periodMillis"])
        facts = told["totpDetails"]["parameters"][0]
        step = (int(self.house.clock.now().timestamp()) + off_s) * 1000 // period_ms
        digest = hmac.new(
            bytes.fromhex(facts["key"]), step.to_bytes(8, "big"), hashlib.sha1
        ).digest()
        at = digest[19] & 15
        number = int.from_bytes(digest[at : at + 4], "big") & 0x7FFFFFFF
        digits = str(number)[-facts["valueLength"] :].zfill(facts["valueLength"])
        return str(told["valuePattern"]).replace("{totp_value_0}", digits)


@pytest.fixture
def house(ctx: Any, clock: Any) -> House:
    return a_house(ctx, clock)


def find(house: House, code: str) -> Any:
    return find_by_code(house.ctx, 101, code)


def test_the_code_proves_the_card_and_lets_redeem(house):
    phone = Phone(house)

    found = find(house, phone.shows())

    assert found.member_id == phone.member.member_id
    assert found.by is FoundBy.CODE
    assert found.may_redeem


def test_a_code_is_taken_once_and_the_next_one_again(house):
    phone = Phone(house)
    code = phone.shows()
    find(house, code)

    with pytest.raises(CodeUsed):
        find(house, code)
    with pytest.raises(CodeUsed):
        find_members(house.ctx, 101, code)
    house.clock.advance(seconds=PERIOD_S)
    assert find(house, phone.shows()).member_id == phone.member.member_id
    with pytest.raises(CodeUsed):
        find(house, code)


def test_an_older_code_is_refused_after_a_newer_one(house):
    phone = Phone(house)
    older = phone.shows(-PERIOD_S)
    find(house, phone.shows())

    with pytest.raises(CodeUsed):
        find(house, older)


@pytest.mark.parametrize("off_s", [-2 * PERIOD_S, PERIOD_S, 2 * PERIOD_S])
def test_a_phone_whose_clock_is_a_minute_off_is_taken(house, off_s):
    assert find(house, Phone(house).shows(off_s))


@pytest.mark.parametrize("off_s", [-4 * PERIOD_S, 4 * PERIOD_S, 86400])
def test_a_code_from_another_time_is_unknown(house, off_s):
    with pytest.raises(UnknownCard):
        find(house, Phone(house).shows(off_s))


def test_a_wrong_code_uses_nothing_up(house):
    phone = Phone(house)
    serial = phone.shows().partition(".")[0]
    right = phone.shows()
    wrong = f"{serial}.{'00000000' if not right.endswith('00000000') else '11111111'}"

    with pytest.raises(UnknownCard) as refused:
        find(house, wrong)

    assert not isinstance(refused.value, CodeUsed)
    assert find(house, right)


def test_codes_of_two_phones_do_not_disturb_each_other(house):
    first, second = Phone(house), Phone(house)
    digits = second.shows().partition(".")[2]

    with pytest.raises(UnknownCard):
        find(house, first.shows().partition(".")[0] + "." + digits)
    assert find(house, first.shows()).member_id != find(house, second.shows()).member_id


def test_a_lost_cards_code_is_dead(house):
    phone = Phone(house)
    replace_lost_card(house.ctx, 101, phone.member.member_id, actor=SYSTEM)

    with pytest.raises(UnknownCard):
        find(house, phone.shows())


def test_another_shop_does_not_know_the_code(house):
    phone = Phone(house)

    with pytest.raises(UnknownCard):
        find_by_code(house.ctx, 102, phone.shows())
    assert find(house, phone.shows())


def test_the_serial_number_alone_proves_nothing(house):
    with pytest.raises(UnknownCard):
        find(house, Phone(house).shows().partition(".")[0])


def test_the_static_code_stands_beside_it_or_not_as_the_owner_chose(house):
    assert "barcode" in Phone(house, "beside").object
    assert "barcode" not in Phone(house, "only").object
    off = Phone(house, "off").object
    assert "barcode" in off
    assert "rotatingBarcode" not in off


def test_the_key_is_each_cards_own_and_shows_nowhere_else(house):
    first, second = Phone(house), Phone(house)
    keys = [
        p.object["rotatingBarcode"]["totpDetails"]["parameters"][0]["key"] for p in (first, second)
    ]

    assert len(set(keys)) == 2
    assert len(bytes.fromhex(keys[0])) == 20
    assert keys[0] not in repr(first.face())


def test_the_till_takes_it_once_over_http(house):
    phone = Phone(house)
    code = phone.shows()
    till = at_the_till(an_app(house.ctx), house)

    first = till.send("/till/find", code=code)
    till.get("/till")
    again = till.send("/till/find", code=code)

    assert first.status_code == 200
    assert "Ada" in first.text
    assert again.status_code == 404
    assert "used already" in again.text
