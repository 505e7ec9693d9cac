"""What is left of a sale: lines go with their tax, money takes tax, tip and discount along."""

from __future__ import annotations

from ledger.refund_plan import Refund
from ledger.remainder import add, is_whole, paid, remainder
from tests.support.card_builders import item, sale


def money(minor: int) -> Refund:
    return Refund(paid_minor=minor)


def test_tax_tip_and_discount_shrink_with_the_money() -> None:
    bought = sale(1100, tax_minor=200, tip_minor=100, discount_minor=100, redeemed_minor=50)

    left = remainder(bought, money(475))

    assert paid(bought) == 950
    assert (left.gross_minor, left.tax_minor, left.tip_minor) == (475 + 50 + 50, 100, 50)
    assert (left.discount_minor, left.redeemed_minor) == (50, 50)
    assert not is_whole(bought, money(949))
    assert is_whole(bought, money(950))


def test_refunds_add_up_by_item() -> None:
    one = Refund(paid_minor=5, lines=(item("a", 1, item="x"), item("b", 2, item="y")))
    two = Refund(paid_minor=7, lines=(item("b", 3, item="y", quantity=4, tax_minor=1),))

    both = add(one, two)

    assert both.paid_minor == 12
    assert [(line.item, line.quantity, line.net_minor, line.tax_minor) for line in both.lines] == [
        ("x", 1, 1, 0),
        ("y", 5, 5, 1),
    ]


def test_a_line_goes_with_its_own_tax() -> None:
    bought = sale(
        1200,
        tax_minor=200,
        lines=(item("cake", 600, item="cake", tax_minor=150), item("tea", 400, tax_minor=50)),
    )

    back = Refund(paid_minor=750, lines=(item("cake", 600, item="cake", tax_minor=150),))
    left = remainder(bought, back)

    assert (left.gross_minor, left.tax_minor) == (450, 50)
    assert [line.category for line in left.lines] == ["tea"]


def test_part_of_a_line_stays_with_what_it_cost() -> None:
    bought = sale(900, lines=(item("cake", 900, item="cake", quantity=3, tax_minor=0),))

    left = remainder(bought, Refund(paid_minor=300, lines=(item("cake", 300, item="cake"),)))

    assert [(line.quantity, line.net_minor) for line in left.lines] == [(2, 600)]


def test_a_discount_on_the_whole_sale_lets_a_line_cost_more_than_came_back() -> None:
    bought = sale(1000, discount_minor=500, lines=(item("cake", 900, item="cake"),))

    left = remainder(bought, Refund(paid_minor=300, lines=(item("cake", 900, item="cake"),)))

    assert (paid(left), left.discount_minor) == (200, 500)
    assert left.lines == ()


def test_a_part_of_a_line_goes_with_its_part_of_the_tax() -> None:
    line = item("tea", 300, quantity=3, tax_minor=60, item="green")
    bought = sale(360, tax_minor=60, lines=(line,))
    one = item("tea", 100, tax_minor=20, item="green")

    left = remainder(bought, Refund(paid_minor=120, lines=(one,)))

    assert [(x.quantity, x.net_minor, x.tax_minor) for x in left.lines] == [(2, 200, 40)]
    assert (left.gross_minor, left.tax_minor) == (240, 40)
