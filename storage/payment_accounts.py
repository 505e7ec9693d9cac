"""A merchant's own account at whoever takes card payments. Its keys arrive here sealed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete

from storage.records import columns, maybe_record, values_of
from storage.scope import Scope
from storage.tables import payment_account

HOOK: str = "stripe_hook"
"""The kind of the directory's names of `/hooks/stripe/<endpoint>`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentAccount:
    """A row; `broken_at` tells that the provider refused the key."""

    id: int
    provider: str
    key_sealed: bytes
    hook_sealed: bytes
    endpoint: str
    broken_at: datetime | None = None
    created_at: datetime


class PaymentAccounts:
    """The accounts of one merchant."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def get(self, provider: str) -> PaymentAccount | None:
        """The account at a provider, None where there is none."""
        query = self._scope.select(payment_account, *columns(payment_account, PaymentAccount))
        row = self._scope.execute(query.where(payment_account.c.provider == provider))
        return maybe_record(PaymentAccount, row.one_or_none())

    def put(self, new: PaymentAccount) -> None:
        """Keep an account, in place of the one before it."""
        self.drop(new.provider)
        self._scope.execute(self._scope.insert(payment_account, **values_of(new)))

    def drop(self, provider: str) -> None:
        """Forget it."""
        self._scope.execute(
            delete(payment_account).where(
                payment_account.c.merchant_id == self._scope.merchant,
                payment_account.c.provider == provider,
            )
        )

    def mark(self, provider: str, *, broken: bool) -> None:
        """Note whether the provider takes the key."""
        self._scope.execute(
            self._scope.update(payment_account)
            .where(payment_account.c.provider == provider)
            .values(broken_at=self._scope.clock.now() if broken else None)
        )
