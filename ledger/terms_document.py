"""Terms of format 2 as a JSON document: the one place where a document becomes values.

Pydantic says what has the wrong shape and where; contradictions.py what makes no sense together.
Every complaint names its place by a path (`rules.2.spend_minor`). Numbers must be whole numbers:
neither `"10"` nor `10.0` nor `true` is one. Defaults are left out when written.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import date
from enum import StrEnum
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from pydantic_core import ErrorDetails

from common.errors import InvalidInput, InvalidInputs
from common.i18n import gettext as _
from common.i18n import mark
from ledger import programme_terms as domain
from ledger.contradictions import check_programme
from ledger.programme_terms import ProgrammeTerms
from ledger.terms import PointsTerms, StampTerms, Terms

FORMAT: Final = 2
DOCUMENT_LENGTH_MAX: Final = 200_000
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


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Expiry(_Part):
    kind: domain.ExpiryKind = domain.ExpiryKind.NEVER
    days: Days = 0
    months: Annotated[int, Field(ge=0, le=60)] = 0


class UnitTerms(_Part):
    code: UnitCode
    kind: domain.UnitKind
    name_one: Name = ""
    name_many: Name = ""
    goal: Annotated[int, Field(ge=2, le=100)] | None = None
    expiry: Expiry = Expiry()
    pending_days: Annotated[int, Field(ge=0, le=365)] = 0
    rounding: domain.Rounding = domain.Rounding.CARRY
    pause_days: Annotated[int, Field(ge=0, le=365)] = 0


class Match(_Part):
    items: Codes = ()
    categories: Codes = ()
    own_brand: bool = False


class When(_Part):
    match: Match = Match()
    weekdays: Annotated[tuple[Annotated[int, Field(ge=1, le=7)], ...], Field(max_length=7)] = ()
    from_minute: Annotated[int, Field(ge=0, le=1439)] = 0
    until_minute: Annotated[int, Field(ge=1, le=1440)] = 1440
    first_day: date | None = None
    last_day: date | None = None
    first_purchase: bool = False
    tiers: Annotated[tuple[Code, ...], Field(max_length=10)] = ()


class Floor(_Part):
    minor: Amount = 0
    average: domain.AverageOf | None = None
    percent: Annotated[int, Field(ge=1, le=1000)] = 100


class Grant(_Part):
    kind: domain.GrantKind
    amount: Positive
    unit: Annotated[str, StringConstraints(pattern=r"^([a-z][a-z0-9_]{0,23}|[A-Z]{3})?$")] = ""
    days: Days = 0
    floor: Floor = Floor()


class SpendRule(_Part):
    kind: Literal["spend"]
    code: Code
    unit: UnitCode
    spend_minor: Positive
    units: Units
    min_sale_minor: Amount = 0
    when: When = When()


class CashbackRule(_Part):
    kind: Literal["cashback"]
    code: Code
    unit: UnitCode
    basis_points: Annotated[int, Field(ge=1, le=10_000)]
    min_sale_minor: Amount = 0
    when: When = When()


class VisitRule(_Part):
    kind: Literal["visit"]
    code: Code
    unit: UnitCode
    units: Units = 1
    min_sale_minor: Amount = 0
    when: When = When()


class ItemRule(_Part):
    kind: Literal["item"]
    code: Code
    unit: UnitCode
    units: Units = 1
    when: When = When()


class PackRule(_Part):
    kind: Literal["pack"]
    code: Code
    unit: UnitCode
    units: Units
    days: Days = 0
    when: When = When()


class MultiplierRule(_Part):
    kind: Literal["multiplier"]
    code: Code
    unit: UnitCode
    percent: Annotated[int, Field(ge=101, le=10_000)]
    when: When = When()


class BonusRule(_Part):
    kind: Literal["bonus"]
    code: Code
    grant: Grant
    floor: Floor = Floor()
    once: bool = False
    when: When = When()


class Level(_Part):
    goal: Annotated[int, Field(ge=1, le=10_000)]
    grant: Grant


class ChallengeRule(_Part):
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


class SetPart(_Part):
    unit: UnitCode
    need: Annotated[int, Field(ge=1, le=1000)]


class SetRule(_Part):
    kind: Literal["set"]
    code: Code
    parts: Annotated[tuple[SetPart, ...], Field(min_length=1, max_length=20)]
    grant: Grant


class WelcomeRule(_Part):
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


class TierLevel(_Part):
    code: Code
    name: Annotated[Name, StringConstraints(min_length=1)]
    threshold: Positive
    benefit_percent: Annotated[int, Field(ge=0, le=100)] = 0
    percent: Annotated[int, Field(ge=100, le=10_000)] = 100


class TierTerms(_Part):
    levels: Annotated[tuple[TierLevel, ...], Field(min_length=1, max_length=10)]
    basis: domain.TierBasis = domain.TierBasis.SPEND
    unit: Annotated[str, StringConstraints(pattern=r"^([a-z][a-z0-9_]{0,23}|[A-Z]{3})?$")] = ""
    window: domain.TierWindow = domain.TierWindow.EVER
    days: Days = 0
    grace_days: Days = 0


class LimitRule(_Part):
    kind: domain.LimitKind
    most: Positive
    unit: Annotated[str, StringConstraints(pattern=r"^([a-z][a-z0-9_]{0,23}|[A-Z]{3})?$")] = ""


class PaymentRule(_Part):
    unit: UnitCode
    units: Units
    minor: Positive
    min_units: Annotated[int, Field(ge=0, le=UNITS_MAX)] = 0
    max_percent: Annotated[int, Field(ge=1, le=100)] = 100


class Counts(_Part):
    tax: bool = True
    tip: bool = False
    discount: bool = False
    gift_cards: bool = False
    exclude: Match = Match()


class Document(_Part):
    format: Literal[2]
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
    units: Annotated[tuple[UnitTerms, ...], Field(min_length=1, max_length=20)]
    rules: Annotated[tuple[Rule, ...], Field(min_length=1, max_length=100)]
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


RULE_KINDS: Final[dict[type, str]] = {
    domain.SpendRule: "spend",
    domain.CashbackRule: "cashback",
    domain.VisitRule: "visit",
    domain.ItemRule: "item",
    domain.PackRule: "pack",
    domain.MultiplierRule: "multiplier",
    domain.BonusRule: "bonus",
    domain.ChallengeRule: "challenge",
    domain.SetRule: "set",
    domain.WelcomeRule: "welcome",
}


_SENTENCES: Final = {
    "missing": (mark("Fill this in."), ""),
    "string_too_short": (mark("Fill this in."), ""),
    "too_short": (mark("Fill this in."), ""),
    "extra_forbidden": (mark("The terms know no such field. Remove it."), ""),
    "int_type": (mark("Give a whole number."), ""),
    "int_parsing": (mark("Give a whole number."), ""),
    "int_from_float": (mark("Give a whole number."), ""),
    "int_parsing_size": (mark("Give a smaller number."), ""),
    "bool_type": (mark("Say yes or no."), ""),
    "greater_than_equal": (mark("Give a number from %(fact)s up."), "ge"),
    "less_than_equal": (mark("Give a number of at most %(fact)s."), "le"),
    "string_too_long": (mark("Use at most %(fact)s characters."), "max_length"),
    "too_long": (mark("Give at most %(fact)s."), "max_length"),
    "enum": (mark("Choose one of these: %(fact)s."), "expected"),
    "literal_error": (mark("Choose one of these: %(fact)s."), "expected"),
    "union_tag_invalid": (mark("Choose one of these: %(fact)s."), "expected_tags"),
    "union_tag_not_found": (mark("Say which kind it is."), ""),
    "string_pattern_mismatch": (
        mark("Use lower-case letters, digits and underscores, beginning with a letter."),
        "",
    ),
}


def is_format_2(document: Mapping[str, Any]) -> bool:
    """Whether a stored document is of this format; an older one has no `format`."""
    return document.get("format") == FORMAT


def read_terms(document: Mapping[str, Any], *, version: int, time_zone: str) -> ProgrammeTerms:
    """The terms of a document, checked whole.

    Raises:
        InvalidInputs: every complaint with its path as `field`; `terms` when it is no document.
    """
    try:
        # Strict JSON takes lists, names of kinds and dates as text, and nothing else in disguise.
        text = json.dumps(document)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidInputs(
            [InvalidInput(_("This is no document of terms."), field="terms")]
        ) from error
    if len(text) > DOCUMENT_LENGTH_MAX:
        raise InvalidInputs([InvalidInput(_("The terms are too long."), field="terms")])
    try:
        model = Document.model_validate_json(text)
    except ValidationError as error:
        raise InvalidInputs([_complaint(item) for item in error.errors()]) from error
    parts = {
        name: _build(getattr(model, name)) for name in Document.model_fields if name != "format"
    }
    terms = ProgrammeTerms(version=version, time_zone=time_zone, **parts)
    check_programme(terms)
    return terms


def _build(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(_build(item) for item in value)
    if not isinstance(value, _Part):
        return value
    made = getattr(domain, type(value).__name__)
    names = (item.name for item in fields(made))
    return made(**{name: _build(getattr(value, name)) for name in names})


def _complaint(item: ErrorDetails) -> InvalidInput:
    # A rule's kind stands in pydantic's path as a step of its own; a form knows none.
    steps = list(item["loc"])
    if len(steps) > 2 and steps[0] == "rules" and steps[2] in RULE_KINDS.values():  # noqa: PLR2004 - rules, number, kind
        del steps[2]
    if item["type"].startswith("union_tag"):
        steps.append("kind")
    path = ".".join(str(step) for step in steps)
    return InvalidInput(_sentence(item["type"], item.get("ctx", {})), field=path or "terms")


def _sentence(kind: str, facts: Mapping[str, Any]) -> str:
    if kind not in _SENTENCES:
        return _("This has the wrong form.")
    message, fact = _SENTENCES[kind]
    return _(message, fact=facts[fact]) if fact else _(message)


def write_terms(terms: ProgrammeTerms) -> dict[str, Any]:
    """The document of terms; the version stands in its row, the time zone is the shop's."""
    written = _write(terms)
    del written["version"], written["time_zone"]
    return {"format": FORMAT, **written}


