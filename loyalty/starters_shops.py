"""Starters of boutique and pet shop, hairdresser, gym and dry cleaner."""

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
    tier_level,
    units_grant,
)


def boutique(money: Money) -> Starter:
    """Points that pay, and two tiers."""
    return Starter(
        code="boutique",
        trade=_("Boutique"),
        promise=_("Points that pay, Silver with 5 % and Gold with 10 % off."),
        name=_("Style club"),
        document=terms_of(
            money,
            units=[
                {
                    "code": "points",
                    "kind": "points",
                    "expiry": {"kind": "days", "days": 730},
                    "pending_days": 14,
                }
            ],
            rules=[
                spend_rule(money, 1),
                {
                    "kind": "bonus",
                    "code": "a_little_more",
                    "floor": {"average": "member", "percent": 110},
                    "grant": {"kind": "fixed_off_next", "amount": money.minor(5), "days": 60},
                },
            ],
            tiers={
                "basis": "spend",
                "window": "days",
                "days": 365,
                "grace_days": 30,
                "levels": [
                    tier_level("silver", _("Silver"), money.minor(300), benefit=5),
                    tier_level("gold", _("Gold"), money.minor(1000), benefit=10),
                ],
            },
            payments=[{"unit": "points", "units": 100, "minor": money.minor(5), "min_units": 100}],
        ),
        rewards=(
            StarterReward(
                name=_("Free alterations"), cost=150, unit="points", kind=RewardKind.SERVICE
            ),
        ),
        items=(),
        back_text=_("Points pay for your next purchase, two weeks after you collected them."),
        balance_label=_("Points"),
        stamp_shape="circle",
        colours=("#1d1d22", "#ffffff", "#d8c9a4"),
    )


def pet_shop(money: Money) -> Starter:
    """Stamps for food beside points."""
    bags = stamp_unit("bags", _("food stamp"), _("food stamps"), goal=10)
    return Starter(
        code="pet-shop",
        trade=_("Pet shop"),
        promise=_("Ten bags of food, the next is free; points for the rest, double on own brand."),
        name=_("Paw card"),
        document=terms_of(
            money,
            units=[{"code": "points", "kind": "points"}, bags],
            rules=[
                spend_rule(money, 1),
                stamp_rule("bag", "bags", categories=["food"]),
                {
                    "kind": "multiplier",
                    "code": "own",
                    "unit": "points",
                    "percent": 200,
                    "when": {"match": {"own_brand": True}},
                },
            ],
        ),
        rewards=(
            StarterReward(name=_("A bag of food"), cost=10, unit="bags"),
            StarterReward(name=_("A toy"), cost=60, unit="points"),
            StarterReward(
                name=_("A bath for your dog"), cost=150, unit="points", kind=RewardKind.SERVICE
            ),
        ),
        items=(
            StarterItem(code="dog-food", name=_("Dog food"), category="food"),
            StarterItem(code="cat-food", name=_("Cat food"), category="food"),
            StarterItem(
                code="own-treats", name=_("Our own treats"), category="treats", own_brand=True
            ),
        ),
        back_text=_("A stamp for every bag of food, points for everything."),
        balance_label=_("Points"),
        stamp_shape="heart",
        colours=("#2f5d3a", "#ffffff", "#d6efd9"),
    )


