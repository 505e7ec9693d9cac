"""Why units left a card, or came back: redeeming, expiry, refunds; documents and sentences.

A document names the unit, its kind and what moved; the reward is named by the operation.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from common.i18n import current_language
from common.i18n import gettext as _
from common.money import format_money
from ledger.evaluation import Lapse
from ledger.offers import RewardKind, Spending
from ledger.programme_terms import ProgrammeTerms
from ledger.unit_words import count_words, unit_of

DUE: Final = "due"
LAPSE: Final = "lapse"
TAKE_BACK: Final = "take_back"
GIVE_BACK: Final = "give_back"
REFUND_UNDONE: Final = "refund_undone"
RULES: Final = (DUE, LAPSE, TAKE_BACK, GIVE_BACK, REFUND_UNDONE)
MINUS: Final = "\N{MINUS SIGN}"


def due_reason(
    terms: ProgrammeTerms,
    kind: RewardKind | str,
    *,
    spendings: tuple[Spending, ...] = (),
    discount_minor: int = 0,
    donated_minor: int = 0,
) -> dict[str, Any]:
    """The reason of a redemption, a coupon, a payment with points or a class."""
    first = spendings[0] if spendings else None
    return {
        **_head(DUE, terms, first.unit if first else "", -first.amount if first else 0),
        "kind": str(kind),
        "costs": [
            {"unit": s.unit, "unit_kind": _kind(s.unit, terms), "units": s.amount}
            for s in spendings
        ],
        "discount_minor": discount_minor,
        "donated_minor": donated_minor,
    }


def lapse_reason(terms: ProgrammeTerms, lapse: Lapse) -> dict[str, Any]:
    """The reason of an expiry."""
    return _head(LAPSE, terms, lapse.unit, -lapse.units)


def take_back_reason(
    terms: ProgrammeTerms,
    unit: str,
    *,
    units: int,
    owed: int,
    forgiven: int,
    rest_minor: int,
    carry_change: int,
) -> dict[str, Any]:
    """The reason of what a refund takes back; `rest_minor` is what of the sale still counts."""
    return {
        **_head(TAKE_BACK, terms, unit, -units),
        "owed": owed,
        "forgiven": forgiven,
        "rest_minor": rest_minor,
        "carry_change": carry_change,
    }


def give_back_reason(terms: ProgrammeTerms, unit: str, *, units: int) -> dict[str, Any]:
    """The reason of a reward that comes back because its sale was refunded."""
    return _head(GIVE_BACK, terms, unit, units)


def refund_undone_reason(
    terms: ProgrammeTerms, unit: str, *, units: int, settled: int = 0
) -> dict[str, Any]:
    """The reason of a refund that is undone; `settled` units are owed no longer."""
    return {**_head(REFUND_UNDONE, terms, unit, units), "settled": settled}


def _head(rule: str, terms: ProgrammeTerms, unit: str, units: int) -> dict[str, Any]:
    return {
        "rule": rule,
        "terms_version": terms.version,
        "currency": terms.currency,
        "unit": unit,
        "unit_kind": _kind(unit, terms),
        "units": units,
    }


def _kind(unit: str, terms: ProgrammeTerms) -> str:
    return next((str(item.kind) for item in terms.units if item.code == unit), "points")


def headline(reason: Mapping[str, Any], terms: ProgrammeTerms | None = None) -> str:
    """The change in a few words: `−50 points`, or the discount where no unit moved."""
    if reason["rule"] == DUE:
        costs = [MINUS + _words(c["units"], c, reason, terms=terms) for c in reason["costs"]]
        return ", ".join(costs) or _discount(reason) or _("Used")
    if reason["units"] == 0:
        undone = reason["rule"] == REFUND_UNDONE
        return _("The refund was undone") if undone else _("Nothing to take back")
    sign = MINUS if reason["units"] < 0 else "+"
    return sign + _words(abs(reason["units"]), reason, reason, terms=terms)


def sentences(
    reason: Mapping[str, Any], terms: ProgrammeTerms | None = None, *, reward_name: str = ""
) -> tuple[str, ...]:
    """The reason in the current language, headline first."""
    head = headline(reason, terms)
    if reason.get("others"):
        plain = {**reason, "others": ()}
        every = (plain, *reason["others"])
        return tuple(dict.fromkeys(text for one in every for text in sentences(one, terms)))
    match reason["rule"]:
        case "due":
            found = [head, reward_name, _discount(reason), _donated(reason)]
        case "lapse":
            found = [head, _("Its time was over")]
        case "give_back":
            found = [head, _("Given back: the sale was refunded")]
        case "refund_undone":
            found = [head, _("The refund was undone"), _settled(reason, terms)]
        case _:
            found = [head, *_taken(reason, terms)]
    return tuple(dict.fromkeys(text for text in found if text))


def _taken(reason: Mapping[str, Any], terms: ProgrammeTerms | None) -> list[str]:
    found = [_("The sale was refunded")]
    if reason.get("bonus_of_other"):
        found = [_("A bonus that the refunded sale had promised, used on a later purchase")]
    if reason["rest_minor"]:
        rest = _money(reason["rest_minor"], reason)
        found.append(_("%(amount)s of the sale still counts", amount=rest))
    if reason["owed"]:
        owed = _words(reason["owed"], reason, reason, terms=terms)
        found.append(_("Owed now: %(units)s; what comes next goes there first", units=owed))
    if reason["forgiven"]:
        forgiven = _words(reason["forgiven"], reason, reason, terms=terms)
        found.append(_("Gone already and not asked for: %(units)s", units=forgiven))
    return found


def _settled(reason: Mapping[str, Any], terms: ProgrammeTerms | None) -> str:
    if not reason["settled"]:
        return ""
    units = _words(reason["settled"], reason, reason, terms=terms)
    return _("Owed no longer: %(units)s", units=units)


def _discount(reason: Mapping[str, Any]) -> str:
    if not reason["discount_minor"]:
        return ""
    return _("%(amount)s off", amount=_money(reason["discount_minor"], reason))


def _donated(reason: Mapping[str, Any]) -> str:
    if not reason["donated_minor"]:
        return ""
    return _("%(amount)s given", amount=_money(reason["donated_minor"], reason))


def _words(
    units: int,
    named: Mapping[str, Any],
    reason: Mapping[str, Any],
    *,
    terms: ProgrammeTerms | None,
) -> str:
    unit = unit_of(named["unit"], named["unit_kind"], terms)
    return count_words(units, unit, reason["currency"])


def _money(minor: int, reason: Mapping[str, Any]) -> str:
    return format_money(minor, reason["currency"], language=current_language())
