"""The terms document as lists of entries: find one, put one in, take one out.

Pure: a document goes in and a changed copy comes out. Names for people stand in the forms; here an
entry is known by its key, which stays while its numbers change. Not done here: judging the
document, which the ledger does as a whole.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from common.errors import NotFound
from common.i18n import gettext as _
from web.console.term_fields import Path

CODE_MAX: Final = 24
ALL: Final = "all"
PROMISES: Final = ("counts", "spent_reward", "debt", "restore_days", "notice_days", "warn_days")


class Section(StrEnum):
    """The parts of the terms that have a form."""

    UNITS = "units"
    RULES = "rules"
    TIERS = "tiers"
    PAYMENTS = "payments"
    LIMITS = "limits"
    PROMISES = "promises"


SINGLE: Final = frozenset({Section.TIERS, Section.PROMISES})


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry: its kind and key, where it stands in the document, and what it holds."""

    section: Section
    kind: str
    key: str
    path: Path
    piece: Mapping[str, Any]


def entries(document: Mapping[str, Any], section: Section) -> list[Entry]:
    """Every entry of a section, in the order of the document."""
    return list(_entries(document, section))


def entry(document: Mapping[str, Any], section: Section, key: str) -> Entry:
    """One entry.

    Raises:
        NotFound: it is gone, or never was.
    """
    for one in _entries(document, section):
        if one.key == key:
            return one
    raise NotFound(_("This rule is not there any more."))


def with_new(
    document: Mapping[str, Any], section: Section, kind: str, piece: Mapping[str, Any]
) -> tuple[dict[str, Any], Path]:
    """The document with one entry more, and where that stands."""
    changed = deepcopy(dict(document))
    if section in SINGLE:
        return _with_single(changed, section, piece)
    listed = changed.setdefault(str(section), [])
    made = {**({"kind": kind} if section is not Section.PAYMENTS else {}), **piece}
    if section is Section.UNITS:
        made["code"] = _unit_code(changed, kind, piece)
    elif section is Section.RULES:
        made["code"] = _free(kind, {one.get("code") for one in listed})
    _add_missing_unit(changed, made.get("unit"))
    listed.append(made)
    return changed, (str(section), len(listed) - 1)


def with_changed(
    document: Mapping[str, Any], old: Entry, piece: Mapping[str, Any]
) -> tuple[dict[str, Any], Path]:
    """The document with what a form says in place of `old`; kind and code stay."""
    changed = deepcopy(dict(document))
    if old.section in SINGLE:
        return _with_single(changed, old.section, piece)
    kept = {name: old.piece[name] for name in ("kind", "code") if name in old.piece}
    _add_missing_unit(changed, piece.get("unit"))
    changed[str(old.section)][old.path[1]] = {**kept, **piece}
    return changed, old.path


def without(document: Mapping[str, Any], old: Entry) -> dict[str, Any]:
    """The document without an entry."""
    changed = deepcopy(dict(document))
    if old.section in SINGLE:
        changed.pop(str(old.section), None)
    else:
        del changed[str(old.section)][old.path[1]]
    return changed


def default_units(currency: str) -> dict[str, dict[str, Any]]:
    """A unit of each kind as a rule brings it along when the card has none yet."""
    return {
        "points": {"code": "points", "kind": "points"},
        "stamps": {"code": "stamps", "kind": "stamps", "goal": 9},
        "visits": {"code": "visits", "kind": "visits"},
        "cashback": {"code": currency, "kind": "cashback"},
        "classes": {"code": "classes", "kind": "classes"},
    }


def _entries(document: Mapping[str, Any], section: Section) -> Iterator[Entry]:
    if section is Section.PROMISES:
        piece = {name: document[name] for name in PROMISES if name in document}
        yield Entry(section=section, kind=str(section), key=ALL, path=(), piece=piece)
        return
    if section is Section.TIERS:
        if document.get("tiers"):
            yield Entry(
                section=section,
                kind=str(section),
                key=ALL,
                path=("tiers",),
                piece=document["tiers"],
            )
        return
    for index, piece in enumerate(document.get(str(section), ())):
        yield Entry(
            section=section,
            kind=str(piece.get("kind", "payment")),
            key=_key(section, piece),
            path=(str(section), index),
            piece=piece,
        )


def _key(section: Section, piece: Mapping[str, Any]) -> str:
    if section is Section.LIMITS:
        return "-".join(str(piece[name]) for name in ("kind", "unit") if piece.get(name))
    return str(piece.get("unit" if section is Section.PAYMENTS else "code", ""))


def _with_single(
    changed: dict[str, Any], section: Section, piece: Mapping[str, Any]
) -> tuple[dict[str, Any], Path]:
    if section is Section.TIERS:
        changed["tiers"] = {**piece, "levels": _with_codes(piece.get("levels", []))}
        return changed, ("tiers",)
    for name in PROMISES:
        changed.pop(name, None)
    changed.update(piece)
    return changed, ()


def _with_codes(levels: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Tiers with a code each; one that is renamed keeps its own, so that nobody falls."""
    taken: set[object] = set()
    for level in levels:
        code = str(level.get("code") or "")
        if not re.fullmatch(r"[a-z][a-z0-9_]{0,23}", code) or code in taken:
            code = _free(_plain(str(level.get("name", ""))) or "tier", taken)
        level["code"] = code
        taken.add(code)
    # A row with nothing but the code it had was emptied: the tier goes.
    return [level for level in levels if set(level) - {"code"}]


def _add_missing_unit(changed: dict[str, Any], code: object) -> None:
    known = {unit["code"] for unit in changed.get("units", [])}
    if not isinstance(code, str) or code in known:
        return
    for unit in default_units(str(changed.get("currency", ""))).values():
        if unit["code"] == code:
            changed.setdefault("units", []).append(unit)


def _unit_code(changed: Mapping[str, Any], kind: str, piece: Mapping[str, Any]) -> str:
    taken = {unit["code"] for unit in changed.get("units", [])}
    if kind == "cashback":
        return str(changed.get("currency", ""))
    name = _plain(str(piece.get("name_one", ""))) or kind
    return _free(name, taken)


def _free(stem: str, taken: set[Any]) -> str:
    candidates = (stem, *(f"{stem[: CODE_MAX - 5]}_{number}" for number in range(2, 1000)))
    return next(code for code in candidates if code not in taken)


def _plain(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "_", plain).strip("_0123456789")[:CODE_MAX].strip("_")
