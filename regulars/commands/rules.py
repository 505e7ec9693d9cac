"""`rules explain|rehearse|statement|expire`: a programme's rules from the shell.

PROGRAMME is the programme's short name. Nothing here changes rules: that is done by the console's
forms. `expire` is what the night runs by itself; running it again, late or twice, does no harm.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import click

from common.errors import InvalidInput, NotFound
from common.money import format_plain
from ledger.expiry import local_day
from ledger.explain import explain
from ledger.rehearsal import Outcome
from loyalty.expire import ExpireProgress, expire
from loyalty.programmes import ProgrammeView, list_programmes
from loyalty.rehearse import Rehearsal, rehearse
from loyalty.rule_drafts import read_rules
from loyalty.statement import statement, statement_csv
from regulars.commands.frame import Desk, chosen, framed, merchant_option
from regulars.installation import Installation
from storage.merchants import Merchant

DAYS_SHOWN: Final = 365
TABLE: Final = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.group("rules")
def rules_group() -> None:
    """Explain, rehearse and account for a programme's rules."""


@rules_group.command("explain")
@click.argument("programme")
@click.option("--draft", is_flag=True, help="The draft instead of what counts now.")
@merchant_option
@framed
def explain_command(desk: Desk, programme: str, *, draft: bool, merchant: str | None) -> None:
    """Say PROGRAMME's rules in plain language, as members read them."""
    installation = desk.open()
    shop = chosen(installation, merchant)
    found = _programme(installation, shop, programme)
    view = read_rules(installation.loyalty, shop.id, found.id)
    if draft and view.draft_terms is None:
        raise NotFound(f"{programme} has no draft. Change its rules in the console first.")
    terms = view.draft_terms if draft and view.draft_terms else view.terms
    sentences = list(explain(terms))
    changes = [{"path": c.path, "sentence": c.sentence, "worse": c.worse} for c in view.changes]
    facts: dict[str, Any] = {
        "programme": programme,
        "version": view.version,
        "rules": sentences,
        "changes": changes,
        "counts_from": view.effective_at.isoformat() if view.effective_at else None,
        "next_version": view.next_version,
        "next_at": view.next_at.isoformat() if view.next_at else None,
    }
    desk.console.show(facts, *sentences, *_waiting(changes, draft=draft))


@rules_group.command("rehearse")
@click.argument("programme")
@click.argument("sales", type=TABLE)
@click.option("--terms", type=TABLE, help="A JSON document of terms instead of the draft.")
@merchant_option
@framed
def rehearse_command(
    desk: Desk, programme: str, sales: Path, *, terms: Path | None, merchant: str | None
) -> None:
    """Replay SALES (a CSV of past sales) on PROGRAMME's draft, else on what counts now."""
    installation = desk.open()
    shop = chosen(installation, merchant)
    found = rehearse(
        installation.loyalty,
        shop.id,
        _programme(installation, shop, programme).id,
        sales.read_bytes(),
        document=None if terms is None else _document(terms),
    )
    desk.console.show(_rehearsed(found), *_told(found))


@rules_group.command("statement")
@click.argument("programme")
@click.option("--since", help="The first day, like 2026-01-01 (default: a year before).")
@click.option("--until", help="The last day (default: today).")
@click.option("--breakage", type=click.IntRange(0, 100), help="Percent that never comes.")
@click.option("--csv", "table", type=click.Choice(["day", "month"]), help="Print a CSV instead.")
@merchant_option
@framed
def statement_command(
    desk: Desk,
    programme: str,
    *,
    since: str | None,
    until: str | None,
    breakage: int | None,
    table: str | None,
    merchant: str | None,
) -> None:
    """Tell what PROGRAMME owes its members by age, and what it gave away."""
    installation = desk.open()
    shop = chosen(installation, merchant)
    today = local_day(installation.loyalty.clock.now(), ZoneInfo(shop.time_zone))
    last = _day(until, "until", today)
    found = statement(
        installation.loyalty,
        shop.id,
        programme_id=_programme(installation, shop, programme).id,
        since=_day(since, "since", last - timedelta(days=DAYS_SHOWN)),
        until=last,
        breakage_percent=breakage,
    )
    if table is not None and not desk.console.as_json:
        click.echo(statement_csv(found, by=table), nl=False)
        return
    facts = json.loads(json.dumps(asdict(found), default=str))
    lines = [
        f"{one.unit}: {one.units} out, expected "
        + _money(one.estimate_minor, found.currency)
        + (f", {one.debt} owed by members" if one.debt else "")
        for one in found.owed
    ]
    desk.console.show(facts, *lines, found.label)


