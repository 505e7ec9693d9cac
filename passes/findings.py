"""What an inspection says: one finding per broken rule, with its place and its mend."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """A fault keeps the pass from working; a warning is a loss that a phone forgives."""

    FAULT = "fault"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One broken rule.

    `code` is stable and for machines, `place` a path such as `pass.json:storeCard.backFields[2]`,
    `rule` says what must hold and `mend` what to do, both in the current language.
    """

    code: str
    severity: Severity
    place: str
    rule: str
    mend: str


def fault(code: str, place: str, *, rule: str, mend: str) -> Finding:
    """A finding that keeps the pass from working."""
    return _finding(Severity.FAULT, code, place=place, rule=rule, mend=mend)


def warning(code: str, place: str, *, rule: str, mend: str) -> Finding:
    """A finding that a phone forgives."""
    return _finding(Severity.WARNING, code, place=place, rule=rule, mend=mend)


def faults(findings: Iterable[Finding]) -> list[Finding]:
    """Only those that keep the pass from working."""
    return [finding for finding in findings if finding.severity is Severity.FAULT]


def _finding(severity: Severity, code: str, *, place: str, rule: str, mend: str) -> Finding:
    # Names come from the file; a terminal must not obey what is written in them.
    shown = "".join(symbol if symbol.isprintable() else "\ufffd" for symbol in place)
    return Finding(code=code, severity=severity, place=shown, rule=rule, mend=mend)
