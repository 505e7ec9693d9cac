"""Read the list of cards that another system put into phones: a CSV file with a head line.

Columns, in any order: `serial_number`, `authentication_token`, `device_id`, `push_token`, `member`,
`balance`; and where the old system tells them `name`, `email`, `phone`, `language`, `code` (what
its card shows as a barcode), `pass_type`, `web_service_url`. A card that is on several phones has a line for each.
Not done here: whether we can keep a card, and storing it (kept_case.py, keep_passes.py).
Rules: the whole file is judged before anything is stored; every complaint names its line; a value
is never repeated in a complaint, as most of them are secrets.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from common.errors import InvalidInput, InvalidInputs
from common.i18n import gettext as _
from loyalty.devices import is_library_identifier, is_push_token

FILE_BYTES_MAX: Final = 64 * 1024 * 1024
LINES_MAX: Final = 300_000
COMPLAINTS_MAX: Final = 50
CODE_MAX: Final = 120
LONG_MAX: Final = 300
PHONES_MAX: Final = 20
BALANCE_DIGITS_MAX: Final = 12
COLUMNS: Final = (
    "serial_number",
    "authentication_token",
    "device_id",
    "push_token",
    "member",
    "balance",
    "name",
    "email",
    "phone",
    "language",
    "code",
    "pass_type",
    "web_service_url",
)
_LONG: Final = frozenset({"authentication_token", "web_service_url"})
_OTHER_NAMES: Final = {
    "serial": "serial_number",
    "token": "authentication_token",
    "device": "device_id",
    "device_library_identifier": "device_id",
    "points": "balance",
    "stamps": "balance",
    "old_code": "code",
    "barcode": "code",
    "contact": "email",
}
# A serial number is a part of an address, so what would end that part cannot be in it.
_SERIAL: Final = re.compile(r"[A-Za-z0-9._~:@!$&'()*+,;= -]{1,100}", re.ASCII)
# Apple asks for 16 characters at least; the rest is what fits into a header.
_TOKEN: Final = re.compile(r"[\x21-\x7e]{16,200}", re.ASCII)
_PLAIN: Final = re.compile(r"[^\x00-\x1f\x7f]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptPhone:
    """A phone as it registered with the old service."""

    device_id: str
    push_token: str

    def __repr__(self) -> str:
        return "KeptPhone()"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptCard:
    """One card of the old system; `line` is where it stands first. Empty texts are not known.

    `codes` are what a till may be shown: the old barcode and the old member number.
    """

    line: int
    serial_number: str
    authentication_token: str
    member: str
    name: str
    email: str
    phone: str
    language: str
    code: str
    balance: int
    pass_type: str
    web_service_url: str
    phones: tuple[KeptPhone, ...] = ()

    def __repr__(self) -> str:
        return f"KeptCard(line={self.line})"

    @property
    def has_proof(self) -> bool:
        """Whether a phone that shows this card can be known again."""
        return bool(self.serial_number and self.authentication_token)

    @property
    def identity(self) -> str:
        """What makes two lines the same card."""
        return self.serial_number or self.code or self.member

    @property
    def codes(self) -> tuple[str, ...]:
        """What the old system's card is called at a till."""
        return tuple(dict.fromkeys(one for one in (self.code, self.member) if one))


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptList:
    """Cards of one kind; `pass_type` and `web_service_url` are what the file says of them, if any."""

    cards: tuple[KeptCard, ...]
    pass_type: str | None
    web_service_url: str | None


def read_kept_cards(data: bytes) -> tuple[KeptList, ...]:
    """The cards of a CSV file in its order, those of one pass type and one old address together.

    Raises:
        InvalidInputs: field `line <n>` for each line that cannot be used, at most fifty; nothing of
            the file is worth storing then.
        InvalidInput: field `file`: no such file at all.
    """
    rows = _rows(data)
    head = _head(next(rows, []))
    cards: dict[str, KeptCard] = {}
    complaints: list[InvalidInput] = []
    for line, row in enumerate(rows, start=2):
        if line > LINES_MAX:
            raise InvalidInput(
                _("Take at most %(max)d lines at once.", max=LINES_MAX), field="file"
            )
        if not any(cell.strip() for cell in row):
            continue
        try:
            card = _card(dict(zip(head, (cell.strip() for cell in row), strict=False)), line)
            earlier = cards.get(card.identity)
            cards[card.identity] = card if earlier is None else _together(earlier, card)
        except InvalidInput as error:
            complaints.append(InvalidInput(error.message, field=f"line {line}"))
        if len(complaints) >= COMPLAINTS_MAX:
            break
    if complaints:
        raise InvalidInputs(complaints)
    if not cards:
        raise InvalidInput(_("This list has no cards."), field="file")
    return _by_kind(cards.values())


