"""Seal, index and open the contacts of one merchant's members."""

from __future__ import annotations

from dataclasses import dataclass, field

from signing.keyring import Keyring
from signing.sealing import blind_index, seal, unseal


@dataclass(frozen=True, slots=True)
class ContactSeals:
    """What `email` and `phone` of one merchant are sealed and found with."""

    keyring: Keyring = field(repr=False)
    merchant_id: int

    def seal(self, text: str, column: str) -> bytes | None:
        """The sealed contact, None for none; `column` is `email` or `phone`."""
        if not text:
            return None
        return seal(
            self.keyring, text.encode(), merchant_id=self.merchant_id, column=f"member.{column}"
        )

    def index(self, text: str, column: str) -> bytes | None:
        """What the contact is found by, None for none."""
        if not text:
            return None
        return blind_index(self.keyring, text, merchant_id=self.merchant_id, column=column)

    def indexes(self, email: str, phone: str) -> list[bytes]:
        """What either contact is found by."""
        found = (self.index(email, "email"), self.index(phone, "phone"))
        return [one for one in found if one is not None]

    def open(self, sealed: bytes | None, column: str) -> str:
        """The contact, empty for none."""
        if sealed is None:
            return ""
        opened = unseal(
            self.keyring, sealed, merchant_id=self.merchant_id, column=f"member.{column}"
        )
        return opened.decode()
