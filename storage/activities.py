"""Activities: what a member can do for units beside buying, and what members sent in.

Not done here: who may claim what (loyalty/activity_claims.py). Rules: a claim leaves the state
`waiting` once; a member's claims of one activity are numbered, so that two at once cannot be the
same one; what a member typed or photographed goes when they are erased.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import and_, func

from common.errors import NotFound
from common.i18n import gettext as _
from storage.records import columns, maybe_record, record_of, values_of
from storage.scope import Scope
from storage.tables import activity, activity_claim, operation, sale

PAGE_MAX: Final = 100
OPEN_MAX: Final = 50


class ClaimState(StrEnum):
    """What became of a claim."""

    WAITING = "waiting"
    APPROVED = "approved"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """What can be done; `document` is loyalty/activities.py's."""

    id: int
    programme_id: int
    kind: str
    name: str
    unit: str
    units: int
    document: dict[str, Any]
    code: str
    active: bool = True
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What a member sent in; `body_sealed` is what they typed, `photo` a PNG drawn anew."""

    id: int
    activity_id: int
    member_id: int
    turn: int
    state: str
    body_sealed: bytes | None = None
    stars: int | None = None
    photo: bytes | None = None
    shown: bool = False
    reason: str = ""
    decided_by: int | None = None
    decided_at: datetime | None = None
    operation_id: int | None = None
    created_at: datetime


class Activities:
    """The activities of one merchant and what was sent in."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def add(self, new: Activity) -> None:
        """Keep an activity."""
        self._scope.execute(self._scope.insert(activity, **values_of(new)))

    def change(self, activity_id: int, **values: Any) -> None:
        """Give an activity other facts."""
        self._scope.execute(
            self._scope.update(activity).where(activity.c.id == activity_id).values(**values)
        )

    def get(self, activity_id: int) -> Activity:
        """An activity.

        Raises:
            NotFound: this merchant has none with that id.
        """
        found = self._one(activity.c.id == activity_id)
        if found is None:
            raise NotFound(_("There is no such activity."))
        return found

    def by_code(self, code: str) -> Activity | None:
        """The activity of a public address."""
        return self._one(activity.c.code == code)

    def of_programme(self, programme_id: int, *, active_only: bool = False) -> list[Activity]:
        """A programme's activities, the oldest first."""
        query = self._scope.select(activity, *columns(activity, Activity)).where(
            activity.c.programme_id == programme_id
        )
        if active_only:
            query = query.where(activity.c.active)
        rows = self._scope.execute(query.order_by(activity.c.id).limit(OPEN_MAX))
        return [record_of(Activity, row) for row in rows]

    # --- claims -------------------------------------------------------------------------------

    def add_claim(self, new: Claim) -> bool:
        """Keep a claim; False when the member's same turn was taken in the same moment."""
        return self._scope.insert_new(
            activity_claim, merchant_id=self._scope.merchant, **values_of(new)
        )

    def claim(self, claim_id: int) -> Claim:
        """A claim.

        Raises:
            NotFound: this merchant has none with that id.
        """
        query = self._scope.select(activity_claim, *columns(activity_claim, Claim))
        row = self._scope.execute(query.where(activity_claim.c.id == claim_id)).one_or_none()
        found = maybe_record(Claim, row)
        if found is None:
            raise NotFound(_("There is no such entry."))
        return found

    def of_member(self, member_id: int, activity_id: int | None = None) -> list[Claim]:
        """What a member sent in, the newest first."""
        query = self._scope.select(activity_claim, *columns(activity_claim, Claim)).where(
            activity_claim.c.member_id == member_id
        )
        if activity_id is not None:
            query = query.where(activity_claim.c.activity_id == activity_id)
        rows = self._scope.execute(query.order_by(activity_claim.c.id.desc()).limit(PAGE_MAX))
        return [record_of(Claim, row) for row in rows]

    def queue(self, state: ClaimState, *, before_id: int | None = None) -> list[Claim]:
        """Claims of a state, the newest first."""
        query = self._scope.select(activity_claim, *columns(activity_claim, Claim)).where(
            activity_claim.c.state == state
        )
        if before_id is not None:
            query = query.where(activity_claim.c.id < before_id)
        rows = self._scope.execute(query.order_by(activity_claim.c.id.desc()).limit(PAGE_MAX))
        return [record_of(Claim, row) for row in rows]

    def shown(self, activity_id: int, limit: int = 20) -> list[Claim]:
        """What may stand on the shop's own site, the newest first."""
        query = self._scope.select(activity_claim, *columns(activity_claim, Claim)).where(
            activity_claim.c.activity_id == activity_id,
            activity_claim.c.state == ClaimState.APPROVED,
            activity_claim.c.shown,
        )
        rows = self._scope.execute(query.order_by(activity_claim.c.id.desc()).limit(limit))
        return [record_of(Claim, row) for row in rows]

    def count(self, activity_id: int) -> int:
        """How many claims of an activity stand or wait."""
        return int(
            self._scope.execute(
                self._scope.select(activity_claim, func.count()).where(
                    activity_claim.c.activity_id == activity_id,
                    activity_claim.c.state != ClaimState.REFUSED,
                )
            ).scalar_one()
        )

    def decide(self, claim_id: int, state: ClaimState, **values: Any) -> bool:
        """End a claim that still waits; False when somebody was quicker."""
        statement = (
            self._scope.update(activity_claim)
            .where(activity_claim.c.id == claim_id, activity_claim.c.state == ClaimState.WAITING)
            .values(state=state, decided_at=self._scope.clock.now(), **values)
        )
        return bool(self._scope.execute(statement).rowcount == 1)

    def change_claim(self, claim_id: int, **values: Any) -> None:
        """Note its operation, or whether the shop's site shows it."""
        self._scope.execute(
            self._scope.update(activity_claim)
            .where(activity_claim.c.id == claim_id)
            .values(**values)
        )

    def last_sale(self, member_id: int) -> datetime | None:
        """When a member last bought something."""
        found: datetime | None = self._scope.execute(
            self._scope.select(operation, sale.c.sold_at)
            .join(
                sale,
                and_(
                    sale.c.merchant_id == operation.c.merchant_id, sale.c.id == operation.c.sale_id
                ),
            )
            .where(operation.c.member_id == member_id, operation.c.kind == "earn")
            .order_by(operation.c.id.desc())
            .limit(1)
        ).scalar_one_or_none()
        return found

    def forget_member(self, member_id: int) -> None:
        """Erase what a member typed and photographed; that something was sent in stays."""
        self._scope.execute(
            self._scope.update(activity_claim)
            .where(activity_claim.c.member_id == member_id)
            .values(body_sealed=None, photo=None, stars=None, shown=False, reason="")
        )

    def _one(self, condition: Any) -> Activity | None:
        query = self._scope.select(activity, *columns(activity, Activity)).where(condition)
        return maybe_record(Activity, self._scope.execute(query).one_or_none())
