"""Dates come in the order of the reader's own country, and nonsense in the header is no error."""

from __future__ import annotations

import pytest
from flask import Flask
from flask_babel import get_locale

from web import languages


@pytest.mark.parametrize(
    ("header", "locale"),
    [
        ("en-IE,en;q=0.8", "en_IE"),
        ("en-US", "en_US"),
        ("en", "en"),
        ("fr-FR,en-GB;q=0.5", "en_GB"),
        ("xx-YY", "en"),
        ("en-../../etc", "en"),
        ("en-" + "A" * 4000, "en"),
        ("", "en"),
    ],
)
def test_the_readers_country_orders_dates(header: str, locale: str) -> None:
    app = Flask(__name__)
    languages.install(app)

    with app.test_request_context(headers={"Accept-Language": header}):
        assert str(get_locale()) == locale