def _write(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_write(item) for item in value]
    if isinstance(value, StrEnum):
        return str(value)
    if isinstance(value, date):
        return value.isoformat()
    if not is_dataclass(value):
        return value
    kind = RULE_KINDS.get(type(value))
    document: dict[str, Any] = {} if kind is None else {"kind": kind}
    for item in fields(value):
        found = getattr(value, item.name)
        default = item.default_factory() if item.default_factory is not MISSING else item.default
        if found != default:
            document[item.name] = _write(found)
    return document


def upgrade(terms: Terms, *, currency: str, time_zone: str) -> ProgrammeTerms:
    """Terms of format 1 as values of this one; they give the same for the same sale."""
    match terms:
        case PointsTerms():
            unit = domain.UnitTerms(code="points", kind=domain.UnitKind.POINTS)
            rule: domain.Rule = domain.SpendRule(
                code="spend", unit="points", spend_minor=terms.spend_minor, units=terms.points
            )
        case StampTerms():
            unit = domain.UnitTerms(code="stamps", kind=domain.UnitKind.STAMPS, goal=terms.goal)
            rule = domain.VisitRule(code="visit", unit="stamps")
    everything = domain.Counts(tip=True, discount=True, gift_cards=True)
    return ProgrammeTerms(
        version=terms.version,
        currency=terms.currency if isinstance(terms, PointsTerms) else currency,
        time_zone=time_zone,
        units=(unit,),
        rules=(rule,),
        counts=everything,
    )
