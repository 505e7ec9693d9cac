"""The forms of the rules by which members collect: one per kind, with words an owner knows.

A form is a list of fields (term_fields.py). Not done here: the forms of units, tiers, limits and
promises (programme_forms.py), and judging what was typed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from common.i18n import gettext as _
from web.console.term_fields import How, Path, TermField

WHEN: Final = "when"
MORE: Final = "more"
LEVELS_MAX: Final = 3
Options = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a form offers to choose from: the shop's units, tiers, items and categories.

    `units` holds (code, name) by kind of unit; options are (value, text).
    """

    currency: str
    units: Mapping[str, Options] = field(default_factory=dict)
    tiers: Options = ()
    items: Options = ()
    categories: Options = ()

    def of_kinds(self, *kinds: str) -> Options:
        """The units of these kinds, in that order."""
        return tuple(pair for kind in kinds for pair in self.units.get(kind, ()))

    @property
    def every_unit(self) -> Options:
        """Every unit of the card."""
        return self.of_kinds(*self.units)


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


def unit_kinds_of(kind: str) -> tuple[str, ...]:
    """The kinds of units that a kind of rule gives."""
    return {
        "spend": ("points",),
        "cashback": ("cashback",),
        "visit": ("stamps", "visits", "points"),
        "item": ("stamps", "points"),
        "pack": ("classes",),
        "multiplier": ("points", "cashback", "stamps", "visits"),
    }.get(kind, ("points", "stamps", "visits", "cashback"))


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
        _unit("spend", facts),
        _least(facts),
        *_when(facts),
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
        _unit("cashback", facts),
        _least(facts),
        *_when(facts),
    )


def _visit(facts: Facts) -> tuple[TermField, ...]:
    return (
        _units(_("How many for a visit")),
        _unit("visit", facts),
        _least(facts),
        *_when(facts),
    )


def _item(facts: Facts) -> tuple[TermField, ...]:
    return (
        _units(_("How many for a piece")),
        _unit("item", facts),
        *_match(facts, group=""),
        *_when(facts, match=False),
    )


def _pack(facts: Facts) -> tuple[TermField, ...]:
    return (
        _units(_("How many classes are in it"), first="10"),
        _unit("pack", facts),
        TermField(
            name="days",
            path=("days",),
            how=How.WHOLE,
            label=_("Good for"),
            suffix=_("days"),
            help=_("Empty: it never ends."),
            first="180",
        ),
        *_match(facts, group=""),
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
        _unit("multiplier", facts),
        *_when(facts, group=""),
    )


def _bonus(facts: Facts) -> tuple[TermField, ...]:
    return (
        *_grant(facts),
        *_floor(facts, label=_("The purchase must be at least")),
        TermField(name="once", path=("once",), how=How.FLAG, label=_("Only once for each member")),
        *_when(facts),
    )


def _welcome(facts: Facts) -> tuple[TermField, ...]:
    return _grant(facts, kinds=("units",), days=_("Must be used within"))


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
        _least(facts, group=MORE),
        *_when(facts),
    )


def _set(facts: Facts) -> tuple[TermField, ...]:
    parts = tuple(
        part
        for row in range(min(6, max(2, len(facts.of_kinds("stamps", "visits")))))
        for part in _set_part(row, facts)
    )
    return (*parts, *_grant(facts))


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
            shown_when=(f"part{row}_unit", _values(facts.of_kinds("stamps", "visits"))),
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
        grant = _grant(facts, at=("levels", row, "grant"), name=f"level{row}_", group=group)
        found += [goal, *grant]
    return tuple(found)


def _grant(
    facts: Facts,
    *,
    at: Path = ("grant",),
    name: str = "",
    group: str = "",
    kinds: tuple[str, ...] = (),
    days: str = "",
) -> tuple[TermField, ...]:
    """What a rule gives beside its rate."""
    texts = (
        ("units", _("Points or stamps at once")),
        ("add_next", _("More on the next purchase")),
        ("multiply_next", _("A multiple on the next purchase")),
        ("percent_off_next", _("Percent off the next purchase")),
        ("fixed_off_next", _("An amount off the next purchase")),
    )
    offered = tuple(pair for pair in texts if not kinds or pair[0] in kinds)
    optional = group.startswith("level")
    choice = TermField(
        name=f"{name}gives",
        path=(*at, "kind"),
        how=How.CHOICE,
        label=_("What they get"),
        options=((("", _("no further step")), *offered) if optional else offered),
        group=group,
        first="" if optional else offered[0][0],
    )

    def one(
        suffix: str, step: str, how: How, label: str, only: tuple[str, ...], **more: str
    ) -> TermField:
        return TermField(
            name=name + suffix,
            path=(*at, step),
            how=how,
            label=label,
            shown_when=(f"{name}gives", only),
            group=group,
            suffix=more.get("unit", ""),
            help=more.get("help", ""),
            options=facts.every_unit if step == "unit" else (),
            first=more.get("first", ""),
        )

    counted = ("units", "add_next")
    next_time = ("add_next", "multiply_next", "percent_off_next", "fixed_off_next")
    lasting = ("units", *next_time) if days else next_time
    return (
        choice,
        one("count", "amount", How.WHOLE, _("How many"), counted, first="10"),
        one("unit", "unit", How.CHOICE, _("Of what"), (*counted, "multiply_next")),
        one("times", "amount", How.TIMES, _("How many times"), ("multiply_next",), unit="×"),
        one("off", "amount", How.PERCENT, _("How much off"), ("percent_off_next",), unit="%"),
        one("less", "amount", How.AMOUNT, _("How much off"), ("fixed_off_next",), unit=facts.currency),
        one("good", "days", How.WHOLE, days or _("Stands for"), lasting, unit=_("days"),
            help=_("Empty: it never ends."), first="" if days else "30"),
    )  # fmt: skip


