"""Coupons and their uses: a discount or a gift that costs the member no unit.

Rules:
- A use is written once, with an operation, and stands until that is reversed.
- `used` counts the uses that stand; it is moved under the coupon's own row, so that of two tills
  that use the last one, one wins.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Table, and_, exists, func, or_

from common.errors import Conflict, NotFound
from common.i18n import gettext as _
from common.ids import new_id
from storage.book_records import LastRedemption
from storage.records import columns, maybe_record, record_of, values_of
from storage.scope import Scope
from storage.tables import coupon, coupon_use, operation, staff, till


@dataclass(frozen=True, slots=True, kw_only=True)
class Coupon:
    """A coupon; `kind`, `value` and `conditions` as a reward's, `stock` None without end.

    `per_member` 1 is once each, None as often as one likes; `member_id` makes it one member's own.
    """

    id: int
    programme_id: int
    code: str
    name: str
    kind: str
    value: int | None = None
    cost_minor: int | None = None
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    stock: int | None = None
    per_member: int | None = 1
    member_id: int | None = None
    active: bool = True
    used: int = 0
    conditions: dict[str, Any] = field(default_factory=dict)
    created_at: datetime


class Coupons:
    """The coupons of one merchant."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def add(self, new: Coupon) -> None:
        """Keep a new coupon.

        Raises:
            Conflict: the code is taken.
        """
        values = {"merchant_id": self._scope.merchant, **values_of(new)}
        if not self._scope.insert_new(coupon, **values):
            raise Conflict(_("There is a coupon with the code %(code)s already.", code=new.code))

    def update(self, changed: Coupon) -> None:
        """Keep a coupon's new facts; code, programme and uses stay."""
        values = values_of(changed)
        for fixed in ("id", "programme_id", "code", "used", "created_at"):
            values.pop(fixed)
        mine = self._scope.update(coupon).where(coupon.c.id == changed.id)
        self._scope.execute(mine.values(**values))

    def get(self, coupon_id: int) -> Coupon:
        """A coupon.

        Raises:
            NotFound: there is none with this id.
        """
        found = self._one(coupon.c.id == coupon_id)
        if found is None:
            raise NotFound(_("There is no such coupon."))
        return found

    def by_code(self, code: str) -> Coupon | None:
        """The coupon of a code, in upper case."""
        return self._one(coupon.c.code == code)

    def all(self, programme_id: int) -> list[Coupon]:
        """A programme's coupons for everybody, the newest first."""
        query = self._coupons().where(
            coupon.c.programme_id == programme_id, coupon.c.member_id.is_(None)
        )
        rows = self._scope.execute(query.order_by(coupon.c.id.desc()))
        return [record_of(Coupon, row) for row in rows]

    def of_member(self, programme_id: int, member_id: int) -> list[Coupon]:
        """The active coupons a member may hold: those for everybody and their own."""
        query = self._coupons().where(
            coupon.c.programme_id == programme_id,
            coupon.c.active,
            or_(coupon.c.member_id.is_(None), coupon.c.member_id == member_id),
        )
        rows = self._scope.execute(query.order_by(coupon.c.id.desc()))
        return [record_of(Coupon, row) for row in rows]

    def uses(self, coupon_id: int, member_id: int) -> int:
        """How many uses of a member stand."""
        query = self._scope.select(coupon_use, func.count()).where(
            coupon_use.c.coupon_id == coupon_id,
            coupon_use.c.member_id == member_id,
            ~_undone(coupon_use.c.operation_id),
        )
        return int(self._scope.execute(query).scalar_one())

    def offered(self, programme_ids: Sequence[int], *, also: Sequence[int] = ()) -> list[Coupon]:
        """The active coupons of programmes, and those with the ids of `also`; the newest first."""
        active = and_(coupon.c.programme_id.in_(programme_ids), coupon.c.active)
        query = self._coupons().where(or_(active, coupon.c.id.in_(also)))
        rows = self._scope.execute(query.order_by(coupon.c.id.desc()))
        return [record_of(Coupon, row) for row in rows]

    def uses_of(
        self, coupon_ids: Sequence[int], member_ids: Sequence[int]
    ) -> dict[tuple[int, int], int]:
        """How many uses stand, by coupon and member; who used none is left out."""
        query = (
            self._scope.select(
                coupon_use, coupon_use.c.coupon_id, coupon_use.c.member_id, func.count().label("n")
            )
            .where(
                coupon_use.c.coupon_id.in_(coupon_ids),
                coupon_use.c.member_id.in_(member_ids),
                ~_undone(coupon_use.c.operation_id),
            )
            .group_by(coupon_use.c.coupon_id, coupon_use.c.member_id)
        )
        rows = self._scope.execute(query)
        return {(row.coupon_id, row.member_id): int(row.n) for row in rows}

    def take(self, taken: Coupon) -> bool:
        """Count one use; False when none was left."""
        left = or_(coupon.c.stock.is_(None), coupon.c.used < coupon.c.stock)
        mine = self._scope.update(coupon).where(coupon.c.id == taken.id, left)
        found = self._scope.execute(mine.values(used=coupon.c.used + 1))
        return bool(found.rowcount == 1)

    def give_back(self, coupon_id: int) -> None:
        """Count one use less."""
        mine = self._scope.update(coupon).where(coupon.c.id == coupon_id, coupon.c.used > 0)
        self._scope.execute(mine.values(used=coupon.c.used - 1))

    def note_use(
        self, coupon_id: int, *, member_id: int, operation_id: int, saved_minor: int
    ) -> None:
        """Write a use down."""
        self._scope.execute(
            self._scope.insert(
                coupon_use,
                id=new_id(),
                coupon_id=coupon_id,
                member_id=member_id,
                operation_id=operation_id,
                saved_minor=saved_minor,
                created_at=self._scope.clock.now(),
            )
        )

    def last_use(self, coupon_id: int, *, member_id: int | None = None) -> LastRedemption | None:
        """Where and when it was used last and stands, and by which staff; for one member or all."""
        mine = () if member_id is None else (coupon_use.c.member_id == member_id,)
        query = (
            self._scope.select(
                coupon_use,
                coupon.c.name,
                func.coalesce(staff.c.name, ""),
                func.coalesce(till.c.name, ""),
                coupon_use.c.created_at,
            )
            .join(coupon, _same(coupon_use.c.coupon_id, coupon))
            .join(operation, _same(coupon_use.c.operation_id, operation))
            .outerjoin(
                staff, and_(_same(operation.c.actor_id, staff), operation.c.actor_kind == "staff")
            )
            .outerjoin(till, _same(operation.c.till_id, till))
            .where(coupon_use.c.coupon_id == coupon_id, *mine, ~_undone(coupon_use.c.operation_id))
            .order_by(coupon_use.c.id.desc())
            .limit(1)
        )
        row = self._scope.execute(query).one_or_none()
        if row is None:
            return None
        name, person, place, moment = row
        return LastRedemption(
            reward_name=name, staff_name=person, till_name=place, created_at=moment
        )

    def of_operation(self, operation_id: int) -> Coupon | None:
        """The coupon that an operation used."""
        query = (
            self._coupons()
            .join(
                coupon_use,
                and_(
                    coupon_use.c.merchant_id == coupon.c.merchant_id,
                    coupon_use.c.coupon_id == coupon.c.id,
                ),
            )
            .where(coupon_use.c.operation_id == operation_id)
        )
        return maybe_record(Coupon, self._scope.execute(query).one_or_none())

    def _one(self, condition: Any) -> Coupon | None:
        row = self._scope.execute(self._coupons().where(condition)).one_or_none()
        return maybe_record(Coupon, row)

    def _coupons(self) -> Any:
        return self._scope.select(coupon, *columns(coupon, Coupon))


def _same(column: Any, table: Table) -> Any:
    return and_(table.c.merchant_id == coupon_use.c.merchant_id, table.c.id == column)


def _undone(operation_id: Any) -> Any:
    later = operation.alias("later")
    return exists().where(
        later.c.merchant_id == coupon_use.c.merchant_id, later.c.reverses_id == operation_id
    )
