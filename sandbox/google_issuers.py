"""Issuer accounts and who may work with them: what `/issuer` and `/permissions` answer.

An issuer exists as soon as `google-service-accounts.json` names it. Inserting issuers is for Google's
partners and refused here as for anyone else.
Source: Google Wallet API reference (Issuer, Permissions).
"""

from __future__ import annotations

from typing import Any

from sandbox.google_oauth import Account, Accounts
from sandbox.google_rules import ApiRefused, check_issuer, invalid, merged
from sandbox.google_schema import faults
from sandbox.store import Document, Store

ISSUERS = "google:issuer"
ROLES = {"OWNER", "owner", "WRITER", "writer", "READER", "reader"}


class Issuers:
    def __init__(self, *, store: Store, accounts: Accounts) -> None:
        self._store, self._accounts = store, accounts

    def list(self, account: Account) -> Document:
        return {"resources": [self._shown(each) for each in sorted(account.issuers)]}

    def get(self, account: Account, issuer_id: str) -> Document:
        self._check(account, issuer_id)
        return self._shown(issuer_id)

    def insert(self, _account: Account) -> Document:
        raise ApiRefused(403, "Permission denied.", "permissionDenied")

    def patch(self, account: Account, issuer_id: str, change: Any) -> Document:
        return self._keep(account, issuer_id, merged(self.get(account, issuer_id), change))

    def update(self, account: Account, issuer_id: str, whole: Any) -> Document:
        return self._keep(account, issuer_id, whole)

    def permissions(self, account: Account, issuer_id: str) -> Document:
        self._check(account, issuer_id)
        return self._row(issuer_id).get("permissions") or self._first_permissions(issuer_id)

    def set_permissions(self, account: Account, issuer_id: str, whole: Any) -> Document:
        """Replace the whole list, as Google does: who is not named is out."""
        self._check(account, issuer_id)
        _check_shape("Permissions", whole)
        for each in whole.get("permissions") or []:
            if each.get("role") not in ROLES or "@" not in (each.get("emailAddress") or ""):
                raise invalid("A permission needs emailAddress and role OWNER, WRITER or READER.")
        kept = merged(whole, {"issuerId": issuer_id})
        self._store.put(ISSUERS, issuer_id, self._row(issuer_id) | {"permissions": kept})
        return kept

    def _keep(self, account: Account, issuer_id: str, whole: Any) -> Document:
        self._check(account, issuer_id)
        _check_shape("Issuer", whole)
        if whole.get("issuerId", issuer_id) != issuer_id:
            raise invalid("The id in the body differs from the address.")
        kept = merged(whole, {"issuerId": issuer_id})
        self._store.put(ISSUERS, issuer_id, self._row(issuer_id) | {"issuer": kept})
        return kept

    def _check(self, account: Account, issuer_id: str) -> None:
        known = self._accounts.known_issuers()
        check_issuer(f"{issuer_id}.x", mine=set(account.issuers), known=known)

    def _row(self, issuer_id: str) -> Document:
        return self._store.all(ISSUERS).get(issuer_id, {})

    def _shown(self, issuer_id: str) -> Document:
        first = {"issuerId": issuer_id, "name": f"Sandbox issuer {issuer_id}"}
        return merged(self._row(issuer_id).get("issuer") or first, {})

    def _first_permissions(self, issuer_id: str) -> Document:
        users = [
            {"emailAddress": email, "role": "WRITER"}
            for email in self._accounts.emails_of(issuer_id)
        ]
        return {"issuerId": issuer_id, "permissions": users}


def _check_shape(schema: str, document: Any) -> None:
    found = faults(schema, document)
    if found:
        text = "\n".join(["Invalid JSON payload received.", *found])
        raise ApiRefused(400, text, "INVALID_ARGUMENT")
