"""What may be wrong with an installation, each finding with its mend.

Looks at the database, the keys, the public address, the clock, the worker, and per merchant at the
Apple certificate, the Google account and what waits to be delivered. Nothing is changed. What asks
the network is left to google_doctor, so that `doctor` answers at once on a machine without one.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit

from regulars.installation import Installation, public_url
from regulars.settings import is_loopback
from storage.engine import sqlite_version
from storage.merchants import Merchant
from storage.unit_of_work import UnitOfWork, open_work
from storage.verify import is_fenced
from storage.wal_reset import has_wal_reset_fix

FREE_BYTES_MIN: Final = 500 * 1024 * 1024
CERTIFICATE_DAYS: Final = (7, 30, 60)
HEARTBEAT_MAX: Final = timedelta(seconds=60)
CLOCK_SLACK: Final = timedelta(minutes=2)


class Health(StrEnum):
    """How bad a finding is."""

    OK = "ok"
    WARNING = "warning"
    FAULT = "fault"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that was looked at; `mend` is empty when it is well."""

    name: str
    health: Health
    text: str
    mend: str = ""
    merchant: str = ""


def examine(installation: Installation) -> list[Check]:
    """Every check, the installation's first, then merchant by merchant."""
    checks = [*_installation(installation)]
    with open_work(
        installation.database, None, clock=installation.loyalty.clock, writing=False
    ) as work:
        merchants = work.merchants.all()
    for merchant in merchants:
        checks.extend(_merchant(installation, merchant))
    return checks


def _installation(installation: Installation) -> Iterator[Check]:
    yield _database(installation)
    yield _disk(installation)
    yield _address(installation)
    yield _mail(installation)
    with open_work(
        installation.database, None, clock=installation.loyalty.clock, writing=False
    ) as work:
        yield _clock(installation, work)
        yield _worker(installation, work)


def _database(installation: Installation) -> Check:
    if not installation.database.is_sqlite:
        return _postgresql(installation)
    version = sqlite_version(installation.database)
    text = "SQLite " + ".".join(map(str, version))
    if not has_wal_reset_fix(version):
        return Check(
            name="database",
            health=Health.WARNING,
            text=f"{text} carries the WAL-reset fault (fixed in 3.51.3); writing is slower for it.",
            mend="Install the package pysqlite3 into the environment, or use PostgreSQL.",
        )
    return Check(name="database", health=Health.OK, text=f"{text} answers.")


def _postgresql(installation: Installation) -> Check:
    if is_fenced(installation.database):
        return Check(name="database", health=Health.OK, text="PostgreSQL answers.")
    return Check(
        name="database",
        health=Health.WARNING,
        text="PostgreSQL answers, but its role walks past row-level security.",
        mend="Let REGULARS_DATABASE_URL name a role that is no superuser and owns the database.",
    )


def _disk(installation: Installation) -> Check:
    free = shutil.disk_usage(installation.settings.data).free
    if free < FREE_BYTES_MIN:
        return Check(
            name="disk",
            health=Health.FAULT,
            text=f"Only {free // 1024**2} MB are free at {installation.settings.data}.",
            mend="Free some space: when the disk is full, nothing can be earned.",
        )
    return Check(name="disk", health=Health.OK, text=f"{free // 1024**3} GB are free.")


def _address(installation: Installation) -> Check:
    address = public_url(installation.settings)
    parts = urlsplit(address)
    if parts.scheme == "https" and not is_loopback(parts.hostname or ""):
        return Check(name="address", health=Health.OK, text=f"Cards call {address}.")
    return Check(
        name="address",
        health=Health.WARNING,
        text=f"Cards call {address}: good for the sandbox, not for real phones.",
        mend="Set REGULARS_PUBLIC_URL to the https address that the internet sees, once.",
    )


def _mail(installation: Installation) -> Check:
    mail = installation.delivery.mail
    if mail is not None:
        text = f"E-mails leave by {mail.host} as {mail.sender_address}."
        return Check(name="mail", health=Health.OK, text=text)
    return Check(
        name="mail",
        health=Health.OK,
        text="No mail server is set up: no cards by mail, no codes, no alarms.",
        mend="Set REGULARS_SMTP_URL and REGULARS_MAIL_FROM, then `regulars outbox check`.",
    )


