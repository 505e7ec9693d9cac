"""The reader's language and clock for one request, for Flask-Babel and for the rooms below."""

from __future__ import annotations

from babel import localedata
from flask import Flask, g, request
from flask_babel import Babel

from common import i18n


def install(app: Flask) -> None:
    """Wire Flask-Babel to the one catalogue and tell the rooms below the language."""
    Babel(
        app,
        default_locale=i18n.DEFAULT_LANGUAGE,
        default_domain=i18n.DOMAIN,
        default_translation_directories=str(i18n.LOCALE_FOLDER),
        locale_selector=_locale,
        timezone_selector=lambda: g.get("time_zone", "UTC"),
    )
    app.before_request(lambda: i18n.set_language(_language()))
    app.context_processor(lambda: {"page_language": _language(), "page_direction": _direction()})


def choose(language: str, *, time_zone: str | None = None) -> None:
    """Answer this request in `language`, where a page knows better than the browser."""
    g.language = language
    i18n.set_language(_language())
    if time_zone is not None:
        g.time_zone = time_zone


def _language() -> str:
    known = i18n.languages()
    wanted: str | None = g.get("language")
    if wanted is not None and wanted.partition("-")[0] in known:
        return wanted.partition("-")[0]
    return request.accept_languages.best_match(known) or i18n.DEFAULT_LANGUAGE


def _locale() -> str:
    # The territory orders a date: 22 Nov in Dublin, Nov 22 in Boston. The words stay the same.
    language = _language()
    for wanted, _quality in request.accept_languages:
        spoken, _dash, territory = wanted.replace("_", "-").partition("-")
        known = f"{language}_{territory.upper()}"
        if spoken.lower() == language and territory.isalpha() and localedata.exists(known):
            return known
    return language


def _direction() -> str:
    return "rtl" if _language().partition("-")[0] in {"ar", "fa", "he", "ur"} else "ltr"
