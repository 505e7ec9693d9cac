"""Read a list of members of another system: a CSV file with a head line.

Columns, in any order: `old_code`, `name`, `contact` (an e-mail address or a phone number; also as
`email` and `phone`), one of `stamps`, `points`, `balance` or the name of a unit, and `purchases`
(what was counted before, for cards that give rewards only after some).
Not done here: whether a row can become a member (loyalty/import_members.py).

Rules:
- UTF-8 with or without its mark, UTF-16 with its mark, else Windows-1252, and where it cannot be
  that Latin-1; comma, semicolon or tab, whichever the head line has most of. What was found is told.
- The file is read row by row, and again for a second look: memory holds the digests of its codes.
- A code that stands twice spoils every row it stands in: nobody can know which balance is right.
- A complaint names its line; a value is never repeated in it.
"""

from __future__ import annotations

import codecs
import csv
import hashlib
import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import BinaryIO, Final

from common.errors import InvalidInput
from common.i18n import gettext as _

FILE_BYTES_MAX: Final = 64 * 1024 * 1024
LINES_MAX: Final = 1_000_000
CELL_MAX: Final = 200
CODE_MAX: Final = 120
DIGITS_MAX: Final = 12
HEAD_BYTES_MAX: Final = 8 * 1024
PURCHASES_MAX: Final = 1_000_000
_CHUNK: Final = 256 * 1024
_NAME_SHOWN: Final = 40
_DIGEST: Final = 16
_SEPARATORS: Final = (",", ";", "\t")
_PLAIN: Final = re.compile(r"[^\x00-\x1f\x7f-\x9f]*")
_KNOWN: Final = frozenset({"old_code", "name", "contact", "email", "phone", "purchases"})
_COUNTS: Final = frozenset({"stamps", "points", "balance"})
_OTHER_NAMES: Final = {
    "code": "old_code",
    "oldcode": "old_code",
    "barcode": "old_code",
    "card": "old_code",
    "e_mail": "email",
    "mail": "email",
    "visits": "purchases",
    "units": "balance",
}

