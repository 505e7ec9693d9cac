"""Cards that are in phones already: bring them from another system, or take the list of ours away.

Not done here: judging a list and taking it over (loyalty/kept_lists.py), the export itself
(loyalty/export_passes.py). A list is looked at first; nothing of it is kept between two looks, so
the file is chosen again. Larger lists go in parts, or by the command.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from flask import Response, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from common.errors import InvalidInput, InvalidInputs
from common.i18n import gettext as _
from loyalty.export_passes import SecondFactorNeeded, export_passes, is_export, open_export
from loyalty.keep_passes import KeptResult
from loyalty.kept_case import CaseReport, KeepCase
from loyalty.kept_lists import demand_possible, judge_lists, keep_lists, read_lists
from loyalty.kept_rows import KeptList
from loyalty.programmes import list_programmes
from web.console.door import blueprint, page
from web.console.saved_files import csv_address
from web.errors import answer, wants_json
from web.forms import Form, refused, secret, shown, text
from web.security import limit_body
from web.services import services
from web.sessions import signed_in

LIST_BYTES_MAX: Final = 1024 * 1024
LIST_BODY_BYTES_MAX: Final = LIST_BYTES_MAX + 16 * 1024
CARDS_MAX: Final = 1000
"""Cards one request takes over; each is a transaction of its own, and a person waits."""
REFUSED_SHOWN: Final = 50
FILE_NAME: Final = "regulars-cards.sealed"


@blueprint.get("/set-up/kept-cards")
def kept_cards() -> ResponseReturnValue:
    """The two forms."""
    signed_in().require_owner()
    return _page(shown())


@blueprint.post("/set-up/kept-cards")
@limit_body(LIST_BODY_BYTES_MAX)
def keep_cards() -> ResponseReturnValue:
    """Say which case holds for the list; take it over where a way was chosen."""
    who = signed_in()
    who.require_owner()
    ctx = services().loyalty
    reports: list[CaseReport] = []
    try:
        lists = _sent_lists()
        reports = judge_lists(ctx, who.merchant_id, lists)
        case = _way()
        if case is None:
            return _page(Form(values=request.form.to_dict()), reports=reports)
        demand_possible(case, reports)
        results = keep_lists(
            ctx,
            who.merchant_id,
            lists,
            case=case,
            programme_id=_programme(),
            actor=who.actor(),
        )
    except InvalidInput as error:
        return answer(error) if wants_json() else _refused(error, reports)
    return _page(shown(), results=results)


@blueprint.post("/set-up/kept-cards/export")
def export_cards() -> ResponseReturnValue:
    """Every card that is out, as a sealed file."""
    who = signed_in()
    who.require_owner()
    try:
        passphrase = _new_passphrase()
        done = export_passes(
            services().loyalty,
            who.merchant_id,
            person_id=who.person_id,
            code=text("code"),
            passphrase=passphrase,
            actor=who.actor(),
        )
    except SecondFactorNeeded as error:
        if wants_json():
            return answer(error)
        flash(error.message, "bad")
        return redirect(url_for("console.second_factor_page"), 303)
    except InvalidInput as error:
        if wants_json():
            return answer(error)
        mended = {"passphrase": "new_passphrase"}
        errors = {mended.get(one["field"], one["field"]): one["message"] for one in error.errors}
        return _page(Form(errors=errors)), error.status
    response = Response(done.sealed, mimetype="application/octet-stream")
    response.headers["Content-Disposition"] = f'attachment; filename="{FILE_NAME}"'
    response.headers["Cache-Control"] = "no-store"
    return response


def _sent_lists() -> tuple[KeptList, ...]:
    sent = request.files.get("list")
    data = sent.stream.read(LIST_BYTES_MAX + 1) if sent else b""
    if sent:
        sent.close()  # a large one lies in a file, which nobody shall find there later
    if not data:
        raise InvalidInput(_("Choose the list, a CSV file."), field="list")
    if len(data) > LIST_BYTES_MAX:
        raise _too_many()
    if is_export(data):
        data = open_export(data, secret("passphrase"))
    lists = read_lists(data, pass_type=text("pass_type") or None, old_url=text("old_url") or None)
    if sum(len(one.cards) for one in lists) > CARDS_MAX:
        raise _too_many()
    return lists


def _too_many() -> InvalidInput:
    return InvalidInput(
        _(
            "This page takes %(max)d cards at once. Send the list in parts, or ask whoever runs the "
            "machine for regulars import-passes.",
            max=CARDS_MAX,
        ),
        field="list",
    )


def _way() -> KeepCase | None:
    way = text("as")
    if not way:
        return None
    try:
        return KeepCase(way)
    except ValueError as error:
        raise InvalidInput(_("Choose one of the ways."), field="as") from error


def _new_passphrase() -> str:
    if secret("new_passphrase") != secret("again"):
        raise InvalidInput(_("The two passphrases differ."), field="again")
    return secret("new_passphrase")


def _programme() -> int:
    chosen = text("programme_id")
    if not re.fullmatch(r"[0-9]{1,19}", chosen, re.ASCII):
        raise InvalidInput(_("Choose a programme."), field="programme_id")
    return int(chosen)


def _refused(error: InvalidInput, reports: Sequence[CaseReport]) -> ResponseReturnValue:
    """Complaints about lines go into a table and a file, others beside their field."""
    lines = [one for one in error.errors if one["field"].startswith("line ")]
    if not lines:
        known = {"file": "list"}
        mended = [
            InvalidInput(one["message"], field=known.get(one["field"], one["field"]))
            for one in error.errors
        ]
        return _page(refused(InvalidInputs(mended)), reports=reports), error.status
    form = Form(
        values=request.form.to_dict(),
        errors={"list": _("Some lines cannot be used, so nothing was taken over.")},
    )
    told = [(one["field"].removeprefix("line "), one["message"]) for one in lines]
    return _page(form, complaints=told), error.status


def _page(
    form: Form,
    *,
    reports: Sequence[CaseReport] = (),
    results: Sequence[KeptResult] | None = None,
    complaints: Sequence[tuple[str, str]] = (),
) -> str:
    who = signed_in()
    told = [*complaints]
    for result in results or ():
        told += [(one.field.removeprefix("line "), one.message) for one in result.refused]
    links = [link for result in results or () for link in result.links]
    return page(
        "kept_cards.html",
        form=form,
        programmes=[
            (one.id, one.name) for one in list_programmes(services().loyalty, who.merchant_id)
        ],
        reports=reports,
        results=results,
        complaints=told[:REFUSED_SHOWN],
        complaints_file=csv_address(("line", "why"), told),
        links=len(links),
        links_file=csv_address(("line", "link"), links),
        cards_max=CARDS_MAX,
    )
