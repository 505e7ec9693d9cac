"""Google's own discovery document as a strict judge of what is sent to the Wallet API.

Proto3 JSON rules: 64-bit numbers may be texts, enums may be given in their old spellings, null means
"not set". Anything unknown is refused with its place, as Google does.
Source: `walletobjects.v1.json`, shipped with google-api-python-client.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import Iterator
from functools import cache
from importlib import resources
from typing import Any

DEPTH_MAX = 40
ERRORS_MAX = 10
INTEGER_RANGES = {
    "int32": (-(2**31), 2**31 - 1),
    "uint32": (0, 2**32 - 1),
    "int64": (-(2**63), 2**63 - 1),
    "uint64": (0, 2**64 - 1),
}


@cache
def discovery() -> dict[str, Any]:
    """The whole discovery document."""
    folder = resources.files("googleapiclient.discovery_cache") / "documents"
    found: dict[str, Any] = json.loads((folder / "walletobjects.v1.json").read_text("utf-8"))
    return found


def faults(schema_name: str, document: Any) -> list[str]:
    """What is wrong with the document, in Google's words; empty when it is right."""
    found: list[str] = []
    for fault in _object(discovery()["schemas"][schema_name], document, "", 0):
        found.append(fault)
        if len(found) >= ERRORS_MAX:
            break
    return found


def _object(schema: dict[str, Any], value: Any, place: str, depth: int) -> Iterator[str]:
    if depth > DEPTH_MAX:
        yield f"Invalid value at '{place}': nested too deeply."
        return
    if not isinstance(value, dict):
        yield f"Invalid value at '{place or 'resource'}', expected an object."
        return
    properties = schema.get("properties", {})
    for name, each in value.items():
        if name not in properties:
            at = f" at '{place}'" if place else ""
            yield f'Unknown name "{name}"{at}: Cannot find field.'
        elif each is not None:
            inside = f"{place}.{name}" if place else name
            yield from _value(properties[name], each, inside, depth + 1)


def _value(schema: dict[str, Any], value: Any, place: str, depth: int) -> Iterator[str]:
    if "$ref" in schema:
        yield from _object(discovery()["schemas"][schema["$ref"]], value, place, depth)
    elif schema["type"] == "array":
        if not isinstance(value, list):
            yield f"Invalid value at '{place}', expected a list."
            return
        for index, each in enumerate(value):
            yield from _value(schema["items"], each, f"{place}[{index}]", depth + 1)
    elif schema["type"] == "object":
        if not isinstance(value, dict):
            yield f"Invalid value at '{place}', expected an object."
    elif not _scalar_fits(schema, value):
        kind = schema.get("format", schema["type"])
        yield f"Invalid value at '{place}' ({kind}), {json.dumps(value)[:80]}"


def _scalar_fits(schema: dict[str, Any], value: Any) -> bool:
    form = schema.get("format")
    if schema["type"] == "boolean":
        return isinstance(value, bool)
    if form in INTEGER_RANGES:
        return _integer_fits(form, value)
    if schema["type"] == "number":
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return is_number and math.isfinite(value)
    if not isinstance(value, str):
        return False
    if form == "byte":
        return _is_base64(value)
    return "enum" not in schema or value in schema["enum"]


def _integer_fits(form: str, value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | str):
        return False
    if isinstance(value, str) and (len(value) > 20 or not value.lstrip("-").isdecimal()):
        return False
    low, high = INTEGER_RANGES[form]
    return low <= int(value) <= high


def _is_base64(value: str) -> bool:
    try:
        base64.b64decode(value.replace("-", "+").replace("_", "/"), validate=True)
    except (binascii.Error, ValueError):
        return False
    return True
