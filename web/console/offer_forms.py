"""The fields of rewards and coupons, from the form to what the use cases take and back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any, Final, Protocol
from zoneinfo import ZoneInfo

from common.i18n import gettext as _
from common.money import format_plain
from ledger.expiry import day_start
from ledger.offers import RewardKind
from ledger.programme_terms import AverageOf
from loyalty.coupons import CouponForm
from loyalty.rewards import RewardForm
from web.console.rule_parts import Facts
from web.console.term_fields import How, TermField

COUPON_KINDS: Final = ("percent", "fixed", "product", "service")
VALUED: Final = ("fixed", "voucher", "donation")


class Offered(Protocol):
    """What a kept reward and a kept coupon have in common."""

    @property
    def name(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def active(self) -> bool: ...
    @property
    def value(self) -> int | None: ...
    @property
    def cost_minor(self) -> int | None: ...
    @property
    def stock(self) -> int | None: ...
    @property
    def per_member(self) -> int | None: ...
    @property
    def valid_from(self) -> datetime | None: ...
    @property
    def valid_until(self) -> datetime | None: ...
    @property
    def conditions(self) -> Mapping[str, Any] | None: ...


class CouponShown(Offered, Protocol):
    """A kept coupon."""

    @property
    def code(self) -> str: ...

    @property
    def member_id(self) -> int | None: ...


def kind_words() -> dict[str, str]:
    """What a kind of reward is called."""
    return {
        "product": _("A product"),
        "service": _("A service"),
        "percent": _("Percent off"),
        "fixed": _("An amount off"),
        "merchandise": _("Merchandise with a stock"),
        "exclusive": _("Something only members get"),
        "experience": _("An experience"),
        "voucher": _("A partner's voucher"),
        "donation": _("A donation"),
    }


def reward_fields(facts: Facts) -> tuple[TermField, ...]:
    """The form of a reward beside its name and cost."""
    return (
        *_what(facts, tuple(kind_words())),
        TermField(
            name="note",
            path=("note",),
            how=How.TEXT,
            label=_("A word about it"),
            help=_("The partner, the place or what it is. Members see it."),
            group="more",
        ),
        *_conditions(facts, per_member=""),
    )


def coupon_fields(facts: Facts) -> tuple[TermField, ...]:
    """The form of a coupon."""
    return (
        TermField(
            name="name",
            path=("name",),
            how=How.TEXT,
            label=_("Name"),
            help=_("What it gives, as members and staff read it."),
        ),
        TermField(
            name="code",
            path=("code",),
            how=How.TEXT,
            label=_("Code"),
            help=_("What is typed or scanned: 3 to 24 letters, digits and -."),
        ),
        *_what(facts, COUPON_KINDS),
        *_conditions(facts, per_member="1"),
    )


def own_coupon_fields(facts: Facts) -> tuple[TermField, ...]:
    """The form of one member's own coupon: no code is typed, and nobody else takes of a stock."""
    return tuple(one for one in coupon_fields(facts) if one.name not in {"code", "stock", "tiers"})


def reward_form(piece: Mapping[str, Any], unit: str, zone: ZoneInfo) -> RewardForm:
    """What the use case takes."""
    return RewardForm(unit=unit, note=piece.get("note", ""), **_shared(piece, zone))


def coupon_form(
    piece: Mapping[str, Any], zone: ZoneInfo, *, member_id: int | None = None
) -> CouponForm:
    """What the use case takes; the shared fields are the reward's."""
    return CouponForm(
        code=piece.get("code", ""),
        name=piece.get("name", ""),
        member_id=member_id,
        **_shared(piece, zone),
    )


def offer_values(known: Offered, currency: str, zone: ZoneInfo) -> dict[str, object]:
    """What the form shows of a reward or coupon."""
    conditions = known.conditions or {}
    floor, match = conditions.get("floor", {}), conditions.get("match", {})
    percent = known.kind == RewardKind.PERCENT
    return {
        "name": known.name,
        "kind": known.kind,
        "percent": known.value if percent else None,
        "value": None if percent else _money(known.value, currency),
        "min_sale": _money(floor.get("minor"), currency),
        "average": floor.get("average", ""),
        "average_percent": floor.get("percent", 110),
        "items": ",".join(match.get("items", ())),
        "categories": ",".join(match.get("categories", ())),
        "tiers": ",".join(conditions.get("tiers", ())),
        "cost_minor": _money(known.cost_minor, currency),
        "stock": known.stock,
        "per_member": known.per_member,
        "valid_from": _day(known.valid_from, zone),
        "valid_until": _day(known.valid_until and known.valid_until - timedelta(seconds=1), zone),
        "note": getattr(known, "note", ""),
        "code": getattr(known, "code", ""),
        "active": known.active and "1",
    }


