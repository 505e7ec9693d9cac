"""Owed and given away: what is out by age with an estimate, and what moved by day and month.

For the book-keeper, and labelled as an estimate: what is out is counted exactly, what it will cost
is not. Gift cards are told apart, because they are money and not points.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from common.errors import InvalidInput
from common.i18n import gettext as _
from common.money import format_plain
from ledger.any_terms import AnyTerms
from ledger.expiry import day_start
from ledger.programme_terms import ProgrammeTerms, UnitKind
from ledger.statement import Given, Owed, Worth, add_up, owed, worth_of
from loyalty.context import Loyalty
from storage.offers import reward_offer
from storage.programmes import Reward
from storage.statements import Moved, Statements
from storage.unit_of_work import UnitOfWork, open_work

DAYS_MAX: Final = 3660
PERCENT: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A programme's statement over the days from `since` to `until`, both included.

    `owed` is as of the end of `until`; `days` and `months` are what moved, by unit. `gift_cards`
    are days and what gift cards were sold for. `label` says that it is an estimate.
    """

    programme_name: str
    currency: str
    since: date
    until: date
    owed: tuple[Owed, ...]
    days: tuple[Given, ...]
    months: tuple[Given, ...]
    gift_cards: tuple[tuple[date, int], ...]
    label: str


def statement(
    ctx: Loyalty,
    merchant_id: int,
    *,
    programme_id: int,
    since: date,
    until: date,
    breakage_percent: int | None = None,
) -> Statement:
    """The statement of a programme.

    Args:
        ctx: the process's context.
        merchant_id: whose.
        programme_id: which programme.
        since: the first of the shop's days.
        until: the last of them.
        breakage_percent: the owner's own guess of what never comes, in place of what was seen.

    Raises:
        NotFound: it is not this merchant's.
        InvalidInput: fields `until` and `breakage`.
    """
    _check(since, until, breakage_percent)
    with open_work(ctx.database, merchant_id, clock=ctx.clock, writing=False) as work:
        return _statement(
            work, programme_id, since=since, until=until, breakage_percent=breakage_percent
        )


def statement_csv(found: Statement, *, by: str = "day") -> str:
    """What moved as CSV, by `day` or `month`: one line for each unit, gift cards on their own.

    Raises:
        InvalidInput: `by` is neither.
    """
    if by not in {"day", "month"}:
        raise InvalidInput(_("Choose day or month."), field="by")
    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator="\r\n")
    writer.writerow(
        [
            by,
            "unit",
            "issued",
            "taken_back",
            "redeemed",
            "expired",
            "adjusted",
            "redeemed_value",
            "redeemed_cost",
            "currency",
        ]
    )
    for line in found.days if by == "day" else found.months:
        writer.writerow(
            [
                line.period,
                line.unit,
                line.issued,
                line.taken_back,
                line.redeemed,
                line.expired,
                line.adjusted,
                format_plain(line.redeemed_minor, found.currency),
                format_plain(line.cost_minor, found.currency),
                found.currency,
            ]
        )
    for period, minor in _gift_lines(found, monthly=by == "month"):
        sold = format_plain(minor, found.currency)
        writer.writerow([period, "gift_cards_sold", sold, "", "", "", "", "", "", found.currency])
    return file.getvalue()


def _gift_lines(found: Statement, *, monthly: bool) -> Iterator[tuple[str, int]]:
    sums: dict[str, int] = {}
    for day, minor in found.gift_cards:
        period = f"{day:%Y-%m}" if monthly else day.isoformat()
        sums[period] = sums.get(period, 0) + minor
    yield from sorted(sums.items())


