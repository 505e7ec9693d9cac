"""A birthday on a form: a day and a month, each chosen from a list."""

from __future__ import annotations

from babel.dates import get_month_names
from flask_babel import get_locale

from web.forms import text


def months() -> list[tuple[str, str]]:
    """The months as value and name, in the reader's language."""
    names = get_month_names("wide", context="stand-alone", locale=get_locale())
    return [(f"{number:02d}", str(name)) for number, name in sorted(names.items())]


def sent_birthday() -> str:
    """The chosen day and month as `MM-DD`; empty when neither is chosen."""
    month, day = text("birthday_month"), text("birthday_day")
    return f"{month}-{day}" if month or day else ""


def birthday_values(birthday: str) -> dict[str, str]:
    """`MM-DD` as the two lists show it."""
    month, _dash, day = birthday.partition("-")
    return {"birthday_month": month, "birthday_day": day}
