"""Faults that a test or the page switches on: counted, and gone by themselves after a while.

A fault names a server and what goes wrong there:

- `apns`: `status` (with `reason`, `retry_after`), `goaway`, `hang` (no answer on that stream),
  `drop` (the connection is cut), `lose` (200, but no phone hears of it).
- `google`: `status` (with `reason`, `message`, `retry_after`), `hang`, `drop` (cut before anything
  is done), `drop_after` (done, but the answer is lost), `half` (done, and half of the answer comes),
  `slow` (done after `retry_after` seconds), `alter` (done, and the answer shows the members of
  `message`, a JSON object, instead), `no_batch` (there is no batch address). `path` narrows a fault
  to requests whose path contains it.
- `callbacks`: `lose`, `double`, `forge` (a signature that does not fit).
- `stripe`: `status`; `stripe_messages`: `lose`, `double`, `forge`.
"""

from __future__ import annotations

import threading
import time
from dataclasses import asdict, dataclass, field
from typing import Any

KINDS = {
    "apns": {"status", "goaway", "hang", "drop", "lose"},
    "google": {"status", "hang", "drop", "drop_after", "half", "slow", "alter", "no_batch"},
    "callbacks": {"lose", "double", "forge"},
    "stripe": {"status"},
    "stripe_messages": {"lose", "double", "forge"},
}
BATCH_PATH = "/batch"
COUNT_MAX = 1_000_000
SECONDS_DEFAULT = 600.0


@dataclass(slots=True, kw_only=True)
class Fault:
    kind: str
    count: int = 1
    status: int = 0
    reason: str = ""
    message: str = ""
    retry_after: int | None = None
    token: str = ""
    path: str = ""
    ends_at: float = field(default=0.0)


class BadFault(ValueError):
    """A fault that cannot be read; the text says what to send instead."""


class Faults:
    """At most one fault per server; setting a new one replaces it, None switches it off."""

    def __init__(self) -> None:
        self._faults: dict[str, Fault] = {}
        self._lock = threading.Lock()

    def set(self, wanted: Any) -> None:
        if not isinstance(wanted, dict):
            raise BadFault('send an object such as {"apns": {"status": 503, "count": 3}}')
        read = {server: _read(server, fault) for server, fault in wanted.items()}
        with self._lock:
            for server, fault in read.items():
                self._faults.pop(server, None)
                if fault is not None:
                    self._faults[server] = fault

    def take(self, server: str, *, token: str = "", path: str = "") -> Fault | None:
        """Use up one occurrence of the server's fault, or None.

        `token` narrows a push fault, `path` one of Google; a fault of the batch address waits there.
        """
        with self._lock:
            fault = self._faults.get(server)
            if fault is None or (fault.token and fault.token != token) or fault.path not in path:
                return None
            if (fault.kind == "no_batch") != (path == BATCH_PATH):
                return None
            if time.monotonic() > fault.ends_at:
                del self._faults[server]
                return None
            fault.count -= 1
            if fault.count <= 0:
                del self._faults[server]
            return fault

    def as_json(self) -> dict[str, Any]:
        with self._lock:
            now = time.monotonic()
            alive = {name: fault for name, fault in self._faults.items() if fault.ends_at > now}
            return {
                name: {**asdict(fault), "ends_at": None, "seconds_left": round(fault.ends_at - now)}
                for name, fault in alive.items()
            }


def _read(server: str, wanted: Any) -> Fault | None:
    if server not in KINDS:
        raise BadFault(f"there is no server {server!r}; use one of {', '.join(sorted(KINDS))}")
    if wanted is None:
        return None
    given = {"kind": wanted} if isinstance(wanted, str) else wanted
    if not isinstance(given, dict):
        raise BadFault(f"{server}: send a word, an object or null")
    facts = dict(given)
    kind = facts.pop("kind", "status" if "status" in facts else None)
    if kind not in KINDS[server]:
        raise BadFault(f"{server}: kind must be one of {', '.join(sorted(KINDS[server]))}")
    seconds = _number(server, facts, "seconds", SECONDS_DEFAULT)
    count = int(_number(server, facts, "count", 1))
    fault = Fault(kind=kind, count=min(count, COUNT_MAX), ends_at=time.monotonic() + seconds)
    _fill(server, fault, facts)
    return fault


def _fill(server: str, fault: Fault, facts: dict[str, Any]) -> None:
    if fault.kind == "status":
        fault.status = int(_number(server, facts, "status", 0))
        if not 400 <= fault.status <= 599:
            raise BadFault(f"{server}: status must lie between 400 and 599")
    if facts.get("retry_after") is not None:
        fault.retry_after = int(_number(server, facts, "retry_after", 0))
    facts.pop("retry_after", None)
    for name in ("reason", "message", "token", "path"):
        setattr(fault, name, str(facts.pop(name, ""))[:500])
    if facts:
        raise BadFault(f"{server}: unknown {', '.join(sorted(facts))}")


def _number(server: str, facts: dict[str, Any], name: str, default: float) -> float:
    value = facts.pop(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        raise BadFault(f"{server}: {name} must be a number of 0 or more")
    return float(value)
