"""Passes that a card brings with it: Google puts the offers that a card names beside it on the phone.

Google asks that they are there before, and of the same issuer. What it does with others is not
written anywhere; refusing them here shows who sends them in the wrong order.
Source: LoyaltyObject.linkedOfferIds and linkedObjectIds; "Auto linked passes".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sandbox.google_rules import KINDS, Kind, invalid, issuer_of
from sandbox.store import Document

Records = dict[str, dict[str, Any]]
OFFERS = KINDS["offerObject"]


def linked(resource: Document, records: Records) -> Iterator[tuple[Kind, str]]:
    """The passes that a card names and that exist."""
    for key in resource.get("linkedOfferIds") or []:
        if key in records[OFFERS.path]:
            yield OFFERS, key
    for key in resource.get("linkedObjectIds") or []:
        for kind in KINDS.values():
            if not kind.is_class and key in records[kind.path]:
                yield kind, key


def check_links(kind: Kind, resource: Document, records: Records) -> None:
    """Refuse a card that names passes of another issuer, itself, or what is not there yet."""
    if kind.is_class:
        return
    mine = issuer_of(resource["id"])
    named = [*(resource.get("linkedOfferIds") or []), *(resource.get("linkedObjectIds") or [])]
    there = {key for _kind, key in linked(resource, records)}
    for key in named:
        if issuer_of(key) != mine or key == resource["id"]:
            raise invalid(f"{key} cannot be linked to {resource['id']}.")
        if key not in there:
            raise invalid(f"Linked object {key} not found.")
