"""`import-passes` and `export-passes`: keep the cards that are in phones, coming or going."""

from __future__ import annotations

import csv
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Final

import click

from common.actor import SYSTEM
from common.errors import InvalidInput, NotFound
from loyalty.context import Loyalty
from loyalty.export_passes import export_passes, is_export, open_export
from loyalty.keep_passes import KeptResult
from loyalty.kept_case import CaseReport, KeepCase
from loyalty.kept_lists import demand_possible, judge_lists, keep_lists, read_lists
from loyalty.kept_rows import FILE_BYTES_MAX
from loyalty.programmes import list_programmes
from regulars.commands.frame import Desk, chosen, framed, merchant_option
from storage.unit_of_work import open_work

EXIT_REFUSED: Final = 1
PASSPHRASE_BYTES_MAX: Final = 8 * 1024
REFUSED_SHOWN: Final = 20
TOLD_EVERY: Final = 1000
_FILE: Final = click.Path(path_type=Path, dir_okay=False)


@click.command("import-passes")
@click.argument("file", type=_FILE)
@click.option("--programme", help="The programme's short name, where there are several.")
@click.option("--pass-type", help="The Pass Type ID of the old cards, where the list has none.")
@click.option("--old-url", help="Their webServiceURL, where the list has none.")
@click.option(
    "--as",
    "wanted",
    type=click.Choice([case.value for case in KeepCase]),
    help="Do it this way; without it nothing is changed and the best way is told.",
)
@click.option("--links", type=_FILE, help="Where to write the link of every new card (CSV).")
@click.option("--passphrase-file", type=_FILE, help="The passphrase of a sealed list.")
@merchant_option
@framed
def import_passes(
    desk: Desk,
    file: Path,
    *,
    programme: str | None,
    pass_type: str | None,
    old_url: str | None,
    wanted: str | None,
    links: Path | None,
    passphrase_file: Path | None,
    merchant: str | None,
) -> int:
    """Keep the cards of another system: FILE.csv lists what its phones hold.

    Columns: serial_number, authentication_token, device_id, push_token, member, balance; name,
    email, phone, language and code where they are known. Run it without --as first: it says which
    of three ways there is, and why. Each card is taken over whole or not at all, and the same list
    again changes nothing.
    """
    installation = desk.open()
    shop = chosen(installation, merchant)
    lists = read_lists(_list(file, passphrase_file), pass_type=pass_type, old_url=old_url)
    ctx = installation.loyalty
    reports = judge_lists(ctx, shop.id, lists)
    if wanted is None:
        lines = [line for report in reports for line in _report_lines(report)]
        facts = [_report_facts(report) for report in reports]
        desk.console.show({"kinds": facts}, *lines, "Nothing was changed.")
        return 0
    demand_possible(KeepCase(wanted), reports)
    # Opened before anything is stored: a file that is there already is never overwritten.
    stream = _new_file(links)
    results = keep_lists(
        ctx,
        shop.id,
        lists,
        case=KeepCase(wanted),
        programme_id=_programme(ctx, shop.id, programme),
        actor=SYSTEM,
        progress=_progress,
    )
    if stream:
        with stream:
            rows = [row for result in results for row in result.links]
            csv.writer(stream).writerows([("line", "link"), *rows])
    refused = [one for result in results for one in result.refused]
    desk.console.show(_facts(results), *_lines(results), *(_sentences(refused)))
    return EXIT_REFUSED if refused else 0


def _new_file(path: Path | None) -> IO[str] | None:
    if path is None:
        return None
    try:
        return path.open("x", encoding="utf-8", newline="")
    except OSError as error:
        raise InvalidInput(
            f"{path} cannot be written: {error.strerror}. Name a file that is not there yet.",
            field="links",
        ) from error


def _list(file: Path, passphrase_file: Path | None) -> bytes:
    try:
        with file.open("rb") as stream:
            data = stream.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise InvalidInput(f"{file} cannot be read: {error.strerror}.", field="file") from error
    if not is_export(data):
        return data
    return open_export(data, _passphrase(passphrase_file))


def _programme(ctx: Loyalty, merchant_id: int, slug: str | None) -> int:
    found = list_programmes(ctx, merchant_id)
    matching = [one for one in found if slug in {None, one.slug}]
    if not matching:
        raise NotFound("There is no such programme.")
    if len(matching) > 1:
        names = ", ".join(one.slug for one in matching)
        raise InvalidInput(f"Name the programme with --programme ({names}).", field="programme")
    return matching[0].id