def _clock(installation: Installation, work: UnitOfWork) -> Check:
    newest = work.reports.newest_moment()
    now = installation.loyalty.clock.now()
    if newest is not None and newest > now + CLOCK_SLACK:
        return Check(
            name="clock",
            health=Health.FAULT,
            text=f"The clock says {now:%Y-%m-%d %H:%M} UTC, but the ledger has {newest:%Y-%m-%d %H:%M}.",
            mend="Set the machine's clock (timedatectl set-ntp true).",
        )
    return Check(name="clock", health=Health.OK, text=f"It is {now:%Y-%m-%d %H:%M} UTC.")


def _worker(installation: Installation, work: UnitOfWork) -> Check:
    seen = work.reports.worker_seen_at()
    now = installation.loyalty.clock.now()
    if seen is not None and now - seen <= HEARTBEAT_MAX:
        return Check(name="worker", health=Health.OK, text="A worker is running.")
    told = f"last seen {seen:%Y-%m-%d %H:%M} UTC" if seen else "never seen"
    return Check(
        name="worker",
        health=Health.WARNING,
        text=f"No worker is running ({told}): phones are not updated.",
        mend="Start `regulars serve`, or `regulars worker`.",
    )


def _merchant(installation: Installation, merchant: Merchant) -> Iterator[Check]:
    with open_work(
        installation.database, merchant.id, clock=installation.loyalty.clock, writing=False
    ) as work:
        yield _certificate(installation, work, merchant)
        yield _google(work, merchant)
        yield _deliveries(work, merchant)
        yield _published(work, merchant)


def _certificate(installation: Installation, work: UnitOfWork, merchant: Merchant) -> Check:
    def said(health: Health, text: str, mend: str = "") -> Check:
        return Check(name="apple", health=health, text=text, mend=mend, merchant=merchant.slug)

    pass_type = work.passes.current_pass_type()
    certificate = work.passes.newest_certificate(pass_type.id) if pass_type else None
    if pass_type is None or certificate is None:
        return said(
            Health.WARNING,
            "There is no Apple certificate: no card for iPhones.",
            "Install one with `regulars apple-certificate FILE.p12`.",
        )
    days = (certificate.not_after - installation.loyalty.clock.now()).days
    text = f"{pass_type.identifier} signs until {certificate.not_after:%Y-%m-%d}"
    if pass_type.sandbox:
        return said(Health.OK, f"{text} (sandbox: good for pretend phones only).")
    renew = "Make a new certificate for the same Pass Type ID and install it."
    if days < 0:
        return said(Health.FAULT, f"{text}: it has ended, nothing is signed or pushed.", renew)
    if days <= CERTIFICATE_DAYS[-1]:
        health = Health.FAULT if days <= CERTIFICATE_DAYS[0] else Health.WARNING
        return said(health, f"{text}: {days} days are left.", renew)
    return said(Health.OK, f"{text}: {days} days are left.")


def _google(work: UnitOfWork, merchant: Merchant) -> Check:
    if merchant.google_account_id is None:
        return Check(
            name="google",
            health=Health.WARNING,
            text="There is no Google account: no card for Google Wallet.",
            mend="Install one with `regulars google-account FILE.json --issuer ID`.",
            merchant=merchant.slug,
        )
    account = work.google_accounts.get(merchant.google_account_id)
    kind = " (sandbox)" if account.sandbox else ""
    return Check(
        name="google",
        health=Health.OK,
        text=f"Issuer {account.issuer_id} is spoken for by {account.client_email}{kind}.",
        merchant=merchant.slug,
    )


def _deliveries(work: UnitOfWork, merchant: Merchant) -> Check:
    behind = work.deliveries.behind()
    parked = [line for line in behind if line.parked]
    if parked:
        return Check(
            name="delivery",
            health=Health.FAULT,
            text=f"{len(parked)} card(s) cannot be brought up to date: {parked[0].why}.",
            mend="See the console's page of phones; mend the cause and tap Retry.",
            merchant=merchant.slug,
        )
    text = f"{len(behind)} card(s) wait to be updated." if behind else "Every phone is up to date."
    return Check(name="delivery", health=Health.OK, text=text, merchant=merchant.slug)


def _published(work: UnitOfWork, merchant: Merchant) -> Check:
    programmes = work.programmes.all()
    if any(programme.design_version for programme in programmes):
        return Check(
            name="programme",
            health=Health.OK,
            text=f"{len(programmes)} programme(s), published.",
            merchant=merchant.slug,
        )
    return Check(
        name="programme",
        health=Health.WARNING,
        text="No card is published yet: nobody can join.",
        mend="Open the console, look at the card, and press Publish.",
        merchant=merchant.slug,
    )
