"""The terms of a programme with several units on one card, as frozen values (format 2).

Not done here: reading and writing the document (terms_document.py), what contradicts itself
(contradictions.py), applying it (evaluation.py). A version never changes; every lot and every
operation names the version it was made under. Amounts are minor units of `currency`; percent are
whole (150 is one and a half times); days are days of the shop's own calendar.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """Which lines of a sale are meant; all empty means every line and the amount without lines."""

    items: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    own_brand: bool = False

    @property
    def everything(self) -> bool:
        return not (self.items or self.categories or self.own_brand)


@dataclass(frozen=True, slots=True, kw_only=True)
class When:
    """When a rule is on: every part that is set must hold, in the shop's own time.

    `weekdays` are 1 (Monday) to 7. `from_minute` to `until_minute` (exclusive) of the day may
    pass midnight (1320 to 120). `first_day` and `last_day` are both included.
    """

    match: Match = field(default_factory=Match)
    weekdays: tuple[int, ...] = ()
    from_minute: int = 0
    until_minute: int = 1440
    first_day: date | None = None
    last_day: date | None = None
    first_purchase: bool = False
    tiers: tuple[str, ...] = ()


class AverageOf(StrEnum):
    """Whose average sale a floor looks at."""

    MEMBER = "member"
    SHOP = "shop"


@dataclass(frozen=True, slots=True, kw_only=True)
class Floor:
    """The least a sale must be: `minor`, and `percent` of an average where `average` is set."""

    minor: int = 0
    average: AverageOf | None = None
    percent: int = 100


class GrantKind(StrEnum):
    """What a bonus gives: units now, or something on the next purchase."""

    UNITS = "units"
    ADD_NEXT = "add_next"
    MULTIPLY_NEXT = "multiply_next"
    PERCENT_OFF_NEXT = "percent_off_next"
    FIXED_OFF_NEXT = "fixed_off_next"


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What a rule gives beside its rate.

    `amount` is units (UNITS, ADD_NEXT), percent (MULTIPLY_NEXT, PERCENT_OFF_NEXT) or minor units
    (FIXED_OFF_NEXT). `days` is how long a promise stands, 0 for ever; `floor` is what the next
    purchase must reach.
    """

    kind: GrantKind
    amount: int
    unit: str = ""
    days: int = 0
    floor: Floor = field(default_factory=Floor)


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendRule:
    """`units` for every whole `spend_minor` that counts."""

    code: str
    unit: str
    spend_minor: int
    units: int
    min_sale_minor: int = 0
    when: When = field(default_factory=When)


@dataclass(frozen=True, slots=True, kw_only=True)
class CashbackRule:
    """`basis_points` hundredths of a percent of what counts, in minor units of the currency."""

    code: str
    unit: str
    basis_points: int
    min_sale_minor: int = 0
    when: When = field(default_factory=When)


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitRule:
    """`units` for each visit; a sale is one visit unless the till says how many."""

    code: str
    unit: str
    units: int = 1
    min_sale_minor: int = 0
    when: When = field(default_factory=When)


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemRule:
    """`units` for each piece of the matching lines, or for each tap of the unit at the till."""

    code: str
    unit: str
    units: int = 1
    when: When = field(default_factory=When)


@dataclass(frozen=True, slots=True, kw_only=True)
class PackRule:
    """Each piece sold of the matching lines is a pack of `units` classes, good for `days`."""

    code: str
    unit: str
    units: int
    days: int = 0
    when: When = field(default_factory=When)


@dataclass(frozen=True, slots=True, kw_only=True)
class MultiplierRule:
    """What a unit's rate gives, times `percent` / 100; only the highest counts, line by line."""

    code: str
    unit: str
    percent: int
    when: When = field(default_factory=When)


@dataclass(frozen=True, slots=True, kw_only=True)
class BonusRule:
    """A sale that reaches the floor gives the grant: now, or on the next purchase.

    `once` is once in a membership.
    """

    code: str
    grant: Grant
    floor: Floor = field(default_factory=Floor)
    once: bool = False
    when: When = field(default_factory=When)


class ChallengeAction(StrEnum):
    """What a challenge counts."""

    SALE = "sale"
    ITEM = "item"


class Span(StrEnum):
    """The window of a challenge; for a streak, the period that must not be missed."""

    EVER = "ever"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    DAYS = "days"


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """`goal` actions (or periods of a streak) give the grant."""

    goal: int
    grant: Grant


@dataclass(frozen=True, slots=True, kw_only=True)
class ChallengeRule:
    """n actions in a window, or in n periods one after another; one or several levels.

    `span` DAYS with `days` starts with the first action. `repeat` starts anew after the last
    level; without it each level is given once in a window.
    """

    code: str
    levels: tuple[Level, ...]
    action: ChallengeAction = ChallengeAction.SALE
    span: Span = Span.EVER
    days: int = 0
    streak: bool = False
    repeat: bool = False
    min_sale_minor: int = 0
    when: When = field(default_factory=When)


@dataclass(frozen=True, slots=True, kw_only=True)
class SetPart:
    """`need` units earned of one kind."""

    unit: str
    need: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SetRule:
    """One of each: when every part was earned since the last set, the grant is given."""

    code: str
    parts: tuple[SetPart, ...]
    grant: Grant


@dataclass(frozen=True, slots=True, kw_only=True)
class WelcomeRule:
    """Shown from the moment of joining, credited with the first purchase; once per contact."""

    code: str
    grant: Grant


Rule = (
    SpendRule
    | CashbackRule
    | VisitRule
    | ItemRule
    | PackRule
    | MultiplierRule
    | BonusRule
    | ChallengeRule
    | SetRule
    | WelcomeRule
)


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