def _statement(
    work: UnitOfWork,
    programme_id: int,
    *,
    since: date,
    until: date,
    breakage_percent: int | None,
) -> Statement:
    programme, merchant = work.programmes.get(programme_id), work.merchants.get()
    zone = ZoneInfo(merchant.time_zone)
    start, end = day_start(since, zone), day_start(until + timedelta(days=1), zone)
    numbers = Statements(work.scope)
    lines = [
        (moved.at.astimezone(zone).date(), _line(moved))
        for moved in numbers.moved(programme_id, since=start, until=end)
    ]
    over, debts = numbers.over(programme_id, until=end), numbers.debts(programme_id)
    worths = unit_worths(
        work, programme_id, programme.unit, terms=work.programmes.terms(programme_id)
    )
    out = numbers.out(programme_id, until=end, zone=zone)
    return Statement(
        programme_name=programme.name,
        currency=merchant.currency,
        since=since,
        until=until,
        owed=tuple(
            owed(
                unit,
                out.get(unit, {}),
                redeemed=over.get(unit, (0, 0))[0],
                expired=over.get(unit, (0, 0))[1],
                worth=worths.get(unit),
                breakage_percent=breakage_percent,
                debt=debts.get(unit, 0),
            )
            for unit in sorted({*out, *over, *debts, programme.unit})
        ),
        days=add_up(lines, monthly=False),
        months=add_up(lines, monthly=True),
        gift_cards=tuple(sorted(numbers.gift_cards(since=start, until=end, zone=zone).items())),
        label=_(
            "An estimate: what is out is counted, what of it will be redeemed is judged by "
            "what became of the rest."
        ),
    )


def _line(moved: Moved) -> Given:
    kind = moved.reverses or moved.kind
    issued = moved.units - moved.debt_change
    zero = Given(period="", unit=moved.unit)
    match kind:
        case "earn":
            return Given(period="", unit=moved.unit, issued=issued)
        case "refund":
            return Given(period="", unit=moved.unit, taken_back=-issued)
        case "redeem":
            return Given(
                period="",
                unit=moved.unit,
                redeemed=-moved.units,
                redeemed_minor=moved.value_minor,
                cost_minor=moved.cost_minor,
            )
        case "expire":
            return Given(period="", unit=moved.unit, expired=-moved.units)
        case "adjust":
            return Given(period="", unit=moved.unit, adjusted=moved.units)
    return zero


def unit_worths(
    work: UnitOfWork, programme_id: int, first_unit: str, *, terms: AnyTerms
) -> dict[str, Worth]:
    """What each unit is worth: money itself, what it pays, or the dearest reward it buys."""
    found: dict[str, list[Worth]] = {}
    for reward in work.programmes.rewards(programme_id, active_only=True):
        worth = _reward_worth(reward, first_unit)
        if worth is not None:
            found.setdefault(reward.unit or first_unit, []).append(worth)
    if isinstance(terms, ProgrammeTerms):
        for rule in terms.payments:
            paid = Worth(units=rule.units, face_minor=rule.minor, cost_minor=rule.minor)
            found.setdefault(rule.unit, []).append(paid)
        for unit in terms.units:
            if unit.kind is UnitKind.CASHBACK:
                found[unit.code] = [Worth(units=1, face_minor=1, cost_minor=1)]
    return {
        unit: worth for unit, several in found.items() if (worth := worth_of(several)) is not None
    }


def _reward_worth(reward: Reward, first_unit: str) -> Worth | None:
    offer = reward_offer(reward, first_unit=first_unit)
    face = offer.value_minor or reward.cost_minor
    if not face or len(offer.costs) > 1:
        return None  # nobody can say, or it takes several units
    return Worth(units=reward.cost, face_minor=face, cost_minor=reward.cost_minor)


def _check(since: date, until: date, breakage_percent: int | None) -> None:
    if not since <= until <= since + timedelta(days=DAYS_MAX):
        raise InvalidInput(
            _("Choose a time of at most ten years, from its first day."), field="until"
        )
    if breakage_percent is not None and not 0 <= breakage_percent <= PERCENT:
        raise InvalidInput(_("Give whole percent from 0 to 100."), field="breakage")
