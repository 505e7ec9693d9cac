from __future__ import annotations

from types import SimpleNamespace

import pytest
from flask import Flask, request

from common.errors import InvalidInput, TooMany
from web.app import create_app
from web.security import FORM_BYTES_MAX, allow, allow_camera
from web.services import WebSettings


def an_app(**settings: object) -> Flask:
    values = {"public_url": "https://cards.example", "secret_key": "k" * 32, **settings}
    app = create_app(SimpleNamespace(), WebSettings(**values))  # type: ignore[arg-type]

    @app.get("/refuse")
    def refuse() -> str:
        raise InvalidInput("Type an amount.", field="amount")

    @app.get("/wait")
    def wait() -> str:
        raise TooMany(retry_after_s=7)

    @app.get("/crash")
    def crash() -> str:
        raise RuntimeError("secret-in-message")

    @app.get("/camera")
    def camera() -> str:
        allow_camera()
        allow("form-action", "https://pay.google.com/gp/v/save/abc")
        return "ok"

    @app.post("/send")
    def send() -> str:
        return request.form.get("a", "")

    @app.get("/console/probe")
    def probe() -> str:
        return "in"

    return app


def get(app: Flask, path: str, **more: object) -> object:
    headers = {"Host": "cards.example", **more.pop("headers", {})}  # type: ignore[dict-item]
    return app.test_client().get(path, headers=headers, **more)  # type: ignore[arg-type]


def test_machine_gets_problem_and_person_gets_the_same_sentence() -> None:
    app = an_app()

    machine = get(app, "/refuse", headers={"Accept": "application/json"})
    person = get(app, "/refuse", headers={"Accept": "text/html"})

    assert machine.mimetype == "application/problem+json"
    assert machine.status_code == person.status_code == 422
    assert machine.json["code"] == "invalid_input"
    assert machine.json["errors"] == [{"field": "amount", "message": "Type an amount."}]
    assert machine.json["request_id"] == machine.headers["X-Request-Id"]
    assert "Type an amount." in person.text


def test_too_many_says_when_to_come_back() -> None:
    assert get(an_app(), "/wait").headers["Retry-After"] == "7"


def test_crash_tells_nothing_but_a_number() -> None:
    answer = get(an_app(), "/crash")

    assert answer.status_code == 500
    assert "secret-in-message" not in answer.text
    assert answer.headers["X-Request-Id"] in answer.text


@pytest.mark.parametrize("host", ["evil.example", "cards.example.evil.example", "a b", "[::", ""])
def test_foreign_host_is_refused(host: str) -> None:
    assert get(an_app(), "/livez", headers={"Host": host}).status_code == 400


def test_forged_forwarded_headers_change_nothing_without_a_proxy() -> None:
    headers = {"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Host": "evil.example"}
    app = an_app(public_url="http://cards.example")

    answer = app.test_client().get(
        "/livez",
        headers={"Host": "cards.example", **headers},
        environ_base={"REMOTE_ADDR": "9.9.9.9"},
    )

    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("sent", "status"), [("192.168.1.9", 403), ("127.0.0.1, 192.168.1.9", 403), ("127.0.0.1", 200)]
)
def test_behind_one_proxy_only_the_last_hop_is_believed(sent: str, status: int) -> None:
    app = an_app(public_url="http://cards.example", proxy_hops=1)
    app.view_functions["console.home"] = lambda: "in"
    app.before_request_funcs["console"] = []

    answer = app.test_client().get(
        "/console/", headers={"Host": "cards.example", "X-Forwarded-For": sent}
    )

    assert answer.status_code == status


def test_every_answer_carries_the_headers() -> None:
    for path in ("/livez", "/refuse", "/crash", "/nowhere", "/static/regulars.css"):
        answer = get(an_app(), path)
        answer.close()
        headers = answer.headers
        assert headers["Content-Security-Policy"].startswith(
            "default-src 'none'; script-src 'self'"
        )
        assert "unsafe-inline" not in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Strict-Transport-Security"]
        assert "camera=()" in headers["Permissions-Policy"]


def test_one_page_may_use_the_camera_and_another_form_address() -> None:
    headers = get(an_app(), "/camera").headers

    assert "script-src 'self' 'wasm-unsafe-eval'" in headers["Content-Security-Policy"]
    assert "form-action 'self' https://pay.google.com;" in headers["Content-Security-Policy"] + ";"
    assert "camera=(self)" in headers["Permissions-Policy"]


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
    ],
)
def test_change_from_another_site_is_refused(headers: dict[str, str]) -> None:
    answer = (
        an_app()
        .test_client()
        .post("/send", data={"a": "1"}, headers={"Host": "cards.example", **headers})
    )

    assert answer.status_code == 403


def test_change_without_a_form_token_is_refused() -> None:
    answer = (
        an_app().test_client().post("/send", data={"a": "1"}, headers={"Host": "cards.example"})
    )

    assert answer.status_code == 400
    assert "open too long" in answer.text


def test_body_over_the_limit_is_refused() -> None:
    answer = (
        an_app()
        .test_client()
        .post("/send", data={"a": "x" * FORM_BYTES_MAX}, headers={"Host": "cards.example"})
    )

    assert answer.status_code == 413


def test_insecure_lan_answers_a_private_address_and_shows_the_red_bar() -> None:
    app = an_app(public_url="http://localhost:8000", insecure_lan=True)

    answer = app.test_client().get("/nowhere", headers={"Host": "192.168.1.5:8000"})

    assert answer.status_code == 404
    assert "not encrypted" in answer.text
