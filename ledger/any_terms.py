"""Terms of either format, for whoever only wants to know what the card counts first."""

from __future__ import annotations

from ledger.explain import explain
from ledger.programme_terms import ProgrammeTerms, UnitKind
from ledger.terms import StampTerms, Terms, unit_of
from ledger.terms import explain as explain_plain

AnyTerms = Terms | ProgrammeTerms
"""The terms of a programme: of one rate, or of many rules."""


def first_unit(terms: AnyTerms) -> str:
    """The unit that stands on the front of the card, and whose account is locked first."""
    return terms.units[0].code if isinstance(terms, ProgrammeTerms) else str(unit_of(terms))


def goal_of(terms: AnyTerms) -> int | None:
    """How many stamps make a full row of the first unit; None where it has no row."""
    if isinstance(terms, ProgrammeTerms):
        return terms.units[0].goal
    return terms.goal if isinstance(terms, StampTerms) else None


def has_stamps(terms: AnyTerms) -> bool:
    """Whether the first unit is stamps."""
    if isinstance(terms, ProgrammeTerms):
        return terms.units[0].kind is UnitKind.STAMPS
    return isinstance(terms, StampTerms)


def units_of(terms: AnyTerms) -> tuple[str, ...]:
    """Every unit the terms count."""
    if isinstance(terms, ProgrammeTerms):
        return tuple(unit.code for unit in terms.units)
    return (str(unit_of(terms)),)


def explain_any(terms: AnyTerms) -> tuple[str, ...]:
    """The rules as plain sentences in the current language."""
    if isinstance(terms, ProgrammeTerms):
        return explain(terms)
    return explain_plain(terms)
