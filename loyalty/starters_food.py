"""Starters of café, bakery and grocer."""

from __future__ import annotations

from common.i18n import gettext as _
from ledger.offers import RewardKind
from loyalty.starter_kit import (
    Money,
    Starter,
    StarterItem,
    StarterReward,
    spend_rule,
    stamp_rule,
    stamp_unit,
    terms_of,
    units_grant,
)


def cafe(money: Money) -> Starter:
    """Stamps for coffee."""
    stamps = stamp_unit("coffee", _("coffee stamp"), _("coffee stamps"), goal=9)
    return Starter(
        code="cafe",
        trade=_("Café"),
        promise=_("Buy 9 coffees, the 10th is free. One stamp as a welcome."),
        name=_("Coffee card"),
        document=terms_of(
            money,
            units=[stamps],
            rules=[
                stamp_rule("coffee", "coffee", categories=["coffee"]),
                {"kind": "welcome", "code": "welcome", "grant": units_grant("coffee", 1)},
            ],
            limits=[{"kind": "units_per_scan", "unit": "coffee", "most": 5}],
        ),
        rewards=(StarterReward(name=_("A coffee on us"), cost=9, unit="coffee"),),
        items=(
            StarterItem(code="espresso", name=_("Espresso"), category="coffee"),
            StarterItem(code="cappuccino", name=_("Cappuccino"), category="coffee"),
            StarterItem(code="flat-white", name=_("Flat white"), category="coffee"),
        ),
        back_text=_("A stamp for every coffee. With nine stamps the next one is on us."),
        balance_label=_("Stamps"),
        stamp_shape="cup",
        colours=("#3b2a20", "#ffffff", "#e9d8c6"),
    )


def bakery(money: Money) -> Starter:
    """Points, more of them before closing."""
    return Starter(
        code="bakery",
        trade=_("Bakery"),
        promise=_("A point for every %(unit)s, double before closing.", unit=money.words(1)),
        name=_("Bread club"),
        document=terms_of(
            money,
            units=[{"code": "points", "kind": "points", "expiry": {"kind": "idle", "days": 365}}],
            rules=[
                spend_rule(money, 1),
                {
                    "kind": "multiplier",
                    "code": "evening",
                    "unit": "points",
                    "percent": 200,
                    "when": {"from_minute": 1020, "until_minute": 1140},
                },
                {"kind": "welcome", "code": "welcome", "grant": units_grant("points", 10)},
            ],
            limits=[{"kind": "earns_per_day", "most": 4}],
        ),
        rewards=(
            StarterReward(name=_("A roll or croissant"), cost=30, unit="points"),
            StarterReward(name=_("A loaf of bread"), cost=80, unit="points"),
            StarterReward(name=_("A whole cake"), cost=400, unit="points"),
        ),
        items=(),
        back_text=_("A point for what you spend, twice as many in the last two hours."),
        balance_label=_("Points"),
        stamp_shape="circle",
        colours=("#7a4a12", "#ffffff", "#fbe6c8"),
    )


def grocer(money: Money) -> Starter:
    """Cashback, more of it on the own brand."""
    return Starter(
        code="grocer",
        trade=_("Grocer"),
        promise=_("1 % back, three times as much on our own brand; give it to a good cause."),
        name=_("Basket card"),
        document=terms_of(
            money,
            units=[
                {
                    "code": money.currency,
                    "kind": "cashback",
                    "expiry": {"kind": "idle", "days": 365},
                }
            ],
            rules=[
                {
                    "kind": "cashback",
                    "code": "back",
                    "unit": money.currency,
                    "basis_points": 100,
                },
                {
                    "kind": "multiplier",
                    "code": "own",
                    "unit": money.currency,
                    "percent": 300,
                    "when": {"match": {"own_brand": True}},
                },
            ],
            counts={"exclude": {"categories": ["tobacco"]}},
            limits=[{"kind": "earns_per_day", "most": 5}],
            payments=[{"unit": money.currency, "units": 1, "minor": 1}],
        ),
        rewards=(
            StarterReward(
                name=_("For the food bank"),
                cost=money.minor(2),
                unit=money.currency,
                kind=RewardKind.DONATION,
                value_minor=money.minor(2),
            ),
        ),
        items=(
            StarterItem(
                code="own-honey", name=_("Our own honey"), category="pantry", own_brand=True
            ),
            StarterItem(code="cigarettes", name=_("Cigarettes"), category="tobacco"),
        ),
        back_text=_("Credit pays at the checkout, or helps the food bank."),
        balance_label=_("Credit"),
        stamp_shape="circle",
        colours=("#3a5a1c", "#ffffff", "#e2efcd"),
    )
