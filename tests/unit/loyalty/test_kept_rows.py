"""The list of another system's cards: every fault is named by its line, no secret is repeated."""

from __future__ import annotations

import pytest

from common.errors import InvalidInput, InvalidInputs
from loyalty.kept_rows import KeptCard, read_kept_cards

TOKEN = "t" * 20
HEAD = "serial_number,authentication_token,device_id,push_token,member,balance\n"


def cards(text: str) -> tuple[KeptCard, ...]:
    (found,) = read_kept_cards(text.encode())
    return found.cards


def test_a_card_on_two_phones_is_one_card():
    found = cards(HEAD + f"S1,{TOKEN},dev1,aa,17,5\nS1,{TOKEN},dev2,bb,17,5\nS2,{TOKEN},,,18,\n")

    assert [(c.serial_number, len(c.phones), c.balance) for c in found] == [
        ("S1", 2, 5),
        ("S2", 0, 0),
    ]
    assert found[0].codes == ("17",)


@pytest.mark.parametrize(
    "text",
    [
        "Serial Number;Token;Points\nS1;" + TOKEN + ";5\n",
        "\ufeffserial,token,stamps\nS1," + TOKEN + ",5",
    ],
    ids=["semicolons and other names", "with a mark in front"],
)
def test_lists_as_programs_write_them_are_read(text):
    (card,) = cards(text)

    assert (card.serial_number, card.authentication_token, card.balance) == ("S1", TOKEN, 5)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("a/b,%s,,,1,1", "no slash"),
        ("S1,short,,,1,1", "16 to 200"),
        ("S1,%s,,,1,-1", "whole number"),
        ("S1,%s,,,1,1.5", "whole number"),
        ("S1,%s,,,1,\u0663", "whole number"),
        ("S1,%s,,,1,9999999999999", "whole number"),
        ("S1,%s,dev,,1,1", "device id and push token"),
        ("S1,%s,de v,aa,1,1", "device id and push token"),
        (",%s,,,1,1", "needs its serial"),
        (",,,,,5", "serial number, a code or a member"),
        ("S1,%s,,,\x00,1", "control characters"),
        ("S1,%s,,," + "m" * 121 + ",1", "too long"),
    ],
)
def test_a_wrong_line_is_named_and_its_values_are_not_repeated(line, says):
    text = HEAD + f"S0,{TOKEN},,,0,1\n" + line.replace("%s", TOKEN) + "\n"

    with pytest.raises(InvalidInputs) as caught:
        read_kept_cards(text.encode())

    (complaint,) = caught.value.complaints
    assert complaint.field == "line 3"
    assert says in complaint.message
    assert TOKEN not in complaint.message


def test_a_card_told_twice_differently_is_refused():
    with pytest.raises(InvalidInputs) as caught:
        cards(HEAD + f"S1,{TOKEN},,,1,5\nS1,{TOKEN},,,1,6\n")

    assert "Line 2" in caught.value.complaints[0].message


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"PK\x03\x04\xff\xfe",
        b"name,balance\nAda,5\n",
        HEAD.encode(),
        b"serial,serial_number\na,b\n",
        b'serial\n"' + b"x" * 200_000,
    ],
    ids=[
        "nothing",
        "a zip",
        "no identity",
        "no cards",
        "two columns of one meaning",
        "one long field",
    ],
)
def test_what_is_no_list_is_refused_whole(data):
    with pytest.raises(InvalidInput):
        read_kept_cards(data)


def test_a_thousand_wrong_lines_are_fifty_complaints():
    with pytest.raises(InvalidInputs) as caught:
        read_kept_cards((HEAD + ",,,,,x\n" * 1000).encode())

    assert len(caught.value.complaints) == 50


def test_nothing_of_a_card_is_in_its_repr():
    (card,) = cards(HEAD + f"S1,{TOKEN},dev1,aa,17,5\n")

    assert TOKEN not in repr(card)
    assert "aa" not in repr(card.phones)
