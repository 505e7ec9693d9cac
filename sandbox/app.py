"""The HTTP side of the sandbox as one Flask application: Google's doors, the page, the levers."""

from __future__ import annotations

from flask import Flask, Response, abort, request
from werkzeug.exceptions import HTTPException

from sandbox.control import control_blueprint
from sandbox.google_http import BODY_BYTES_MAX
from sandbox.loopback import is_loopback_host
from sandbox.mail_page import mail_blueprint
from sandbox.page import page_blueprint
from sandbox.parts import Parts

POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


def make_app(parts: Parts) -> Flask:
    app = Flask(__name__, template_folder="pages", static_folder="static")
    app.config["MAX_CONTENT_LENGTH"] = BODY_BYTES_MAX
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.before_request(_refuse_foreign_hosts)
    app.after_request(_guard)
    app.register_error_handler(HTTPException, _plain)
    app.register_blueprint(parts.google.blueprint())
    app.register_blueprint(parts.save.blueprint())
    app.register_blueprint(parts.stripe.blueprint())
    app.register_blueprint(control_blueprint(parts))
    app.register_blueprint(page_blueprint(parts))
    app.register_blueprint(mail_blueprint(parts.mails))
    return app


def _refuse_foreign_hosts() -> None:
    # A page elsewhere may make a browser call us under its own name (DNS rebinding).
    host = request.host.rpartition(":")[0] if ":" in request.host else request.host
    if not is_loopback_host(host.strip("[]")):
        abort(403)


def _guard(answer: Response) -> Response:
    answer.headers.setdefault("Content-Security-Policy", POLICY)
    answer.headers["X-Content-Type-Options"] = "nosniff"
    answer.headers["Referrer-Policy"] = "same-origin"
    answer.headers.setdefault("Cache-Control", "no-store")
    return answer


def _plain(error: HTTPException) -> tuple[str, int, dict[str, str]]:
    text = f"{error.code} {error.name}: {error.description}\n"
    return text, error.code or 500, {"Content-Type": "text/plain; charset=utf-8"}
