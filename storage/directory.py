"""The directory: what the outside calls by name or shows as a token, and whose it is.

Its tables have no merchant in their key, because they are asked before the merchant is known.

Rules:
- A name or token belongs to one merchant for ever or until it is removed; taking it again for
  something else is refused.
- Tokens are stored as their SHA-256 only.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import delete, select

from common.errors import Conflict
from storage.records import maybe_record
from storage.scope import Scope
from storage.tables import directory_name, directory_token


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectoryEntry:
    """Whose name it is and what it names."""

    merchant_id: int
    subject_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenEntry:
    """Whose token it is: `barcode` names a wallet_pass, `card` a member."""

    kind: str
    merchant_id: int
    subject_id: int


class Directory:
    """Look-ups over the installation; entries are made and removed for the scope's merchant."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def name(self, kind: str, name: str) -> DirectoryEntry | None:
        """Who answers to `name`; kinds: `join`, `pass_type`, `host`."""
        query = select(directory_name).where(
            directory_name.c.kind == kind, directory_name.c.name == name
        )
        return maybe_record(DirectoryEntry, self._scope.execute(query).one_or_none())

    def add_name(self, kind: str, name: str, subject_id: int) -> None:
        """Give a name to the scope's merchant; twice the same is no error.

        Raises:
            Conflict: the name is another's.
        """
        mine = DirectoryEntry(merchant_id=self._scope.merchant, subject_id=subject_id)
        fresh = self._scope.insert_new(
            directory_name,
            kind=kind,
            name=name,
            merchant_id=mine.merchant_id,
            subject_id=subject_id,
        )
        if not fresh and self.name(kind, name) != mine:
            raise Conflict("This name is already in use; please choose another.")

    def remove_name(self, kind: str, name: str) -> None:
        """Free one of the merchant's names."""
        self._scope.execute(
            delete(directory_name).where(
                directory_name.c.kind == kind,
                directory_name.c.name == name,
                directory_name.c.merchant_id == self._scope.merchant,
            )
        )

    def token(self, token_hash: bytes) -> TokenEntry | None:
        """Whose token has this SHA-256."""
        query = select(directory_token).where(directory_token.c.token_hash == token_hash)
        return maybe_record(TokenEntry, self._scope.execute(query).one_or_none())

    def add_token(self, kind: str, token_hash: bytes, subject_id: int) -> None:
        """Enter a token's hash; twice the same is no error.

        Raises:
            Conflict: the token names something else.
        """
        mine = TokenEntry(kind=kind, merchant_id=self._scope.merchant, subject_id=subject_id)
        fresh = self._scope.insert_new(
            directory_token,
            token_hash=token_hash,
            kind=kind,
            merchant_id=mine.merchant_id,
            subject_id=subject_id,
        )
        if not fresh and self.token(token_hash) != mine:
            raise Conflict("This code already belongs to another card.")

    def remove_token(self, kind: str, token_hash: bytes) -> None:
        """Make one token dead."""
        self._scope.execute(
            delete(directory_token).where(
                directory_token.c.token_hash == token_hash,
                directory_token.c.kind == kind,
                directory_token.c.merchant_id == self._scope.merchant,
            )
        )

    def remove_tokens(self, kind: str, subject_id: int) -> None:
        """Make every token of a subject dead."""
        self._scope.execute(
            delete(directory_token).where(
                directory_token.c.kind == kind,
                directory_token.c.subject_id == subject_id,
                directory_token.c.merchant_id == self._scope.merchant,
            )
        )
