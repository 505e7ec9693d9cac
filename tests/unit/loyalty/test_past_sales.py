"""Tables of past sales as registers and spreadsheets write them, and what is no such table."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from common.errors import InvalidInput
from loyalty.past_sales import PastSales, read_past_sales
from storage.items import Item

BERLIN = ZoneInfo("Europe/Berlin")
LATTE = Item(
    id=1,
    code="latte",
    name="Latte",
    category="coffee",
    counts=False,
    created_at=datetime(2026, 1, 1, tzinfo=UTC),
)


def read(text: str | bytes) -> PastSales:
    data = text.encode() if isinstance(text, str) else text
    return read_past_sales(data, currency="EUR", time_zone="Europe/Berlin", items={"latte": LATTE})


@pytest.mark.parametrize(
    "text",
    [
        "date,amount,customer\n2026-03-01 09:30,12.40,ada\n",
        "Datum;Betrag;Kunde\r\n01.03.2026 09:30;12,40;ada\r\n",
        "\ufeffTime\tTotal\tMember\n2026-03-01T09:30:00\t€12.40\tada\n",
    ],
)
def test_a_sale_is_read_from_each_kind_of_table(text: str) -> None:
    found = read(text)

    (sale,) = found.sales
    assert sale.customer == "ada"
    assert sale.activity.gross_minor == 1240
    assert sale.activity.at == datetime(2026, 3, 1, 9, 30, tzinfo=BERLIN)
    assert found.has_customers


def test_rows_of_one_receipt_are_one_sale_with_lines() -> None:
    found = read(
        "date,receipt,item,quantity,amount\n"
        '2026-03-01,R1,Latte,2,"1,006.00"\n'
        "2026-03-01,R1,Brownie Deluxe!,1,4\n"
        "2026-03-02,R1,latte,1,3\n"
    )

    first, second = found.sales
    assert first.activity.gross_minor == 101_000
    assert [(line.item, line.category, line.counts) for line in first.activity.lines] == [
        ("latte", "coffee", False),
        ("brownie-deluxe", "", True),
    ]
    assert second.activity.gross_minor == 300
    assert not found.has_customers


def test_rows_that_cannot_be_read_are_told_by_line() -> None:
    found = read("date,amount\n2026-03-01,5\nsoon,5\n2026-03-01,-3\n2026-03-01,1.005\n\n")

    assert len(found.sales) == 1
    assert [line for line, _why in found.skipped] == [3, 4, 5]
    assert "soon" in found.skipped[0][1]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x89PNG\r\n\x1a\n\0\0",
        b"hello",
        b"date,price_tag\n2026-01-01,3\n",
        b"date,amount\nnever,3\n",
        b'date,amount\n"2026-01-01,' + b"x" * 200_000,
        b"x" * 20_000_001,
    ],
)
def test_what_is_no_table_of_sales_is_refused_at_the_file(data: bytes) -> None:
    with pytest.raises(InvalidInput) as refused:
        read(data)

    assert refused.value.field == "file"
