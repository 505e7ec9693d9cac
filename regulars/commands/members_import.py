"""`import-members`: bring the members of another system with their balances and old codes."""

from __future__ import annotations

import csv
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, Final

import click

from common.actor import SYSTEM
from common.errors import InvalidInput, NotFound
from loyalty.context import Loyalty
from loyalty.import_members import import_members, judge_members, open_members
from loyalty.import_report import ImportOrder, ImportReport
from loyalty.member_list import MemberList
from loyalty.programmes import list_programmes
from regulars.commands.frame import Desk, chosen, framed, merchant_option

EXIT_REFUSED: Final = 1
SHOWN: Final = 20
TOLD_EVERY: Final = 1000
_FILE: Final = click.Path(path_type=Path, dir_okay=False)


@click.command("import-members")
@click.argument("file", type=_FILE)
@click.option("--programme", help="The programme's short name, where there are several.")
@click.option("--take", is_flag=True, help="Take the rows over; without it nothing is changed.")
@click.option("--good-only", is_flag=True, help="With --take: leave bad rows out.")
@click.option("--errors", type=_FILE, help="Where to write line and reason of every bad row (CSV).")
@merchant_option
@framed
def import_members_command(
    desk: Desk,
    file: Path,
    *,
    programme: str | None,
    take: bool,
    good_only: bool,
    errors: Path | None,
    merchant: str | None,
) -> int:
    """Bring members of another system: FILE.csv has old_code, name, contact and stamps or points.

    Run it without --take first: it says what would happen, row by row. The till finds each card by
    its old code then, shows the balance and offers the new card. The same list again changes
    nothing, so what was interrupted is simply run again.
    """
    installation = desk.open()
    shop = chosen(installation, merchant)
    ctx = installation.loyalty
    programme_id = _programme(ctx, shop.id, programme)
    listed = open_members(ctx, shop.id, programme_id, lambda: _opened(file))
    order = ImportOrder(programme_id=programme_id, listed=listed, actor=SYSTEM, good_only=good_only)
    report = judge_members(ctx, shop.id, order, progress=_progress("looked at"))
    if errors is not None:
        _write_errors(errors, report)
    taken = take and (good_only or not report.bad)
    if taken:
        # It was looked at just now, and is not looked at again.
        good = replace(order, good_only=True)
        report = import_members(ctx, shop.id, good, progress=_progress("taken over"))
    desk.console.show(_facts(report, listed, taken=taken), *_lines(report, listed, taken=taken))
    return EXIT_REFUSED if report.bad and not (take and good_only) else 0


def _opened(file: Path) -> BinaryIO:
    try:
        return file.open("rb")
    except OSError as error:
        raise InvalidInput(f"{file} cannot be read: {error.strerror}.", field="file") from error


def _programme(ctx: Loyalty, merchant_id: int, slug: str | None) -> int:
    found = [one for one in list_programmes(ctx, merchant_id) if slug in {None, one.slug}]
    if not found:
        raise NotFound("There is no such programme.")
    if len(found) > 1:
        names = ", ".join(one.slug for one in found)
        raise InvalidInput(f"Name the programme with --programme ({names}).", field="programme")
    return found[0].id


def _progress(what: str) -> Callable[[int], None]:
    """Tell every so many rows, where somebody watches."""
    told = 0

    def tell(rows: int) -> None:
        nonlocal told
        if rows - told >= TOLD_EVERY and sys.stderr.isatty():
            told = rows
            click.echo(f"{rows} rows {what}", err=True)

    return tell


def _write_errors(path: Path, report: ImportReport) -> None:
    """Only for its owner to read, and never over another file."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise InvalidInput(
            f"{path} cannot be written: {error.strerror}. Name a file that is not there yet.",
            field="errors",
        ) from error
    rows = [(one.field.removeprefix("line "), one.message) for one in report.complaints]
    with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([("line", "why"), *rows])


def _facts(report: ImportReport, listed: MemberList, *, taken: bool) -> dict[str, object]:
    return {
        "taken": taken,
        "encoding": listed.encoding_shown,
        "separator": listed.separator,
        "ignored": list(listed.ignored),
        "rows": report.rows,
        "new": report.new,
        "joined": report.joined,
        "again": report.again,
        "units": report.units,
        "bad": report.bad,
        "errors": [
            {"field": one.field, "detail": one.message} for one in report.complaints[:SHOWN]
        ],
    }


def _lines(report: ImportReport, listed: MemberList, *, taken: bool) -> list[str]:
    lines = [f"{listed.encoding_shown}, {listed.separator_shown}; {report.rows} rows."]
    if listed.ignored:
        lines.append(f"Columns without a use here: {', '.join(listed.ignored)}.")
    verb = "were taken over" if taken else "would be taken over"
    lines += [
        (
            f"{report.to_do} {verb} with {report.units} units: {report.new} new members, "
            f"{report.joined} on cards that their contact has; {report.again} are here already."
        ),
        *[f"{one.field}: {one.message}" for one in report.complaints[:SHOWN]],
    ]
    if report.bad:
        lines.append(f"{report.bad} rows cannot be taken over. --errors FILE lists all of them.")
    if not taken:
        lines.append("Nothing was changed.")
        lines.append(
            "--take --good-only takes the others over." if report.bad else "--take takes them over."
        )
    return lines


COMMANDS: Sequence[click.Command] = (import_members_command,)
