from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from passes.apple import apple_card
from passes.document_rules import check_document
from passes.findings import faults
from passes.gate import Gate
from tests.support.cards import a_content, a_design, an_apple_identity

NAMES = frozenset({"icon.png"})
TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=30)


def a_card(*, design=None, identity=None, **content):
    return apple_card(design or a_design(), a_content(**content), identity or an_apple_identity())


def test_a_sound_card_leaves_and_so_do_those_after_it():
    gate = Gate()

    assert gate.faults(a_card(), NAMES) == []
    assert gate.faults(a_card(balance=13, member_name="Grace H"), NAMES) == []


@pytest.mark.parametrize(
    "changed",
    [
        {"barcode": "咖啡"},
        {"serial_number": ""},
        {"identity": an_apple_identity(authentication_token="short")},
        {"identity": an_apple_identity(web_service_url="http://cards.example")},
    ],
    ids=str,
)
def test_a_faulty_card_is_stopped_after_a_sound_one_too(changed):
    gate = Gate()
    gate.faults(a_card(), NAMES)

    assert gate.faults(a_card(**changed), NAMES)


def test_a_card_without_its_icon_is_stopped_after_one_with_it():
    gate = Gate()
    gate.faults(a_card(), NAMES)

    assert [one.code for one in gate.faults(a_card(), frozenset())] == ["icon_missing"]


def test_what_is_remembered_stays_bounded():
    gate = Gate(size=2)

    for number in range(9):
        gate.faults(a_card(design=a_design(programme_name=f"Club {number}")), NAMES)

    assert len(gate._sound) <= 2


GATE = Gate()


@settings(deadline=None, max_examples=150)
@given(
    content=st.builds(
        a_content,
        serial_number=TEXT,
        barcode=TEXT,
        member_name=TEXT,
        member_number=TEXT,
        progress=TEXT,
        message=TEXT,
        card_link=TEXT,
        history=st.lists(TEXT, max_size=3).map(tuple),
        unit=st.sampled_from(["points", "stamps", "EUR", "JPY"]),
        balance=st.integers(-(2**60), 2**60),
        goal=st.none() | st.integers(1, 12),
        voided=st.booleans(),
        language=st.sampled_from(["en", "ar"]),
    )
)
def test_the_gate_says_what_the_whole_validator_says(content):
    card = apple_card(a_design(), content, an_apple_identity())

    assert bool(GATE.faults(card, NAMES)) == bool(faults(check_document(card.document, NAMES)))
