"""Random programmes and baskets, small enough that rules meet, caps are hit and lots end."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from ledger.activity import Line

CATEGORIES = ("coffee", "cake", "tobacco")


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    points = {
        "code": "points",
        "kind": "points",
        "rounding": draw(st.sampled_from(["carry", "carry", "down", "nearest", "up"])),
        **draw(expiries()),
    }
    units = [points, {"code": "coffee", "kind": "stamps", **draw(expiries())}]
    rules: list[dict[str, Any]] = [
        {
            "kind": "spend",
            "code": "base",
            "unit": "points",
            "spend_minor": draw(st.sampled_from([1, 7, 50, 100, 999])),
            "units": draw(st.integers(1, 3)),
            "min_sale_minor": draw(st.sampled_from([0, 0, 300])),
        },
        draw(
            st.sampled_from(
                [
                    {"kind": "visit", "code": "stamp", "unit": "coffee", "min_sale_minor": 200},
                    {
                        "kind": "item",
                        "code": "stamp",
                        "unit": "coffee",
                        "when": {"match": {"categories": ["coffee"]}},
                    },
                ]
            )
        ),
    ]
    if draw(st.booleans()):
        units.append({"code": "EUR", "kind": "cashback", **draw(expiries())})
        rules.append(
            {
                "kind": "cashback",
                "code": "back",
                "unit": "EUR",
                "basis_points": draw(st.integers(1, 700)),
            }
        )
    for number in range(draw(st.integers(0, 3))):
        rules.append(draw(multipliers(number)))
    if draw(st.booleans()):
        rules.append(
            {
                "kind": "bonus",
                "code": "big",
                "floor": {"minor": draw(st.integers(1, 1500))},
                "grant": {"kind": "units", "unit": "points", "amount": 5},
            }
        )
    if draw(st.booleans()):
        goal = draw(st.integers(1, 4))
        grant = {"kind": "units", "unit": "points", "amount": 7}
        rules.append(
            {
                "kind": "challenge",
                "code": "often",
                "repeat": True,
                "min_sale_minor": draw(st.sampled_from([0, 500])),
                "levels": [{"goal": goal, "grant": grant}],
            }
        )
    return {
        "format": 2,
        "currency": "EUR",
        "units": units,
        "rules": rules,
        "counts": {
            "tax": draw(st.booleans()),
            "tip": draw(st.booleans()),
            "exclude": draw(st.sampled_from([{}, {"categories": ["tobacco"]}])),
        },
        "limits": draw(limits()),
        "debt": draw(st.sampled_from(["owe", "forgive"])),
    }


@st.composite
def expiries(draw: st.DrawFn) -> dict[str, Any]:
    expiry = draw(
        st.sampled_from(
            [
                {},
                {"kind": "days", "days": 5},
                {"kind": "days", "days": 20},
                {"kind": "month_end", "months": 1},
                {"kind": "idle", "days": 7},
            ]
        )
    )
    return {"expiry": expiry, "pending_days": draw(st.sampled_from([0, 0, 2]))}


@st.composite
def multipliers(draw: st.DrawFn, number: int) -> dict[str, Any]:
    when = draw(
        st.sampled_from(
            [
                {},
                {"weekdays": [1, 2, 3]},
                {"from_minute": 600, "until_minute": 900},
                {"from_minute": 1200, "until_minute": 660},
                {"match": {"categories": ["cake"]}},
                {"match": {"own_brand": True}},
            ]
        )
    )
    return {
        "kind": "multiplier",
        "code": f"times{number}",
        "unit": draw(st.sampled_from(["points", "coffee"])),
        "percent": draw(st.sampled_from([125, 150, 200, 333])),
        "when": when,
    }


@st.composite
def limits(draw: st.DrawFn) -> list[dict[str, Any]]:
    found = []
    if draw(st.booleans()):
        found.append({"kind": "units_per_day", "unit": "points", "most": 25})
    if draw(st.booleans()):
        found.append({"kind": "units_per_scan", "unit": "points", "most": 15})
    if draw(st.booleans()):
        found.append({"kind": "amount_per_scan", "most": 1200})
    return found


@st.composite
def baskets(draw: st.DrawFn) -> dict[str, Any]:
    lines = []
    for number in range(draw(st.integers(0, 3))):
        quantity = draw(st.integers(1, 3))
        lines.append(
            Line(
                item=f"item-{number}",
                category=draw(st.sampled_from(CATEGORIES)),
                quantity=quantity,
                net_minor=quantity * draw(st.integers(0, 250)),
                tax_minor=quantity * draw(st.integers(0, 30)),
                own_brand=draw(st.booleans()),
            )
        )
    loose = draw(st.integers(0, 600))
    tip = draw(st.sampled_from([0, 0, 50]))
    net, tax = sum(line.net_minor for line in lines), sum(line.tax_minor for line in lines)
    return {
        "gross_minor": net + tax + tip + loose,
        "tax_minor": tax + loose // 6,
        "tip_minor": tip,
        "lines": tuple(lines),
        "visits": draw(st.sampled_from([None, None, 0, 2])),
    }
