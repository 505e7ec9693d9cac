"""What came back of sales: once per reference of the outside, and all of a sale together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, exists

from common.errors import NotFound
from common.i18n import gettext as _
from common.ids import new_id
from storage.records import columns, maybe_record, record_of
from storage.scope import Scope
from storage.tables import operation, refund, sale


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRefund:
    """One refund; the document tells lines, what was taken back, and what staff chose."""

    id: int
    sale_id: int
    source: str
    source_ref: str
    amount_minor: int
    operation_id: int | None
    document: Mapping[str, Any]
    request_hash: bytes
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SaleHead:
    """A sale as a refund wants it."""

    id: int
    currency: str
    gross_minor: int
    sold_at: datetime


class Refunds:
    """The refunds of one merchant."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def sale_of(self, operation_id: int) -> SaleHead:
        """The sale that an operation earned from.

        Raises:
            NotFound: there is no such operation, or no sale behind it.
        """
        found = self.maybe_sale_of(operation_id)
        if found is None:
            raise NotFound(_("There is no such sale here."))
        return found

    def maybe_sale_of(self, operation_id: int) -> SaleHead | None:
        """The sale that an operation earned from; None behind a visit."""
        query = (
            self._scope.select(sale, *columns(sale, SaleHead))
            .join(
                operation,
                and_(
                    operation.c.merchant_id == sale.c.merchant_id, operation.c.sale_id == sale.c.id
                ),
            )
            .where(operation.c.id == operation_id, operation.c.kind == "earn")
        )
        return maybe_record(SaleHead, self._scope.execute(query).one_or_none())

    def of_sale(self, sale_id: int) -> list[StoredRefund]:
        """Everything that came back of a sale and stands, the oldest first."""
        return self._all(refund.c.sale_id == sale_id, ~_undone())

    def undone_of_sale(self, sale_id: int) -> list[StoredRefund]:
        """The refunds of a sale that were undone, the oldest first."""
        return self._all(refund.c.sale_id == sale_id, _undone())

    def of_event(self, operation_ids: Sequence[int]) -> list[StoredRefund]:
        """The refunds that operations of one event made, the oldest first."""
        return self._all(refund.c.operation_id.in_(operation_ids))

    def worth_of(self, operation_id: int) -> tuple[int | None, int | None]:
        """What a redemption was worth to the member and cost the shop, where it was said."""
        query = self._scope.select(operation, operation.c.value_minor, operation.c.cost_minor)
        row = self._scope.execute(query.where(operation.c.id == operation_id)).one()
        return row[0], row[1]

    def _all(self, *conditions: Any) -> list[StoredRefund]:
        query = self._scope.select(refund, *columns(refund, StoredRefund))
        rows = self._scope.execute(query.where(*conditions).order_by(refund.c.id))
        return [record_of(StoredRefund, row) for row in rows]

    def by_operation(self, operation_id: int) -> StoredRefund | None:
        """The refund that an operation belongs to."""
        query = self._scope.select(refund, *columns(refund, StoredRefund))
        row = self._scope.execute(query.where(refund.c.operation_id == operation_id)).one_or_none()
        return maybe_record(StoredRefund, row)

    def add(  # one row
        self,
        *,
        sale_id: int,
        source: str,
        source_ref: str,
        amount_minor: int,
        operation_id: int | None,
        document: Mapping[str, Any],
        request_hash: bytes,
    ) -> int:
        """Write a refund; its unique reference makes it one."""
        refund_id = new_id()
        self._scope.execute(
            self._scope.insert(
                refund,
                id=refund_id,
                sale_id=sale_id,
                source=source,
                source_ref=source_ref,
                amount_minor=amount_minor,
                operation_id=operation_id,
                document=dict(document),
                request_hash=request_hash,
                created_at=self._scope.clock.now(),
            )
        )
        return refund_id


def _undone() -> Any:
    later = operation.alias("later")
    return exists().where(
        later.c.merchant_id == refund.c.merchant_id,
        later.c.reverses_id == refund.c.operation_id,
    )
