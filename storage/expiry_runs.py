"""Where the job stands that lets things end: one row for each pass over a merchant."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from common.ids import new_id
from storage import tables
from storage.scope import Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One pass of the job."""

    id: int
    as_of: datetime
    due: int
    accounts: int
    lots: int
    units: int
    created_at: datetime
    done_at: datetime | None


class ExpiryRuns:
    """The passes of one merchant."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def begin(self, as_of: datetime, *, due: int) -> int:
        """Note that a pass begins."""
        run_id = new_id()
        self._scope.execute(
            self._scope.insert(
                tables.expiry_run,
                id=run_id,
                as_of=as_of,
                due=due,
                accounts=0,
                lots=0,
                units=0,
                created_at=self._scope.clock.now(),
            )
        )
        return run_id

    def step(self, run_id: int, *, accounts: int, lots: int, units: int) -> None:
        """Note what a slice did."""
        run = tables.expiry_run
        self._scope.execute(
            self._scope.update(run)
            .where(run.c.id == run_id)
            .values(
                accounts=run.c.accounts + accounts,
                lots=run.c.lots + lots,
                units=run.c.units + units,
            )
        )

    def finish(self, run_id: int) -> None:
        """Note that a pass is done."""
        run = tables.expiry_run
        mine = self._scope.update(run).where(run.c.id == run_id)
        self._scope.execute(mine.values(done_at=self._scope.clock.now()))

    def last(self, *, done: bool = False) -> Run | None:
        """The newest pass, or the newest that was done."""
        run = tables.expiry_run
        query = self._scope.select(run)
        if done:
            query = query.where(run.c.done_at.is_not(None))
        row = self._scope.execute(query.order_by(run.c.id.desc()).limit(1)).first()
        if row is None:
            return None
        return Run(
            id=row.id,
            as_of=row.as_of,
            due=row.due,
            accounts=row.accounts,
            lots=row.lots,
            units=row.units,
            created_at=row.created_at,
            done_at=row.done_at,
        )
