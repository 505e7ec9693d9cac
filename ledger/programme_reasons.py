"""Why an evaluation gave what it gave: the document that is stored, and its sentences.

The document holds numbers and codes only. A code is the owner's short name of a rule
(`tuesday`), a tier is `tier:gold`. Members and staff read the same sentences; staff also see what
was left out (`skipped_sentences`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from common.i18n import current_language, mark, ngettext
from common.i18n import gettext as _
from common.money import format_money
from ledger.amount_words import amount_words, carried
from ledger.evaluation import Credit, Evaluation, PartKind, WhyNot
from ledger.programme_terms import ProgrammeTerms, SpendRule, UnitKind
from ledger.unit_words import count_words, percent_words, unit_of

RULE: Final = "programme"
TOLD: Final = (WhyNot.BELOW_MINIMUM, WhyNot.BEATEN, WhyNot.ALREADY_GIVEN, WhyNot.NO_AVERAGE)
"""What is worth keeping: that it was not Tuesday, or no cake, needs no telling."""

_LEFT_OUT: Final = {
    "tax": mark("%(amount)s tax did not count"),
    "tip": mark("%(amount)s tip did not count"),
    "discount": mark("%(amount)s discount did not count"),
    "gift_card": mark("%(amount)s for gift cards did not count"),
    "excluded": mark("%(amount)s for excluded items did not count"),
    "redeemed": mark("%(amount)s paid with rewards did not count"),
    "limit": mark("%(amount)s above the limit did not count"),
}


def with_reasons(draft: Evaluation, terms: ProgrammeTerms) -> Evaluation:
    """The evaluation with its reason, and each credit with its own."""
    whole = _document(draft, terms)
    parts = [_credit_document(credit, terms) for credit in draft.credits]
    credits_ = tuple(
        replace(credit, reason=_headed(whole, [part]))
        for credit, part in zip(draft.credits, parts, strict=True)
    )
    return replace(draft, credits=credits_, reason=_headed(whole, parts))


def _document(draft: Evaluation, terms: ProgrammeTerms) -> dict[str, Any]:
    document: dict[str, Any] = {
        "rule": RULE,
        "terms_version": terms.version,
        "currency": terms.currency,
        "counted_minor": draft.counted_minor,
        "left_out_minor": sum(amount for _cause, amount in draft.left_out),
        "left_out": dict(draft.left_out),
        "skipped": [
            {"rule": item.rule, "why": str(item.why), **({"by": item.by} if item.by else {})}
            for item in draft.rules_left_out
            if item.why in TOLD
        ],
    }
    if draft.tier_after != draft.tier_before:
        document["tier"] = {"from": draft.tier_before, "to": draft.tier_after}
    if draft.promised:
        document["promised"] = [
            {
                "rule": promise.rule,
                "kind": str(promise.kind),
                "amount": promise.amount,
                "unit": promise.unit,
                "unit_kind": _kind_of(promise.unit, terms),
                "min_sale_minor": promise.min_sale_minor,
            }
            for promise in draft.promised
        ]
    return document


def _headed(document: Mapping[str, Any], credits_: list[dict[str, Any]]) -> dict[str, Any]:
    first = credits_[0] if credits_ else {"unit": "", "units": 0, "carry_minor": 0}
    caps = [cap["kind"] for credit in credits_ for cap in credit["caps"]]
    if not caps and "limit" in document["left_out"]:
        caps = ["amount_per_scan"]
    return {
        **document,
        "unit": first["unit"],
        "units": first["units"],
        "carry_minor": first["carry_minor"],
        "cap": caps[0] if caps else None,
        "credits": credits_,
    }


def _credit_document(credit: Credit, terms: ProgrammeTerms) -> dict[str, Any]:
    steps = [
        rule.units
        for rule in terms.rules
        if isinstance(rule, SpendRule) and rule.unit == credit.unit
    ]
    return {
        "unit": credit.unit,
        "unit_kind": _kind_of(credit.unit, terms),
        "units": credit.units,
        "debt_paid": credit.debt_paid,
        "carry_minor": credit.carry_after,
        "step": steps[0] if steps else 0,
        "parts": [
            {
                "rule": part.rule,
                "kind": str(part.kind),
                "units": part.units,
                "counted": part.counted,
                "multiplied": [[m.rule, m.percent, m.size] for m in part.multiplied],
            }
            for part in credit.parts
        ],
        "caps": [{"kind": str(c.kind), "most": c.most, "cut": c.cut} for c in credit.caps],
        "from": credit.lots[0].available_from.isoformat() if credit.lots else None,
    }


def _kind_of(unit: str, terms: ProgrammeTerms) -> str:
    return str(terms.unit(unit).kind) if unit else "points"


def headline(reason: Mapping[str, Any], terms: ProgrammeTerms | None = None) -> str:
    """`+12 points, +1 coffee stamp`; with nothing earned, that it is so."""
    words = [
        "+" + _words(credit["units"], credit, reason, terms=terms)
        for credit in reason["credits"]
        if credit["units"]
    ]
    return ", ".join(words) or _("Nothing earned this time")


def sentences(reason: Mapping[str, Any], terms: ProgrammeTerms | None = None) -> tuple[str, ...]:
    """The reason in the current language, headline first."""
    found = [headline(reason, terms)]
    for credit in reason["credits"]:
        found.extend(_part_sentence(part, credit, reason, terms=terms) for part in credit["parts"])
        found.extend(_cap_sentence(cap, credit, reason, terms=terms) for cap in credit["caps"])
        if credit["debt_paid"]:
            paid = _words(credit["debt_paid"], credit, reason, terms=terms)
            found.append(_("Paid towards what was owed after a refund: %(units)s", units=paid))
    found.extend(_left_out(cause, minor, reason) for cause, minor in reason["left_out"].items())
    found.extend(_promised(promise, reason, terms=terms) for promise in reason.get("promised", ()))
    if "tier" in reason and reason["tier"]["to"]:
        found.append(_("New tier: %(tier)s", tier=_tier_name(reason["tier"]["to"], terms)))
    found.extend(_carried(credit, reason, terms=terms) for credit in reason["credits"])
    return tuple(text for text in found if text)


def skipped_sentences(
    reason: Mapping[str, Any], terms: ProgrammeTerms | None = None
) -> tuple[str, ...]:
    """What gave nothing and why, for staff."""
    return tuple(_skipped(item, terms) for item in reason.get("skipped", ()))


def _skipped(item: Mapping[str, Any], terms: ProgrammeTerms | None) -> str:
    rule = rule_label(item["rule"], terms)
    match WhyNot(item["why"]):
        case WhyNot.BELOW_MINIMUM:
            return _("“%(rule)s”: the sale was too small", rule=rule)
        case WhyNot.BEATEN if item.get("by"):
            better = rule_label(item["by"], terms)
            return _("“%(rule)s”: “%(better)s” was worth more", rule=rule, better=better)
        case WhyNot.BEATEN:
            return _("“%(rule)s”: nothing to multiply", rule=rule)
        case WhyNot.ALREADY_GIVEN:
            return _("“%(rule)s”: already given", rule=rule)
        case WhyNot.NO_AVERAGE:
            return _("“%(rule)s”: too few sales for an average yet", rule=rule)
    return _("“%(rule)s”: not this time", rule=rule)


def rule_label(code: str, terms: ProgrammeTerms | None) -> str:
    """What people call a rule: its code, or the name of a tier."""
    head, found, tail = code.partition(":")
    if not found:
        return code
    return _tier_name(tail, terms) if head == "tier" else tail


def _tier_name(code: str, terms: ProgrammeTerms | None) -> str:
    levels = terms.tiers.levels if terms is not None and terms.tiers is not None else ()
    return next((level.name for level in levels if level.code == code), code)


def _words(
    units: int,
    credit: Mapping[str, Any],
    reason: Mapping[str, Any],
    *,
    terms: ProgrammeTerms | None,
) -> str:
    unit = unit_of(credit["unit"], credit["unit_kind"], terms)
    return count_words(units, unit, reason["currency"])


def _part_sentence(
    part: Mapping[str, Any],
    credit: Mapping[str, Any],
    reason: Mapping[str, Any],
    *,
    terms: ProgrammeTerms | None,
) -> str:
    words = _words(part["units"], credit, reason, terms=terms)
    kind = PartKind(part["kind"])
    if kind in (PartKind.SPEND, PartKind.CASHBACK):
        text = _("%(units)s for %(amount)s", units=words, amount=_money(part["counted"], reason))
    elif kind is PartKind.VISIT:
        text = ngettext(
            "%(units)s for your visit",
            "%(units)s for %(number)d visits",
            part["counted"],
            units=words,
        )
    elif kind in (PartKind.ITEM, PartKind.PACK):
        text = ngettext(
            "%(units)s for %(number)d item",
            "%(units)s for %(number)d items",
            part["counted"],
            units=words,
        )
    elif kind is PartKind.WELCOME:
        text = _("%(units)s as a welcome", units=words)
    elif kind is PartKind.PROMISE:
        text = _("%(units)s promised for this purchase", units=words)
    else:
        text = _("%(units)s extra: “%(rule)s”", units=words, rule=part["rule"])
    return "; ".join(
        [text, *(_multiplied(m, kind, reason, terms=terms) for m in part["multiplied"])]
    )


def _multiplied(
    item: list[Any],
    kind: PartKind,
    reason: Mapping[str, Any],
    *,
    terms: ProgrammeTerms | None,
) -> str:
    rule, percent, size = item
    by_amount = kind in (PartKind.SPEND, PartKind.CASHBACK)
    return _(
        "%(part)s counted %(times)s times: “%(rule)s”",
        part=_money(size, reason) if by_amount else size,
        times=percent_words(percent),
        rule=rule_label(rule, terms),
    )


def _cap_sentence(
    cap: Mapping[str, Any],
    credit: Mapping[str, Any],
    reason: Mapping[str, Any],
    *,
    terms: ProgrammeTerms | None,
) -> str:
    most = _words(cap["most"], credit, reason, terms=terms)
    cut = _words(cap["cut"], credit, reason, terms=terms)
    match cap["kind"]:
        case "units_per_scan":
            return _("At most %(most)s at once; left out: %(cut)s", most=most, cut=cut)
        case "units_per_day":
            return _("At most %(most)s a day; left out: %(cut)s", most=most, cut=cut)
    return _("The shop's limit for today is reached; left out: %(cut)s", cut=cut)


def _left_out(cause: str, minor: int, reason: Mapping[str, Any]) -> str:
    return _(_LEFT_OUT[cause], amount=_money(minor, reason))


def _promised(
    promise: Mapping[str, Any], reason: Mapping[str, Any], *, terms: ProgrammeTerms | None
) -> str:
    amount = promise["amount"]
    match promise["kind"]:
        case "multiply_next":
            text = _("Next purchase: counts %(times)s times", times=percent_words(amount))
        case "percent_off_next":
            text = _("Next purchase: %(percent)d%% off", percent=amount)
        case "fixed_off_next":
            text = _("Next purchase: %(amount)s off", amount=_money(amount, reason))
        case _:
            text = _(
                "Next purchase: %(units)s extra", units=_words(amount, promise, reason, terms=terms)
            )
    if promise["min_sale_minor"]:
        least = _money(promise["min_sale_minor"], reason)
        return _("%(promise)s, from %(amount)s", promise=text, amount=least)
    return text


def _carried(
    credit: Mapping[str, Any], reason: Mapping[str, Any], *, terms: ProgrammeTerms | None
) -> str:
    # A cashback carry is parts of a cent; a stamp has none.
    if not credit["step"] or not credit["carry_minor"]:
        return ""
    unit = unit_of(credit["unit"], credit["unit_kind"], terms)
    if unit.kind is UnitKind.POINTS and not unit.name_one:
        return carried(credit["carry_minor"], reason["currency"], credit["step"])
    amount = amount_words(abs(credit["carry_minor"]), reason["currency"])
    if credit["carry_minor"] < 0:
        return _("Still to make up for a sale that was undone: %(amount)s", amount=amount)
    step = _words(credit["step"], credit, reason, terms=terms)
    return _("Saved up towards %(units)s: %(amount)s", units=step, amount=amount)


def _money(minor: int, reason: Mapping[str, Any]) -> str:
    return format_money(minor, reason["currency"], language=current_language())
