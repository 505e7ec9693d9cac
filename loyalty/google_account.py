"""Give a merchant the Google service account and issuer that speak for it.

Rules: an account belongs to the installation and may serve several merchants; the key file is
sealed for merchant 0. A real issuer is not changed under living cards: their object ids carry it.
Nothing here asks the network; `doctor` does.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from common.actor import Actor
from common.errors import Conflict, InvalidInput
from common.i18n import gettext as _
from common.ids import new_id
from loyalty.context import Loyalty
from signing.google_jwt import ServiceAccount, parse_service_account
from signing.sealing import seal
from storage.google_accounts import GoogleAccount
from storage.unit_of_work import UnitOfWork, run_work

KEY_COLUMN: Final = "google_account.key"
INSTALLATION: Final = 0
"""The merchant under which what belongs to everyone is sealed."""

_ISSUER: Final = re.compile(r"[0-9]{10,22}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class InstalledAccount:
    """The account now in use."""

    account_id: int
    issuer_id: str
    client_email: str


def install_google_account(
    ctx: Loyalty,
    merchant_id: int,
    key_file: bytes,
    *,
    issuer_id: str,
    actor: Actor,
    sandbox_token_uri: str | None = None,
) -> InstalledAccount:
    """Check the key file, seal it and let it speak for the merchant.

    `sandbox_token_uri` is the token address of a key of our own make: the account is then a
    sandbox's.

    Raises:
        InvalidInput: the file is no service account's key, or the issuer id cannot be one.
        Conflict: cards of another real issuer are in use.
    """
    sandbox = sandbox_token_uri is not None
    service_account = parse_service_account(
        key_file, allowed_token_uri=sandbox_token_uri or ctx.settings.allowed_token_uri
    )
    check_issuer(issuer_id, service_account)

    def action(work: UnitOfWork) -> InstalledAccount:
        _refuse_change_of_issuer(work, issuer_id)
        account_id = _store(
            ctx, work, key_file, service_account, issuer_id=issuer_id, sandbox=sandbox
        )
        work.merchants.set_google_account(account_id)
        work.deliveries.let_flow("google")
        work.audit.add(
            actor=actor,
            action="google_account.install",
            subject_kind="google_account",
            subject_id=account_id,
            detail={"issuer": issuer_id, "client_email": service_account.client_email},
        )
        return InstalledAccount(
            account_id=account_id,
            issuer_id=issuer_id,
            client_email=service_account.client_email,
        )

    return run_work(ctx.database, merchant_id, action, clock=ctx.clock)


def check_issuer(issuer_id: str, service_account: ServiceAccount) -> None:
    """Refuse what is pasted instead of an issuer id most often: the account's own number.

    Raises:
        InvalidInput: not the number shown in the Google Pay & Wallet console.
    """
    if not _ISSUER.fullmatch(issuer_id):
        raise InvalidInput(
            _("The issuer id is the number in the Google Pay & Wallet console, digits only."),
            field="issuer",
        )
    if issuer_id == service_account.client_id:
        raise InvalidInput(
            _(
                "This is the service account's own number. The issuer id stands in the Google "
                "Pay & Wallet console, under Google Wallet API."
            ),
            field="issuer",
        )


def _refuse_change_of_issuer(work: UnitOfWork, issuer_id: str) -> None:
    account_id = work.merchants.get().google_account_id
    if account_id is None:
        return
    current = work.google_accounts.get(account_id)
    if current.sandbox or current.issuer_id == issuer_id or not work.passes.count_google():
        return
    raise Conflict(
        _(
            "Cards of issuer %(old)s are in people's phones and cannot move to %(new)s. "
            "Keep the issuer, and give its new key.",
            old=current.issuer_id,
            new=issuer_id,
        )
    )


def _store(
    ctx: Loyalty,
    work: UnitOfWork,
    key_file: bytes,
    service_account: ServiceAccount,
    *,
    issuer_id: str,
    sandbox: bool,
) -> int:
    sealed = seal(ctx.keyring, key_file, merchant_id=INSTALLATION, column=KEY_COLUMN)
    known = work.google_accounts.by_issuer(issuer_id, service_account.client_email)
    if known is not None:
        work.google_accounts.set_key(known.id, sealed, service_account.client_email)
        return known.id
    account = GoogleAccount(
        id=new_id(),
        issuer_id=issuer_id,
        client_email=service_account.client_email,
        key_sealed=sealed,
        sandbox=sandbox,
        created_at=ctx.clock.now(),
    )
    work.google_accounts.add(account)
    return account.id
