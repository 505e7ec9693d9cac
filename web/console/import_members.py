"""Members of another system: a list is looked at, then taken over in steps that go on by themselves.

Not done here: reading, judging and taking a list (loyalty/import_members.py).
Nothing of the list is kept on the server: it travels in the page from step to step. What a step has
taken over stays, so a page that was closed in between is no harm: the list is simply sent again.
"""

from __future__ import annotations

import base64
import binascii
import io
import re
import zlib
from dataclasses import replace
from typing import Final

from flask import request
from flask.typing import ResponseReturnValue

from common.errors import InvalidInput, InvalidInputs
from common.i18n import gettext as _
from loyalty.import_members import import_members, judge_members, open_members
from loyalty.import_report import ImportOrder, ImportReport
from loyalty.programmes import list_programmes
from web.console.door import blueprint, page
from web.console.saved_files import csv_address
from web.errors import answer, wants_json
from web.forms import Form, flag, refused, shown, text, whole
from web.security import limit_body
from web.services import services
from web.sessions import signed_in

LIST_BYTES_MAX: Final = 1024 * 1024
BODY_BYTES_MAX: Final = 2 * LIST_BYTES_MAX
ROWS_MAX: Final = 5_000
STEP: Final = 300
"""Rows of one step: about a second, so that the page can tell how far it is."""
COMPLAINTS_SHOWN: Final = 50


@blueprint.get("/members/import")
def import_members_page() -> ResponseReturnValue:
    """The form."""
    signed_in().require_owner()
    return _page(shown())


@blueprint.post("/members/import")
@limit_body(BODY_BYTES_MAX)
def look_at_members() -> ResponseReturnValue:
    """Say what would become of each row; nothing is changed."""
    who = signed_in()
    who.require_owner()
    try:
        data = _sent()
        order = _order(data)
        report = judge_members(services().loyalty, who.merchant_id, order)
    except InvalidInput as error:
        return _refused(error)
    return _page(shown(request.form.to_dict()), data=data, order=order, report=report)


@blueprint.post("/members/import/take")
@limit_body(BODY_BYTES_MAX)
def take_members() -> ResponseReturnValue:
    """Take the next rows over, and tell how far it is."""
    who = signed_in()
    who.require_owner()
    ctx = services().loyalty
    try:
        data = _travelling()
        order = _order(data)
        after = whole("after_line") or 0
        if not after and not flag("good_only"):
            looked = judge_members(ctx, who.merchant_id, order)
            if looked.bad:
                return _ask_for_good(data, order, looked)
        part = replace(order, good_only=True, after_line=after, rows_max=STEP)
        step = import_members(ctx, who.merchant_id, part)
        if step.rows == STEP:
            return _page(shown(), data=data, order=order, step=step)
        report = judge_members(ctx, who.merchant_id, order)
    except InvalidInput as error:
        return _refused(error)
    return _page(shown(), data=data, order=order, report=report, step=step, finished=True)


def _ask_for_good(data: bytes, order: ImportOrder, looked: ImportReport) -> ResponseReturnValue:
    error = InvalidInput(
        _("Say that the good rows are to be taken without the others."), field="good_only"
    )
    if wants_json():
        return answer(error)
    return _page(refused(error), data=data, order=order, report=looked), error.status


def _order(data: bytes) -> ImportOrder:
    who = signed_in()
    chosen = text("programme_id")
    if not re.fullmatch(r"[0-9]{1,19}", chosen, re.ASCII):
        raise InvalidInput(_("Choose a programme."), field="programme_id")
    programme_id = int(chosen)
    listed = open_members(
        services().loyalty, who.merchant_id, programme_id, lambda: io.BytesIO(data)
    )
    return ImportOrder(programme_id=programme_id, listed=listed, actor=who.actor())


def _sent() -> bytes:
    sent = request.files.get("list")
    data = sent.stream.read(LIST_BYTES_MAX + 1) if sent else b""
    if sent:
        sent.close()  # a large one lies in a file, which nobody shall find there later
    if not data:
        raise InvalidInput(_("Choose the list, a CSV file."), field="list")
    return _demand_small(data)


def _travelling() -> bytes:
    """The list as the page before had it."""
    try:
        packed = base64.b64decode(request.form.get("kept", ""), validate=True)
        data = zlib.decompressobj().decompress(packed, LIST_BYTES_MAX + 1)
    except (binascii.Error, ValueError, zlib.error) as error:
        raise InvalidInput(_("Choose the list again."), field="list") from error
    if not data:
        raise InvalidInput(_("Choose the list again."), field="list")
    return _demand_small(data)


def _demand_small(data: bytes) -> bytes:
    if len(data) > LIST_BYTES_MAX or data.count(b"\n") > ROWS_MAX + 1:
        raise InvalidInput(
            _(
                "This page takes %(max)d rows at once. Send the list in parts, or ask whoever runs "
                "the machine for regulars import-members.",
                max=ROWS_MAX,
            ),
            field="list",
        )
    return data


def _refused(error: InvalidInput) -> ResponseReturnValue:
    if wants_json():
        return answer(error)
    mended = [
        InvalidInput(one["message"], field="list" if one["field"] in {"", "file"} else one["field"])
        for one in error.errors
    ]
    return _page(refused(InvalidInputs(mended))), error.status


def _page(
    form: Form,
    *,
    data: bytes = b"",
    order: ImportOrder | None = None,
    report: ImportReport | None = None,
    step: ImportReport | None = None,
    finished: bool = False,
) -> str:
    who = signed_in()
    told = [
        (one.field.removeprefix("line "), one.message)
        for one in (report.complaints if report else ())
    ]
    return page(
        "import_members.html",
        form=form,
        programmes=[
            (one.id, one.name) for one in list_programmes(services().loyalty, who.merchant_id)
        ],
        listed=order.listed if order else None,
        programme_id=order.programme_id if order else None,
        report=report,
        step=step,
        finished=finished,
        kept=base64.b64encode(zlib.compress(data)).decode() if data else "",
        lines=data.count(b"\n") + 1,
        complaints=told[:COMPLAINTS_SHOWN],
        complaints_file=csv_address(("line", "why"), told),
        rows_max=ROWS_MAX,
    )