def _by_kind(cards: Iterable[KeptCard]) -> tuple[KeptList, ...]:
    kinds: dict[tuple[str, str], list[KeptCard]] = {}
    for card in cards:
        kinds.setdefault((card.pass_type, card.web_service_url), []).append(card)
    return tuple(
        KeptList(cards=tuple(found), pass_type=pass_type or None, web_service_url=url or None)
        for (pass_type, url), found in kinds.items()
    )


def _rows(data: bytes) -> Iterator[list[str]]:
    if len(data) > FILE_BYTES_MAX:
        raise InvalidInput(_("This list is too large. Take it in parts."), field="file")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidInput(_("Save the list as UTF-8 text."), field="file") from error
    separator = ";" if text.partition("\n")[0].count(";") else ","
    return _guarded(csv.reader(text.splitlines(), delimiter=separator))


def _guarded(rows: Iterable[list[str]]) -> Iterator[list[str]]:
    try:
        yield from rows
    except csv.Error as error:
        raise InvalidInput(
            _("This is not a CSV file: %(why)s.", why=str(error)), field="file"
        ) from error


def _head(cells: list[str]) -> list[str]:
    names = [re.sub(r"[\s-]+", "_", cell.strip().lower()) for cell in cells]
    head = [_OTHER_NAMES.get(name, name) for name in names]
    known = [name for name in head if name in COLUMNS]
    if len(set(known)) != len(known):
        raise InvalidInput(_("Two columns of the list have one meaning."), field="file")
    if not {"serial_number", "code", "member"} & set(known):
        raise InvalidInput(
            _("The first line must name the columns: %(names)s.", names=", ".join(COLUMNS[:6])),
            field="file",
        )
    return head


def _card(cells: Mapping[str, str], line: int) -> KeptCard:
    values = {name: cells.get(name, "") for name in COLUMNS}
    device_id, push_token = values.pop("device_id"), values.pop("push_token")
    balance = values.pop("balance") or "0"
    if not (balance.isascii() and balance.isdigit() and len(balance) <= BALANCE_DIGITS_MAX):
        raise InvalidInput(_("The balance is a whole number, without a sign."), field="balance")
    for name, value in values.items():
        if len(value) > (LONG_MAX if name in _LONG else CODE_MAX):
            raise InvalidInput(_("The %(column)s is too long.", column=name), field=name)
        if not _PLAIN.fullmatch(value):
            raise InvalidInput(
                _("The %(column)s holds control characters.", column=name), field=name
            )
    card = KeptCard(
        line=line, balance=int(balance), phones=_phones(device_id, push_token), **values
    )
    _check_names(card)
    return card


def _check_names(card: KeptCard) -> None:
    if not card.identity:
        raise InvalidInput(_("Give a serial number, a code or a member."), field="serial_number")
    if card.serial_number and not _SERIAL.fullmatch(card.serial_number):
        raise InvalidInput(
            _("A serial number has at most 100 letters, digits and plain signs, no slash."),
            field="serial_number",
        )
    if card.authentication_token and not _TOKEN.fullmatch(card.authentication_token):
        raise InvalidInput(
            _("An authentication token has 16 to 200 characters without a space."),
            field="authentication_token",
        )
    if card.authentication_token and not card.serial_number:
        raise InvalidInput(_("A token needs its serial number."), field="serial_number")


def _phones(device_id: str, push_token: str) -> tuple[KeptPhone, ...]:
    if not device_id and not push_token:
        return ()
    if not is_library_identifier(device_id) or not is_push_token(push_token):
        raise InvalidInput(
            _("Give device id and push token as the old service had them."), field="device_id"
        )
    return (KeptPhone(device_id=device_id, push_token=push_token),)


def _together(first: KeptCard, again: KeptCard) -> KeptCard:
    """The same card on one more phone."""
    if replace(again, line=first.line, phones=first.phones) != first:
        raise InvalidInput(
            _("Line %(line)d tells this card differently.", line=first.line), field="serial_number"
        )
    phones = tuple(dict.fromkeys(first.phones + again.phones))
    if len(phones) > PHONES_MAX:
        raise InvalidInput(
            _("A card is on at most %(max)d phones.", max=PHONES_MAX), field="device_id"
        )
    return replace(first, phones=phones)
