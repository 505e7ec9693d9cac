"""`member erase`: forget a person."""

from __future__ import annotations

import sys

import click

from common.actor import SYSTEM
from common.errors import InvalidInput
from loyalty.erase_member import erase_member, member_of_number
from regulars.commands.frame import Desk, chosen, framed, merchant_option
from regulars.erasures import note_erasures


@click.group("member")
def member_group() -> None:
    """The people who hold cards."""


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
