"""Terms of format 2 as a JSON document: the one place where a document becomes values.

Pydantic says what has the wrong shape and where (terms_shape.py), contradictions.py what makes no sense together.
Every complaint names its place by a path (`rules.2.spend_minor`). Numbers must be whole numbers:
neither `"10"` nor `10.0` nor `true` is one. Defaults are left out when written.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import date
from enum import StrEnum
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from common.errors import InvalidInput, InvalidInputs
from common.i18n import gettext as _
from common.i18n import mark
from ledger import programme_terms as domain
from ledger.contradictions import check_programme
from ledger.programme_terms import ProgrammeTerms
from ledger.terms import PointsTerms, StampTerms, Terms
from ledger.terms_shape import Document, Part

FORMAT: Final = 2
DOCUMENT_LENGTH_MAX: Final = 200_000

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
    if not isinstance(value, Part):
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
