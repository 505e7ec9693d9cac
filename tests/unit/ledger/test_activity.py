from __future__ import annotations

import pytest

from ledger.activity import Line, matches
from ledger.discounts import payable, to_pay
from ledger.programme_terms import Match
from tests.support.card_builders import item, sale


@pytest.mark.parametrize(
    ("match", "line", "meant"),
    [
        (Match(), Line(), True),
        (Match(items=("a",)), Line(item="a"), True),
        (Match(items=("a",)), Line(item="b", category="a", own_brand=True), False),
        (Match(categories=("a",)), Line(category="a"), True),
        (Match(own_brand=True), Line(own_brand=True), True),
        (Match(own_brand=True), Line(item="a"), False),
        (Match(own_brand=True, items=("a",)), Line(item="a"), True),
    ],
)
def test_one_of_item_category_and_brand_is_enough(match: Match, line: Line, meant: bool) -> None:
    assert matches(line, match) is meant


def test_a_discount_takes_nothing_from_a_gift_card_with_its_tax() -> None:
    lines = (item("card", 300, gift_card=True, tax_minor=60), item("tea", 100, tax_minor=20))
    bought = sale(480, tax_minor=80, lines=lines)

    assert payable(bought, Match()) == 120
    assert payable(bought, Match(categories=("tea", "card"))) == 120
    assert payable(sale(300, lines=lines[:1]), Match()) == 0
    assert to_pay(sale(100, discount_minor=50, redeemed_minor=50)) == 0
    assert to_pay(sale(100, discount_minor=50, redeemed_minor=80)) == 0
