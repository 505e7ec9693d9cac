"""What `serve` tells its parts: the sandbox's addresses, and nothing where there is no sandbox."""

from __future__ import annotations

from pathlib import Path

from regulars.commands.processes import _as_variables
from regulars.settings import read_settings

SANDBOX = {"page_url": "http://127.0.0.1:1", "smtp_url": "smtp://127.0.0.1:2"}


def test_without_a_sandbox_the_parts_are_told_nothing(tmp_path: Path) -> None:
    assert _as_variables(read_settings(tmp_path, environ={}), {}) == {}


def test_a_sandbox_with_a_mail_server_brings_its_sender(tmp_path: Path) -> None:
    told = _as_variables(read_settings(tmp_path, environ={}), SANDBOX)

    assert told["REGULARS_SMTP_URL"] == SANDBOX["smtp_url"]
    assert "REGULARS_MAIL_FROM" in told


def test_a_mail_server_of_the_operators_stays(tmp_path: Path) -> None:
    mine = {
        "REGULARS_SMTP_URL": "smtps://mail.example.com",
        "REGULARS_MAIL_FROM": "Shop <cards@example.com>",
    }

    told = _as_variables(read_settings(tmp_path, environ=mine), SANDBOX)

    assert told == {"REGULARS_SANDBOX_PAGE_URL": SANDBOX["page_url"]}
