"""What of a sale counts: each deduction once, from what the earlier ones left."""

from __future__ import annotations

import pytest

from common.errors import InvalidInput
from ledger.counting import check_activity, count
from ledger.programme_terms import Counts, Match
from tests.support.card_builders import item, sale

NO_TOBACCO = Counts(exclude=Match(categories=("tobacco", "gift")))


def test_a_gift_card_of_an_excluded_category_is_left_out_once() -> None:
    lines = (item("gift", 300, gift_card=True), item("tobacco", 200), item("tea", 100))

    found = count(sale(1000, lines=lines), NO_TOBACCO)

    assert found.left_out == (("gift_card", 300), ("excluded", 200))
    assert found.minor == 500
    assert [(p.amount_minor, p.line) for p in found.portions] == [(100, lines[2]), (400, None)]


def test_a_gift_card_counts_where_the_terms_say_so() -> None:
    lines = (item("card", 300, gift_card=True),)

    found = count(sale(300, lines=lines), Counts(gift_cards=True))

    assert (found.minor, found.left_out) == (300, ())
    assert [(p.amount_minor, p.line) for p in found.portions] == [(300, lines[0])]


@pytest.mark.parametrize(
    ("most", "counted", "left_out"),
    [(None, 500, ()), (501, 500, ()), (500, 500, ()), (499, 499, (("limit", 1),))],
)
def test_the_limit_leaves_out_what_is_beyond_it_alone(
    most: int | None, counted: int, left_out: tuple[tuple[str, int], ...]
) -> None:
    found = count(sale(500), Counts(), most_minor=most)

    assert (found.minor, found.left_out) == (counted, left_out)


def test_tax_tip_and_discount_together_are_at_most_the_amount() -> None:
    check_activity(sale(600, tax_minor=100, tip_minor=200, discount_minor=300))
    with pytest.raises(InvalidInput) as caught:
        check_activity(sale(599, tax_minor=100, tip_minor=200, discount_minor=300))
    assert caught.value.field == "amount"


@pytest.mark.parametrize("number", [-1, 101, "2", True])
def test_taps_are_a_number_of_pieces(number: object) -> None:
    with pytest.raises(InvalidInput) as caught:
        check_activity(sale(100, taps={"coffee": number}))
    assert caught.value.field == "taps"
