"""A table of past sales, as a cash register or a spreadsheet exports it, read for a rehearsal.

Columns are found by their names in English or German; only a time and an amount are needed. Rows of
one receipt are one sale. Not done here: what the rules make of it (rehearse.py).
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from common.errors import InvalidInput
from common.i18n import gettext as _
from common.money import decimals
from ledger.activity import Activity, ActivityKind, Line
from ledger.rehearsal import PastSale
from storage.items import Item

BYTES_MAX: Final = 20_000_000
ROWS_MAX: Final = 100_000
SKIPPED_MAX: Final = 50
QUANTITY_MAX: Final = 1000
NOON: Final = 12
COLUMNS: Final = {
    "at": ("date", "day", "datetime", "time", "sold_at", "created_at", "datum", "zeitpunkt"),
    "clock": ("hour", "time_of_day", "uhrzeit"),
    "amount": ("amount", "total", "gross", "sum", "price", "betrag", "summe", "brutto"),
    "customer": ("customer", "customer_id", "member", "card", "kunde", "kundennummer"),
    "receipt": ("receipt", "receipt_no", "order", "order_id", "bon", "beleg", "bestellung"),
    "item": ("item", "sku", "product", "code", "artikel", "produkt"),
    "category": ("category", "kategorie", "warengruppe"),
    "quantity": ("quantity", "qty", "count", "menge", "anzahl"),
}
FORMATS: Final = (
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%d",
    "%d.%m.%Y %H:%M:%S",
    "%d.%m.%Y %H:%M",
    "%d.%m.%Y",
    "%d/%m/%Y %H:%M",
    "%d/%m/%Y",
)
_NUMBER: Final = re.compile(r"-?[0-9]{1,15}(?:[.,][0-9]{1,4})?")
_UNSAFE: Final = re.compile(r"[^a-z0-9_-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class PastSales:
    """What was read: sales, whether customers are named, and rows that were passed over, with why.

    Only the first of them are told; `skipped_count` is how many there were.
    """

    sales: tuple[PastSale, ...]
    has_customers: bool
    rows: int
    skipped: tuple[tuple[int, str], ...]
    skipped_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    at: datetime
    minor: int
    customer: str
    receipt: str
    line: Line | None


def read_past_sales(
    data: bytes, *, currency: str, time_zone: str, items: Mapping[str, Item]
) -> PastSales:
    """The sales of a CSV file, in any order.

    Args:
        data: the file; UTF-8 or Windows-1252; comma, semicolon or tab.
        currency: of the amounts.
        time_zone: the shop's, for times without one.
        items: what the list knows of codes.

    Raises:
        InvalidInput: field `file`; it is too large, no table, or lacks a needed column.
    """
    if len(data) > BYTES_MAX:
        raise _refused(_("The file is too large: at most 20 megabytes."))
    reader, names = _table(data)
    rows: list[_Row] = []
    skipped: list[tuple[int, str]] = []
    count = skipped_count = 0
    zone = ZoneInfo(time_zone)
    for cells in reader:
        if not any(cell.strip() for cell in cells):
            continue
        count += 1
        if count > ROWS_MAX:
            raise _refused(_("At most %(most)d rows at once.", most=ROWS_MAX))
        try:
            rows.append(_row(cells, names, currency=currency, zone=zone, items=items))
        except InvalidInput as error:
            skipped_count += 1
            if len(skipped) < SKIPPED_MAX:
                skipped.append((reader.line_num, error.message))
    if not rows:
        raise _refused(_("No row could be read. The first: %(why)s", why=_first(skipped)))
    return PastSales(
        sales=_sales(rows),
        has_customers="customer" in names and any(row.customer for row in rows),
        rows=count,
        skipped=tuple(skipped),
        skipped_count=skipped_count,
    )


def _table(data: bytes) -> tuple[_Reader, dict[str, int]]:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("cp1252", errors="replace")
    head = text.split("\n", 1)[0]
    if "\0" in text or not head.strip():
        raise _refused(_("This is no table of sales. Save it as CSV."))
    separator = max(";\t,", key=head.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    try:
        titles = [title.strip().lower().replace(" ", "_") for title in next(reader)]
    except (csv.Error, StopIteration) as error:
        raise _refused(_("This is no table of sales. Save it as CSV.")) from error
    names = {
        name: titles.index(title)
        for name, known in COLUMNS.items()
        for title in known
        if title in titles
    }
    for name, title in (("at", "date"), ("amount", "amount")):
        if name not in names:
            raise _refused(_("The first row must name a column “%(title)s”.", title=title))
    return _Reader(reader), names


class _Reader:
    """The rows of a table; one that cannot be split into cells ends it."""

    def __init__(self, rows: object) -> None:
        self._rows = rows

    @property
    def line_num(self) -> int:
        return int(getattr(self._rows, "line_num", 0))

    def __iter__(self) -> _Reader:
        return self

    def __next__(self) -> list[str]:
        try:
            return next(self._rows)  # type: ignore[call-overload, no-any-return]
        except csv.Error as error:
            raise _refused(
                _("Line %(line)d is broken. Save the table anew as CSV.", line=self.line_num)
            ) from error


def _row(
    cells: Sequence[str],
    names: Mapping[str, int],
    *,
    currency: str,
    zone: ZoneInfo,
    items: Mapping[str, Item],
) -> _Row:
    def cell(name: str) -> str:
        place = names.get(name)
        return "" if place is None or place >= len(cells) else cells[place].strip()

    minor = _minor(cell("amount"), currency)
    at = _moment(f"{cell('at')} {cell('clock')}".strip(), zone)
    quantity = _quantity(cell("quantity"))
    code, category = _code(cell("item")), _code(cell("category"))
    known = items.get(code)
    line = None
    if code or category:
        line = Line(
            item=code,
            category=category or (known.category if known else ""),
            quantity=quantity,
            net_minor=minor,
            own_brand=known is not None and known.own_brand,
            counts=known is None or known.counts,
        )
    return _Row(
        at=at, minor=minor, customer=cell("customer")[:80], receipt=cell("receipt")[:80], line=line
    )


def _sales(rows: Sequence[_Row]) -> tuple[PastSale, ...]:
    grouped: dict[tuple[str, str], _Row] = {}
    lines: dict[tuple[str, str], list[Line]] = {}
    for number, row in enumerate(rows):
        key = (row.receipt, str(row.at.date())) if row.receipt else ("", f"row {number}")
        known = grouped.get(key)
        grouped[key] = row if known is None else replace(known, minor=known.minor + row.minor)
        lines.setdefault(key, []).extend([row.line] if row.line else [])
    return tuple(
        PastSale(
            activity=Activity(
                kind=ActivityKind.SALE, at=row.at, gross_minor=row.minor, lines=tuple(lines[key])
            ),
            customer=row.customer,
        )
        for key, row in grouped.items()
    )


def _minor(text: str, currency: str) -> int:
    plain = text.replace("\N{NO-BREAK SPACE}", "").replace(" ", "").strip("€$£")
    if "," in plain and "." in plain:  # the last of the two is the decimal mark
        thousands = "," if plain.rfind(".") > plain.rfind(",") else "."
        plain = plain.replace(thousands, "")
    if _NUMBER.fullmatch(plain) is None:
        raise InvalidInput(_("no amount: “%(text)s”", text=text[:20]), field="amount")
    whole, _mark, fraction = plain.replace(",", ".").partition(".")
    places = decimals(currency)
    fraction = fraction.ljust(places, "0")
    if fraction[places:].strip("0"):
        raise InvalidInput(_("too many decimals: “%(text)s”", text=text[:20]), field="amount")
    minor = int(whole + fraction[:places])
    if minor <= 0:
        raise InvalidInput(_("not above zero: “%(text)s”", text=text[:20]), field="amount")
    return minor


def _moment(text: str, zone: ZoneInfo) -> datetime:
    plain = text.replace("T", " ").split("+")[0].split("Z")[0].strip()
    for shape in FORMATS:
        try:
            found = datetime.strptime(plain, shape)  # noqa: DTZ007 - the zone is the shop's
        except ValueError:
            continue
        if "%H" not in shape:
            found = found.replace(hour=NOON)
        return found.replace(tzinfo=zone)
    raise InvalidInput(_("no date: “%(text)s”", text=text[:25]), field="date")


def _quantity(text: str) -> int:
    if not text:
        return 1
    whole = text.replace(",", ".").split(".")[0]
    if not whole.isdigit() or len(whole) > len(str(QUANTITY_MAX)):
        raise InvalidInput(_("no quantity: “%(text)s”", text=text[:20]), field="quantity")
    return max(1, min(int(whole), QUANTITY_MAX))


def _code(text: str) -> str:
    return _UNSAFE.sub("-", text.lower()).strip("-_")[:40]


def _first(skipped: Sequence[tuple[int, str]]) -> str:
    return skipped[0][1] if skipped else ""


def _refused(message: str) -> InvalidInput:
    return InvalidInput(message, field="file")
