"""What phones complain of, in their own words: each line parsed, alike ones counted together.

Phones write to Apple's `/v1/log` address, which asks for no proof: whatever stands here may be
invented, so it is cut, cleaned of what no one can see, and only ever shown as text.
Not here: taking the lines in (devices.py); what each kind means to the owner (phone_words.py).
Rules: a line that fits no known sentence is kept under `OTHER`, never dropped; the moment in front
is the phone's own, in its own clock format, and is believed for nothing but showing it.

Source: sentences of iOS as they reach web services; Apple does not publish a list.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from enum import StrEnum
from typing import Final

from loyalty.context import Loyalty
from storage.devices import LOG_LINES_KEPT, Devices
from storage.unit_of_work import open_work

GROUPS_MAX: Final = 50
EXAMPLE_MAX: Final = 300
WORD_MAX: Final = 80
VEILED_OVER: Final = 8


class Complaint(StrEnum):
    """What went wrong between a phone and us, as far as its line tells."""

    WRONG_TOKEN = "wrong_token"  # noqa: S105 - no secret
    REFUSED = "refused"
    NO_CONNECTION = "no_connection"
    INVALID_PASS = "invalid_pass"  # noqa: S105 - no secret
    OTHER_SERIAL = "other_serial"
    MALFORMED = "malformed"
    UNCHANGED = "unchanged"
    IGNORED_SINCE = "ignored_since"
    NO_LAST_MODIFIED = "no_last_modified"
    SAME_TAG = "same_tag"
    NO_TAG = "no_tag"
    SPURIOUS_PUSH = "spurious_push"
    NOT_REGISTERED = "not_registered"
    OTHER = "other"


class Task(StrEnum):
    """What the phone was doing."""

    REGISTER = "register"
    UNREGISTER = "unregister"
    LIST = "list"
    FETCH = "fetch"
    NONE = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """One line. `said_at` is by the phone's clock, None when it tells none; `status` an HTTP one."""

    complaint: Complaint
    task: Task = Task.NONE
    status: int | None = None
    serial_number: str = ""
    library_identifier: str = ""
    said_at: datetime | None = None
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ComplaintGroup:
    """Lines that say the same; `cards` and `phones` count the different names in them."""

    complaint: Complaint
    task: Task
    status: int | None
    count: int
    cards: int
    phones: int
    first_at: datetime
    last_at: datetime
    example: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PhoneLog:
    """Everything phones complained of lately; `full` tells that older lines were let go."""

    groups: tuple[ComplaintGroup, ...]
    lines: int
    full: bool


