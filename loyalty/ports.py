"""What a use case may ask of the outside, wired by the front door.

The one exception to "loyalty and delivery meet only in the database": at the Google save click
the object must exist before the customer is sent to Google (DESIGN 2).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from passes.google_parts import GoogleKind


class GooglePort(Protocol):
    """Puts a class and an object at Google now, within a short time-out."""

    def upsert(
        self,
        *,
        account_id: int,
        class_document: Mapping[str, Any],
        object_document: Mapping[str, Any],
        object_patch: Mapping[str, Any] | None = None,
        timeout_s: float,
        kind: GoogleKind = GoogleKind.LOYALTY,
    ) -> None:
        """Insert both, or patch what exists.

        `object_patch` is the body for an object that is there: the whole state, with nulls for what
        is gone.

        Raises:
            DeliveryError: Google did not take it in time; the sentence says why.
        """
        ...

    def rehearse(
        self,
        *,
        account_id: int,
        class_document: Mapping[str, Any],
        object_document: Mapping[str, Any],
        timeout_s: float,
        kind: GoogleKind = GoogleKind.LOYALTY,
    ) -> str:
        """What Google would refuse of a card, in its words; empty when nothing is known against it."""
        ...

    def check(self, *, account_id: int, issuer_id: str, timeout_s: float) -> None:
        """Ask Google whether the account may speak for the issuer.

        Raises:
            DeliveryError: it may not, or Google does not answer; the sentence says what to do.
        """
        ...
