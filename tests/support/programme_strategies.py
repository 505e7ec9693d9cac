"""Random programmes and baskets, small enough that rules meet, caps are hit and lots end."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from ledger.activity import Line

CATEGORIES = ("coffee", "cake", "tobacco", "yoga", "gift")
Document = dict[str, Any]


@st.composite
def documents(draw: st.DrawFn, *, refusing: bool = False) -> Document:
    """A whole programme; with `refusing` some of its limits refuse a scan."""
    units, rules = draw(amounts())
    more_units, more_rules = draw(extra_units())
    units, rules = [*units, *more_units], [*rules, *more_rules]
    codes = [unit["code"] for unit in units]
    rules += [draw(multipliers(number)) for number in range(draw(st.integers(0, 3)))]
    rules += draw(bonuses())
    rules += draw(challenges())
    if draw(st.booleans()):
        rules.append(draw(sets()))
    if draw(st.booleans()):
        rules.append({"kind": "welcome", "code": "hello", "grant": draw(welcomes())})
    document = {
        "format": 2,
        "currency": "EUR",
        "units": units,
        "rules": rules,
        "counts": draw(what_counts()),
        "limits": [*draw(limits()), *(draw(refusals()) if refusing else ())],
        **draw(policies()),
    }
    if draw(st.booleans()):
        document["tiers"] = draw(tiers(codes))
    if draw(st.booleans()):
        document["payments"] = [draw(payments(rules[0]))]
    return document


@st.composite
def amounts(draw: st.DrawFn) -> tuple[list[Document], list[Document]]:
    """Points by money, and stamps by visit or by item: units and their rules."""
    rounding = draw(st.sampled_from(["carry", "carry", "down", "nearest", "up"]))
    units = [
        {"code": "points", "kind": "points", "rounding": rounding, **draw(expiries())},
        {"code": "coffee", "kind": "stamps", **draw(expiries())},
    ]
    spend: Document = {
        "kind": "spend",
        "code": "base",
        "unit": "points",
        "spend_minor": draw(st.sampled_from([40, 50, 77, 100, 999])),
        "units": draw(st.integers(1, 3)),
        "min_sale_minor": draw(st.sampled_from([0, 0, 300])),
    }
    stamps = draw(
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
    )
    return units, [spend, stamps]


@st.composite
def extra_units(draw: st.DrawFn) -> tuple[list[Document], list[Document]]:
    """Cashback and packs of classes, or neither."""
    units: list[Document] = []
    rules: list[Document] = []
    if draw(st.booleans()):
        units.append({"code": "EUR", "kind": "cashback", **draw(expiries())})
        points = draw(st.integers(1, 400))
        rules.append({"kind": "cashback", "code": "back", "unit": "EUR", "basis_points": points})
    if draw(st.booleans()):
        expiry = draw(st.sampled_from([{}, {"kind": "days", "days": 9}]))
        units.append({"code": "yoga", "kind": "classes", "expiry": expiry, "pause_days": 30})
        rules.append(
            {
                "kind": "pack",
                "code": "pack",
                "unit": "yoga",
                "units": draw(st.integers(1, 4)),
                "days": draw(st.sampled_from([0, 3, 12])),
                "when": {"match": {"categories": ["yoga"]}},
            }
        )
    return units, rules


@st.composite
def expiries(draw: st.DrawFn) -> Document:
    expiry = draw(
        st.sampled_from(
            [
                {},
                {"kind": "days", "days": 5},
                {"kind": "days", "days": 20},
                {"kind": "month_end", "months": 1},
                {"kind": "year_end", "months": 1},
                {"kind": "idle", "days": 7},
            ]
        )
    )
    return {"expiry": expiry, "pending_days": draw(st.sampled_from([0, 0, 2]))}


@st.composite
def multipliers(draw: st.DrawFn, number: int) -> Document:
    when = draw(
        st.sampled_from(
            [
                {},
                {"weekdays": [1, 2, 3]},
                {"from_minute": 600, "until_minute": 900},
                {"from_minute": 1200, "until_minute": 660},
                {"match": {"categories": ["cake"]}},
                {"match": {"own_brand": True}},
                {"first_day": "2026-10-20", "last_day": "2026-11-02"},
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
def grants(draw: st.DrawFn) -> Document:
    """Units at once, or a promise of any kind."""
    kind = draw(
        st.sampled_from(
            ["units", "units", "add_next", "multiply_next", "percent_off_next", "fixed_off_next"]
        )
    )
    if kind == "units":
        return {"kind": kind, "unit": draw(st.sampled_from(["points", "coffee"])), "amount": 5}
    grant: Document = {
        "kind": kind,
        "amount": draw(st.sampled_from([150, 200] if kind == "multiply_next" else [4, 30])),
        "days": draw(st.sampled_from([0, 1, 9])),
        "floor": draw(floors()),
    }
    if kind in ("add_next", "multiply_next"):
        grant["unit"] = draw(st.sampled_from(["points", "coffee"]))
    return grant


@st.composite
def floors(draw: st.DrawFn, *, by_member: bool = True) -> Document:
    known = [{}, {"minor": 400}, {"average": "shop", "percent": 110}]
    if by_member:
        known.append({"average": "member", "percent": 105, "minor": 100})
    return draw(st.sampled_from(known))


@st.composite
def welcomes(draw: st.DrawFn) -> Document:
    if draw(st.booleans()):
        floor = draw(floors(by_member=False))
        return {"kind": "units", "unit": "points", "amount": 6, "days": 20, "floor": floor}
    return {"kind": "percent_off_next", "amount": 10, "days": draw(st.sampled_from([0, 9]))}


@st.composite
def bonuses(draw: st.DrawFn) -> list[Document]:
    found: list[Document] = []
    if draw(st.booleans()):
        floor = draw(st.one_of(floors(), st.just({"minor": 900})))
        found.append({"kind": "bonus", "code": "big", "floor": floor, "grant": draw(grants())})
    if draw(st.booleans()):
        when = draw(st.sampled_from([{"first_purchase": True}, {}, {"weekdays": [5, 6, 7]}]))
        found.append(
            {
                "kind": "bonus",
                "code": "one",
                "once": draw(st.booleans()),
                "when": when,
                "grant": draw(grants()),
            }
        )
    return found


@st.composite
def challenges(draw: st.DrawFn) -> list[Document]:
    """One by purchases or items in a window, one as a streak; either may be left out."""
    found: list[Document] = []
    if draw(st.booleans()):
        span = draw(st.sampled_from(["ever", "day", "week", "month", "days"]))
        by_item = draw(st.booleans())
        found.append(
            {
                "kind": "challenge",
                "code": "often",
                "repeat": draw(st.booleans()),
                "min_sale_minor": draw(st.sampled_from([0, 300])),
                "levels": draw(levels()),
                "span": span,
                "days": 4 if span == "days" else 0,
                "action": "item" if by_item else "sale",
                "when": {"match": {"categories": ["coffee", "cake"]}} if by_item else {},
            }
        )
    if draw(st.booleans()):
        found.append(
            {
                "kind": "challenge",
                "code": "streak",
                "streak": True,
                "repeat": draw(st.booleans()),
                "levels": draw(levels()),
                "span": draw(st.sampled_from(["day", "week", "month"])),
            }
        )
    return found


@st.composite
def sets(draw: st.DrawFn) -> Document:
    parts = [{"unit": "points", "need": draw(st.integers(1, 9))}, {"unit": "coffee", "need": 2}]
    return {"kind": "set", "code": "all", "parts": parts, "grant": draw(grants())}


@st.composite
def levels(draw: st.DrawFn) -> list[Document]:
    goals = draw(st.sampled_from([(1,), (2,), (3,), (1, 3), (2, 3), (2, 3, 4)]))
    return [{"goal": goal, "grant": draw(grants())} for goal in goals]


@st.composite
def tiers(draw: st.DrawFn, units: list[str]) -> Document:
    window = draw(st.sampled_from(["ever", "days", "days", "year"]))
    by_units = draw(st.booleans())
    step = 8 if by_units else 900
    tier: Document = {
        "basis": "units" if by_units else "spend",
        "window": window,
        "levels": [
            {"code": "silver", "name": "Silver", "threshold": step, "benefit_percent": 5},
            {
                "code": "gold",
                "name": "Gold",
                "threshold": 3 * step,
                "benefit_percent": 10,
                "percent": 150,
            },
        ],
    }
    if by_units:
        tier["unit"] = draw(st.sampled_from(units))
    if window == "days":
        tier["days"] = draw(st.sampled_from([1, 6, 30]))
    if window != "ever":
        tier["grace_days"] = draw(st.sampled_from([0, 0, 3]))
    return tier


@st.composite
def what_counts(draw: st.DrawFn) -> Document:
    return {
        "tax": draw(st.booleans()),
        "tip": draw(st.booleans()),
        "discount": draw(st.booleans()),
        "gift_cards": draw(st.booleans()),
        "exclude": draw(st.sampled_from([{}, {"categories": ["tobacco"]}])),
    }


@st.composite
def policies(draw: st.DrawFn) -> Document:
    return {
        "debt": draw(st.sampled_from(["owe", "forgive"])),
        "spent_reward": draw(st.sampled_from(["restore", "ask", "keep"])),
        "restore_days": draw(st.sampled_from([0, 4])),
    }


@st.composite
def payments(draw: st.DrawFn, spend: Document) -> Document:
    """Points that pay, at a rate below the one at which they are earned."""
    worth = 4 * int(spend["spend_minor"]) // int(spend["units"])
    return {
        "unit": "points",
        "units": 4,
        "minor": max(1, worth // 2),
        "min_units": draw(st.sampled_from([0, 8])),
        "max_percent": draw(st.sampled_from([100, 50])),
    }


@st.composite
def limits(draw: st.DrawFn) -> list[Document]:
    """Those that trim."""
    found: list[Document] = []
    if draw(st.booleans()):
        found.append({"kind": "units_per_day", "unit": "points", "most": 25})
    if draw(st.booleans()):
        found.append({"kind": "units_per_scan", "unit": "points", "most": 15})
    if draw(st.booleans()):
        found.append({"kind": "shop_units_per_day", "unit": "coffee", "most": 6})
    if draw(st.booleans()):
        found.append({"kind": "amount_per_scan", "most": 1200})
    return found


@st.composite
def refusals(draw: st.DrawFn) -> list[Document]:
    """Those that refuse a scan."""
    found: list[Document] = []
    if draw(st.booleans()):
        found.append({"kind": "earns_per_day", "most": 4})
    if draw(st.booleans()):
        found.append({"kind": "minutes_between", "most": 90})
    if draw(st.booleans()):
        found.append({"kind": "sale_max", "most": 1500})
    return found


@st.composite
def baskets(draw: st.DrawFn) -> dict[str, Any]:
    """What a sale costs, line by line and beyond, and how a part of it was paid."""
    lines = []
    for number in range(draw(st.integers(0, 3))):
        category, quantity = draw(st.sampled_from(CATEGORIES)), draw(st.integers(1, 3))
        lines.append(
            Line(
                item=f"item-{number}",
                category=category,
                quantity=quantity,
                net_minor=quantity * draw(st.integers(0, 250)),
                tax_minor=quantity * draw(st.integers(0, 30)),
                own_brand=draw(st.booleans()),
                gift_card=category == "gift",
            )
        )
    loose = draw(st.integers(0, 600))
    tip = draw(st.sampled_from([0, 0, 50]))
    net, tax = sum(line.net_minor for line in lines), sum(line.tax_minor for line in lines)
    discount = draw(st.sampled_from([0, 0, 0, 1, 2])) * net // 4
    return {
        "gross_minor": net + tax + tip + loose,
        "tax_minor": tax + loose // 6,
        "tip_minor": tip,
        "discount_minor": discount,
        "redeemed_minor": draw(st.sampled_from([0, 0, 0, loose // 2])),
        "lines": tuple(lines),
        "visits": draw(st.sampled_from([None, None, 0, 2])),
        "taps": draw(st.sampled_from([{}, {}, {}, {"coffee": 2}])),
    }
