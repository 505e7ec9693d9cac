from __future__ import annotations

from flask import session

from tests.unit.web.test_app import an_app


def test_a_visitor_without_a_cookie_is_given_one_and_known_by_it() -> None:
    app = an_app()
    app.add_url_rule("/note", "note", lambda: session.setdefault("seen", "once"))
    app.add_url_rule("/seen", "seen", lambda: session.get("seen", "never"))
    visitor = app.test_client(use_cookies=True)

    assert visitor.get("/seen", base_url="https://cards.example").text == "never"
    visitor.get("/note", base_url="https://cards.example")

    assert visitor.get("/seen", base_url="https://cards.example").text == "once"


def test_a_foreign_cookie_is_an_empty_session() -> None:
    app = an_app()
    app.add_url_rule("/seen", "seen", lambda: session.get("seen", "never"))

    answer = app.test_client().get(
        "/seen",
        base_url="https://cards.example",
        headers={"Cookie": f"{app.config['SESSION_COOKIE_NAME']}=forged"},
    )

    assert answer.text == "never"
