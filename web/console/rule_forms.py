"""The forms of the rules by which members collect: one per kind, with words an owner knows.

A form is a list of fields (term_fields.py). Not done here: the forms of units, tiers, limits and
promises (programme_forms.py), and judging what was typed.
"""

from __future__ import annotations

from typing import Final

from common.i18n import gettext as _
from web.console.rule_parts import (
    Facts,
    floor_fields,
    grant_fields,
    least_field,
    match_fields,
    unit_field,
    units_field,
    values_of,
    when_fields,
)
from web.console.term_fields import How, TermField

MORE: Final = "more"
LEVELS_MAX: Final = 3


def rule_fields(kind: str, facts: Facts) -> tuple[TermField, ...]:
    """The fields of a kind of rule.

    Raises:
        KeyError: there is no such kind.
    """
    return _FORMS[kind](facts)


def rule_kinds() -> dict[str, tuple[str, str]]:
    """Every kind of rule: its title and an example, in the order people need them."""
    return {
        "spend": (_("Points for what is spent"), _("1 point for every €10.")),
        "visit": (_("A stamp for every visit"), _("1 stamp a visit, from €3 up.")),
        "item": (_("A stamp for an item"), _("1 stamp for every coffee; buy 9, the 10th is free.")),
        "cashback": (_("Cashback"), _("3 % of what is spent comes back as credit.")),
        "welcome": (_("Welcome bonus"), _("25 points with the first purchase, shown at joining.")),
        "multiplier": (_("Double points"), _("Twice the points on Tuesdays, or for own brand.")),
        "bonus": (_("Bonus for a purchase"), _("20 points more on the next purchase, or €3 off.")),
        "challenge": (_("Challenge"), _("Five visits in a month give 50 points.")),
        "set": (_("Full set"), _("One coffee, one cake and one soup: a lunch on us.")),
        "pack": (_("Class pack"), _("Ten yoga classes, paid once, good for half a year.")),
    }


def _spend(facts: Facts) -> tuple[TermField, ...]:
    return (
        TermField(
            name="spend",
            path=("spend_minor",),
            how=How.AMOUNT,
            label=_("For every"),
            suffix=facts.currency,
            first="10.00",
        ),
        TermField(
            name="units",
            path=("units",),
            how=How.WHOLE,
            label=_("spent, give"),
            suffix=_("points"),
            first="1",
        ),
        unit_field("spend", facts),
        least_field(facts),
        *when_fields(facts),
    )


def _cashback(facts: Facts) -> tuple[TermField, ...]:
    return (
        TermField(
            name="percent",
            path=("basis_points",),
            how=How.HUNDREDTHS,
            label=_("How much comes back"),
            suffix="%",
            first="3",
        ),
        unit_field("cashback", facts),
        least_field(facts),
        *when_fields(facts),
    )


def _visit(facts: Facts) -> tuple[TermField, ...]:
    return (
        units_field(_("How many for a visit")),
        unit_field("visit", facts),
        least_field(facts),
        *when_fields(facts),
    )


def _item(facts: Facts) -> tuple[TermField, ...]:
    return (
        units_field(_("How many for a piece")),
        unit_field("item", facts),
        *match_fields(facts, group=""),
        *when_fields(facts, match=False),
    )


def _pack(facts: Facts) -> tuple[TermField, ...]:
    return (
        units_field(_("How many classes are in it"), first="10"),
        unit_field("pack", facts),
        TermField(
            name="days",
            path=("days",),
            how=How.WHOLE,
            label=_("Good for"),
            suffix=_("days"),
            help=_("Empty: it never ends."),
            first="180",
        ),
        *match_fields(facts, group=""),
    )


def _multiplier(facts: Facts) -> tuple[TermField, ...]:
    return (
        TermField(
            name="percent",
            path=("percent",),
            how=How.TIMES,
            label=_("How many times as much"),
            suffix="×",
            first="2",
        ),
        unit_field("multiplier", facts),
        *when_fields(facts, group=""),
    )


def _bonus(facts: Facts) -> tuple[TermField, ...]:
    return (
        *grant_fields(facts),
        *floor_fields(facts, label=_("To get it, the purchase must be at least")),
        TermField(name="once", path=("once",), how=How.FLAG, label=_("Only once for each member")),
        *when_fields(facts),
    )


def _welcome(facts: Facts) -> tuple[TermField, ...]:
    return grant_fields(facts, kinds=("units",), days=_("Must be used within"))


def _challenge(facts: Facts) -> tuple[TermField, ...]:
    return (
        TermField(
            name="action",
            path=("action",),
            how=How.CHOICE,
            label=_("What counts"),
            options=(("sale", _("Purchases and visits")), ("item", _("Pieces of an item"))),
            first="sale",
            default="sale",
        ),
        TermField(
            name="span",
            path=("span",),
            how=How.CHOICE,
            label=_("Within"),
            options=(
                ("month", _("a calendar month")),
                ("week", _("a week")),
                ("day", _("a day")),
                ("days", _("some days from the first")),
                ("ever", _("any time")),
            ),
            first="month",
            default="ever",
        ),
        TermField(
            name="days",
            path=("days",),
            how=How.WHOLE,
            label=_("How many days"),
            suffix=_("days"),
            shown_when=("span", ("days",)),
        ),
        TermField(
            name="streak",
            path=("streak",),
            how=How.FLAG,
            label=_("A streak: once in every week or month, without a gap"),
        ),
        *_levels(facts),
        TermField(
            name="repeat",
            path=("repeat",),
            how=How.FLAG,
            label=_("Starts anew when it is done"),
            group=MORE,
        ),
        least_field(facts, group=MORE),
        *when_fields(facts),
    )


def _set(facts: Facts) -> tuple[TermField, ...]:
    parts = tuple(
        part
        for row in range(min(6, max(2, len(facts.of_kinds("stamps", "visits")))))
        for part in _set_part(row, facts)
    )
    return (*parts, *grant_fields(facts))


def _set_part(row: int, facts: Facts) -> tuple[TermField, ...]:
    return (
        TermField(
            name=f"part{row}_unit",
            path=("parts", row, "unit"),
            how=How.CHOICE,
            label=_("Kind %(number)d", number=row + 1),
            options=(("", _("none")), *facts.of_kinds("stamps", "visits")),
        ),
        TermField(
            name=f"part{row}_need",
            path=("parts", row, "need"),
            how=How.WHOLE,
            label=_("How many of it"),
            shown_when=(f"part{row}_unit", values_of(facts.of_kinds("stamps", "visits"))),
            first="1",
        ),
    )


def _levels(facts: Facts) -> tuple[TermField, ...]:
    found: list[TermField] = []
    for row in range(LEVELS_MAX):
        group = "" if row == 0 else f"level{row}"
        goal = TermField(
            name=f"level{row}_goal",
            path=("levels", row, "goal"),
            how=How.WHOLE,
            label=_("How many are needed"),
            group=group,
            first="5" if row == 0 else "",
        )
        grant = grant_fields(facts, at=("levels", row, "grant"), name=f"level{row}_", group=group)
        found += [goal, *grant]
    return tuple(found)


_FORMS: Final = {
    "spend": _spend,
    "cashback": _cashback,
    "visit": _visit,
    "item": _item,
    "pack": _pack,
    "multiplier": _multiplier,
    "bonus": _bonus,
    "challenge": _challenge,
    "set": _set,
    "welcome": _welcome,
}
