"""The rules of a programme, as frozen values: when each is on, and what it gives.

Not done here: the programme around them (programme_terms.py), what they do (rating.py, grants.py,
challenges.py).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum


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
