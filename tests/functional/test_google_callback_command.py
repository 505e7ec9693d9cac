"""`regulars google-callback` judges genuine messages of Google, and tells why not."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.functional.test_command import data, run, told

__all__ = ["data", "run"]

DATA = Path(__file__).parents[1] / "data" / "google"
GENUINE = json.loads((DATA / "google-callbacks.json").read_text())


def judge(run: Callable[..., Any], file: Path, known: dict[str, Any], **changes: str) -> Any:
    before = known["expTimeMillis"] - 60_000
    options = {"keys": str(DATA / "root-keys.json"), "issuer": known["issuer"], "now": str(before)}
    options |= changes
    words = [word for name, value in options.items() for word in (f"--{name}", value)]
    return run("google-callback", str(file), *words, "--json")


@pytest.fixture
def posted(tmp_path: Path) -> Path:
    path = tmp_path / "posted.json"
    path.write_text(json.dumps(GENUINE[0]["body"]))
    return path


def test_genuine_messages_are_verified(run: Callable[..., Any], tmp_path: Path) -> None:
    for number, known in enumerate(GENUINE):
        path = tmp_path / f"{number}.json"
        path.write_text(json.dumps(known["body"]))
        answer = told(judge(run, path, known))

        assert answer["verified"]
        assert answer["event"] == known["event"]


def test_another_issuer_a_later_time_and_other_keys_are_not(
    run: Callable[..., Any], posted: Path, tmp_path: Path
) -> None:
    known = GENUINE[0]
    late = datetime.fromtimestamp(known["expTimeMillis"] / 1000, tz=UTC) + timedelta(seconds=1)
    empty = tmp_path / "keys.json"
    empty.write_text('{"keys": []}')

    answers = [
        told(judge(run, posted, known, issuer="3388000000000000001"), code=1),
        told(judge(run, posted, known, now=late.isoformat()), code=1),
        told(judge(run, posted, known, keys=str(empty)), code=1),
    ]

    assert [answer["verified"] for answer in answers] == [False] * 3
    assert [answer["key_unknown"] for answer in answers] == [False, False, True]
    assert len({answer["why"] for answer in answers}) == 3


def test_what_is_no_message_or_no_time_says_so(
    run: Callable[..., Any], posted: Path, tmp_path: Path
) -> None:
    (tmp_path / "rubbish").write_bytes(b"\xff" * 40_000)

    assert told(judge(run, tmp_path / "rubbish", GENUINE[0]), code=1)["verified"] is False
    assert "--now" in judge(run, posted, GENUINE[0], now="soon").stdout
    assert judge(run, tmp_path / "nowhere", GENUINE[0]).returncode == 1
