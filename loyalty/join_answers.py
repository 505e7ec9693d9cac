"""What somebody typed into the join form, brought into one form; every complaint at once.

Rules: at the join page the owner's questions are binding (off, optional, required); staff, import
and the command line give what they have. A birthday is a day of a month: the year is never asked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Final

from common.errors import InvalidInput, InvalidInputs
from common.i18n import gettext as _
from loyalty.contacts import clean_name, normalise_email, normalise_phone
from loyalty.member_details import Details, clean_address, clean_answer, clean_brand

if TYPE_CHECKING:
    from loyalty.enrol import EnrolRequest
    from storage.join_rules import JoinRules
    from storage.programmes import Programme

LEAP_YEAR: Final = 2000
ANSWER_FIELD: Final = "answer_"
"""What stands before a question's key in the form's field names."""

_MONTH: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Who joins, in the form that is compared and kept; empty for what was not given."""

    name: str = ""
    email: str = ""
    phone: str = ""
    birthday: int | None = None
    details: Details = field(default_factory=Details)


def checked_person(
    request: EnrolRequest, programme: Programme, rules: JoinRules, *, country: str
) -> Person:
    """The answers in one form.

    Raises:
        InvalidInput, InvalidInputs: what cannot be used, and what is missing, by form field.
    """
    binding = request.source == "join"
    complaints: list[InvalidInput] = []
    plain = _Checker(binding=binding, complaints=complaints)
    country_phone: Callable[[str], str] = lambda text: normalise_phone(text, country=country)  # noqa: E731
    name = plain.take("name", request.name, programme.ask_name, clean_name)
    email = plain.take("email", request.email, programme.ask_email, normalise_email)
    phone = plain.take("phone", request.phone, programme.ask_phone, country_phone)
    address = plain.take("address", request.address, rules.asks("address"), clean_address)
    brand = plain.take("brand", request.brand, rules.asks("brand"), clean_brand)
    birthday = plain.take("birthday", request.birthday, rules.asks("birthday"), _clean_birthday)
    answers = {}
    for question in rules.questions:
        given = request.answers.get(question.key, "")
        text = plain.take(ANSWER_FIELD + question.key, given, question.ask, clean_answer)
        if text:
            answers[question.key] = text
    if complaints:
        raise complaints[0] if len(complaints) == 1 else InvalidInputs(complaints)
    return Person(
        name=name,
        email=email,
        phone=phone,
        birthday=int(birthday) if birthday else None,
        details=Details(address=address, brand=brand, answers=answers),
    )


def read_birthday(text: str, *, field_name: str = "birthday") -> int:
    """`MM-DD` as month * 100 + day.

    Raises:
        InvalidInput: no day of any year.
    """
    month, _dash, day = text.partition("-")
    try:
        # A year with a 29th of February.
        found = date(LEAP_YEAR, int(month), int(day))
    except ValueError as error:
        raise InvalidInput(_("Choose a day and a month."), field=field_name) from error
    return found.month * _MONTH + found.day


def birthday_text(birthday: int | None) -> str:
    """Month * 100 + day as `MM-DD`; empty for none."""
    return "" if birthday is None else f"{birthday // _MONTH:02d}-{birthday % _MONTH:02d}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Checker:
    binding: bool
    complaints: list[InvalidInput]

    def take(self, name: str, text: str, asked: str, clean: Callable[..., str]) -> str:
        """One answer, clean; empty when it was not asked for or cannot be used."""
        text = text.strip()
        if self.binding and asked == "off":
            return ""
        if not text:
            if self.binding and asked == "required":
                missing = _MISSING.get(name, lambda: _("Answer this question."))
                self.complaints.append(InvalidInput(missing(), field=name))
            return ""
        try:
            return clean(text)
        except InvalidInput as complaint:
            self.complaints.append(InvalidInput(complaint.message, field=name))
            return ""


def _clean_birthday(text: str) -> str:
    return str(read_birthday(text))


_MISSING: Final[Mapping[str, Callable[[], str]]] = {
    "name": lambda: _("Type your name."),
    "email": lambda: _("Type your e-mail address."),
    "phone": lambda: _("Type your phone number."),
    "address": lambda: _("Type your address."),
    "birthday": lambda: _("Choose the day and the month of your birthday."),
    "brand": lambda: _("Type your favourite brand."),
}
