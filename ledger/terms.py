"""Terms: one version of a programme's rules, as a value, a document and sentences.

Not done here: applying them (rate.py) and keeping them (storage). A version never changes; a new
rule is a new version, and each operation names the version it was made under.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, assert_never

from common.errors import InvalidInput, InvalidInputs
from common.i18n import current_language, ngettext
from common.i18n import gettext as _
from common.money import format_money, is_currency

SPEND_MAX_MINOR: Final = 100_000_000
POINTS_MAX: Final = 10_000
GOAL_MIN: Final = 2
GOAL_MAX: Final = 100


class Unit(StrEnum):
    """What a member account counts."""

    POINTS = "points"
    STAMPS = "stamps"


@dataclass(frozen=True, slots=True, kw_only=True)
class PointsTerms:
    """For every `spend_minor` spent, `points` points; what is left over is carried."""

    version: int
    currency: str
    spend_minor: int
    points: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StampTerms:
    """One stamp a visit; after `goal` stamps the next is free (the reward that costs `goal`)."""

    version: int
    goal: int


Terms = PointsTerms | StampTerms


def unit_of(terms: Terms) -> Unit:
    """The unit these terms give."""
    return Unit.POINTS if isinstance(terms, PointsTerms) else Unit.STAMPS


def check_terms(terms: Terms) -> None:
    """Refuse terms that no programme can run on.

    Raises:
        InvalidInputs: `errors` name the form fields `currency`, `spend`, `points` or `goal`.
    """
    match terms:
        case PointsTerms():
            complaints = _points_complaints(terms)
        case StampTerms():
            complaints = _stamp_complaints(terms)
        case _:
            assert_never(terms)
    if complaints:
        raise InvalidInputs(complaints)


def _points_complaints(terms: PointsTerms) -> list[InvalidInput]:
    complaints = []
    if not isinstance(terms.currency, str) or not is_currency(terms.currency):
        complaints.append(
            InvalidInput(_("Choose a currency by its three letters, like EUR."), field="currency")
        )
    if not _whole(terms.spend_minor, 1, SPEND_MAX_MINOR):
        complaints.append(
            InvalidInput(
                _("Say how much must be spent: more than zero and at most a million."),
                field="spend",
            )
        )
    if not _whole(terms.points, 1, POINTS_MAX):
        complaints.append(
            InvalidInput(
                _("Give a whole number of points from 1 to %(most)d.", most=POINTS_MAX),
                field="points",
            )
        )
    return complaints


def _stamp_complaints(terms: StampTerms) -> list[InvalidInput]:
    if _whole(terms.goal, GOAL_MIN, GOAL_MAX):
        return []
    message = _(
        "Give a whole number of stamps from %(least)d to %(most)d.", least=GOAL_MIN, most=GOAL_MAX
    )
    return [InvalidInput(message, field="goal")]


def _whole(value: object, least: int, most: int) -> bool:
    # A bool is an int to Python, and a float may look whole: neither counts anything.
    return type(value) is int and least <= value <= most


def terms_to_document(terms: Terms) -> dict[str, Any]:
    """The JSON document that is stored; the version stands beside it, in its row."""
    match terms:
        case PointsTerms():
            return {
                "rule": "spend",
                "currency": terms.currency,
                "spend_minor": terms.spend_minor,
                "points": terms.points,
            }
        case StampTerms():
            return {"rule": "visit", "goal": terms.goal}
        case _:
            assert_never(terms)


def terms_from_document(document: Mapping[str, Any], version: int) -> Terms:
    """The terms of a stored document.

    Raises:
        InvalidInput: not a document of `terms_to_document`; `field` is `terms`.
    """
    try:
        match document["rule"]:
            case "spend":
                return PointsTerms(
                    version=version,
                    currency=document["currency"],
                    spend_minor=document["spend_minor"],
                    points=document["points"],
                )
            case "visit":
                return StampTerms(version=version, goal=document["goal"])
    except KeyError as error:
        raise InvalidInput(
            f"The terms lack {error.args[0]!r}; write them anew in the console.", field="terms"
        ) from error
    raise InvalidInput(
        f"The terms have the unknown rule {document['rule']!r}; use the version that wrote them.",
        field="terms",
    )


def explain(terms: Terms) -> tuple[str, ...]:
    """The rules as plain sentences in the current language, for cards and forms."""
    match terms:
        case PointsTerms():
            spend = format_money(terms.spend_minor, terms.currency, language=current_language())
            return (
                ngettext(
                    "%(number)d point for every %(spend)s spent.",
                    "%(number)d points for every %(spend)s spent.",
                    terms.points,
                    spend=spend,
                ),
                _("What is left over counts next time."),
            )
        case StampTerms():
            return (
                _("One stamp for every visit."),
                ngettext(
                    "After %(number)d stamp the next is free.",
                    "After %(number)d stamps the next is free.",
                    terms.goal,
                ),
            )
        case _:
            assert_never(terms)
