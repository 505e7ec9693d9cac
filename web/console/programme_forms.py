"""The forms of what a card counts, its limits, payments and promises.

Not done here: the rules by which members collect (rule_forms.py), tiers (tier_form.py).
"""

from __future__ import annotations

from typing import Final

from common.i18n import gettext as _
from web.console.rule_parts import Facts
from web.console.term_fields import How, TermField

NAME: Final = "name"


def unit_kinds() -> dict[str, tuple[str, str]]:
    """What a card can count: title and example."""
    return {
        "points": (_("Points"), _("For what is spent; a reward costs some of them.")),
        "stamps": (_("Stamps"), _("A row of 9 coffee stamps; several rows fit on one card.")),
        "cashback": (_("Cashback"), _("Money that pays for the next purchase.")),
        "visits": (_("Visits"), _("Each visit counts, whatever is spent.")),
        "classes": (_("Classes"), _("A pack of ten, taken one by one; it may rest.")),
    }


def unit_fields(kind: str, facts: Facts) -> tuple[TermField, ...]:
    """The fields of a unit of a kind."""
    del facts
    names = () if kind in {"points", "cashback"} else _names(kind)
    goal = (
        TermField(
            name="goal",
            path=("goal",),
            how=How.WHOLE,
            label=_("A full row has"),
            suffix=_("stamps"),
            first="9",
        ),
    )
    rest = (
        TermField(
            name="pause_days",
            path=("pause_days",),
            how=How.WHOLE,
            label=_("A pack may rest at most"),
            suffix=_("days a year"),
            help=_("For holidays or illness. Empty: it may not rest."),
        ),
    )
    return (
        *names,
        *(goal if kind == "stamps" else ()),
        *_ends(),
        TermField(
            name="pending_days",
            path=("pending_days",),
            how=How.WHOLE,
            label=_("Can be spent after"),
            suffix=_("days"),
            help=_("As long as goods can be returned. Empty: at once."),
            group="more",
        ),
        *(_rounding() if kind == "points" else ()),
        *(rest if kind == "classes" else ()),
    )


def _names(kind: str) -> tuple[TermField, ...]:
    one, many = {
        "stamps": (_("coffee stamp"), _("coffee stamps")),
        "visits": (_("visit"), _("visits")),
        "classes": (_("yoga class"), _("yoga classes")),
    }[kind]
    return (
        TermField(
            name=NAME,
            path=("name_one",),
            how=How.TEXT,
            label=_("One is called"),
            first=one,
        ),
        TermField(
            name="name_many",
            path=("name_many",),
            how=How.TEXT,
            label=_("Several are called"),
            first=many,
        ),
    )


def _ends() -> tuple[TermField, ...]:
    return (
        TermField(
            name="ends",
            path=("expiry", "kind"),
            how=How.CHOICE,
            label=_("They end"),
            options=(
                ("never", _("never")),
                ("days", _("some days after they were collected")),
                ("month_end", _("with a month")),
                ("year_end", _("with a year")),
                ("idle", _("when the card was not used for some days")),
            ),
            help=_("Members see every date on the back of the card and are warned before."),
            first="never",
            default="never",
        ),
        TermField(
            name="end_days",
            path=("expiry", "days"),
            how=How.WHOLE,
            label=_("After how many days"),
            suffix=_("days"),
            shown_when=("ends", ("days", "idle")),
            first="365",
        ),
        TermField(
            name="end_months",
            path=("expiry", "months"),
            how=How.WHOLE,
            label=_("Kept so many months longer"),
            suffix=_("months"),
            shown_when=("ends", ("month_end", "year_end")),
            help=_("Empty: until the last day of the month or year itself."),
        ),
    )


def _rounding() -> tuple[TermField, ...]:
    return (
        TermField(
            name="rounding",
            path=("rounding",),
            how=How.CHOICE,
            label=_("What makes no whole point"),
            options=(
                ("carry", _("counts next time")),
                ("down", _("is lost")),
                ("nearest", _("is rounded to the nearest point")),
                ("up", _("gives a whole point")),
            ),
            first="carry",
            default="carry",
            group="more",
        ),
    )


def limit_kinds() -> dict[str, tuple[str, str]]:
    """Every limit: title and example."""
    return {
        "units_per_day": (_("Most a card collects in a day"), _("At most 100 points a day.")),
        "units_per_scan": (_("Most a card collects at once"), _("At most 20 points a purchase.")),
        "earns_per_day": (_("Most scans of a card in a day"), _("At most 3 a day.")),
        "minutes_between": (_("Time between two scans"), _("At least 15 minutes.")),
        "amount_per_scan": (_("Most that counts of one purchase"), _("€500 of it count.")),
        "sale_max": (_("Largest purchase"), _("Above €1,000 nothing is booked.")),
        "shop_units_per_day": (_("Most the shop gives in a day"), _("5,000 points a day.")),
    }


