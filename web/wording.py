"""How pages write moments, amounts and counts: filters of every template."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from flask import Flask
from flask_babel import format_date, format_decimal, format_time, format_timedelta

from common.i18n import current_language
from common.money import format_money
from passes.wording import cost_text
from web.services import services


def install(app: Flask) -> None:
    """Give templates the filters; moments are shown by the clock of `g.time_zone`."""
    app.jinja_env.filters.update(
        moment=moment,
        day=day,
        date_of=date_of,
        clock=clock,
        ago=ago,
        money=money,
        count=count,
        units=cost_text,
    )


def moment(value: datetime) -> str:
    """`22 Nov 2026, 14:05` in the reader's order: with the month's name nobody can misread it."""
    return f"{format_date(value, 'medium')}, {format_time(value, 'short')}"


def date_of(value: datetime) -> str:
    """`22 Nov 2026`."""
    return str(format_date(value, "medium"))


def day(value: date) -> str:
    """`Sunday, 22 November 2026`."""
    return str(format_date(value, "full"))


def clock(value: datetime) -> str:
    """`14:05`."""
    return str(format_time(value, "short"))


def ago(value: datetime) -> str:
    """`3 minutes ago`; moments ahead of us are `in 3 minutes`."""
    step = value - services().loyalty.clock.now()
    return str(format_timedelta(step or timedelta(seconds=-1), add_direction=True))


def money(minor: int, currency: str) -> str:
    """`€12.40`."""
    return format_money(minor, currency, language=current_language())


def count(value: int) -> str:
    """`12,400`."""
    return str(format_decimal(value))
