"""`regulars outbox`: the list names nobody, a replay sends again, and a check tells what is wrong."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from common.clock import SystemClock
from loyalty.merchants import list_merchants
from regulars.installation import open_installation
from regulars.settings import read_settings
from storage import tables
from storage.mails import Mail, write_mail
from storage.outbox import OutboxKind
from storage.unit_of_work import run_work
from tests.support.database import PostgresqlTemplates
from tests.support.mailbox import Mailbox

Run = Callable[..., Any]
SENDER = "Shop <cards@shop.example>"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("outbox") / "data"


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def place(
    request: pytest.FixtureRequest, data: Path, postgresql_templates: PostgresqlTemplates
) -> Iterator[dict[str, str]]:
    """The variables that name the data folder and its database."""
    folder = data / str(request.param)
    if request.param == "sqlite":
        yield {"REGULARS_DATA": str(folder)}
        return
    url = postgresql_templates.empty()
    yield {"REGULARS_DATA": str(folder), "REGULARS_DATABASE_URL": url}
    postgresql_templates.drop(url)


@pytest.fixture(scope="module")
def run(place: dict[str, str]) -> Run:
    """`regulars ... --json` on one data folder: exit code and answer."""

    def call(*arguments: str, **environ: str) -> tuple[int, dict[str, Any]]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith("REGULARS_")}
        done = subprocess.run(
            [sys.executable, "-m", "regulars", *arguments, "--json"],
            env={**kept, **place, **environ},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert "hunter2" not in done.stdout + done.stderr
        return done.returncode, json.loads(done.stdout)

    code, _answer = call("init", "--demo")
    assert code == 0
    return call


def a_dead_row(place: dict[str, str]) -> int:
    """A mail to Ada that was refused for good."""
    installation = open_installation(read_settings(Path(place["REGULARS_DATA"]), environ=place))
    merchant = list_merchants(installation.loyalty)[0]

    def action(work: Any) -> int:
        row = write_mail(
            work,
            Mail(to="ada@example.com", language="en", time_zone="UTC", facts={"shop": "S"}),
            OutboxKind.WELCOME,
            keyring=installation.keyring,
            life=timedelta(days=1),
        )
        work.scope.execute(
            work.scope.update(tables.outbox).values(state="dead", last_error="receiver 550 5.1.1")
        )
        return row

    row = run_work(installation.database, merchant.id, action, clock=SystemClock())
    installation.database.close()
    return row


def test_the_list_tells_why_and_never_to_whom(run: Run, place: dict[str, str]) -> None:
    row = a_dead_row(place)

    code, answer = run("outbox", "list", "--state", "dead")

    assert code == 0
    assert not answer["sends_mail"]
    assert (row, "receiver 550 5.1.1") in [(one["id"], one["reason"]) for one in answer["rows"]]
    assert "ada" not in json.dumps(answer)


def test_a_replay_opens_what_was_dead(run: Run, place: dict[str, str]) -> None:
    row = a_dead_row(place)

    assert run("outbox", "replay", str(row)) == (0, {"rows": 1})
    code, answer = run("outbox", "replay", str(row))
    assert (code, answer["error"]["code"]) == (1, "not_found")
    assert row in [one["id"] for one in run("outbox", "list", "--state", "open")[1]["rows"]]
    code, answer = run("outbox", "replay")
    assert (code, answer["error"]["code"]) == (1, "invalid_input")


def test_a_check_says_what_the_mail_server_says(run: Run) -> None:
    assert run("outbox", "check")[0] == 3
    with Mailbox() as box:
        environ = {"REGULARS_SMTP_URL": box.url, "REGULARS_MAIL_FROM": SENDER}
        assert run("outbox", "check", **environ) == (0, {"ok": True})
        wrong = box.url.replace("//", "//ada:hunter2@")
        code, answer = run("outbox", "check", **{**environ, "REGULARS_SMTP_URL": wrong})
        assert (code, answer["reason"]) == (1, "login not offered")
    assert run("outbox", "check", **environ)[1]["reason"] == "connect broken"


@pytest.mark.parametrize(
    ("environ", "complaint"),
    [
        ({"REGULARS_SMTP_URL": "smtps://mail.example.com"}, "both, or neither"),
        ({"REGULARS_MAIL_FROM": SENDER}, "both, or neither"),
        (
            {"REGULARS_SMTP_URL": "http://ada:hunter2@mail", "REGULARS_MAIL_FROM": SENDER},
            "REGULARS_SMTP_URL: it is not an address",
        ),
        (
            {"REGULARS_SMTP_URL": "smtps://mail.example.com", "REGULARS_MAIL_FROM": "Shop"},
            "REGULARS_MAIL_FROM: it is not an address",
        ),
    ],
)
def test_wrong_settings_are_told_and_quote_no_password(
    run: Run, environ: dict[str, str], complaint: str
) -> None:
    code, answer = run("outbox", "list", **environ)

    assert code == 3
    assert complaint in answer["error"]["message"]
