"""Logs: one JSON object a line on stderr, so that no value can pretend to be another line.

Rooms log with the standard library and facts in `extra`; here they get their form. Rules: stdout
is for answers; libraries speak from warning on, whatever the level, because their debug lines hold
addresses and headers; what a database quotes from a row in its complaint is left out.
"""

from __future__ import annotations

import logging
import re
import sys
from typing import Final, TextIO

import structlog
from structlog.stdlib import ExtraAdder, ProcessorFormatter
from structlog.typing import EventDict, Processor, WrappedLogger

ROOMS: Final = ("regulars", "web", "delivery", "loyalty", "storage", "signing", "passes", "ledger")
# PostgreSQL quotes keys, rows and parameters in these lines of an error.
_QUOTED_ROW: Final = re.compile(r"^\s*(DETAIL|CONTEXT):.*$", re.MULTILINE)


def set_up_logging(level: str, *, stream: TextIO | None = None) -> None:
    """Send what every room logs to stderr from `level` on; libraries from warning on.

    Args:
        level: debug, info, warning or error.
        stream: where to write instead of stderr.
    """
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _without_rows,
    ]
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(
        ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(sort_keys=True, default=str),
            ],
        )
    )
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    for room in ROOMS:
        logging.getLogger(room).setLevel(level.upper())


def _without_rows(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    if "exception" in event:
        event["exception"] = _QUOTED_ROW.sub("", str(event["exception"]))
    return event