Opener = Callable[[], BinaryIO]
"""Opens the file anew, at its beginning; whoever asked closes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberRow:
    """One card of the old system; empty texts are not known."""

    line: int
    code: str
    name: str
    email: str
    phone: str
    units: int
    purchases: int

    def __repr__(self) -> str:
        return f"MemberRow(line={self.line})"


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberList:
    """A file that can be read; `counts` is its column of a balance, empty for none."""

    opener: Opener
    encoding: str
    separator: str
    head: tuple[str, ...]
    counts: str

    @property
    def ignored(self) -> tuple[str, ...]:
        """Columns that nothing is done with."""
        known = _KNOWN | {self.counts}
        return tuple(name[:_NAME_SHOWN] for name in self.head if name and name not in known)

    @property
    def encoding_shown(self) -> str:
        """The encoding as people call it."""
        return _SHOWN[self.encoding]

    @property
    def separator_shown(self) -> str:
        """The separator in a word."""
        names = {",": _("commas"), ";": _("semicolons"), "\t": _("tabs")}
        return names[self.separator]

    def rows(self) -> Iterator[MemberRow | InvalidInput]:
        """Every row in the file's order, or what is wrong with it: field `line <n>`.

        Raises:
            InvalidInput: field `file`: not a CSV file, or longer than is taken at once.
        """
        twice = self._twice()
        for line, cells in self._cells():
            try:
                row = self._row(line, cells)
                _demand_single(row, twice.get(_digest(row.code)))
            except InvalidInput as error:
                yield InvalidInput(error.message, field=f"line {line}")
            else:
                yield row

    def _row(self, line: int, cells: Sequence[str]) -> MemberRow:
        if any(cell.strip() for cell in cells[len(self.head) :]):
            raise InvalidInput(_("This row has more cells than the first line."), field="row")
        values = dict(zip(self.head, (cell.strip() for cell in cells), strict=False))
        for name in _KNOWN & values.keys():
            _check_text(name, values[name])
        code = values.get("old_code", "")
        if not code:
            raise InvalidInput(_("The old code is missing."), field="old_code")
        email, phone = _contacts(values)
        return MemberRow(
            line=line,
            code=code,
            name=values.get("name", ""),
            email=email,
            phone=phone,
            units=_count(self.counts, values.get(self.counts, "")),
            purchases=_purchases(values.get("purchases", "")),
        )

    def _twice(self) -> dict[bytes, tuple[int, ...]]:
        """The codes that stand in several lines, with the first two of them."""
        column = self.head.index("old_code")
        first: dict[bytes, int] = {}
        twice: dict[bytes, tuple[int, ...]] = {}
        for line, cells in self._cells():
            code = cells[column].strip() if column < len(cells) else ""
            if code and first.setdefault(_digest(code), line) != line:
                twice.setdefault(_digest(code), (first[_digest(code)], line))
        return twice

    def _cells(self) -> Iterator[tuple[int, list[str]]]:
        """Line and cells of every row below the head that is not empty."""
        with ExitStack() as opened:
            stream = opened.enter_context(self.opener())
            text = io.TextIOWrapper(stream, encoding=self.encoding, newline="")
            reader = csv.reader(text, delimiter=self.separator)
            line = 1
            try:
                for number, cells in enumerate(reader):
                    if number > LINES_MAX:
                        raise InvalidInput(
                            _("Take at most %(max)d lines at once.", max=LINES_MAX), field="file"
                        )
                    if number and any(cell.strip() for cell in cells):
                        yield line, cells
                    line = reader.line_num + 1
            except csv.Error as error:
                raise InvalidInput(
                    _("This is not a CSV file: %(why)s.", why=f"line {line}, {error}"),
                    field="file",
                ) from error


def open_member_list(opener: Opener, units: Sequence[str] = ()) -> MemberList:
    """Look at a file: its encoding, its separator, its columns; `units` may be columns too.

    Raises:
        InvalidInput: field `file`; too large, empty, a column is missing or stands twice.
    """
    encoding = _encoding(opener)
    with opener() as stream:
        first = stream.read(HEAD_BYTES_MAX).decode(encoding, "ignore")
    line = first.splitlines()[0] if first.strip() else ""
    separator = max(_SEPARATORS, key=line.count)
    try:
        cells = next(csv.reader([line], delimiter=separator), [])
    except csv.Error as error:
        raise InvalidInput(_("This is not a CSV file."), field="file") from error
    head = tuple(_column(cell) for cell in cells)
    counts = _counts(head, units)
    return MemberList(
        opener=opener, encoding=encoding, separator=separator, head=head, counts=counts
    )


def _column(cell: str) -> str:
    name = re.sub(r"[\s-]+", "_", cell.strip().lower())
    return _OTHER_NAMES.get(name, name)


def _counts(head: Sequence[str], units: Sequence[str]) -> str:
    """The column that is credited.

    Raises:
        InvalidInput: field `file`; a column is missing, or two have one meaning.
    """
    named = [name for name in head if name in _KNOWN]
    counts = [name for name in head if name in _COUNTS or name in units]
    if len(set(named)) != len(named) or len(counts) > 1:
        raise InvalidInput(_("Two columns of the list have one meaning."), field="file")
    missing = "old_code" if "old_code" not in named else ""
    if not missing and not counts and "purchases" not in named:
        missing = "points"
    if missing:
        raise InvalidInput(
            _(
                "The column %(column)s is missing. The first line names the columns: %(names)s.",
                column=missing,
                names="old_code, name, contact, points",
            ),
            field="file",
        )
    return counts[0] if counts else ""


def _encoding(opener: Opener) -> str:
    """Read the file once, in pieces, and say what it is written in."""
    utf8 = codecs.getincrementaldecoder("utf-8")()
    fits, windows, read = True, True, 0
    with opener() as stream:
        while piece := stream.read(_CHUNK):
            if not read and piece[:2] in {codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE}:
                return _utf16(opener)
            read += len(piece)
            if read > FILE_BYTES_MAX:
                raise InvalidInput(_("This list is too large. Take it in parts."), field="file")
            fits = fits and _decodes(utf8, piece)
            windows = windows and not set(piece) & _NOT_WINDOWS
    if fits and _decodes(utf8, b"", final=True):
        return "utf-8-sig"
    return "cp1252" if windows else "latin-1"


def _utf16(opener: Opener) -> str:
    decoder = codecs.getincrementaldecoder("utf-16")()
    read = 0
    with opener() as stream:
        while piece := stream.read(_CHUNK):
            read += len(piece)
            if read > FILE_BYTES_MAX:
                raise InvalidInput(_("This list is too large. Take it in parts."), field="file")
            if not _decodes(decoder, piece):
                raise InvalidInput(_("Save the list as UTF-8 text."), field="file")
    if not _decodes(decoder, b"", final=True):
        raise InvalidInput(_("Save the list as UTF-8 text."), field="file")
    return "utf-16"


def _decodes(decoder: codecs.IncrementalDecoder, piece: bytes, *, final: bool = False) -> bool:
    try:
        decoder.decode(piece, final)
    except UnicodeDecodeError:
        return False
    return True


def _check_text(name: str, value: str) -> None:
    if len(value) > (CODE_MAX if name == "old_code" else CELL_MAX):
        raise InvalidInput(_("The %(column)s is too long.", column=name), field=name)
    if not _PLAIN.fullmatch(value):
        raise InvalidInput(_("The %(column)s holds control characters.", column=name), field=name)


def _contacts(values: Mapping[str, str]) -> tuple[str, str]:
    """E-mail address and phone number: the column `contact` says by itself which one it is."""
    email, phone, contact = (values.get(name, "") for name in ("email", "phone", "contact"))
    if "@" in contact:
        return email or contact, phone
    return email, phone or contact


def _count(column: str, text: str) -> int:
    if not text:
        return 0
    if not (text.isascii() and text.isdigit() and len(text) <= DIGITS_MAX):
        raise InvalidInput(
            _("The %(column)s is a whole number, without a sign.", column=column),
            field=column,
        )
    return int(text)


def _purchases(text: str) -> int:
    purchases = _count("purchases", text)
    if purchases > PURCHASES_MAX:
        raise InvalidInput(_("Nobody bought that often."), field="purchases")
    return purchases


def _demand_single(row: MemberRow, lines: tuple[int, ...] | None) -> None:
    if lines:
        other = lines[1] if row.line == lines[0] else lines[0]
        raise InvalidInput(
            _("The same code stands in line %(line)d. Keep one of them.", line=other),
            field="old_code",
        )


def _digest(code: str) -> bytes:
    return hashlib.blake2b(code.encode("utf-8", "surrogatepass"), digest_size=_DIGEST).digest()


# Bytes to which Windows-1252 gives no character.
_NOT_WINDOWS: Final = frozenset({0x81, 0x8D, 0x8F, 0x90, 0x9D})
_SHOWN: Final = {
    "utf-8-sig": "UTF-8",
    "utf-16": "UTF-16",
    "cp1252": "Windows-1252",
    "latin-1": "Latin-1",
}
