"""The mailbox page: what the product mailed, readable, each link a link.

A mail's own page is shown as its sender drew it, under a policy that lets nothing run or load.
"""

from __future__ import annotations

import re

from flask import Blueprint, Response, abort, jsonify, render_template
from markupsafe import Markup, escape

from sandbox.mail_server import MailServer

_LINK = re.compile(r"https?://[^\s<>\"]+")
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def mail_blueprint(mails: MailServer) -> Blueprint:
    door = Blueprint("mail", __name__)

    @door.get("/mail")
    def inbox() -> str:
        return render_template("mail.html", mails=mails.mails())

    @door.get("/mail/<int:number>")
    def one(number: int) -> Response:
        found = mails.mail(number)
        if found is None or not found.html:
            abort(404)
        answer = Response(found.html, mimetype="text/html")
        answer.headers["Content-Security-Policy"] = _POLICY
        return answer

    @door.get("/control/mails")
    def as_json() -> Response:
        return jsonify({"mails": [each.as_json() for each in mails.mails()]})

    door.add_app_template_filter(_with_links, "with_links")
    return door


def _with_links(text: str) -> Markup:
    linked = _LINK.sub(lambda found: f'<a href="{found[0]}">{found[0]}</a>', str(escape(text)))
    return Markup(linked)  # noqa: S704  # Escaped before the links were put in.
