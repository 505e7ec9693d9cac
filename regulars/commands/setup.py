"""`init`, `owner-link`, `merchant`: how an installation and its merchants begin."""

from __future__ import annotations

import click

from common.actor import SYSTEM
from loyalty.merchants import NewMerchant, list_merchants, set_merchant_status
from loyalty.owners import list_owners
from loyalty.sign_in import make_owner_link
from regulars.commands.frame import Desk, chosen, framed, merchant_option
from regulars.demo import make_demo
from regulars.installation import create_installation, public_url
from regulars.locks import alone
from regulars.shop import open_shop


@click.command("init")
@click.option("--demo", is_flag=True, help="A café to try everything with; asks nothing.")
@click.option("--name", help="The merchant's name, as customers know it.")
@click.option("--slug", help="Its short name on this command line, like bean-co.")
@click.option("--email", help="The owner's e-mail address: the name they sign in with.")
@click.option("--currency", default="EUR", show_default=True)
@click.option("--country", default="IE", show_default=True)
@click.option("--language", default="en", show_default=True)
@click.option("--time-zone", default="Europe/Dublin", show_default=True)
@framed
def init(
    desk: Desk,
    *,
    demo: bool,
    name: str | None,
    slug: str | None,
    email: str | None,
    currency: str,
    country: str,
    language: str,
    time_zone: str,
) -> None:
    """Make the database, the keys, a merchant and its owner.

    What exists is kept: running it again changes nothing that is there.
    """
    if demo:
        with alone(desk.settings.data):
            facts, lines = make_demo(desk.settings)
        desk.console.show(facts, *lines)
        return
    name = name or click.prompt("The merchant's name", err=True)
    email = email or click.prompt("The owner's e-mail address", err=True)
    with alone(desk.settings.data):
        installation = create_installation(desk.settings)
    new = NewMerchant(
        slug=slug or slug_of(name),
        name=name,
        currency=currency,
        country=country,
        language=language,
        time_zone=time_zone,
    )
    merchant_id = open_shop(installation.loyalty, new, email=email)
    token = make_owner_link(installation.loyalty, merchant_id, email)
    link = f"{public_url(installation.settings)}/console/link/{token}"
    desk.console.show(
        {"merchant": new.slug, "owner_link": link, "keys": str(desk.settings.keys)},
        f"{name} is ready as {new.slug!r}.",
        f"The keys are in {desk.settings.keys}: keep a copy of that folder elsewhere.",
        f"The owner signs in with this link, once, within 24 hours: {link}",
        "Start with `regulars serve`.",
    )


def slug_of(name: str) -> str:
    """A short name made of a long one: `Bean & Co.` gives `bean-co`."""
    letters = "".join(c if c.isascii() and c.isalnum() else " " for c in name.lower())
    return "-".join(letters.split())[:40].strip("-") or "shop"


@click.command("owner-link")
@merchant_option
@click.option("--email", help="Which owner, where there are several.")
@framed
def owner_link(desk: Desk, *, merchant: str | None, email: str | None) -> None:
    """Print a link that signs the owner in once, within 24 hours, to set a new password."""
    installation = desk.open()
    shop = chosen(installation, merchant)
    owner = email or list_owners(installation.loyalty, shop.id)[0].email
    token = make_owner_link(installation.loyalty, shop.id, owner)
    link = f"{public_url(installation.settings)}/console/link/{token}"
    desk.console.show({"owner_link": link, "email": owner}, link)


@click.group("merchant")
def merchant_group() -> None:
    """Several merchants on one installation, each apart from the others."""


@merchant_group.command("add")
@click.argument("slug")
@click.option("--name", required=True)
@click.option("--email", required=True, help="The owner's e-mail address.")
@click.option("--currency", default="EUR", show_default=True)
@click.option("--country", default="IE", show_default=True)
@click.option("--language", default="en", show_default=True)
@click.option("--time-zone", default="Europe/Dublin", show_default=True)
@framed
def merchant_add(
    desk: Desk,
    slug: str,
    *,
    name: str,
    email: str,
    currency: str,
    country: str,
    language: str,
    time_zone: str,
) -> None:
    """Add a merchant with its owner."""
    installation = desk.open()
    new = NewMerchant(
        slug=slug,
        name=name,
        currency=currency,
        country=country,
        language=language,
        time_zone=time_zone,
    )
    merchant_id = open_shop(installation.loyalty, new, email=email)
    token = make_owner_link(installation.loyalty, merchant_id, email)
    link = f"{public_url(installation.settings)}/console/link/{token}"
    desk.console.show({"merchant": slug, "owner_link": link}, f"{name} is ready.", link)


@merchant_group.command("list")
@framed
def merchant_list(desk: Desk) -> None:
    """List the merchants."""
    merchants = list_merchants(desk.open().loyalty)
    desk.console.show(
        {
            "merchants": [
                {
                    "slug": m.slug,
                    "name": m.name,
                    "status": m.status,
                    "currency": m.currency,
                    "sandbox": m.sandbox,
                }
                for m in merchants
            ]
        },
        *(f"{m.slug:20}  {m.status:9}  {m.name}" for m in merchants),
    )


@merchant_group.command("suspend")
@click.argument("slug")
@click.option("--resume", is_flag=True, help="Let it go on.")
@framed
def merchant_suspend(desk: Desk, slug: str, *, resume: bool) -> None:
    """Suspend a merchant: its cards stay, nothing is earned or redeemed until it goes on."""
    installation = desk.open()
    shop = chosen(installation, slug)
    status = "active" if resume else "suspended"
    set_merchant_status(installation.loyalty, shop.id, status, actor=SYSTEM)
    desk.console.show({"merchant": slug, "status": status}, f"{slug} is {status}.")


COMMANDS = (init, owner_link, merchant_group)
