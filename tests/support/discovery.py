"""Google's own schema of Wallet objects, made strict: what it does not name is refused."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import googleapiclient
from jsonschema import Draft202012Validator

DOCUMENT = Path(googleapiclient.__file__).parent / "discovery_cache/documents/walletobjects.v1.json"
INTEGERS = {"int32": 32, "uint32": 32}


@cache
def discovery() -> dict[str, Any]:
    return json.loads(DOCUMENT.read_text())


@cache
def validator(schema: str) -> Draft202012Validator:
    """Judges a body of the named resource, as LoyaltyClass."""
    definitions = {name: _strict(part) for name, part in discovery()["schemas"].items()}
    root = {"$defs": definitions, "$ref": f"#/$defs/{schema}"}
    Draft202012Validator.check_schema(root)
    return Draft202012Validator(root)


def complaints(schema: str, body: dict[str, Any]) -> list[str]:
    return [f"{e.json_path}: {e.message}" for e in validator(schema).iter_errors(body)]


def without_nulls(patch: dict[str, Any]) -> dict[str, Any]:
    """A PATCH body without what it takes away."""
    return {
        name: without_nulls(value) if isinstance(value, dict) else value
        for name, value in patch.items()
        if value is not None
    }


def _strict(part: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in part:
        return {"$ref": f"#/$defs/{part['$ref']}"}
    kind = part.get("type")
    if kind == "object":
        inner = {name: _strict(value) for name, value in part.get("properties", {}).items()}
        extra = part.get("additionalProperties")
        return {
            "type": "object",
            "properties": inner,
            "additionalProperties": _strict(extra) if extra else False,
        }
    if kind == "array":
        return {"type": "array", "items": _strict(part["items"])}
    return _scalar(part)


def _scalar(part: dict[str, Any]) -> dict[str, Any]:
    strict: dict[str, Any] = {} if part.get("type") == "any" else {"type": part["type"]}
    if "enum" in part:
        old = part.get("enumDeprecated") or [False] * len(part["enum"])
        strict["enum"] = [value for value, gone in zip(part["enum"], old, strict=True) if not gone]
    if part.get("format") in INTEGERS:
        bits = INTEGERS[part["format"]]
        strict |= {"minimum": -(2 ** (bits - 1)), "maximum": 2 ** (bits - 1) - 1}
    if part.get("format") in {"int64", "uint64"}:
        strict["pattern"] = r"^-?[0-9]+$"
    return strict
