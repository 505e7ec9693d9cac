"""The shape of a document of terms, for pydantic: types and ranges, field by field.

Each model is named after the value in programme_terms.py that it becomes. What makes no sense
together is not seen here (contradictions.py).
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from ledger import programme_terms as domain

AMOUNT_MAX: Final = 100_000_000_000
UNITS_MAX: Final = 1_000_000
DAYS_MAX: Final = 3660

Code = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,23}$")]
UnitCode = Annotated[str, StringConstraints(pattern=r"^([a-z][a-z0-9_]{0,23}|[A-Z]{3})$")]
ItemCode = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")]
Name = Annotated[str, StringConstraints(max_length=40, pattern=r"^[^\x00-\x1f\x7f]*$")]
Amount = Annotated[int, Field(ge=0, le=AMOUNT_MAX)]
Positive = Annotated[int, Field(ge=1, le=AMOUNT_MAX)]
Units = Annotated[int, Field(ge=1, le=UNITS_MAX)]
Days = Annotated[int, Field(ge=0, le=DAYS_MAX)]
Codes = Annotated[tuple[ItemCode, ...], Field(max_length=200)]


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Expiry(Part):
    kind: domain.ExpiryKind = domain.ExpiryKind.NEVER
    days: Days = 0
    months: Annotated[int, Field(ge=0, le=60)] = 0


class UnitTerms(Part):
    code: UnitCode
    kind: domain.UnitKind
    name_one: Name = ""
    name_many: Name = ""
    goal: Annotated[int, Field(ge=2, le=100)] | None = None
    expiry: Expiry = Expiry()
    pending_days: Annotated[int, Field(ge=0, le=365)] = 0
    rounding: domain.Rounding = domain.Rounding.CARRY
    pause_days: Annotated[int, Field(ge=0, le=365)] = 0


class Match(Part):
    items: Codes = ()
    categories: Codes = ()
    own_brand: bool = False


class When(Part):
    match: Match = Match()
    weekdays: Annotated[tuple[Annotated[int, Field(ge=1, le=7)], ...], Field(max_length=7)] = ()
    from_minute: Annotated[int, Field(ge=0, le=1439)] = 0
    until_minute: Annotated[int, Field(ge=1, le=1440)] = 1440
    first_day: date | None = None
    last_day: date | None = None
    first_purchase: bool = False
    tiers: Annotated[tuple[Code, ...], Field(max_length=10)] = ()


class Floor(Part):
    minor: Amount = 0
    average: domain.AverageOf | None = None
    percent: Annotated[int, Field(ge=1, le=1000)] = 100


class Grant(Part):
    kind: domain.GrantKind
    amount: Positive
    unit: Annotated[str, StringConstraints(pattern=r"^([a-z][a-z0-9_]{0,23}|[A-Z]{3})?$")] = ""
    days: Days = 0
    floor: Floor = Floor()


class SpendRule(Part):
    kind: Literal["spend"]
    code: Code
    unit: UnitCode
    spend_minor: Positive
    units: Units
    min_sale_minor: Amount = 0
    when: When = When()


class CashbackRule(Part):
    kind: Literal["cashback"]
    code: Code
    unit: UnitCode
    basis_points: Annotated[int, Field(ge=1, le=10_000)]
    min_sale_minor: Amount = 0
    when: When = When()


class VisitRule(Part):
    kind: Literal["visit"]
    code: Code
    unit: UnitCode
    units: Units = 1
    min_sale_minor: Amount = 0
    when: When = When()


class ItemRule(Part):
    kind: Literal["item"]
    code: Code
    unit: UnitCode
    units: Units = 1
    when: When = When()


class PackRule(Part):
    kind: Literal["pack"]
    code: Code
    unit: UnitCode
    units: Units
    days: Days = 0
    when: When = When()


class MultiplierRule(Part):
    kind: Literal["multiplier"]
    code: Code
    unit: UnitCode
    percent: Annotated[int, Field(ge=101, le=10_000)]
    when: When = When()


class BonusRule(Part):
    kind: Literal["bonus"]
    code: Code
    grant: Grant
    floor: Floor = Floor()
    once: bool = False
    when: When = When()


class Level(Part):
    goal: Annotated[int, Field(ge=1, le=10_000)]
    grant: Grant


class ChallengeRule(Part):
    kind: Literal["challenge"]
    code: Code
    levels: Annotated[tuple[Level, ...], Field(min_length=1, max_length=10)]
    action: domain.ChallengeAction = domain.ChallengeAction.SALE
    span: domain.Span = domain.Span.EVER
    days: Days = 0
    streak: bool = False
    repeat: bool = False
    min_sale_minor: Amount = 0
    when: When = When()


class SetPart(Part):
    unit: UnitCode
    need: Annotated[int, Field(ge=1, le=1000)]


class SetRule(Part):
    kind: Literal["set"]
    code: Code
    parts: Annotated[tuple[SetPart, ...], Field(min_length=1, max_length=20)]
    grant: Grant


class WelcomeRule(Part):
    kind: Literal["welcome"]
    code: Code
    grant: Grant


Rule = Annotated[
    SpendRule
    | CashbackRule
    | VisitRule
    | ItemRule
    | PackRule
    | MultiplierRule
    | BonusRule
    | ChallengeRule
    | SetRule
    | WelcomeRule,
    Field(discriminator="kind"),
]


class TierLevel(Part):
    code: Code
    name: Annotated[Name, StringConstraints(min_length=1)]
    threshold: Positive
    benefit_percent: Annotated[int, Field(ge=0, le=100)] = 0
    percent: Annotated[int, Field(ge=100, le=10_000)] = 100


class TierTerms(Part):
    levels: Annotated[tuple[TierLevel, ...], Field(min_length=1, max_length=10)]
    basis: domain.TierBasis = domain.TierBasis.SPEND
    unit: Annotated[str, StringConstraints(pattern=r"^([a-z][a-z0-9_]{0,23}|[A-Z]{3})?$")] = ""
    window: domain.TierWindow = domain.TierWindow.EVER
    days: Days = 0
    grace_days: Days = 0


class LimitRule(Part):
    kind: domain.LimitKind
    most: Positive
    unit: Annotated[str, StringConstraints(pattern=r"^([a-z][a-z0-9_]{0,23}|[A-Z]{3})?$")] = ""


class PaymentRule(Part):
    unit: UnitCode
    units: Units
    minor: Positive
    min_units: Annotated[int, Field(ge=0, le=UNITS_MAX)] = 0
    max_percent: Annotated[int, Field(ge=1, le=100)] = 100


class Counts(Part):
    tax: bool = True
    tip: bool = False
    discount: bool = False
    gift_cards: bool = False
    exclude: Match = Match()


class Document(Part):
    format: Literal[2]
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
    units: Annotated[tuple[UnitTerms, ...], Field(min_length=1, max_length=20)]
    rules: Annotated[tuple[Rule, ...], Field(max_length=100)]
    counts: Counts = Counts()
    tiers: TierTerms | None = None
    limits: Annotated[tuple[LimitRule, ...], Field(max_length=50)] = ()
    payments: Annotated[tuple[PaymentRule, ...], Field(max_length=20)] = ()
    spent_reward: domain.SpentReward = domain.SpentReward.ASK
    debt: domain.DebtPolicy = domain.DebtPolicy.OWE
    restore_days: Days = 14
    notice_days: Annotated[int, Field(ge=0, le=365)] = 30
    warn_days: Annotated[tuple[Annotated[int, Field(ge=1, le=365)], ...], Field(max_length=10)] = (
        30,
        7,
    )
