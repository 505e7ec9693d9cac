"""What may be wrong between a merchant and Google, asked over the network, each with its mend.

Not done here: the asking itself (delivery.google_checkup), what needs no network (doctor).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from common.errors import DeliveryError, WalletError
from delivery.google_checkup import Finding, Patient, Sample
from delivery.google_checkup import examine as ask_google
from delivery.google_client import GoogleClient
from loyalty.google_account import INSTALLATION, KEY_COLUMN
from loyalty.google_rehearsal import rehearsals
from regulars.doctor import Check, Health
from regulars.installation import Installation
from signing.google_jwt import save_jwt, stored_service_account
from signing.sealing import unseal
from storage.google_identities import GoogleHome, google_home
from storage.merchants import Merchant
from storage.unit_of_work import UnitOfWork, open_work

SAMPLE_ID: Final = "00000000000000000000000000"


def online(installation: Installation, merchant: Merchant) -> list[Check]:
    """Every check of google-wallet 10.5; none without an account."""
    port = installation.loyalty.google
    if merchant.google_account_id is None or not isinstance(port, GoogleClient):
        return []
    ctx = installation.loyalty
    try:
        with open_work(ctx.database, merchant.id, clock=ctx.clock, writing=False) as work:
            home = google_home(work, public_url=ctx.settings.public_url)
            patient = _patient(installation, work, home)
        link = _link(installation, home)
    except WalletError as error:
        mend = "" if isinstance(error, DeliveryError) else "Install the account's key file again."
        return [
            _said(merchant, Finding(name="google key", text=error.message, mend=mend, fault=True))
        ]
    findings: Iterator[Finding] = ask_google(port, patient, clock=ctx.clock)
    return [_said(merchant, link), *(_said(merchant, one) for one in findings)]


def _patient(installation: Installation, work: UnitOfWork, home: GoogleHome) -> Patient:
    ctx = installation.loyalty
    samples = []
    for programme in work.programmes.all():
        published = work.programmes.published_design(programme.id)
        if published is not None:
            samples += [
                Sample(
                    class_document=one.class_document,
                    object_document=one.object_document,
                    kind=one.kind,
                    wanted=work.deliveries.has_google_class(programme.id),
                )
                for one in rehearsals(ctx, work, programme, published.design)
            ]
    return Patient(
        account_id=home.account.id,
        issuer_id=home.account.issuer_id,
        client_email=home.account.client_email,
        sandbox=home.account.sandbox,
        callback_url=home.callback_url,
        keys_url=ctx.settings.google_keys_url,
        samples=tuple(samples),
    )


def _link(installation: Installation, home: GoogleHome) -> Finding:
    """The key opens and signs a save link short enough for every browser."""
    ctx = installation.loyalty
    key_file = unseal(
        ctx.keyring, home.account.key_sealed, merchant_id=INSTALLATION, column=KEY_COLUMN
    )
    account = stored_service_account(
        key_file,
        sandbox=home.account.sandbox,
        allowed_token_uri=ctx.settings.allowed_token_uri,
    )
    token = save_jwt(
        account,
        object_ids=[f"{home.account.issuer_id}.{SAMPLE_ID}"],
        class_id=home.identity(home.merchant.id).class_id,
        origins=[home.public_url],
        now=ctx.clock.now(),
    )
    return Finding(
        name="google key",
        text=f"The key of {account.client_email} signs; a save link has {len(token)} of 1800 "
        "characters.",
    )


def _said(merchant: Merchant, finding: Finding) -> Check:
    health = Health.FAULT if finding.fault else Health.WARNING if finding.mend else Health.OK
    return Check(
        name=finding.name,
        health=health,
        text=finding.text,
        mend=finding.mend,
        merchant=merchant.slug,
    )
