"""Whether the database answers, for the readiness probe."""

from __future__ import annotations

from loyalty.context import Loyalty
from storage.unit_of_work import open_work


def check_database(ctx: Loyalty) -> None:
    """Return when a read went through.

    Raises:
        Unavailable: the database is away.
    """
    with open_work(ctx.database, None, clock=ctx.clock, writing=False) as work:
        work.directory.name("join", "0")