def _what(facts: Facts, kinds: tuple[str, ...]) -> tuple[TermField, ...]:
    words = kind_words()
    return (
        TermField(
            name="kind",
            path=("kind",),
            how=How.CHOICE,
            label=_("What it is"),
            options=tuple((kind, words[kind]) for kind in kinds),
            first=kinds[0],
        ),
        TermField(
            name="percent",
            path=("percent",),
            how=How.PERCENT,
            label=_("How much off"),
            suffix="%",
            shown_when=("kind", ("percent",)),
        ),
        TermField(
            name="value",
            path=("value_minor",),
            how=How.AMOUNT,
            label=_("Worth"),
            suffix=facts.currency,
            shown_when=("kind", VALUED),
        ),
    )


def _conditions(facts: Facts, *, per_member: str) -> tuple[TermField, ...]:
    def one(name: str, path: str, how: How, label: str, **more: Any) -> TermField:
        return TermField(name=name, path=(path,), how=how, label=label, group="more", **more)

    endless = _("Empty: without end.")
    averages = (
        ("", _("does not matter")),
        ("member", _("the member's own average")),
        ("shop", _("the shop's average")),
    )
    tiers = (one("tiers", "tiers", How.MANY, _("Only these tiers"), options=facts.tiers),)
    return (
        one("min_sale", "min_sale_minor", How.AMOUNT, _("Only from"), suffix=facts.currency),
        one(
            "average",
            "average",
            How.CHOICE,
            _("And compared with the usual purchase"),
            options=averages,
        ),
        one(
            "average_percent",
            "average_percent",
            How.PERCENT,
            _("At least this much of it"),
            suffix="%",
            shown_when=("average", ("member", "shop")),
            first="110",
        ),
        one("categories", "categories", How.MANY, _("These categories"), options=facts.categories),
        one("items", "items", How.MANY, _("These items"), options=facts.items),
        *(tiers if facts.tiers else ()),
        one("stock", "stock", How.WHOLE, _("How many there are"), help=endless),
        one(
            "per_member",
            "per_member",
            How.WHOLE,
            _("How often each member"),
            help=endless,
            first=per_member,
        ),
        one("valid_from", "valid_from", How.DAY, _("First day")),
        one("valid_until", "valid_until", How.DAY, _("Last day")),
        one(
            "cost_minor",
            "cost_minor",
            How.AMOUNT,
            _("What one costs you"),
            suffix=facts.currency,
            help=_("Only you see it: for the statement and the rehearsal."),
        ),
    )


def _shared(piece: Mapping[str, Any], zone: ZoneInfo) -> dict[str, Any]:
    found: dict[str, Any] = {
        name: piece[name]
        for name in ("percent", "value_minor", "min_sale_minor", "cost_minor", "stock")
        if name in piece
    }
    found["kind"] = RewardKind(piece.get("kind", RewardKind.PRODUCT))
    found["per_member"] = piece.get("per_member")
    if piece.get("average"):
        found["average"] = AverageOf(piece["average"])
        found["average_percent"] = piece.get("average_percent", 100)
    for name in ("items", "categories", "tiers"):
        found[name] = tuple(piece.get(name, ()))
    if "valid_from" in piece:
        found["valid_from"] = day_start(date.fromisoformat(piece["valid_from"]), zone)
    if "valid_until" in piece:
        # The last day is included, so the offer ends where the next day begins.
        last = date.fromisoformat(piece["valid_until"])
        found["valid_until"] = day_start(last + timedelta(days=1), zone)
    return found


def _money(minor: int | None, currency: str) -> str:
    return "" if not minor else format_plain(minor, currency)


def _day(moment: datetime | None, zone: ZoneInfo) -> str:
    return moment.astimezone(zone).date().isoformat() if moment else ""
