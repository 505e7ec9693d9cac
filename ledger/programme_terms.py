"""The terms of a programme with several units on one card, as frozen values (format 2).

Not done here: reading and writing the document (terms_document.py), what contradicts itself
(contradictions.py), applying it (evaluation.py). A version never changes; every lot and every
operation names the version it was made under. Amounts are minor units of `currency`; percent are
whole (150 is one and a half times); days are days of the shop's own calendar.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from ledger.rule_terms import (
    AverageOf,
    BonusRule,
    CashbackRule,
    ChallengeAction,
    ChallengeRule,
    Floor,
    Grant,
    GrantKind,
    ItemRule,
    Level,
    Match,
    MultiplierRule,
    PackRule,
    Rule,
    SetPart,
    SetRule,
    Span,
    SpendRule,
    VisitRule,
    WelcomeRule,
    When,
)

__all__ = [
    "AverageOf",
    "BonusRule",
    "CashbackRule",
    "ChallengeAction",
    "ChallengeRule",
    "Counts",
    "DebtPolicy",
    "Expiry",
    "ExpiryKind",
    "Floor",
    "Grant",
    "GrantKind",
    "ItemRule",
    "Level",
    "LimitKind",
    "LimitRule",
    "Match",
    "MultiplierRule",
    "PackRule",
    "PaymentRule",
    "ProgrammeTerms",
    "Rounding",
    "Rule",
    "SetPart",
    "SetRule",
    "Span",
    "SpendRule",
    "SpentReward",
    "TierBasis",
    "TierLevel",
    "TierTerms",
    "TierWindow",
    "UnitKind",
    "UnitTerms",
    "VisitRule",
    "WelcomeRule",
    "When",
]


class UnitKind(StrEnum):
    """What a unit counts."""

    POINTS = "points"
    STAMPS = "stamps"
    CASHBACK = "cashback"
    VISITS = "visits"
    CLASSES = "classes"


class Rounding(StrEnum):
    """What happens to the part of an amount that makes no whole unit."""

    CARRY = "carry"
    DOWN = "down"
    NEAREST = "nearest"
    UP = "up"


class ExpiryKind(StrEnum):
    """When a lot ends."""

    NEVER = "never"
    DAYS = "days"
    MONTH_END = "month_end"
    YEAR_END = "year_end"
    IDLE = "idle"


@dataclass(frozen=True, slots=True, kw_only=True)
class Expiry:
    """`days` after earning (DAYS) or without any activity (IDLE); `months` kept after the end."""

    kind: ExpiryKind = ExpiryKind.NEVER
    days: int = 0
    months: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitTerms:
    """One unit of the card.

    `code` names the account (`points`, `coffee`; cashback bears the currency, `EUR`). `goal` is
    the full row of a stamp card. `pending_days` pass before a credit may be spent. `pause_days`
    is how long a class pack may rest in a year; 0 forbids it.
    """

    code: str
    kind: UnitKind
    name_one: str = ""
    name_many: str = ""
    goal: int | None = None
    expiry: Expiry = field(default_factory=Expiry)
    pending_days: int = 0
    rounding: Rounding = Rounding.CARRY
    pause_days: int = 0


class TierBasis(StrEnum):
    """What lifts a member: money that counted, or units earned."""

    SPEND = "spend"
    UNITS = "units"


class TierWindow(StrEnum):
    """Over which time it is added up."""

    EVER = "ever"
    DAYS = "days"
    YEAR = "year"


@dataclass(frozen=True, slots=True, kw_only=True)
class TierLevel:
    """A tier: reached at `threshold`; `benefit_percent` off every sale, rates times `percent`."""

    code: str
    name: str
    threshold: int
    benefit_percent: int = 0
    percent: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class TierTerms:
    """The tiers from low to high; below the first a member has none.

    A fall waits `grace_days` after the total no longer reaches the tier.
    """

    levels: tuple[TierLevel, ...]
    basis: TierBasis = TierBasis.SPEND
    unit: str = ""
    window: TierWindow = TierWindow.EVER
    days: int = 0
    grace_days: int = 0


class LimitKind(StrEnum):
    """Limits of a programme. The first three trim what is earned, the others refuse the scan."""

    UNITS_PER_SCAN = "units_per_scan"
    UNITS_PER_DAY = "units_per_day"
    SHOP_UNITS_PER_DAY = "shop_units_per_day"
    AMOUNT_PER_SCAN = "amount_per_scan"
    EARNS_PER_DAY = "earns_per_day"
    MINUTES_BETWEEN = "minutes_between"
    SALE_MAX = "sale_max"


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitRule:
    """At most `most`; `unit` for the limits of units. AMOUNT_PER_SCAN trims what counts."""

    kind: LimitKind
    most: int
    unit: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentRule:
    """`units` pay `minor`; at least `min_units` at once, at most `max_percent` of a sale."""

    unit: str
    units: int
    minor: int
    min_units: int = 0
    max_percent: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What of a sale counts; lines that match `exclude` never do."""

    tax: bool = True
    tip: bool = False
    discount: bool = False
    gift_cards: bool = False
    exclude: Match = field(default_factory=Match)


class SpentReward(StrEnum):
    """What happens to a reward that was spent on a sale that is refunded."""

    RESTORE = "restore"
    ASK = "ask"
    KEEP = "keep"


class DebtPolicy(StrEnum):
    """What happens when a refund takes back more than the card still holds."""

    OWE = "owe"
    FORGIVE = "forgive"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgrammeTerms:
    """Everything a programme promises, in one version.

    `time_zone` is the shop's, given when the document is read. `warn_days` are how long before
    an expiry a member is warned. `restore_days` is the least a restored lot may live.
    """

    version: int
    currency: str
    time_zone: str
    units: tuple[UnitTerms, ...]
    rules: tuple[Rule, ...]
    counts: Counts = field(default_factory=Counts)
    tiers: TierTerms | None = None
    limits: tuple[LimitRule, ...] = ()
    payments: tuple[PaymentRule, ...] = ()
    spent_reward: SpentReward = SpentReward.ASK
    debt: DebtPolicy = DebtPolicy.OWE
    restore_days: int = 14
    notice_days: int = 30
    warn_days: tuple[int, ...] = (30, 7)

    def unit(self, code: str) -> UnitTerms:
        """The unit of that code.

        Raises:
            KeyError: the programme has none.
        """
        for unit in self.units:
            if unit.code == code:
                return unit
        raise KeyError(code)