def _floor(facts: Facts, *, label: str) -> tuple[TermField, ...]:
    return (
        TermField(
            name="floor",
            path=("floor", "minor"),
            how=How.AMOUNT,
            label=label,
            suffix=facts.currency,
            help=_("Empty: any purchase."),
        ),
        TermField(
            name="average",
            path=("floor", "average"),
            how=How.CHOICE,
            label=_("And compared with the usual purchase"),
            options=(
                ("", _("does not matter")),
                ("member", _("the member's own average")),
                ("shop", _("the shop's average")),
            ),
        ),
        TermField(
            name="average_percent",
            path=("floor", "percent"),
            how=How.PERCENT,
            label=_("At least this much of it"),
            suffix="%",
            help=_("110 % is a little above: it rewards a slightly larger basket."),
            shown_when=("average", ("member", "shop")),
            first="110",
            default="100",
        ),
    )


def _unit(kind: str, facts: Facts) -> TermField:
    options = facts.of_kinds(*unit_kinds_of(kind))
    return TermField(
        name="unit",
        path=("unit",),
        how=How.CHOICE,
        label=_("What they collect"),
        options=options,
        first=options[0][0] if options else "",
    )


def _units(label: str, *, first: str = "1") -> TermField:
    return TermField(
        name="units", path=("units",), how=How.WHOLE, label=label, first=first, default="1"
    )


def _least(facts: Facts, *, group: str = "") -> TermField:
    return TermField(
        name="least",
        path=("min_sale_minor",),
        how=How.AMOUNT,
        label=_("Only from"),
        suffix=facts.currency,
        help=_("Empty: any purchase counts."),
        group=group,
    )


def _match(facts: Facts, *, group: str) -> tuple[TermField, ...]:
    at: Path = ("when", "match")
    return (
        TermField(
            name="categories",
            path=(*at, "categories"),
            how=How.MANY,
            label=_("These categories"),
            options=facts.categories,
            group=group,
        ),
        TermField(
            name="items",
            path=(*at, "items"),
            how=How.MANY,
            label=_("These items"),
            options=facts.items,
            group=group,
        ),
        TermField(
            name="own_brand",
            path=(*at, "own_brand"),
            how=How.FLAG,
            label=_("Our own brand"),
            group=group,
        ),
    )


def _when(facts: Facts, *, group: str = WHEN, match: bool = True) -> tuple[TermField, ...]:
    def one(name: str, step: str, how: How, label: str, options: Options = ()) -> TermField:
        return TermField(
            name=name, path=("when", step), how=how, label=label, options=options, group=group
        )

    tiers = (one("tiers", "tiers", How.MANY, _("Only these tiers"), facts.tiers),)
    return (
        *(_match(facts, group=group) if match else ()),
        one("weekdays", "weekdays", How.WEEKDAYS, _("On these days"), _weekdays()),
        one("from", "from_minute", How.MINUTE, _("From")),
        one("until", "until_minute", How.MINUTE, _("Until")),
        one("first_day", "first_day", How.DAY, _("First day")),
        one("last_day", "last_day", How.DAY, _("Last day")),
        one("first_purchase", "first_purchase", How.FLAG, _("Only on the first purchase")),
        *(tiers if facts.tiers else ()),
    )


def _weekdays() -> Options:
    names = (_("Mon"), _("Tue"), _("Wed"), _("Thu"), _("Fri"), _("Sat"), _("Sun"))
    return tuple((str(number), name) for number, name in enumerate(names, 1))


def _values(options: Options) -> tuple[str, ...]:
    return tuple(value for value, _label in options)


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
