"""A card of many rules in both wallets: what stands in front, what behind, what is announced."""

from __future__ import annotations

from dataclasses import replace

import pytest

from common.i18n import use_language
from passes import wording
from passes.apple_face import apple_face
from passes.content import Content, RewardLine, RuleLines, UnitLine, face_digest
from passes.design import Design
from passes.google import object_face
from passes.rule_texts import rule_texts
from passes.web_card import card_view

COFFEE = UnitLine(code="coffee", name="coffee stamps", words="3 coffee stamps", balance=3, goal=9)
POINTS = UnitLine(
    code="points", name="points", words="120 points", balance=120, extra=("20 points are owed",)
)
LINES = RuleLines(
    units=(COFFEE, POINTS),
    tier="Silver",
    benefit="5% off every purchase",
    way="€120.00 more to Gold",
    challenges=("5 purchases in one month: 5 points. 2 of 5, until Nov 30, 2026",),
    promises=("€5.00 off the next purchase, until Dec 24, 2026",),
    expiring=("40 points until Nov 30, 2026", "80 points until Dec 31, 2026"),
    donated=("Together €214.00: For the river",),
    coming="New rules from Dec 22, 2026; see the shop's page.",
)
DESIGN = Design(programme_name="Bean Club", organization_name="Bean")


def card(lines: RuleLines | None = LINES, **values: object) -> Content:
    plain = Content(
        serial_number="s",
        language="en",
        member_number="7Q4M9KX2WT",
        member_name="Ada",
        barcode="B",
        unit="coffee",
        balance=3,
        goal=9,
        progress="6 coffee stamps more: A coffee",
        next_reward=RewardLine(name="A coffee", cost=9, due=False, cost_words="9 coffee stamps"),
        rewards=(RewardLine(name="A coffee", cost=9, due=False, cost_words="9 coffee stamps"),),
        rule_lines=lines,
    )
    return replace(plain, **values)  # type: ignore[arg-type]


def test_apple_shows_tier_and_second_unit_in_front_and_every_date_behind() -> None:
    face = apple_face(DESIGN, card())
    front = {field.key: field.value for field in (*face.secondary, *face.auxiliary)}
    back = {field.key: field.value for field in face.back}

    assert front["tier"] == "Silver"
    assert back["tier_text"] == "Silver: 5% off every purchase\n€120.00 more to Gold"
    assert back["expiring_text"] == "40 points until Nov 30, 2026\n80 points until Dec 31, 2026"
    assert back["units_text"].splitlines() == [
        "3 coffee stamps of 9",
        "120 points",
        "20 points are owed",
    ]
    assert "2 of 5" in str(back["ways_text"])
    assert "New rules from" in str(back["shared_text"])
    assert "Together €214.00" in str(back["shared_text"])
    assert back["rewards"] == "A coffee: 9 coffee stamps"


@pytest.mark.parametrize("lines", [LINES, RuleLines(units=(POINTS, COFFEE), tier="Gold")])
def test_no_zone_of_an_apple_card_holds_more_than_it_can_show(lines) -> None:
    for goal in (None, 9, 40):
        face = apple_face(DESIGN, card(lines, goal=goal))

        assert len(face.header) <= 3
        assert len(face.primary) <= 1
        assert len(face.secondary) + len(face.auxiliary) <= 4


def test_google_shows_the_same_in_at_most_ten_texts() -> None:
    document = object_face(DESIGN, card(message="News", rules=("a",), history=("b",)))
    modules = {module["id"]: module["body"] for module in document["textModulesData"]}

    assert len(modules) <= 10
    assert modules["expiring"].startswith("40 points until")
    assert modules["tier"] == "Silver: 5% off every purchase\n€120.00 more to Gold"


def test_the_web_card_draws_what_the_wallets_show() -> None:
    view = card_view(DESIGN, card())

    assert "tier_text" in {line.key for line in view.back}
    assert "expiring" in {line.key for line in view.google.details}


@pytest.mark.parametrize(
    ("unit", "balance", "said"),
    [
        (COFFEE, 3, "You now have %@ coffee stamps"),
        (replace(POINTS, words="1,200 points"), 1200, "You now have %@ points"),
        (replace(POINTS, words="no points"), 0, "You now have %@"),
    ],
)
def test_the_lock_screen_names_the_units_of_the_card(unit, balance, said) -> None:
    content = card(replace(LINES, units=(unit,)), balance=balance)

    with use_language("en"):
        assert wording.balance_change(content) == said


def test_a_card_of_one_rate_and_an_erased_one_say_nothing_of_rules() -> None:
    assert rule_texts(card(None)) == {}
    assert rule_texts(card(erased=True)) == {}
    assert [field.key for field in apple_face(DESIGN, card(None)).auxiliary] == ["member"]


def test_a_single_unit_without_more_to_say_is_not_said_twice() -> None:
    assert "units" not in rule_texts(card(RuleLines(units=(COFFEE,))))
    assert face_digest(DESIGN, card()) != face_digest(DESIGN, card(RuleLines(units=(COFFEE,))))
