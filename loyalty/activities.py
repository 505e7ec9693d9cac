"""Activities as the owner makes them: what a member can do for units beside buying, and how often.

Opening a mail is none: mail programs open every mail by themselves, so it would be counted for
people who never looked (docs/how-to/activities.md).

Rules: every activity has a cap per member; what strangers' eyes may see on the shop's site is
approved first.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final

from common.actor import Actor
from common.errors import InvalidInput, InvalidInputs, NotFound
from common.i18n import gettext as _
from common.ids import new_id
from ledger.any_terms import first_unit, units_of
from loyalty.context import Loyalty
from loyalty.give_units import UNITS_MAX
from signing.tokens import join_code
from storage.activities import Activities, Activity
from storage.unit_of_work import UnitOfWork, open_work, run_work

DIRECTORY: Final = "activity"
NAME_MAX: Final = 60
QUESTION_MAX: Final = 200
CHANCES_MAX: Final = 1000
DAYS_MAX: Final = 366
HOURS_MAX: Final = 720
_ORIGIN: Final = re.compile(r"https://[a-z0-9.-]{1,200}(?::[0-9]{1,5})?", re.ASCII)
_ADDRESS: Final = re.compile(r"https://[^\s\"'<>\\]{1,500}")


class ActivityKind(StrEnum):
    """What a member does."""

    PROFILE = "profile"  # fills in what the card asks for
    BIRTHDAY = "birthday"  # comes around their birthday
    REVIEW = "review"
    PHOTO = "photo"
    QUESTION = "question"  # answers the owner's question
    SHARE = "share"  # tells others, some hours after a purchase
    SITE_VISIT = "site_visit"
    NEWSLETTER = "newsletter"  # follows the link in the shop's own news
    RECEIPT = "receipt"  # sends in a receipt that was forgotten
    CHECK_IN = "check_in"  # scans the code on the till's screen


JUDGED: Final = frozenset({ActivityKind.REVIEW, ActivityKind.PHOTO, ActivityKind.RECEIPT})
"""What a person looks at before it counts."""
BY_LINK: Final = frozenset({ActivityKind.NEWSLETTER, ActivityKind.SITE_VISIT})
"""What is claimed at an address of its own, `/a/<code>`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivityForm:
    """What the owner decides.

    `chances` is how often a member may, in `days` (0: ever); `total` how many there are in all.
    `hours` after a purchase a share is asked for. `address` is where a review, a share or a visit
    leads. `embed` is the origin of the shop's site that may show what was approved.
    """

    kind: ActivityKind
    name: str
    units: int
    unit: str = ""
    chances: int = 1
    days: int = 0
    total: int | None = None
    approval: bool = True
    question: str = ""
    address: str = ""
    hours: int = 0
    embed: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivityView:
    """An activity as the console shows it."""

    id: int
    programme_id: int
    form: ActivityForm
    code: str
    active: bool
    claims: int


def add_activity(
    ctx: Loyalty, merchant_id: int, programme_id: int, form: ActivityForm, *, actor: Actor
) -> int:
    """Offer an activity from now on; its id is returned.

    Raises:
        InvalidInputs: with the form's field names.
        NotFound: no such programme, or it is one of gift cards.
    """

    def action(work: UnitOfWork) -> int:
        programme = work.programmes.get(programme_id)
        if programme.kind != "card":
            raise NotFound(_("There is no such programme."))
        terms = work.programmes.terms(programme_id)
        _check(form, units_of(terms))
        new = Activity(
            id=new_id(),
            programme_id=programme_id,
            kind=form.kind,
            name=form.name.strip(),
            unit=form.unit or first_unit(terms),
            units=form.units,
            document=_document(form),
            code=join_code(),
            created_at=work.clock.now(),
        )
        Activities(work.scope).add(new)
        work.directory.add_name(DIRECTORY, new.code, new.id)
        _note(work, actor, "activity.add", new.id)
        return new.id

    return run_work(ctx.database, merchant_id, action, clock=ctx.clock)