_STAMP: Final = re.compile(
    r"\s*\[(\d{4})-(\d{1,2})-(\d{1,2})[T\s]+(\d{1,2})[:.](\d{2})[:.](\d{2})"
    r"(?:\s*([AaPp])\.?\s?[Mm]\.?)?\s*(?:(?:GMT|UTC)?([+-])(\d{2}):?(\d{2}))?[^\]]{0,20}\]\s*"
)
_TASK: Final = re.compile(
    r"(Register|Unregister|Get serial #s|Get pass) task \((.{0,400}?)\) "
    r"encountered error: (.*)",
    re.DOTALL,
)
_TASKS: Final = {
    "Register": Task.REGISTER,
    "Unregister": Task.UNREGISTER,
    "Get serial #s": Task.LIST,
    "Get pass": Task.FETCH,
}
_STATUS: Final = re.compile(r"Unexpected response code (\d{1,3})(?!\d)")
_ERRORS: Final = (
    ("Authentication failure", Complaint.WRONG_TOKEN),
    ("Received invalid pass data", Complaint.INVALID_PASS),
    ("Requested serial number", Complaint.OTHER_SERIAL),
    ("Server response was malformed", Complaint.MALFORMED),
)
_SAID: Final = (
    ("but the pass was unchanged", Complaint.UNCHANGED),
    ("Server ignored the 'if-modified-since' header", Complaint.IGNORED_SINCE),
    ("did not provide a 'last-modified' header", Complaint.NO_LAST_MODIFIED),
    ("remained the same", Complaint.SAME_TAG),
    ("omitted a lastUpdated tag", Complaint.NO_TAG),
    ("Device received spurious push", Complaint.SPURIOUS_PUSH),
    ("Update requested for unregistered serial number", Complaint.NOT_REGISTERED),
)
_SERIAL: Final = re.compile(r"serial number '?([^\s',;)]{1,80})")
_DEVICE: Final = re.compile(r"(?:for device |\(Device = )([^\s,;)]{1,80})")
_QUOTES: Final = str.maketrans({"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"'})
_NOON: Final = 12
_DAY_H: Final = 24


def read_line(text: str) -> LogLine:
    """A line of any shape; what is not known becomes `OTHER`."""
    clean = "".join(c if c.isprintable() else " " for c in text).strip()
    stamp = _STAMP.match(clean)
    said = clean[stamp.end() :] if stamp else clean
    plain = said.translate(_QUOTES)
    task, complaint, status = _judge(plain)
    return LogLine(
        complaint=complaint,
        task=task,
        status=status,
        serial_number=_first(_SERIAL, plain),
        library_identifier=_first(_DEVICE, plain),
        said_at=_moment(stamp) if stamp else None,
        text=_DEVICE.sub(_veiled, said)[:EXAMPLE_MAX],
    )


def group_lines(lines: Iterable[tuple[datetime, str]]) -> list[ComplaintGroup]:
    """Alike lines together, the most frequent first; at most `GROUPS_MAX` groups."""
    found: dict[tuple[Complaint, Task, int | None], list[tuple[datetime, LogLine]]] = {}
    for received_at, text in lines:
        line = read_line(text)
        found.setdefault((line.complaint, line.task, line.status), []).append((received_at, line))
    groups = [_group(members) for members in found.values()]
    return sorted(groups, key=lambda one: (-one.count, one.complaint, one.task))[:GROUPS_MAX]


def phone_log(ctx: Loyalty, merchant_id: int) -> PhoneLog:
    """What the phones of a merchant complained of, out of the lines that are kept."""
    with open_work(ctx.database, merchant_id, clock=ctx.clock, writing=False) as work:
        lines = Devices(work.scope).log_lines(limit=LOG_LINES_KEPT)
    return PhoneLog(
        groups=tuple(group_lines(lines)), lines=len(lines), full=len(lines) >= LOG_LINES_KEPT
    )


def _judge(text: str) -> tuple[Task, Complaint, int | None]:
    task = _TASK.search(text)
    if task is None:
        return Task.NONE, _known(_SAID, text) or Complaint.OTHER, None
    doing, error = _TASKS[task[1]], task[3]
    status = _STATUS.search(error)
    if status is not None:
        return doing, Complaint.REFUSED, int(status[1])
    # What is none of the known answers is the phone's own word for a connection that failed.
    return doing, _known(_ERRORS, error) or Complaint.NO_CONNECTION, None


def _known(sentences: tuple[tuple[str, Complaint], ...], text: str) -> Complaint | None:
    return next((complaint for sentence, complaint in sentences if sentence in text), None)


def _group(members: list[tuple[datetime, LogLine]]) -> ComplaintGroup:
    newest_at, newest = max(members, key=lambda one: one[0])
    return ComplaintGroup(
        complaint=newest.complaint,
        task=newest.task,
        status=newest.status,
        count=len(members),
        cards=len({line.serial_number for _at, line in members} - {""}),
        phones=len({line.library_identifier for _at, line in members} - {""}),
        first_at=min(at for at, _line in members),
        last_at=newest_at,
        example=newest.text,
    )


def _first(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.search(text)
    return found[1][:WORD_MAX] if found else ""


def _veiled(found: re.Match[str]) -> str:
    """A phone's identifier lets its knower ask what changed, so a page shows its beginning only."""
    name = found[1]
    return found[0] if len(name) <= VEILED_OVER else found[0].replace(name, f"{name[:4]}…")


def _moment(stamp: re.Match[str]) -> datetime | None:
    """The moment in front of a line; a date that no calendar has is none."""
    year, month, day, hour, minute, second = (int(stamp[n]) for n in range(1, 7))
    if stamp[7]:
        hour = hour % _NOON + (_NOON if stamp[7] in "Pp" else 0)
    away = timedelta()
    if stamp[8]:
        away = timedelta(hours=int(stamp[9]), minutes=int(stamp[10]))
    if away >= timedelta(hours=_DAY_H):
        return None
    zone = timezone(-away if stamp[8] == "-" else away)
    try:
        return datetime(year, month, day, hour, minute, second, tzinfo=zone)
    except (ValueError, OverflowError):
        return None
