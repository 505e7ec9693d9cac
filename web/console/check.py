"""Check a pass: upload any .pkpass file and read what a phone would say about it."""

from __future__ import annotations

from flask import jsonify, request
from flask.typing import ResponseReturnValue

from common.errors import InvalidInput
from common.i18n import gettext as _
from loyalty.check_pass import check_pass
from passes.findings import Severity
from passes.inspect_pass import FILE_BYTES_MAX
from web.console.door import blueprint, page
from web.errors import answer, wants_json
from web.forms import refused, shown
from web.security import UPLOAD_BYTES_MAX, limit_body
from web.services import services

SHOWN_MAX = 200


@blueprint.get("/set-up/check")
def check() -> ResponseReturnValue:
    """The form."""
    return page("check.html", form=shown(), findings=None)


@blueprint.post("/set-up/check")
@limit_body(UPLOAD_BYTES_MAX)
def check_upload() -> ResponseReturnValue:
    """Judge the file; nothing is kept."""
    sent = request.files.get("pass")
    data = sent.stream.read(FILE_BYTES_MAX + 1) if sent else b""
    if not data:
        error = InvalidInput(_("Choose a .pkpass file."), field="pass")
        if wants_json():
            return answer(error)
        return page("check.html", form=refused(error), findings=None), error.status
    findings = check_pass(services().loyalty, data)
    if wants_json():
        return jsonify(
            findings=[
                {"code": one.code, "severity": one.severity, "place": one.place}
                | {"rule": one.rule, "mend": one.mend}
                for one in findings
            ]
        )
    return page(
        "check.html",
        form=shown(),
        findings=sorted(findings, key=lambda one: one.severity is not Severity.FAULT)[:SHOWN_MAX],
        name=(sent.filename or "")[:80] if sent else "",
    )
