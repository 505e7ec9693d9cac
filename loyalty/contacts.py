"""Bring names, e-mail addresses and phone numbers into one form, so that the same person is found.

Not done here: proving that a contact belongs to whoever typed it.

Rules:
- An e-mail address is compared in lower case with its domain in ASCII (IDNA); what stands before
  the @ is otherwise left alone: `a.b` and `ab` are two people with most providers.
- A phone number is compared as E.164; a number without a country is read in the merchant's.
- A name is kept as typed and folded (no case, no accents) only to be searched.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

import phonenumbers

from common.errors import InvalidInput
from common.i18n import gettext as _

NAME_MAX: Final = 60
EMAIL_MAX: Final = 254  # RFC 5321 4.5.3.1.3
PHONE_TEXT_MAX: Final = 40
_EMAIL: Final = re.compile(r"[^\s@<>\"(),:;\\\[\]]{1,64}@[^\s@<>\"(),:;\\\[\]]{1,190}")
_DOMAIN: Final = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}")
_SPACES: Final = re.compile(r"\s+")


def clean_name(text: str, *, field: str = "name") -> str:
    """A name in one line: NFC, no control characters, single spaces.

    Raises:
        InvalidInput: longer than 60 characters.
    """
    visible = "".join(
        " " if unicodedata.category(symbol) in {"Cc", "Cs", "Zl", "Zp"} else symbol
        for symbol in unicodedata.normalize("NFC", text[: NAME_MAX * 8])
    )
    name = _SPACES.sub(" ", visible).strip()
    if len(name) > NAME_MAX:
        raise InvalidInput(
            _("Use at most %(max)d characters for the name.", max=NAME_MAX), field=field
        )
    return name


def fold_name(name: str) -> str:
    """A name as it is searched: lower case, no accents."""
    plain = unicodedata.normalize("NFKD", name)
    return "".join(symbol for symbol in plain if not unicodedata.combining(symbol)).casefold()


def initials(name: str) -> str:
    """`Ada Lovelace` as `AL`; empty for no name."""
    words = [word for word in name.split() if word[:1].isalnum()]
    if not words:
        return ""
    ends = words[:1] if len(words) == 1 else [words[0], words[-1]]
    return "".join(word[0].upper() for word in ends)


def masked_name(name: str) -> str:
    """`Ada Lovelace` as `Ada L.`: enough to ask "is that you?", not enough to learn who it is."""
    words = name.split()
    if not words:
        return ""
    return words[0] if len(words) == 1 else f"{words[0]} {words[-1][0].upper()}."


def masked_number(number: str) -> str:
    """A member number with all but its last three characters hidden."""
    return "•" * max(0, len(number) - 3) + number[-3:]


def normalise_email(text: str, *, field: str = "email") -> str:
    """The address in the form it is compared in.

    Raises:
        InvalidInput: not an e-mail address.
    """
    address = unicodedata.normalize("NFKC", text[: EMAIL_MAX * 2]).strip().lower()
    complaint = InvalidInput(_("Write an address like ada@example.com."), field=field)
    usable = len(address) <= EMAIL_MAX and address.isprintable()
    if not usable or not _EMAIL.fullmatch(address):
        raise complaint
    name, _at, domain = address.rpartition("@")
    try:
        ascii_domain = domain.encode("idna").decode("ascii")
    except UnicodeError as error:
        raise complaint from error
    if not _DOMAIN.fullmatch(ascii_domain):
        raise complaint
    return f"{name}@{ascii_domain}"


def normalise_phone(text: str, *, country: str, field: str = "phone") -> str:
    """The number as E.164, `+442079460000`.

    Args:
        text: as typed, with or without the country's code.
        country: ISO 3166 alpha-2, for a number without one.
        field: the form's field.

    Raises:
        InvalidInput: not a phone number that can exist.
    """
    example = phonenumbers.example_number(country)
    shown = phonenumbers.PhoneNumberFormat.INTERNATIONAL
    like = phonenumbers.format_number(example, shown) if example else "+44 121 234 5678"
    complaint = InvalidInput(_("Write a phone number like %(example)s.", example=like), field=field)
    if len(text) > PHONE_TEXT_MAX:
        raise complaint
    try:
        number = phonenumbers.parse(text, country)
    except phonenumbers.NumberParseException as error:
        raise complaint from error
    if not phonenumbers.is_valid_number(number):
        raise complaint
    e164: str = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return e164
