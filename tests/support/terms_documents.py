"""Documents of terms for tests: one of every kind of rule, and the small ones of the articles."""

from __future__ import annotations

from typing import Any

from ledger.programme_terms import ProgrammeTerms
from ledger.terms_document import read_terms

ZONE = "Europe/Vienna"
FORM = {"kind": "units", "unit": "points", "amount": 5}


def everything() -> dict[str, Any]:
    """A document with every kind of rule, unit, limit and policy."""
    return {
        "format": 2,
        "currency": "EUR",
        "units": [
            {
                "code": "points",
                "kind": "points",
                "expiry": {"kind": "days", "days": 365},
                "pending_days": 14,
            },
            {
                "code": "coffee",
                "kind": "stamps",
                "name_one": "coffee stamp",
                "name_many": "coffee stamps",
                "goal": 9,
            },
            {"code": "cake", "kind": "stamps", "expiry": {"kind": "idle", "days": 90}},
            {"code": "EUR", "kind": "cashback", "expiry": {"kind": "year_end", "months": 3}},
            {"code": "visits", "kind": "visits", "expiry": {"kind": "month_end", "months": 1}},
            {"code": "yoga", "kind": "classes", "pause_days": 30},
        ],
        "counts": {"tax": False, "exclude": {"categories": ["tobacco"]}},
        "rules": [
            {"kind": "spend", "code": "base", "unit": "points", "spend_minor": 1000, "units": 1},
            {"kind": "cashback", "code": "back", "unit": "EUR", "basis_points": 300},
            {"kind": "visit", "code": "visit", "unit": "visits", "min_sale_minor": 500},
            _item("coffee"),
            _item("cake"),
            {
                "kind": "pack",
                "code": "ten",
                "unit": "yoga",
                "units": 10,
                "days": 180,
                "when": {"match": {"items": ["yoga-10"]}},
            },
            {
                "kind": "multiplier",
                "code": "tuesday",
                "unit": "points",
                "percent": 200,
                "when": {"weekdays": [2], "from_minute": 840, "until_minute": 1020},
            },
            {
                "kind": "multiplier",
                "code": "own",
                "unit": "points",
                "percent": 300,
                "when": {"match": {"own_brand": True}, "last_day": "2027-01-31"},
            },
            {
                "kind": "bonus",
                "code": "comeback",
                "grant": {"kind": "add_next", "unit": "points", "amount": 20, "days": 30},
            },
            {
                "kind": "bonus",
                "code": "more",
                "floor": {"average": "member", "percent": 110},
                "grant": {"kind": "fixed_off_next", "amount": 300, "days": 30},
            },
            {
                "kind": "bonus",
                "code": "first",
                "once": True,
                "when": {"first_purchase": True},
                "grant": {"kind": "units", "unit": "points", "amount": 10},
            },
            {
                "kind": "challenge",
                "code": "five",
                "span": "month",
                "levels": [{"goal": 5, "grant": FORM}],
            },
            {
                "kind": "challenge",
                "code": "streak",
                "span": "week",
                "streak": True,
                "repeat": True,
                "levels": [{"goal": 4, "grant": FORM}],
            },
            {
                "kind": "set",
                "code": "all",
                "parts": [{"unit": "coffee", "need": 1}, {"unit": "cake", "need": 1}],
                "grant": FORM,
            },
            {
                "kind": "welcome",
                "code": "hello",
                "grant": {"kind": "units", "unit": "points", "amount": 25},
            },
        ],
        "tiers": {
            "window": "days",
            "days": 365,
            "grace_days": 30,
            "levels": [
                {"code": "silver", "name": "Silver", "threshold": 50000, "benefit_percent": 5},
                {
                    "code": "gold",
                    "name": "Gold",
                    "threshold": 150000,
                    "benefit_percent": 10,
                    "percent": 150,
                },
            ],
        },
        "limits": [
            {"kind": "units_per_day", "unit": "points", "most": 100},
            {"kind": "earns_per_day", "most": 3},
            {"kind": "minutes_between", "most": 15},
            {"kind": "sale_max", "most": 100000},
        ],
        "payments": [{"unit": "points", "units": 10, "minor": 100, "min_units": 50}],
    }


def _item(code: str) -> dict[str, Any]:
    return {
        "kind": "item",
        "code": code,
        "unit": code,
        "when": {"match": {"categories": [code]}},
    }


def simple(*rules: dict[str, Any], **parts: Any) -> dict[str, Any]:
    """Points alone: one for every euro unless rules say otherwise."""
    return {
        "format": 2,
        "currency": "EUR",
        "units": parts.pop("units", [{"code": "points", "kind": "points"}]),
        "rules": list(rules)
        or [{"kind": "spend", "code": "base", "unit": "points", "spend_minor": 100, "units": 1}],
        **parts,
    }


def terms_of(
    document: dict[str, Any], *, version: int = 1, time_zone: str = ZONE
) -> ProgrammeTerms:
    """The terms of a document, as a shop in Vienna has them."""
    return read_terms(document, version=version, time_zone=time_zone)
