"""The dress rehearsal of a card's rules, and the statement of what is owed and was given away."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from flask import Response, request
from flask.typing import ResponseReturnValue

from common.errors import InvalidInput
from common.i18n import gettext as _
from ledger.expiry import local_day
from ledger.programme_terms import ProgrammeTerms
from ledger.unit_words import count_words
from loyalty.programmes import ProgrammeView, read_programme
from loyalty.rehearse import Rehearsal, rehearse
from loyalty.rule_drafts import read_rules
from loyalty.statement import Statement, statement, statement_csv
from web.console.door import blueprint, page
from web.errors import answer, wants_json
from web.forms import Form, shown
from web.security import limit_body
from web.services import services
from web.sessions import signed_in

TABLE_BYTES_MAX: Final = 20_000_000
MONTHS_SHOWN: Final = 365
PERCENT_DIGITS: Final = 3


@blueprint.get("/cards/<id:programme_id>/rehearsal")
def rehearsal(programme_id: int) -> ResponseReturnValue:
    """The form that takes past sales."""
    return _rehearsal(_programme(programme_id), shown())


@blueprint.post("/cards/<id:programme_id>/rehearsal")
@limit_body(TABLE_BYTES_MAX)
def rehearse_now(programme_id: int) -> ResponseReturnValue:
    """What the rules would have done on these sales; nothing is kept."""
    who = signed_in()
    programme = _programme(programme_id)
    sent = request.files.get("file")
    data = sent.stream.read(TABLE_BYTES_MAX) if sent else b""
    try:
        found = rehearse(services().loyalty, who.merchant_id, programme_id, data)
    except InvalidInput as error:
        if wants_json():
            return answer(error)
        errors = {one["field"]: one["message"] for one in error.errors}
        return _rehearsal(programme, Form(errors=errors)), error.status
    return _rehearsal(programme, shown(), found=found)


@blueprint.get("/cards/<id:programme_id>/statement")
def statement_page(programme_id: int) -> ResponseReturnValue:
    """What is owed by age, and what was given away month by month."""
    programme = _programme(programme_id)
    try:
        found = _statement(programme)
    except InvalidInput as error:
        if wants_json():
            return answer(error)
        form = Form(values=request.args.to_dict(), errors={error.field: error.message})
        return _statement_page(programme, form, None), error.status
    values = {"since": found.since, "until": found.until, "breakage": request.args.get("breakage")}
    return _statement_page(programme, shown(values), found)


@blueprint.get("/cards/<id:programme_id>/statement.csv")
def statement_table(programme_id: int) -> ResponseReturnValue:
    """The same as a table for the book-keeper, by day or by month."""
    programme = _programme(programme_id)
    try:
        found = _statement(programme)
        table = statement_csv(found, by=request.args.get("by", "day"))
    except InvalidInput as error:
        return answer(error)
    name = f"{programme.slug}-{found.since}-{found.until}.csv"
    response = Response(table, mimetype="text/csv")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _statement(programme: ProgrammeView) -> Statement:
    who = signed_in()
    ctx = services().loyalty
    today = local_day(ctx.clock.now(), ZoneInfo(who.merchant.time_zone))
    until = _day("until", today)
    return statement(
        ctx,
        who.merchant_id,
        programme_id=programme.id,
        since=_day("since", until - timedelta(days=MONTHS_SHOWN)),
        until=until,
        breakage_percent=_percent("breakage"),
    )


def _day(name: str, otherwise: date) -> date:
    typed = request.args.get(name, "").strip()
    if not typed:
        return otherwise
    try:
        return date.fromisoformat(typed)
    except ValueError as error:
        raise InvalidInput(_("Write the day like 2027-01-31."), field=name) from error


def _percent(name: str) -> int | None:
    typed = request.args.get(name, "").strip()
    if not typed:
        return None
    if not (typed.isascii() and typed.isdigit() and len(typed) <= PERCENT_DIGITS):
        raise InvalidInput(_("Give whole percent from 0 to 100."), field=name)
    return int(typed)


def _programme(programme_id: int) -> ProgrammeView:
    return read_programme(services().loyalty, signed_in().merchant_id, programme_id)


def _words(terms: ProgrammeTerms) -> Callable[[str, int], str]:
    """How so many of a unit are written, also of one that the card no longer counts."""

    def words(unit: str, number: int) -> str:
        known = next((one for one in terms.units if one.code == unit), None)
        return f"{number} {unit}" if known is None else count_words(number, known, terms.currency)

    return words


def _rehearsal(programme: ProgrammeView, form: Form, *, found: Rehearsal | None = None) -> str:
    rules = read_rules(services().loyalty, signed_in().merchant_id, programme.id)
    return page(
        "rules/rehearsal.html",
        programme=programme,
        form=form,
        found=found,
        drafted=rules.draft is not None,
        words=_words(rules.draft_terms or rules.terms),
    )


def _statement_page(programme: ProgrammeView, form: Form, found: Statement | None) -> str:
    rules = read_rules(services().loyalty, signed_in().merchant_id, programme.id)
    return page(
        "rules/statement.html",
        programme=programme,
        form=form,
        found=found,
        words=_words(rules.terms),
    )
