"""Tells whether Google still holds what was sent, allowing for how Google writes things back.

A GET adds `kind` everywhere, uses old spellings of enums, writes 64-bit integers as texts, says
APPROVED where UNDER_REVIEW was sent and leaves defaults out (google-wallet 10.3).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

_SERVER_OWN: Final = frozenset(
    {
        "kind",
        "version",
        "hasUsers",
        "hasLinkedDevice",
        "classReference",
        "review",
        "notifyPreference",
        "messages",
    }
)
# Enums come back in old spellings, `qrCode` or `code39`: letters and digits are all that counts.
ENUMS: Final = frozenset(
    {
        "algorithm",
        "animationType",
        "messageType",
        "multipleDevicesAndHoldersAllowedStatus",
        "redemptionChannel",
        "reviewStatus",
        "screenshotEligibility",
        "state",
        "type",
        "viewUnlockRequirement",
    }
)
_APPROVED: Final = "APPROVED"
_SENT_FOR_REVIEW: Final = "UNDERREVIEW"


def differences(
    sent: Mapping[str, Any], read_back: Mapping[str, Any]
) -> dict[str, tuple[Any, Any]]:
    """What of `sent` Google holds otherwise: {top-level name: (sent, read back)}, both normalised.

    Names that were not sent are not looked at; a null that was sent expects the name to be gone.
    """
    wanted, found = _normalised(sent), _normalised(read_back)
    return {
        name: (wanted.get(name), found.get(name))
        for name in sent
        if name not in _SERVER_OWN and wanted.get(name) != found.get(name)
    }


def _normalised(document: Mapping[str, Any]) -> dict[str, Any]:
    plain = {
        name: _spelt(value) if name in ENUMS and isinstance(value, str) else _plain(value)
        for name, value in document.items()
        if name not in _SERVER_OWN
    }
    return {name: value for name, value in plain.items() if not _is_default(value)}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return _normalised(value)
    if isinstance(value, list):
        return [_plain(entry) for entry in value]
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return value


def _spelt(value: str) -> str:
    plain = value.replace("_", "").upper()
    return _SENT_FOR_REVIEW if plain == _APPROVED else plain


def _is_default(value: Any) -> bool:
    if value in (None, False, "", "0", [], {}):
        return True
    return isinstance(value, str) and value.endswith("UNSPECIFIED")
