"""Google service accounts of the installation; merchants name the one that speaks for them.

Not done here: sealing and opening the key (loyalty, with signing's seal for merchant 0).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import insert, select, update

from common.errors import NotFound
from storage.records import maybe_record, record_of, values_of
from storage.scope import Scope
from storage.tables import google_account


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class GoogleAccount:
    """A service account at one issuer; `key_sealed` is its JSON key file, sealed."""

    id: int
    issuer_id: str
    client_email: str
    key_sealed: bytes
    sandbox: bool
    created_at: datetime


class GoogleAccounts:
    """Service accounts by id and by issuer."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def add(self, account: GoogleAccount) -> None:
        """Store a new account."""
        self._scope.execute(insert(google_account).values(values_of(account)))

    def get(self, account_id: int) -> GoogleAccount:
        """The account.

        Raises:
            NotFound: there is none with this id.
        """
        query = select(google_account).where(google_account.c.id == account_id)
        row = self._scope.execute(query).one_or_none()
        if row is None:
            raise NotFound("There is no such Google account.")
        return record_of(GoogleAccount, row)

    def all(self) -> list[GoogleAccount]:
        """Every account, oldest first."""
        rows = self._scope.execute(select(google_account).order_by(google_account.c.id))
        return [record_of(GoogleAccount, row) for row in rows]

    def by_issuer(self, issuer_id: str, client_email: str) -> GoogleAccount | None:
        """The account of this address at this issuer."""
        query = select(google_account).where(
            google_account.c.issuer_id == issuer_id, google_account.c.client_email == client_email
        )
        return maybe_record(GoogleAccount, self._scope.execute(query).one_or_none())

    def set_key(self, account_id: int, key_sealed: bytes, client_email: str) -> None:
        """Replace the key, and the address that goes with it."""
        self._scope.execute(
            update(google_account)
            .where(google_account.c.id == account_id)
            .values(key_sealed=key_sealed, client_email=client_email)
        )
