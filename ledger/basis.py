"""The basis of a rating: what a refund must know to rate the rest of a sale under the same terms.

A JSON document of numbers, codes and times: the activity, and what of the member's state counted
then. Defaults are left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import date, datetime
from typing import Any, Final

from common.errors import InvalidInput
from ledger.activity import Activity, ActivityKind, Line
from ledger.member_state import Holding, MemberState, Progress, Promise
from ledger.occasion import Occasion
from ledger.programme_terms import GrantKind
from ledger.sheet import Sheet

_AMOUNTS: Final = ("gross_minor", "tax_minor", "tip_minor", "discount_minor", "redeemed_minor")
_NUMBERS: Final = ("purchases", "tier_total")
_AVERAGES: Final = ("member_average_minor", "shop_average_minor")


def write_basis(seen: Occasion, sheet: Sheet) -> dict[str, Any]:
    """The document of one evaluation."""
    return {
        "now": seen.now.isoformat(),
        "activity": write_activity(seen.activity),
        "state": _write_state(seen.state, sheet),
    }


def write_activity(activity: Activity) -> dict[str, Any]:
    """The activity as a document."""
    document: dict[str, Any] = {"kind": str(activity.kind), "at": activity.at.isoformat()}
    document |= {name: value for name in _AMOUNTS if (value := getattr(activity, name))}
    if activity.visits is not None:
        document["visits"] = activity.visits
    if activity.taps:
        document["taps"] = dict(activity.taps)
    if activity.lines:
        document["lines"] = [write_values(line) for line in activity.lines]
    return document


def write_values(value: Line) -> dict[str, Any]:
    """The fields of a line that are not as they stand by default."""
    return {
        item.name: found
        for item in fields(value)
        if (found := getattr(value, item.name)) != item.default
    }


def _write_state(state: MemberState, sheet: Sheet) -> dict[str, Any]:
    document: dict[str, Any] = {name: value for name in _NUMBERS if (value := getattr(state, name))}
    document |= {name: value for name in _AVERAGES if (value := getattr(state, name)) is not None}
    if state.tier:
        document["tier"] = state.tier
    carry = {unit: h.carry for unit, h in state.holdings.items() if unit in sheet.carry and h.carry}
    for name, mapping in (
        ("carry", carry),
        ("units_today", {u: n for u, n in state.units_today.items() if u in sheet.parts}),
        ("shop_units_today", {u: n for u, n in state.shop_units_today.items() if u in sheet.parts}),
        ("progress", {code: write_progress(item) for code, item in state.progress.items()}),
    ):
        if mapping:
            document[name] = mapping
    if sheet.consumed:
        document["promises"] = [write_promise(promise) for promise in sheet.consumed]
    return document


def write_progress(progress: Progress) -> dict[str, Any]:
    """A progress as a document, for the basis and for a table that keeps it so."""
    document: dict[str, Any] = {
        name: value for name in ("count", "given", "times") if (value := getattr(progress, name))
    }
    for name in ("since", "last"):
        day = getattr(progress, name)
        if day is not None:
            document[name] = day.isoformat()
    if progress.parts:
        document["parts"] = dict(progress.parts)
    return document


def read_progress(document: Mapping[str, Any]) -> Progress:
    """The progress of such a document."""
    return Progress(
        count=document.get("count", 0),
        given=document.get("given", 0),
        times=document.get("times", 0),
        since=_day(document.get("since")),
        last=_day(document.get("last")),
        parts=dict(document.get("parts", {})),
    )


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)


def write_promise(promise: Promise) -> dict[str, Any]:
    """A promise as a document."""
    document: dict[str, Any] = {
        "id": promise.id,
        "rule": promise.rule,
        "kind": str(promise.kind),
        "amount": promise.amount,
        "granted_at": promise.granted_at.isoformat(),
        "terms_version": promise.terms_version,
    }
    if promise.expires_at is not None:
        document["expires_at"] = promise.expires_at.isoformat()
    document |= {
        name: value
        for name in ("unit", "min_sale_minor", "welcome")
        if (value := getattr(promise, name))
    }
    return document


def read_promise(document: Mapping[str, Any]) -> Promise:
    """The promise of such a document."""
    end = document.get("expires_at")
    return Promise(
        id=document["id"],
        rule=document["rule"],
        kind=GrantKind(document["kind"]),
        amount=document["amount"],
        granted_at=datetime.fromisoformat(document["granted_at"]),
        terms_version=document["terms_version"],
        unit=document.get("unit", ""),
        min_sale_minor=document.get("min_sale_minor", 0),
        expires_at=None if end is None else datetime.fromisoformat(end),
        welcome=document.get("welcome", False),
    )


def read_basis(document: Mapping[str, Any]) -> tuple[Activity, MemberState, datetime]:
    """The activity, the state and the moment of a stored basis.

    Raises:
        InvalidInput: not a document of `write_basis`; `field` is `basis`.
    """
    try:
        state = document["state"]
        return (
            _read_activity(document["activity"]),
            MemberState(
                holdings={
                    unit: Holding(unit=unit, carry=carry)
                    for unit, carry in state.get("carry", {}).items()
                },
                promises=tuple(read_promise(item) for item in state.get("promises", ())),
                progress={c: read_progress(p) for c, p in state.get("progress", {}).items()},
                tier=state.get("tier", ""),
                units_today=state.get("units_today", {}),
                shop_units_today=state.get("shop_units_today", {}),
                **{name: state.get(name, 0) for name in _NUMBERS},
                **{name: state.get(name) for name in _AVERAGES},
            ),
            datetime.fromisoformat(document["now"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidInput(
            "The basis of this sale cannot be read; use the version that wrote it.", field="basis"
        ) from error


def _read_activity(document: Mapping[str, Any]) -> Activity:
    return Activity(
        kind=ActivityKind(document["kind"]),
        at=datetime.fromisoformat(document["at"]),
        visits=document.get("visits"),
        taps=dict(document.get("taps", {})),
        lines=tuple(Line(**line) for line in document.get("lines", ())),
        **{name: document.get(name, 0) for name in _AMOUNTS},
    )
