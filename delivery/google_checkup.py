"""Ask Google and our own public address whether everything that a card needs is in place.

Each finding says what is wrong and the exact next step (google-wallet 10.5). Nothing is changed
anywhere. Not here: printing (regulars), what can be seen without a network (regulars.doctor).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import urlsplit
from urllib.robotparser import RobotFileParser

import requests

from common.clock import Clock
from common.i18n import gettext as _
from delivery.google_client import GoogleClient
from delivery.google_pictures import check_pictures
from delivery.outcomes import Answer, Outcome
from passes.google_parts import GoogleKind

CLOCK_SKEW_MAX: Final = timedelta(minutes=2)
ROBOTS_BYTES_MAX: Final = 64 * 1024
TIMEOUT_S: Final = 6.0
CONSOLE: Final = "https://pay.google.com/business/console"
_OK: Final = 200
_REFUSED: Final = 403
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was asked; `mend` is empty where nothing is to be done."""

    name: str
    text: str
    mend: str = ""
    fault: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A class with a card of nobody, as Google would get them; `wanted` once somebody has one."""

    class_document: Mapping[str, Any]
    object_document: Mapping[str, Any]
    kind: GoogleKind = GoogleKind.LOYALTY
    wanted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Patient:
    """What is asked about: an account, and each programme's and tier's class with a sample card."""

    account_id: int
    issuer_id: str
    client_email: str
    sandbox: bool
    callback_url: str
    keys_url: str
    samples: tuple[Sample, ...] = ()


def examine(client: GoogleClient, patient: Patient, *, clock: Clock) -> Iterator[Finding]:
    """Ask, from the account down to the pictures; what needs the account is left out without it."""
    yield _clock(patient, clock)
    answer = client.get_document(
        patient.account_id, f"issuer/{patient.issuer_id}", timeout_s=TIMEOUT_S
    )
    yield _issuer(patient, answer)
    if answer.outcome is Outcome.DELIVERED:
        for sample in patient.samples:
            yield _class(client, patient, sample)
            yield _dry_run(client, patient, sample)
    for sample in patient.samples:
        yield from _pictures(sample.class_document)
    yield _callback(patient)
    if not patient.sandbox:
        yield _demo_mode()


def _clock(patient: Patient, clock: Clock) -> Finding:
    """Google refuses a token whose clock is off; its own clock stands in every answer."""
    try:
        answer = _ask("GET", patient.keys_url)
        theirs = parsedate_to_datetime(answer.headers.get("Date", ""))
    except (requests.RequestException, ValueError, TypeError):
        return Finding(
            name="google clock",
            text=_("The address of Google's keys does not answer, so no callback can be believed."),
            mend=_("Let this machine reach %(address)s.", address=patient.keys_url),
            fault=True,
        )
    off = abs(clock.now() - theirs)
    if off <= CLOCK_SKEW_MAX:
        return Finding(name="google clock", text=_("This machine's clock agrees with Google's."))
    return Finding(
        name="google clock",
        text=_("The clock differs from Google's by %(s)d seconds.", s=int(off.total_seconds())),
        mend=_("Set the machine's clock (timedatectl set-ntp true): tokens are refused else."),
        fault=True,
    )


def _issuer(patient: Patient, answer: Answer) -> Finding:
    if answer.outcome is Outcome.DELIVERED:
        name = str((answer.resource or {}).get("name", ""))
        text = _("Google gives a token and knows issuer %(id)s.", id=patient.issuer_id)
        return Finding(name="google issuer", text=f"{text} {name}".strip())
    text, mend = _issuer_mend(patient, answer)
    return Finding(name="google issuer", text=text, mend=mend, fault=True)


def _issuer_mend(patient: Patient, answer: Answer) -> tuple[str, str]:
    said = answer.message or answer.reason
    if answer.reason == "service_account_refused":
        return (
            _("Google gives no token for %(who)s: its key was deleted or is another's.",
              who=patient.client_email),
            _("Make a new JSON key of this service account and install it with "
              "`regulars google-account FILE.json --issuer %(id)s`.", id=patient.issuer_id),
        )  # fmt: skip
    if answer.reason in {"insufficientPermissions", "accessNotConfigured"}:
        return (
            _("The account's project may not use Google Wallet: %(said)s", said=said),
            _("Enable the Google Wallet API in the project of %(who)s.", who=patient.client_email),
        )
    if answer.outcome is Outcome.BREAKER:
        return (
            _("%(who)s may not speak for issuer %(id)s: %(said)s",
              who=patient.client_email, id=patient.issuer_id, said=said),
            _("Open %(console)s, Users, and invite %(who)s as Developer.",
              console=CONSOLE, who=patient.client_email),
        )  # fmt: skip
    if answer.outcome in {Outcome.MISSING, Outcome.PERMANENT}:
        return (
            _("Google knows no issuer %(id)s: %(said)s", id=patient.issuer_id, said=said),
            _("Copy the issuer id from %(console)s, Google Wallet API, and install the account "
              "again with it.", console=CONSOLE),
        )  # fmt: skip
    return (
        _("Google does not answer (%(said)s).", said=said),
        _("Look at this machine's way to the internet, then run this again."),
    )


def _class(client: GoogleClient, patient: Patient, sample: Sample) -> Finding:
    class_id = str(sample.class_document["id"])
    answer = client.get_document(
        patient.account_id, f"{sample.kind.classes}/{class_id}", timeout_s=TIMEOUT_S
    )
    found = answer.resource or {}
    if answer.outcome is Outcome.MISSING:
        return Finding(
            name="google class",
            text=_("Google has no class %(id)s yet.", id=class_id),
            mend=_("A worker makes it; see that `regulars serve` runs.")
            if sample.wanted
            else _("It is made when the first customer presses the button."),
            fault=sample.wanted,
        )
    if answer.outcome is not Outcome.DELIVERED:
        return Finding(
            name="google class",
            text=_("Class %(id)s cannot be read (%(why)s).", id=class_id, why=answer.reason),
            mend=_("Run this again; see the issuer's finding."),
            fault=True,
        )
    return _class_state(class_id, found, callback_url=patient.callback_url)


def _class_state(class_id: str, found: Mapping[str, Any], *, callback_url: str) -> Finding:
    status = str(found.get("reviewStatus", "")).replace("_", "").lower()
    comments = str((found.get("review") or {}).get("comments", ""))
    called = str((found.get("callbackOptions") or {}).get("url", ""))
    if status not in {"approved", "underreview"}:
        return Finding(
            name="google class",
            text=_("Google rejected class %(id)s: %(why)s", id=class_id, why=comments or status),
            mend=_("Mend what Google says in the card's design and publish again."),
            fault=True,
        )
    if called != callback_url:
        return Finding(
            name="google class",
            text=_("Class %(id)s tells saves to %(url)s.", id=class_id, url=called or "nobody"),
            mend=_("Publish the card again: its address becomes %(url)s.", url=callback_url),
        )
    return Finding(
        name="google class",
        text=_("Class %(id)s is at Google (%(status)s).", id=class_id, status=status),
        mend=comments,
    )


def _dry_run(client: GoogleClient, patient: Patient, sample: Sample) -> Finding:
    answer = client.validate(
        patient.account_id,
        class_document=sample.class_document,
        object_document=sample.object_document,
        timeout_s=TIMEOUT_S,
        kind=sample.kind,
    )
    if answer.outcome is Outcome.DELIVERED:
        return Finding(name="google dry run", text=_("Google would take a sample card."))
    return Finding(
        name="google dry run",
        text=_("Google would refuse a card: %(why)s", why=answer.message or answer.reason),
        mend=_("Mend what Google says in the card's design and publish again."),
        fault=answer.outcome is Outcome.PERMANENT,
    )


def _pictures(class_document: Mapping[str, Any]) -> Iterator[Finding]:
    faults = check_pictures(class_document, timeout_s=TIMEOUT_S)
    for one in faults:
        yield Finding(
            name="google picture",
            text=f"{one.name} {one.address}: {one.why}",
            mend=_("Google fetches pictures from there; open that address to everybody."),
            fault=True,
        )
    if not faults:
        yield Finding(name="google picture", text=_("Every picture answers as Google needs it."))


def _callback(patient: Patient) -> Finding:
    """Our own public address, as Google sees it."""
    why = _callback_fault(patient.callback_url)
    if not why:
        return Finding(
            name="google callback",
            text=_("%(url)s answers and robots.txt lets Google in.", url=patient.callback_url),
        )
    return Finding(
        name="google callback",
        text=_("Google cannot tell of saves at %(url)s: %(why)s",
               url=patient.callback_url, why=why),
        mend=_("Let the public address lead to `regulars serve`, POST included; until then the "
               "nightly look at Google's list tells who holds a card."),
        fault=True,
    )  # fmt: skip


def _callback_fault(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme != "https" and parts.hostname not in _LOOPBACK:
        return _("Google calls https addresses only.")
    try:
        robots = _ask("GET", f"{parts.scheme}://{parts.netloc}/robots.txt")
        knock = _ask("POST", url)
    except requests.RequestException as error:
        return _("The address does not answer (%(why)s).", why=type(error).__name__)
    rules = RobotFileParser()
    rules.parse(robots.text[:ROBOTS_BYTES_MAX].splitlines() if robots.status_code == _OK else [])
    if not rules.can_fetch("Googlebot", url):
        return _("robots.txt keeps Googlebot out.")
    # An empty message is refused by our own door; anything else answered in its place.
    if knock.status_code != _REFUSED:
        return _("It answers %(status)d, so something else stands there.", status=knock.status_code)
    return ""


def _demo_mode() -> Finding:
    return Finding(
        name="google demo mode",
        text=_("A new issuer is in demo mode: only its users and test accounts can save a card."),
        mend=_("Ask for publishing access in %(console)s once the card looks right.",
               console=CONSOLE),
    )  # fmt: skip


def _ask(method: str, url: str) -> requests.Response:
    with requests.Session() as session:
        session.trust_env = False
        return session.request(
            method,
            url,
            timeout=TIMEOUT_S,
            allow_redirects=False,
            data=b"{}" if method == "POST" else None,
        )
