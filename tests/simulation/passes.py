"""A pass as a phone reads it."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any


def read_pass(data: bytes) -> dict[str, Any]:
    """pass.json of a bundle."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        document: dict[str, Any] = json.loads(archive.read("pass.json"))
    return document


def balance_of(document: dict[str, Any]) -> int:
    """The points on the front of the card."""
    return int(_value(document, "balance"))


def name_of(document: dict[str, Any]) -> str:
    """Whose card it says it is; empty where it does not say."""
    return str(_value(document, "member") or "")


def _value(document: dict[str, Any], key: str) -> Any:
    fields = (
        field
        for place in document["storeCard"].values()
        if isinstance(place, list)
        for field in place
    )
    return next((field["value"] for field in fields if field["key"] == key), None)
