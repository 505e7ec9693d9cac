"""The application factory: one Flask application with every door as a blueprint.

Not done here: serving (regulars), settings from the environment (regulars), anything a request
does. The order of `install` calls is the order of the checks before a request.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from flask import Flask, g
from flask_wtf.csrf import CSRFProtect
from werkzeug.middleware.proxy_fix import ProxyFix

from loyalty.context import Loyalty
from web import assets, errors, ids, languages, security, wallet_card, wording
from web.form_session import FormSessions
from web.services import EXTENSION, WebServices, WebSettings

__all__ = ["WebSettings", "create_app"]

TEMPLATES: Final = Path(__file__).parent.parent / "templates"
STATIC: Final = Path(__file__).parent / "static"
STATIC_MAX_AGE_S: Final = 3600
DOORS: Final = (
    "health",
    "join",
    "card",
    "profile",
    "webcard",
    "friends",
    "activities",
    "gift",
    "hooks",
    "till",
    "console",
    "apple",
    "google",
    "metrics",
)
# Doors that carry their own proof instead of a form's token: an iPhone, Google and Stripe have no form.
WITHOUT_FORM_TOKEN: Final = ("apple", "google", "hooks")

csrf = CSRFProtect()


def create_app(loyalty: Loyalty, settings: WebSettings) -> Flask:
    """The application for one process.

    Args:
        loyalty: the use cases' context.
        settings: this room's settings.
    """
    app = _Application("regulars", template_folder=str(TEMPLATES), static_folder=str(STATIC))
    app.extensions[EXTENSION] = WebServices(loyalty=loyalty, settings=settings)
    app.session_interface = FormSessions()
    _configure(app, settings)
    security.install(app)
    languages.install(app)
    csrf.init_app(app)
    errors.install(app)
    assets.install(app)
    wallet_card.install(app)
    wording.install(app)
    ids.install(app)
    app.context_processor(_page_facts)
    _register_doors(app)
    if settings.proxy_hops:
        hops = settings.proxy_hops
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=0)  # type: ignore[method-assign]
    return app


class _Application(Flask):
    """Flask without its question, some ten times a request, whether a function is a coroutine."""

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        return func  # nothing here is


def cookie_name(name: str, settings: WebSettings) -> str:
    """`__Host-` in front wherever the address is https: no sibling domain can plant the cookie."""
    return f"__Host-{name}" if settings.https else name


def _configure(app: Flask, settings: WebSettings) -> None:
    app.config.update(
        SECRET_KEY=settings.secret_key,
        # This cookie holds the token of forms and short notices; who is signed in has its own.
        SESSION_COOKIE_NAME=cookie_name("regulars-form", settings),
        SESSION_COOKIE_SECURE=settings.https,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_PATH="/",
        SEND_FILE_MAX_AGE_DEFAULT=STATIC_MAX_AGE_S,
        # A till stays open all day. The referrer check is Sec-Fetch-Site and Origin instead.
        WTF_CSRF_TIME_LIMIT=None,
        WTF_CSRF_SSL_STRICT=False,
        TRAP_HTTP_EXCEPTIONS=False,
        PROPAGATE_EXCEPTIONS=False,
    )
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True


def _register_doors(app: Flask) -> None:
    for door in DOORS:
        if importlib.util.find_spec(f"web.{door}") is None:
            continue
        blueprint = importlib.import_module(f"web.{door}").blueprint
        app.register_blueprint(blueprint)
        if door in WITHOUT_FORM_TOKEN:
            csrf.exempt(blueprint)


def _page_facts() -> dict[str, Any]:
    return {"red_bar": security.shows_red_bar(), "request_id": g.get("request_id", "")}
