"""What a starter is made of: its value, amounts in whole units of a currency, and small parts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from common.money import decimals, format_money
from ledger.offers import RewardKind


@dataclass(frozen=True, slots=True, kw_only=True)
class StarterReward:
    """A reward of a starter; `value_minor` for discounts and gifts of money."""

    name: str
    cost: int
    unit: str
    kind: RewardKind = RewardKind.PRODUCT
    percent: int = 0
    value_minor: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class StarterItem:
    """An item the rules of a starter speak of."""

    code: str
    name: str
    category: str
    own_brand: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Starter:
    """One trade's programme. `document` is the terms; `colours` are ground, text and labels."""

    code: str
    trade: str
    promise: str
    name: str
    document: Mapping[str, Any]
    rewards: tuple[StarterReward, ...]
    items: tuple[StarterItem, ...]
    back_text: str
    balance_label: str
    stamp_shape: str
    colours: tuple[str, str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Money:
    """Whole units of a currency as minor units and in words.

    A unit is worth far less in some currencies: a cup of coffee is 3 euro and 300 yen.
    """

    currency: str
    language: str

    def minor(self, units: int) -> int:
        places = decimals(self.currency)
        return units * 10**places if places else units * 100

    def words(self, units: int) -> str:
        return format_money(self.minor(units), self.currency, language=self.language)


def terms_of(money: Money, **parts: Any) -> dict[str, Any]:
    return {"format": 2, "currency": money.currency, **parts}


def units_grant(code: str, amount: int, **more: Any) -> dict[str, Any]:
    return {"kind": "units", "unit": code, "amount": amount, **more}


def spend_rule(money: Money, units: int) -> dict[str, Any]:
    return {
        "kind": "spend",
        "code": "base",
        "unit": "points",
        "spend_minor": money.minor(1),
        "units": units,
    }


def tier_level(code: str, name: str, threshold: int, *, benefit: int) -> dict[str, Any]:
    return {"code": code, "name": name, "threshold": threshold, "benefit_percent": benefit}


def stamp_unit(code: str, one: str, many: str, *, goal: int) -> dict[str, Any]:
    return {"code": code, "kind": "stamps", "name_one": one, "name_many": many, "goal": goal}


def stamp_rule(code: str, unit: str, **match: list[str]) -> dict[str, Any]:
    return {"kind": "item", "code": code, "unit": unit, "when": {"match": match}}
