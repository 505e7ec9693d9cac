"""`verify` and `doctor`: is the ledger true, and is the installation well."""

from __future__ import annotations

from typing import Final

import click

from loyalty.merchants import list_merchants
from regulars.commands.frame import Desk, chosen, framed, merchant_option
from regulars.doctor import Check, Health, examine
from regulars.google_doctor import online
from regulars.merchant_checks import examine_merchants
from storage.verify import count_open, verify

EXIT_FAULT: Final = 1


@click.command("verify")
@merchant_option
@framed
def verify_command(desk: Desk, *, merchant: str | None) -> int:
    """Recompute every balance and delivery from the rows; name what does not agree.

    Needs no running worker. Exit code 1 when something is wrong; what waits to be delivered is
    counted and is no fault.
    """
    installation = desk.open()
    database = installation.database
    only = chosen(installation, merchant).id if merchant else None
    broken = [v for v in verify(database) if only is None or v.merchant_id in {only, None}]
    counts = count_open(database)
    facts = {
        "ok": not broken,
        "violations": [
            {"rule": v.rule, "merchant": v.merchant_id, "what": v.what, "ids": list(v.ids)}
            for v in broken
        ],
        "counts": counts,
    }
    lines = [f"{v.rule}: {v.what} (merchant {v.merchant_id}: {v.ids})" for v in broken]
    verdict = f"{len(lines)} finding(s)." if lines else "Everything agrees."
    waiting = ", ".join(f"{name.replace('_', ' ')}: {number}" for name, number in counts.items())
    desk.console.show(facts, *lines, verdict, waiting)
    return EXIT_FAULT if lines else 0


@click.command("doctor")
@click.option("--online", "ask", is_flag=True, help="Ask Google too, over the network.")
@click.option(
    "--all",
    "whole",
    is_flag=True,
    help="Every merchant in detail: each pass type, what waits and since when, complaints.",
)
@merchant_option
@framed
def doctor(desk: Desk, *, ask: bool, whole: bool, merchant: str | None) -> int:
    """Look at certificate, Google account, database, public address, clock and worker.

    Exit code 1 when something is broken; a warning alone is no fault.
    """
    installation = desk.open()
    checks = examine(installation)
    if whole:
        checks += examine_merchants(installation.loyalty)
    if ask:
        shops = list_merchants(installation.loyalty)
        checks += [check for shop in shops for check in online(installation, shop)]
    if merchant is not None:
        slug = chosen(installation, merchant).slug
        checks = [check for check in checks if check.merchant in {slug, ""}]
    facts = {
        "ok": all(check.health is not Health.FAULT for check in checks),
        "checks": [
            {
                "name": check.name,
                "merchant": check.merchant,
                "health": str(check.health),
                "text": check.text,
                "mend": check.mend,
            }
            for check in checks
        ],
    }
    desk.console.show(facts, *(_line(check) for check in checks))
    return EXIT_FAULT if any(check.health is Health.FAULT for check in checks) else 0


def _line(check: Check) -> str:
    sign = {Health.OK: "ok  ", Health.WARNING: "look", Health.FAULT: "BAD "}[check.health]
    whose = f"{check.merchant}: " if check.merchant else ""
    return f"{sign}  {check.name:14} {whose}{check.text} {check.mend}".rstrip()


COMMANDS = (verify_command, doctor)