def stop_activity(
    ctx: Loyalty, merchant_id: int, activity_id: int, *, stopped: bool, actor: Actor
) -> None:
    """Offer it no more, or again; what was sent in can still be approved.

    Raises:
        NotFound: this merchant has none with that id.
    """

    def action(work: UnitOfWork) -> None:
        activities = Activities(work.scope)
        activities.get(activity_id)
        activities.change(activity_id, active=not stopped)
        _note(work, actor, "activity.stop" if stopped else "activity.offer", activity_id)

    run_work(ctx.database, merchant_id, action, clock=ctx.clock)


def list_activities(ctx: Loyalty, merchant_id: int, programme_id: int) -> list[ActivityView]:
    """A programme's activities.

    Raises:
        NotFound: no such programme.
    """
    with open_work(ctx.database, merchant_id, clock=ctx.clock, writing=False) as work:
        work.programmes.get(programme_id)
        activities = Activities(work.scope)
        return [
            ActivityView(
                id=one.id,
                programme_id=one.programme_id,
                form=form_of(one),
                code=one.code,
                active=one.active,
                claims=activities.count(one.id),
            )
            for one in activities.of_programme(programme_id)
        ]


def form_of(stored: Activity) -> ActivityForm:
    """What the owner decided, from the row."""
    return ActivityForm(
        kind=ActivityKind(stored.kind),
        name=stored.name,
        units=stored.units,
        unit=stored.unit,
        **stored.document,
    )


def _check(form: ActivityForm, units: tuple[str, ...]) -> None:
    complaints = list(_numbers(form))
    if not 1 <= len(form.name.strip()) <= NAME_MAX:
        complaints.append(
            InvalidInput(
                _("Give it a name of at most %(count)d characters.", count=NAME_MAX), field="name"
            )
        )
    if form.unit and form.unit not in units:
        complaints.append(InvalidInput(_("Choose a unit of this card."), field="unit"))
    if form.kind is ActivityKind.QUESTION and not form.question.strip():
        complaints.append(InvalidInput(_("Write the question."), field="question"))
    if len(form.question) > QUESTION_MAX:
        complaints.append(
            InvalidInput(
                _("Use at most %(count)d characters.", count=QUESTION_MAX), field="question"
            )
        )
    if form.address and not _ADDRESS.fullmatch(form.address):
        complaints.append(
            InvalidInput(_("Write an address that begins with https://."), field="address")
        )
    if form.embed and not _ORIGIN.fullmatch(form.embed):
        complaints.append(
            InvalidInput(_("Write only the site, like https://www.example.com."), field="embed")
        )
    if form.embed and not form.approval:
        complaints.append(
            InvalidInput(_("What your site shows must be approved first."), field="approval")
        )
    if complaints:
        raise InvalidInputs(complaints)


def _numbers(form: ActivityForm) -> list[InvalidInput]:
    bounds = {
        "units": (form.units, 1, UNITS_MAX),
        "chances": (form.chances, 1, CHANCES_MAX),
        "days": (form.days, 0, DAYS_MAX),
        "hours": (form.hours, 0, HOURS_MAX),
        **({} if form.total is None else {"total": (form.total, 1, UNITS_MAX)}),
    }
    return [
        InvalidInput(
            _("Give a whole number from %(least)d to %(most)d.", least=least, most=most), field=name
        )
        for name, (value, least, most) in bounds.items()
        if type(value) is not int or not least <= value <= most
    ]


def _document(form: ActivityForm) -> dict[str, Any]:
    kept = asdict(form)
    return {name: kept[name] for name in kept.keys() - {"kind", "name", "units", "unit"}}


def _note(work: UnitOfWork, actor: Actor, action: str, activity_id: int) -> None:
    work.audit.add(
        actor=actor, action=action, subject_kind="activity", subject_id=activity_id, detail={}
    )
