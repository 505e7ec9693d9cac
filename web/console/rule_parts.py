"""Parts that the forms of several rules share: what is given, for what, when, from which sale on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from common.i18n import gettext as _
from web.console.term_fields import How, Path, TermField

WHEN: Final = "when"
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


def grant_fields(
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
    least: tuple[TermField, ...] = ()
    if any(kind in next_time for kind, _text in offered):
        least = floor_fields(
            facts,
            label=_("The next purchase must be at least"),
            at=(*at, "floor"),
            name=f"{name}next_",
            group=group,
            shown_when=(f"{name}gives", next_time),
        )
    return (
        choice,
        one("count", "amount", How.WHOLE, _("How many"), counted, first="10"),
        one("unit", "unit", How.CHOICE, _("Of what"), (*counted, "multiply_next")),
        one("times", "amount", How.TIMES, _("How many times"), ("multiply_next",), unit="×"),
        one("off", "amount", How.PERCENT, _("How much off"), ("percent_off_next",), unit="%"),
        one("less", "amount", How.AMOUNT, _("How much off"), ("fixed_off_next",), unit=facts.currency),
        one("good", "days", How.WHOLE, days or _("Stands for"), lasting, unit=_("days"),
            help=_("Empty: it never ends."), first="" if days else "30"),
        *least,
    )  # fmt: skip


def floor_fields(
    facts: Facts,
    *,
    label: str,
    at: Path = ("floor",),
    name: str = "",
    group: str = "",
    shown_when: tuple[str, tuple[str, ...]] | None = None,
) -> tuple[TermField, ...]:
    """The least a purchase must be, in money or a little above what is usual."""
    return (
        TermField(
            name=f"{name}floor",
            path=(*at, "minor"),
            how=How.AMOUNT,
            label=label,
            suffix=facts.currency,
            help=_("Empty: any purchase."),
            group=group,
            shown_when=shown_when,
        ),
        TermField(
            name=f"{name}average",
            path=(*at, "average"),
            how=How.CHOICE,
            label=_("And compared with the usual purchase"),
            options=(
                ("", _("does not matter")),
                ("member", _("the member's own average")),
                ("shop", _("the shop's average")),
            ),
            group=group,
            shown_when=shown_when,
        ),
        TermField(
            name=f"{name}average_percent",
            path=(*at, "percent"),
            how=How.PERCENT,
            label=_("At least this much of it"),
            suffix="%",
            help=_("110 % is a little above: it rewards a slightly larger basket."),
            group=group,
            shown_when=(f"{name}average", ("member", "shop")),
            first="110",
            default="100",
        ),
    )


def unit_field(kind: str, facts: Facts) -> TermField:
    """What the rule gives."""
    options = facts.of_kinds(*unit_kinds_of(kind))
    return TermField(
        name="unit",
        path=("unit",),
        how=How.CHOICE,
        label=_("What they collect"),
        options=options,
        first=options[0][0] if options else "",
    )


def units_field(label: str, *, first: str = "1") -> TermField:
    """How many of it."""
    return TermField(
        name="units", path=("units",), how=How.WHOLE, label=label, first=first, default="1"
    )


def least_field(facts: Facts, *, group: str = "") -> TermField:
    """From which purchase on."""
    return TermField(
        name="least",
        path=("min_sale_minor",),
        how=How.AMOUNT,
        label=_("Only from"),
        suffix=facts.currency,
        help=_("Empty: any purchase counts."),
        group=group,
    )


def match_fields(facts: Facts, *, group: str) -> tuple[TermField, ...]:
    """For which items."""
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


def when_fields(facts: Facts, *, group: str = WHEN, match: bool = True) -> tuple[TermField, ...]:
    """When the rule is on, and for what."""

    def one(name: str, step: str, how: How, label: str, options: Options = ()) -> TermField:
        return TermField(
            name=name, path=("when", step), how=how, label=label, options=options, group=group
        )

    tiers = (one("tiers", "tiers", How.MANY, _("Only these tiers"), facts.tiers),)
    return (
        *(match_fields(facts, group=group) if match else ()),
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


def values_of(options: Options) -> tuple[str, ...]:
    """The values of some options."""
    return tuple(value for value, _label in options)