@rules_group.command("expire")
@merchant_option
@framed
def expire_command(desk: Desk, *, merchant: str | None) -> None:
    """Let everything end that is over by now; safe at any time and twice."""
    installation = desk.open()
    shop = chosen(installation, merchant)

    def progress(now: ExpireProgress) -> None:
        if not desk.console.as_json:
            click.echo(f"{now.lots} of {now.due} lots, {now.accounts} accounts", err=True)

    done = expire(installation.loyalty, shop.id, progress=progress)
    facts = {
        "lots": done.lots,
        "accounts": done.accounts,
        "units": done.units,
        "tiers_fallen": done.tiers_fallen,
        "done_at": done.done_at.isoformat(),
    }
    ended = ", ".join(f"{units} {unit}" for unit, units in sorted(done.units.items())) or "nothing"
    desk.console.show(
        facts, f"Ended: {ended}, on {done.accounts} accounts. Tiers fallen: {done.tiers_fallen}."
    )


def _programme(installation: Installation, shop: Merchant, slug: str) -> ProgrammeView:
    known = list_programmes(installation.loyalty, shop.id)
    for one in known:
        if one.slug == slug:
            return one
    names = ", ".join(one.slug for one in known) or "none"
    raise NotFound(f"There is no programme {slug!r}. Programmes: {names}.")


def _day(text: str | None, field: str, otherwise: date) -> date:
    if text is None:
        return otherwise
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise InvalidInput("Write the day like 2027-01-31.", field=field) from error


def _document(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"{path} holds no JSON document of terms.", field="terms") from error
    if not isinstance(found, dict):
        raise InvalidInput(f"{path} holds no JSON document of terms.", field="terms")
    return found


def _waiting(changes: list[dict[str, Any]], *, draft: bool) -> list[str]:
    if draft or not changes:
        return []
    return ["", f"A draft changes {len(changes)} things; see --draft."]


def _rehearsed(found: Rehearsal) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads(json.dumps(asdict(found), default=str))
    return facts


def _told(found: Rehearsal) -> list[str]:
    lines = [
        (
            f"{found.sales} sales of {format_plain(found.sales_minor, found.currency)} "
            f"{found.currency}; {found.skipped_count} rows passed over."
        )
    ]
    if found.pattern:
        lines.append(found.pattern)
    outcomes = [found.low] if found.low == found.high else [found.low, found.high]
    for outcome in outcomes:
        lines += _outcome(outcome, found.currency)
    return [*lines, found.label]


def _outcome(outcome: Outcome, currency: str) -> list[str]:
    issued = ", ".join(f"{units} {unit}" for unit, units in outcome.issued.items()) or "nothing"
    rewards = ", ".join(f"{times} × {name}" for name, times in outcome.rewards.items()) or "none"
    percent = f"{outcome.cost_basis_points // 100}.{outcome.cost_basis_points % 100:02d}"
    least = "at least " if outcome.unknown else ""
    owed_least = "at least " if outcome.unvalued and outcome.liability_minor is not None else ""
    return [
        f"{outcome.customers} customers: given {issued}; rewards due: {rewards}.",
        (
            f"Cost {least}{_money(outcome.cost_minor, currency)}, {percent} % of sales; "
            f"owed at the end {owed_least}{_money(outcome.liability_minor, currency)}."
        ),
    ]


def _money(minor: int | None, currency: str) -> str:
    return "unknown" if minor is None else f"{format_plain(minor, currency)} {currency}"


COMMANDS = (rules_group,)
