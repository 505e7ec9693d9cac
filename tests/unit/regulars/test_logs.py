from __future__ import annotations

import io
import json
import logging

import pytest

from regulars.logs import set_up_logging


@pytest.fixture
def lines():
    """What was logged, line by line; the loggers are as before afterwards."""
    root = logging.getLogger()
    before = (root.level, list(root.handlers))
    stream = io.StringIO()
    set_up_logging("info", stream=stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root.setLevel(before[0])
    root.handlers[:] = before[1]


def test_a_line_is_one_json_object_with_its_facts(lines):
    logging.getLogger("delivery.worker").info("claimed", extra={"rows": 3, "channel": "apple"})

    (line,) = lines()
    assert line["event"] == "claimed"
    assert (line["rows"], line["channel"], line["level"]) == (3, "apple", "info")
    assert line["logger"] == "delivery.worker"
    assert line["timestamp"].endswith("Z")


def test_a_value_cannot_start_a_line_of_its_own(lines):
    logging.getLogger("web.errors").warning("refused", extra={"agent": 'x\n{"event": "forged"}'})

    assert [line["event"] for line in lines()] == ["refused"]


def test_libraries_speak_from_warning_on(lines):
    logging.getLogger("urllib3.connectionpool").info("GET /secret")
    logging.getLogger("urllib3.connectionpool").warning("slow")
    logging.getLogger("web.app").debug("below the level")

    assert [line["event"] for line in lines()] == ["slow"]


def test_rows_that_a_database_quotes_are_left_out(lines):
    row = "Failing row contains (7, Ada Lovelace)."
    error = ValueError(f"duplicate key\nDETAIL:  {row}\nHINT: no")

    logging.getLogger("storage.engine").error("failed", exc_info=error)

    (line,) = lines()
    assert "duplicate key" in line["exception"]
    assert "HINT: no" in line["exception"]
    assert "Lovelace" not in line["exception"]
