"""`member export` and `member erase`: hand a person what is kept of them, and forget them."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from common.actor import SYSTEM
from common.errors import InvalidInput
from loyalty.erase_member import erase_member, member_of_number
from loyalty.member_export import export_member, export_movements
from regulars.commands.frame import Desk, chosen, framed, merchant_option
from regulars.erasures import note_erasures


@click.group("member")
def member_group() -> None:
    """The people who hold cards."""


@member_group.command("export")
@click.argument("member")
@click.option("--csv", "as_csv", is_flag=True, help="The movements alone, as a table.")
@click.option(
    "--output", "-o", type=click.Path(dir_okay=False, path_type=Path), help="A file to write."
)
@merchant_option
@framed
def export(
    desk: Desk, member: str, *, as_csv: bool, output: Path | None, merchant: str | None
) -> None:
    """Hand MEMBER, given by the number on the card, everything that is kept of them.

    The answer is JSON on standard output, or in a file that only you can read.
    """
    installation = desk.open()
    ctx = installation.loyalty
    shop = chosen(installation, merchant)
    member_id = member_of_number(ctx, shop.id, member)
    write = export_movements if as_csv else export_member
    text = write(ctx, shop.id, member_id, actor=SYSTEM)
    if output is None:
        click.echo(text, nl=False)
        return
    _keep(output, text)
    desk.console.show({"file": str(output)}, f"Written to {output}.")


def _keep(path: Path, text: str) -> None:
    """Write a file that nobody else can read; one that is there already stays.

    Raises:
        InvalidInput: field `output`.
    """
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise InvalidInput(
            f"{path} cannot be written: {error.strerror}.", field="output"
        ) from error
    with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
        file.write(text)


@member_group.command("erase")
@click.argument("member")
@click.option("--yes", is_flag=True, help="Do not ask.")
@merchant_option
@framed
def erase(desk: Desk, member: str, *, yes: bool, merchant: str | None) -> None:
    """Erase MEMBER, given by the number on the card: it cannot be undone.

    Name and contacts go, every code and link is dead, the card says nothing any more in either
    wallet. The books keep the movements, which name nobody.
    """
    installation = desk.open()
    ctx = installation.loyalty
    shop = chosen(installation, merchant)
    member_id = member_of_number(ctx, shop.id, member)
    asks = not yes and not desk.console.as_json and sys.stdin.isatty()
    if asks and not click.confirm("Erase this member for ever?", err=True):
        raise InvalidInput("Nothing was erased.", field="yes")
    done = erase_member(ctx, shop.id, member_id, actor=SYSTEM)
    note_erasures(installation)
    desk.console.show(
        {"member_id": member_id, "cards": done.cards, "again": done.again},
        "This member was erased before."
        if done.again
        else f"Erased; {done.cards} card(s) are told. Phones follow while a worker runs.",
    )


COMMANDS = (member_group,)