def hairdresser(money: Money) -> Starter:
    """Visits, and a reason to come back soon."""
    visits = stamp_unit("visits", _("visit"), _("visits"), goal=6)
    return Starter(
        code="hairdresser",
        trade=_("Hairdresser"),
        promise=_("Back within six weeks: 10 % off. After six visits a treatment is free."),
        name=_("Hair card"),
        document=terms_of(
            money,
            units=[visits],
            rules=[
                {
                    "kind": "visit",
                    "code": "visit",
                    "unit": "visits",
                    "min_sale_minor": money.minor(15),
                },
                {
                    "kind": "bonus",
                    "code": "comeback",
                    "grant": {"kind": "percent_off_next", "amount": 10, "days": 42},
                    "floor": {"minor": money.minor(30)},
                },
            ],
            limits=[{"kind": "earns_per_day", "most": 1}],
        ),
        rewards=(
            StarterReward(
                name=_("A hair treatment"), cost=6, unit="visits", kind=RewardKind.SERVICE
            ),
        ),
        items=(),
        back_text=_("Come back within six weeks and take 10 % off. The sixth visit brings a gift."),
        balance_label=_("Visits"),
        stamp_shape="star",
        colours=("#28324a", "#ffffff", "#cdd8f2"),
    )


def gym(money: Money) -> Starter:
    """Class packs and a monthly challenge."""
    classes = {
        "code": "classes",
        "kind": "classes",
        "name_one": _("class"),
        "name_many": _("classes"),
        "pause_days": 30,
    }
    visits = {
        "code": "visits",
        "kind": "visits",
        "name_one": _("visit"),
        "name_many": _("visits"),
    }
    return Starter(
        code="gym",
        trade=_("Gym or yoga studio"),
        promise=_("A pack of ten classes that may rest, and a prize for eight visits a month."),
        name=_("Class card"),
        document=terms_of(
            money,
            units=[visits, classes],
            rules=[
                {"kind": "visit", "code": "visit", "unit": "visits"},
                {
                    "kind": "pack",
                    "code": "ten",
                    "unit": "classes",
                    "units": 10,
                    "days": 180,
                    "when": {"match": {"items": ["ten-classes"]}},
                },
                {
                    "kind": "challenge",
                    "code": "eight",
                    "action": "sale",
                    "span": "month",
                    "levels": [{"goal": 8, "grant": units_grant("visits", 5)}],
                },
            ],
            limits=[{"kind": "earns_per_day", "most": 3}],
        ),
        rewards=(
            StarterReward(
                name=_("Bring a friend"), cost=10, unit="visits", kind=RewardKind.EXPERIENCE
            ),
            StarterReward(
                name=_("A personal training"), cost=40, unit="visits", kind=RewardKind.SERVICE
            ),
        ),
        items=(StarterItem(code="ten-classes", name=_("Ten classes"), category="packs"),),
        back_text=_("Ten classes are good for half a year; the pack may rest up to 30 days."),
        balance_label=_("Visits"),
        stamp_shape="heart",
        colours=("#0f4c5c", "#ffffff", "#cfeaf1"),
    )


def dry_cleaner(money: Money) -> Starter:
    """Stamps for shirts beside cashback."""
    shirts = stamp_unit("shirts", _("shirt"), _("shirts"), goal=9)
    return Starter(
        code="dry-cleaner",
        trade=_("Dry cleaner"),
        promise=_("Nine shirts, the tenth is free; 5 % comes back from everything."),
        name=_("Fresh card"),
        document=terms_of(
            money,
            units=[
                shirts,
                {
                    "code": money.currency,
                    "kind": "cashback",
                    "expiry": {"kind": "year_end", "months": 3},
                },
            ],
            rules=[
                stamp_rule("shirt", "shirts", items=["shirt"]),
                {
                    "kind": "cashback",
                    "code": "back",
                    "unit": money.currency,
                    "basis_points": 500,
                },
            ],
            payments=[{"unit": money.currency, "units": 1, "minor": 1}],
        ),
        rewards=(
            StarterReward(name=_("A shirt on us"), cost=9, unit="shirts", kind=RewardKind.SERVICE),
        ),
        items=(StarterItem(code="shirt", name=_("Shirt"), category="shirts"),),
        back_text=_("Nine shirts, the tenth is on us. 5 % comes back for your next visit."),
        balance_label=_("Shirts"),
        stamp_shape="circle",
        colours=("#114a7a", "#ffffff", "#cfe4f6"),
    )