def _progress(done: int) -> None:
    if done % TOLD_EVERY == 0 and sys.stderr.isatty():
        click.echo(f"{done} cards", err=True)


def _report_facts(report: CaseReport) -> dict[str, object]:
    return {
        "case": str(report.case),
        "possible": [str(case) for case in report.possible],
        "because": list(report.because),
        "next_steps": list(report.next_steps),
        "cards": report.cards,
        "with_proof": report.with_proof,
        "phones": report.phones,
        "balance": report.balance,
    }


def _report_lines(report: CaseReport) -> list[str]:
    return [
        (
            f"{report.cards} cards, {report.with_proof} with serial number and token, on "
            f"{report.phones} known phones; {report.balance} units together."
        ),
        f"The best way: {report.case}.",
        *report.because,
        *report.next_steps,
    ]


def _facts(results: Sequence[KeptResult]) -> dict[str, object]:
    return {
        "new": sum(one.new for one in results),
        "again": sum(one.again for one in results),
        "phones": sum(one.phones for one in results),
        "credited": sum(one.credited for one in results),
        "links": sum(len(one.links) for one in results),
        "refused": [
            {"field": one.field, "detail": one.message}
            for result in results
            for one in result.refused
        ],
    }


def _lines(results: Sequence[KeptResult]) -> list[str]:
    return [
        (
            f"{one.new} cards taken over, {one.again} were here already; {one.phones} phones "
            f"registered, {one.credited} units credited, {len(one.links)} links to new cards."
        )
        for one in results
    ]


def _sentences(refused: Sequence[InvalidInput]) -> list[str]:
    lines = [f"{one.field}: {one.message}" for one in refused[:REFUSED_SHOWN]]
    if refused:
        lines.append(f"{len(refused)} refused. Mend those lines and run it again.")
    return lines


@click.command("export-passes")
@click.argument("file", type=_FILE)
@click.option("--person", required=True, help="The e-mail address of an owner who asks for it.")
@click.option("--code", help="Six digits of that owner's second factor; asked for if absent.")
@click.option("--passphrase-file", type=_FILE, help="A file with the passphrase that seals FILE.")
@merchant_option
@framed
def export_passes_command(
    desk: Desk,
    file: Path,
    *,
    person: str,
    code: str | None,
    passphrase_file: Path | None,
    merchant: str | None,
) -> None:
    """Write every card that is in an Apple Wallet to FILE, sealed: tokens, phones, balances.

    Whoever opens it can speak for every phone. It needs an owner's second factor and a passphrase,
    and the console's list of changes tells of it. `import-passes` takes it again.
    """
    installation = desk.open()
    ctx = installation.loyalty
    shop = chosen(installation, merchant)
    with open_work(ctx.database, None, clock=ctx.clock, writing=False) as work:
        owner = work.merchants.person_by_email(person.strip().lower())
    if owner is None:
        raise NotFound("Nobody signs in with this address.")
    done = export_passes(
        ctx,
        shop.id,
        person_id=owner.id,
        code=code or _asked("The code your app shows now", hidden=False),
        passphrase=_passphrase(passphrase_file),
        actor=SYSTEM,
    )
    _write_new(file, done.sealed)
    desk.console.show(
        {"file": str(file), "cards": done.cards, "phones": done.phones},
        f"{file} holds {done.cards} cards on {done.phones} phones, sealed.",
    )


def _passphrase(path: Path | None) -> str:
    if path is None:
        return _asked("The passphrase", hidden=True)
    try:
        data = path.read_bytes()[:PASSPHRASE_BYTES_MAX]
    except OSError as error:
        raise InvalidInput(
            f"{path} cannot be read: {error.strerror}.", field="passphrase_file"
        ) from error
    return data.decode("utf-8", "replace").rstrip("\r\n")


def _asked(what: str, *, hidden: bool) -> str:
    if sys.stdin.isatty():
        typed: str = click.prompt(what, hide_input=hidden, err=True)
        return typed
    return sys.stdin.readline().rstrip("\r\n")


def _write_new(path: Path, data: bytes) -> None:
    """Only for its owner to read, and never over another file."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise InvalidInput(
            f"{path} cannot be written: {error.strerror}. Name a file that is not there yet.",
            field="file",
        ) from error
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(data)


COMMANDS: Sequence[click.Command] = (import_passes, export_passes_command)