def limit_fields(kind: str, facts: Facts) -> tuple[TermField, ...]:
    """The fields of a limit."""
    money = kind in {"amount_per_scan", "sale_max"}
    suffix = {"minutes_between": _("minutes"), "earns_per_day": _("scans")}.get(kind, "")
    unit = TermField(
        name="unit",
        path=("unit",),
        how=How.CHOICE,
        label=_("Of what"),
        options=facts.every_unit,
        first=facts.every_unit[0][0] if facts.every_unit else "",
    )
    most = TermField(
        name="most",
        path=("most",),
        how=How.AMOUNT if money else How.WHOLE,
        label=_("At least") if kind == "minutes_between" else _("At most"),
        suffix=facts.currency if money else suffix,
    )
    return (most, unit) if "units" in kind else (most,)


def payment_fields(facts: Facts) -> tuple[TermField, ...]:
    """The fields of paying with points."""
    options = facts.of_kinds("points", "cashback", "stamps", "visits")
    return (
        TermField(
            name="unit",
            path=("unit",),
            how=How.CHOICE,
            label=_("Paid with"),
            options=options,
            first=options[0][0] if options else "",
        ),
        TermField(
            name="units", path=("units",), how=How.WHOLE, label=_("So many of them"), first="10"
        ),
        TermField(
            name="minor",
            path=("minor",),
            how=How.AMOUNT,
            label=_("pay"),
            suffix=facts.currency,
            first="1.00",
        ),
        TermField(
            name="min_units",
            path=("min_units",),
            how=How.WHOLE,
            label=_("From so many on"),
            help=_("Empty: from the first one."),
        ),
        TermField(
            name="max_percent",
            path=("max_percent",),
            how=How.PERCENT,
            label=_("At most this much of a purchase"),
            suffix="%",
            first="100",
            default="100",
        ),
    )


def promise_fields(facts: Facts) -> tuple[TermField, ...]:
    """What counts of a sale, and what is promised about refunds, notice and warnings."""
    return (*_counting_fields(facts), *_refund_fields(), *_notice_fields())


def _counting_fields(facts: Facts) -> tuple[TermField, ...]:
    def counts(name: str, label: str, *, on: bool = False) -> TermField:
        return TermField(
            name=name,
            path=("counts", name),
            how=How.FLAG,
            label=label,
            group="counts",
            first="1" if on else "",
            default="1" if on else "",
        )

    return (
        counts("tax", _("The tax in the price"), on=True),
        counts("tip", _("Tips")),
        counts("discount", _("What a discount took off")),
        counts("gift_cards", _("Gift cards that are sold")),
        TermField(
            name="without",
            path=("counts", "exclude", "categories"),
            how=How.MANY,
            label=_("These categories never count"),
            options=facts.categories,
            group="counts",
        ),
    )


def _refund_fields() -> tuple[TermField, ...]:
    return (
        TermField(
            name="spent_reward",
            path=("spent_reward",),
            how=How.CHOICE,
            label=_("A reward was spent on what is returned"),
            options=(
                ("ask", _("staff decide each time")),
                ("restore", _("the member gets it back")),
                ("keep", _("it stays spent")),
            ),
            group="refunds",
            first="ask",
            default="ask",
        ),
        TermField(
            name="restore_days",
            path=("restore_days",),
            how=How.WHOLE,
            label=_("What comes back stays good for at least"),
            suffix=_("days"),
            group="refunds",
            first="14",
            default="14",
        ),
        TermField(
            name="debt",
            path=("debt",),
            how=How.CHOICE,
            label=_("A refund takes back more than the card holds"),
            options=(
                ("owe", _("the rest is owed and taken from what is collected next")),
                ("forgive", _("the rest is forgiven")),
            ),
            group="refunds",
            first="owe",
            default="owe",
        ),
    )


def _notice_fields() -> tuple[TermField, ...]:
    return (
        TermField(
            name="notice_days",
            path=("notice_days",),
            how=How.WHOLE,
            label=_("A change for the worse is told before it counts"),
            suffix=_("days"),
            help=_("Members see the day on the join page and on the card."),
            group="notice",
            first="30",
            default="30",
        ),
        TermField(
            name="warn_days",
            path=("warn_days",),
            how=How.NUMBERS,
            label=_("Warn before something ends"),
            suffix=_("days"),
            help=_("Several, like 30, 7."),
            group="notice",
            first="30, 7",
            default="30, 7",
        ),
    )
