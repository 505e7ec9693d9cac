"""Phones' complaints: every sentence they write is known, in both clock formats, and none breaks us."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty.phone_log import Complaint, Task, group_lines, read_line
from loyalty.phone_words import is_serious, meaning, title

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
DAY = "[2026-11-22 18:45:03 +0100] "
TYPE = "pass.com.example.club"
SERVICE = "with web service url https://cards.example.com/apple"
REGISTER = f"Register task (for device D1, pass type {TYPE}, serial number S1; {SERVICE})"
LIST = f"Get serial #s task (for device D1, pass type {TYPE}, last updated (null); {SERVICE})"
FETCH = f"Get pass task (pass type {TYPE}, serial number S1, if-modified-since (null); {SERVICE})"
HEAD = f"Web service error for {TYPE} (https://cards.example.com/apple): "

SENTENCES = [
    (f"{REGISTER} encountered error: Authentication failure", Task.REGISTER, "wrong_token", None),
    (f"{REGISTER} encountered error: Unexpected response code 301", Task.REGISTER, "refused", 301),
    (f"Un{REGISTER[0].lower()}{REGISTER[1:]} encountered error: Authentication failure",
     Task.UNREGISTER, "wrong_token", None),
    (f"{LIST} encountered error: Unexpected response code 502", Task.LIST, "refused", 502),
    (f"{LIST} encountered error: Server response was malformed (Missing response data)",
     Task.LIST, "malformed", None),
    (f"{LIST} encountered error: The request timed out.", Task.LIST, "no_connection", None),
    ((f"{FETCH} encountered error: Received invalid pass data (The passTypeIdentifier or "
     "teamIdentifier provided may not match your certificate)"), Task.FETCH, "invalid_pass", None),
    (f"{FETCH} encountered error: Requested serial number S1, received S2",
     Task.FETCH, "other_serial", None),
    (f"{HEAD}Server requested update to serial number 'S1', but the pass was unchanged.",
     Task.NONE, "unchanged", None),
    ((f"{HEAD}Server ignored the 'if-modified-since' header (Sun, 22 Nov 2026 11:00:00 GMT) and "
     "returned the full unchanged pass data for serial number 'S1'."),
     Task.NONE, "ignored_since", None),
    ((f"{HEAD}Server returned the pass data for serial number 'S1' but did not provide a "
     "'last-modified' header."), Task.NONE, "no_last_modified", None),
    ((f"{HEAD}Response to 'What changed?' request included 2 serial numbers but the lastUpdated "
     "tag (1-7) remained the same."), Task.NONE, "same_tag", None),
    ((f"{HEAD}Response to 'What changed?' request included 2 serial numbers but omitted a "
     "lastUpdated tag."), Task.NONE, "no_tag", None),
    ((f"{HEAD}Device received spurious push. Request for passesUpdatedSince '1-7' returned no "
     "serial numbers. (Device = D1)"), Task.NONE, "spurious_push", None),
    (f"{HEAD}Update requested for unregistered serial number S1", Task.NONE, "not_registered",
     None),
    (f"The weather is fine at {TYPE}", Task.NONE, "other", None),
]  # fmt: skip


@pytest.mark.parametrize(("sentence", "task", "complaint", "status"), SENTENCES)
def test_every_sentence_of_a_phone_is_known(sentence, task, complaint, status) -> None:
    line = read_line(DAY + sentence)

    assert (line.task, line.complaint, line.status) == (task, complaint, status)
    assert line.text == sentence[:300]
    assert line.serial_number == ("S1" if "S1" in sentence else "")
    assert line.library_identifier == ("D1" if "D1" in sentence else "")


@pytest.mark.parametrize(
    "stamp",
    [
        "[2026-11-22 18:45:03 +0100]",
        "[2026-11-22 6:45:03 PM +0100]",
        "[2026-11-22 6:45:03\u202fPM +0100]",
        "[2026-11-22 06:45:03 p.m. +0100]",
        "[2026-11-22 17:45:03 +0000]",
        "[2026-11-22 17:45:03]",
        "[٢٠٢٦-١١-٢٢ ١٧:٤٥:٠٣ +0000]",
    ],
)
def test_the_moment_is_read_in_both_clock_formats(stamp) -> None:
    line = read_line(f"{stamp} {REGISTER} encountered error: Authentication failure")

    assert line.said_at == datetime(2026, 11, 22, 17, 45, 3, tzinfo=UTC)
    assert line.complaint is Complaint.WRONG_TOKEN


def test_midnight_and_noon_of_the_twelve_hour_clock() -> None:
    assert read_line("[2026-11-22 12:00:00 AM +0000] x").said_at == NOON - timedelta(hours=12)
    assert read_line("[2026-11-22 12:00:00 PM +0000] x").said_at == NOON


@pytest.mark.parametrize(
    "stamp", ["[2026-13-45 99:99:99 +0100]", "[0000-01-01 00:00:00 +0000]", "[2026-11-22]", "["]
)
def test_a_moment_no_calendar_has_is_none(stamp) -> None:
    assert read_line(f"{stamp} x").said_at is None


def test_a_phones_identifier_is_not_shown_whole() -> None:
    secret = "0123456789abcdef0123456789abcdef"
    line = read_line(f"{REGISTER} encountered error: Authentication failure".replace("D1", secret))

    assert line.library_identifier == secret
    assert secret not in line.text
    assert "for device 0123…, pass type" in line.text


def test_curly_quotes_are_the_same_sentence() -> None:
    said = "Server requested update to serial number ‘S1’, but the pass was unchanged."

    assert read_line(said).serial_number == "S1"


def test_alike_lines_are_one_group_with_its_counts() -> None:
    lines = [
        (NOON + timedelta(minutes=n), DAY + REGISTER.replace("S1", f"S{n % 3}") + failed)
        for n, failed in enumerate([" encountered error: Authentication failure"] * 7)
    ]
    lines.append((NOON, DAY + f"{LIST} encountered error: Unexpected response code 502"))

    groups = group_lines(lines)

    assert [(g.complaint, g.count, g.cards, g.phones) for g in groups] == [
        ("wrong_token", 7, 3, 1),
        ("refused", 1, 0, 1),
    ]
    assert (groups[0].first_at, groups[0].last_at) == (NOON, NOON + timedelta(minutes=6))


def test_every_kind_has_a_title_and_a_meaning() -> None:
    for sentence, _task, _complaint, status in SENTENCES:
        (group,) = group_lines([(NOON, sentence)])
        assert title(group)
        assert meaning(group)
        assert status is None or str(status) in title(group)


def test_what_passes_by_itself_is_serious_only_when_it_is_frequent() -> None:
    line = (NOON, f"{LIST} encountered error: Unexpected response code 503")

    assert not is_serious(group_lines([line])[0])
    assert is_serious(group_lines([line] * 20)[0])


@given(text=st.text(max_size=600))
def test_no_text_makes_reading_fail_or_shows_the_invisible(text: str) -> None:
    line = read_line(text)

    assert len(line.text) <= 300
    assert line.text == "" or line.text.isprintable()


def test_a_hostile_line_is_read_in_no_time() -> None:
    read_line("Register task (" * 33)
    read_line("[2026-11-22 " + " " * 480)
    read_line("Get pass task (" + ")" * 480)
