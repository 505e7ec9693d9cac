"""The one form of all tiers: what lifts a member, and what each tier gives."""

from __future__ import annotations

from typing import Final

from common.i18n import gettext as _
from web.console.rule_parts import Facts
from web.console.term_fields import How, TermField

TIERS_MAX: Final = 5


def tier_fields(facts: Facts) -> tuple[TermField, ...]:
    """The one form of all tiers."""
    return (
        TermField(
            name="basis",
            path=("basis",),
            how=How.CHOICE,
            label=_("What lifts a member"),
            options=(("spend", _("money spent")), ("units", _("points or stamps collected"))),
            first="spend",
            default="spend",
        ),
        TermField(
            name="unit",
            path=("unit",),
            how=How.CHOICE,
            label=_("Which of them"),
            options=facts.every_unit,
            shown_when=("basis", ("units",)),
        ),
        TermField(
            name="window",
            path=("window",),
            how=How.CHOICE,
            label=_("Added up over"),
            options=(
                ("days", _("the last days")),
                ("year", _("the calendar year")),
                ("ever", _("all time")),
            ),
            first="days",
            default="ever",
        ),
        TermField(
            name="days",
            path=("days",),
            how=How.WHOLE,
            label=_("How many days"),
            suffix=_("days"),
            shown_when=("window", ("days",)),
            first="365",
        ),
        TermField(
            name="grace",
            path=("grace_days",),
            how=How.WHOLE,
            label=_("Who no longer reaches it keeps it for"),
            suffix=_("days"),
            shown_when=("window", ("days", "year")),
            first="30",
        ),
        *(one for row in range(TIERS_MAX) for one in _tier(row, facts)),
    )


def _tier(row: int, facts: Facts) -> tuple[TermField, ...]:
    group = f"tier{row}"
    names = (_("Silver"), _("Gold"))

    def one(name: str, how: How, label: str, unit: str = "", first: str = "") -> TermField:
        return TermField(
            name=f"{group}_{name}",
            path=("levels", row, name),
            how=how,
            label=label,
            suffix=unit,
            first=first if row < len(names) else "",
            group=group,
        )

    return (
        one("name", How.TEXT, _("Name"), first=names[row] if row < len(names) else ""),
        TermField(
            name=f"{group}_money",
            path=("levels", row, "threshold"),
            how=How.AMOUNT,
            label=_("Reached at"),
            suffix=facts.currency,
            shown_when=("basis", ("spend",)),
            group=group,
            first=("500.00", "1500.00")[row] if row < len(names) else "",
        ),
        TermField(
            name=f"{group}_count",
            path=("levels", row, "threshold"),
            how=How.WHOLE,
            label=_("Reached at"),
            shown_when=("basis", ("units",)),
            group=group,
        ),
        one("benefit_percent", How.PERCENT, _("Off every purchase"), "%", ("5", "10")[row % 2]),
        one("percent", How.TIMES, _("Collects faster"), "×"),
        TermField(
            name=f"{group}_code", path=("levels", row, "code"), how=How.TEXT, label="", group="code"
        ),
    )
