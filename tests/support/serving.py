"""How a waitress server of a test ends: at once, whoever still holds a connection open."""

from __future__ import annotations

import threading
from typing import Any

from waitress import wasyncore

JOIN_S = 10.0
TASKS_S = 2.0


def run(server: Any) -> None:
    """Serve until `end`."""
    try:
        server.run()
    except OSError:
        return  # its socket was closed: the test is over


def end(server: Any, thread: threading.Thread) -> None:
    """Close the server and every connection in the thread that watches them, and let it end.

    Closing the listening socket alone would wait for browsers to let go of theirs.
    """

    def close() -> None:
        wasyncore.close_all(server._map, ignore_all=True)

    server.trigger.pull_trigger(close)
    thread.join(JOIN_S)
    assert not thread.is_alive(), "the web server did not end"
    server.task_dispatcher.shutdown(timeout=TASKS_S)
