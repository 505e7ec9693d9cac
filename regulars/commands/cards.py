"""`issue` and `inspect`: make a card from the shell, and judge any pass file."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import click

from common.actor import SYSTEM
from common.clock import SystemClock
from common.errors import InvalidInput, WalletError
from loyalty.context import Loyalty
from loyalty.enrol import EnrolRequest, enrol
from loyalty.erase_member import member_of_number
from loyalty.programmes import list_programmes
from loyalty.read_pass import apple_pass
from loyalty.save_to_google import google_save_link
from passes.bundle import PASSES_MAX, build_bundles
from passes.findings import Severity
from passes.inspect_pass import FILE_BYTES_MAX
from regulars.commands.frame import Desk, chosen, framed, merchant_option
from regulars.inspection import inspect_pass, trusted_roots
from regulars.installation import public_url
from storage.unit_of_work import open_work
from storage.wallet_passes import WalletPass

_FILE: Final = click.Path(path_type=Path, dir_okay=False)
EXIT_FAULT: Final = 1


@click.command("issue")
@click.option("--programme", required=True, help="The programme's short name.")
@click.option("--name", default="", help="The member's name.")
@click.option("--email", default="", help="Their e-mail address.")
@click.option("--apple", type=_FILE, help="Where to write the .pkpass.")
@merchant_option
@framed
def issue(
    desk: Desk,
    *,
    programme: str,
    name: str,
    email: str,
    apple: Path | None,
    merchant: str | None,
) -> None:
    """Enrol a member and make their card in both wallets, at once.

    A wallet that is not set up or does not answer in 3 seconds is skipped, with the reason.
    """
    installation = desk.open()
    ctx = installation.loyalty
    shop = chosen(installation, merchant)
    request = EnrolRequest(
        programme_id=_programme(ctx, shop.id, programme),
        name=name,
        email=email,
        source="command",
        actor=SYSTEM,
    )
    if apple is not None:
        _write_draft(apple, b"").unlink()  # told before anybody is enrolled
    member = enrol(ctx, shop.id, request)
    if member.known:
        raise InvalidInput(
            "There is a member with this contact already; nothing was made.", field="email"
        )
    card = _card(ctx, shop.id, member.member_id)
    facts: dict[str, Any] = {"member_number": member.number, "serial_number": card.serial_number}
    facts["card_link"] = f"{public_url(installation.settings)}/m/{member.card_token}"
    skipped: dict[str, str] = {}
    try:
        signed = apple_pass(ctx, shop.id, card.id)
        if apple is not None:
            _write_whole(apple, signed.data)
            facts["apple"] = str(apple)
    except WalletError as error:
        skipped["apple"] = error.message
    try:
        facts["save_link"] = google_save_link(ctx, shop.id, member.member_id)
    except WalletError as error:
        skipped["google"] = error.message
    facts["skipped"] = skipped
    lines = [f"Member {member.number}, serial {card.serial_number}"]
    lines += [f"{key}: {facts[key]}" for key in ("card_link", "apple", "save_link") if key in facts]
    lines += [f"{wallet} was left out: {why}" for wallet, why in skipped.items()]
    desk.console.show(facts, *lines)


@click.command("passes")
@click.argument("file", type=_FILE)
@click.argument("members", nargs=-1, required=True)
@merchant_option
@framed
def passes(desk: Desk, file: Path, members: tuple[str, ...], *, merchant: str | None) -> None:
    """Write the cards of MEMBERS, given by number, into one FILE.pkpasses (a family, a test phone).

    An iPhone offers to add them all at once; at most ten.
    """
    if len(members) > PASSES_MAX:
        raise InvalidInput(f"Name at most {PASSES_MAX} members.", field="members")
    installation = desk.open()
    ctx = installation.loyalty
    shop = chosen(installation, merchant)
    found = {}
    for number in members:
        card = _card(ctx, shop.id, member_of_number(ctx, shop.id, number))
        signed = apple_pass(ctx, shop.id, card.id)
        found[signed.serial_number] = signed.data
    _write_whole(file, build_bundles(found))
    desk.console.show(
        {"file": str(file), "passes": len(found)}, f"{file} holds {len(found)} card(s)."
    )


def _programme(ctx: Loyalty, merchant_id: int, slug: str) -> int:
    programmes = list_programmes(ctx, merchant_id)
    for view in programmes:
        if view.slug == slug:
            return view.id
    names = ", ".join(view.slug for view in programmes) or "none"
    raise InvalidInput(f"There is no programme {slug!r}. Programmes: {names}.", field="programme")


def _card(ctx: Loyalty, merchant_id: int, member_id: int) -> WalletPass:
    with open_work(ctx.database, merchant_id, clock=ctx.clock, writing=False) as work:
        return work.passes.current_of_member(member_id)


def _write_whole(path: Path, data: bytes) -> None:
    _write_draft(path, data).replace(path)


def _write_draft(path: Path, data: bytes) -> Path:
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        draft.write_bytes(data)
    except OSError as error:
        # A draft in a folder that is not there cannot be removed either.
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        raise InvalidInput(f"{path} cannot be written: {error.strerror}.", field="apple") from error
    return draft


@click.command("inspect")
@click.argument("file", type=_FILE)
@framed
def inspect(desk: Desk, file: Path) -> int:
    """Judge a .pkpass of any maker: every finding with its place, rule and mend.

    Exit code 1 when there is a fault that an iPhone refuses.
    """
    try:
        with file.open("rb") as stream:
            data = stream.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise InvalidInput(f"{file} cannot be read: {error.strerror}.", field="file") from error
    roots = trusted_roots(desk.settings)
    findings = inspect_pass(data, roots=roots, now=SystemClock().now())
    faults = [f for f in findings if f.severity is Severity.FAULT]
    facts = {
        "file": str(file),
        "fault": bool(faults),
        "findings": [
            {
                "code": f.code,
                "severity": str(f.severity),
                "place": f.place,
                "rule": f.rule,
                "mend": f.mend,
            }
            for f in findings
        ],
    }
    lines = [f"{f.severity.upper():7} {f.place}: {f.rule} {f.mend}" for f in findings]
    verdict = f"{len(faults)} fault(s), {len(findings) - len(faults)} warning(s)."
    desk.console.show(facts, *lines, verdict)
    return EXIT_FAULT if faults else 0


COMMANDS = (issue, inspect, passes)
