"""The list of members of another system: how a file is read, row by row."""

from __future__ import annotations

import io

import pytest

from common.errors import InvalidInput
from loyalty.member_list import MemberRow, open_member_list


def rows(listed: str | bytes) -> list[MemberRow | InvalidInput]:
    data = listed.encode() if isinstance(listed, str) else listed
    return list(open_member_list(lambda: io.BytesIO(data)).rows())


def only(listed: str | bytes) -> MemberRow:
    (row,) = rows(listed)
    assert isinstance(row, MemberRow), row
    return row


def complaint(listed: str) -> tuple[str, str]:
    found = [one for one in rows(listed) if isinstance(one, InvalidInput)]
    return found[0].field, found[0].message


def test_a_contact_says_by_itself_what_it_is() -> None:
    head = "old_code,contact,points\n"

    assert only(head + "C,ada@example.com,1\n").email == "ada@example.com"
    assert only(head + "C,+44 121 234 5678,1\n").phone == "+44 121 234 5678"


def test_head_names_may_be_written_as_people_write_them() -> None:
    row = only("Old Code;NAME;E-Mail;Points\nC;Ada;ada@example.com;5\n")

    assert (row.code, row.name, row.email, row.units) == ("C", "Ada", "ada@example.com", 5)


def test_empty_rows_and_missing_cells_are_no_fault() -> None:
    row = only("old_code,points,name\n\n,,\nC\n")

    assert (row.line, row.units, row.name) == (4, 0, "")


def test_a_cell_with_a_line_break_does_not_shift_the_lines() -> None:
    found = rows('old_code,name,points\nA,"Ada\nByron",1\nB,Bo,x\n')

    assert [one.field for one in found if isinstance(one, InvalidInput)] == ["line 2", "line 4"]


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("C,Ada,1.5", "whole number"),
        ("C,Ada,-1", "whole number"),
        ("C,Ada,٣", "whole number"),
        ("C,Ada," + "9" * 13, "whole number"),
        ("C" * 121 + ",Ada,1", "too long"),
        ("C,A\x07da,1", "control characters"),
        (",Ada,1", "missing"),
        ("C,Ada,1,2", "more cells"),
    ],
    ids=["part", "minus", "digits", "huge", "long", "control", "no-code", "cells"],
)
def test_what_cannot_be_used_is_told_by_its_line_and_never_repeated(row: str, why: str) -> None:
    field, message = complaint("old_code,name,points\n" + row + "\n")

    assert field == "line 2"
    assert why in message
    assert "Ada" not in message


def test_a_code_in_three_lines_spoils_all_of_them() -> None:
    found = rows("old_code,points\nC,1\nD,1\nC,1\nC,2\n")

    assert [isinstance(one, MemberRow) for one in found] == [False, True, False, False]


def test_a_formula_is_a_name_like_any_other() -> None:
    assert only("old_code,name,points\nC,=1+1,1\n").name == "=1+1"


def test_a_file_past_the_limit_is_not_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loyalty.member_list.FILE_BYTES_MAX", 20)

    with pytest.raises(InvalidInput, match="too large"):
        rows("old_code,points\n" + "C,1\n" * 20)


def test_too_many_lines_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loyalty.member_list.LINES_MAX", 2)

    with pytest.raises(InvalidInput, match="at most 2 lines"):
        rows("old_code,points\nA,1\nB,1\nC,1\n")


def test_a_broken_utf_16_file_is_told() -> None:
    with pytest.raises(InvalidInput, match="Save the list as UTF-8"):
        rows(b"\xff\xfeo\x00l")


def test_a_row_shows_nothing_of_itself_in_a_log() -> None:
    assert repr(only("old_code,name,points\nC,Ada,1\n")) == "MemberRow(line=2)"
