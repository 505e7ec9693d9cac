"""The last look at a pass before it leaves: the validator's rules, at the price of a few of them.

Nearly all that can be wrong with a pass is the same for every card of a design: its keys, labels,
formats, colours, addresses. So the first card of each mould goes through the whole validator, and
the cards after it only through the rules that a card's own values can break. Not here: the rules
(document_rules.py); files from elsewhere (inspect_pass.py), which always get all of them.
"""

from __future__ import annotations

import threading
from typing import Any, Final

from passes.apple import AppleCard, Mould
from passes.document_rules import TOKEN_MIN, check_document
from passes.findings import Finding, faults

MOULDS_MAX: Final = 4096
_Key = tuple[Mould, frozenset[str], frozenset[str]]


class Gate:
    """Remembers which moulds are sound; safe for threads."""

    def __init__(self, *, size: int = MOULDS_MAX) -> None:
        self._size = size
        self._sound: dict[_Key, None] = {}
        self._lock = threading.Lock()

    def faults(self, card: AppleCard, names: frozenset[str]) -> list[Finding]:
        """What keeps this card from leaving; empty for nothing.

        Args:
            card: from `apple.apple_card`.
            names: the files beside pass.json (`PackedFiles.names`).
        """
        document, mould = card
        key = (mould, frozenset(document), names)
        if key in self._sound and _sound_values(document):
            return []
        found = faults(check_document(document, names))
        if not found:
            with self._lock:
                if len(self._sound) >= self._size:
                    self._sound.clear()
                self._sound[key] = None
        return found


def _sound_values(document: dict[str, Any]) -> bool:
    """The rules that a card's own values can break."""
    for code in document.get("barcodes", ()):
        if not code["message"] or not code["message"].isascii():
            return False
    return len(document["authenticationToken"]) >= TOKEN_MIN and bool(document["serialNumber"])
