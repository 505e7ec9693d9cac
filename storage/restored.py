"""What must be new after a restore, because phones may be ahead of the backup.

Rules:
- A new tag epoch: an update tag from before counts as no tag, so a phone asks for everything.
- Every card's Last-Modified second lies above any that was ever given out.
- Every card gets a revision no target has, and every target is wanted again: what a phone or
  Google shows from after the backup is replaced by what the books now say.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, case, func, insert, select, update
from sqlalchemy import delete as delete_from

from common.clock import Clock, to_micros
from common.crockford import encode
from common.ids import new_id
from storage.tables import delivery, installation, mass_change, wallet_pass

TAG_EPOCH: Final = "tag_epoch"
LAST_MODIFIED_MARGIN_S: Final = 300
"""Cards handed out after the backup took seconds of their own, one each; and clocks differ."""
MASS_PRIORITY: Final = 10


def make_current(connection: Connection, *, clock: Clock) -> None:
    """Draw a new tag epoch, lift every card and want every delivery."""
    _keep(connection, TAG_EPOCH, encode(new_id(), length=13))
    _keep(connection, "restored_at", clock.now().isoformat())
    _lift_cards(connection, now_s=to_micros(clock.now()) // 1_000_000)
    _want_everything(connection, clock=clock)


def _keep(connection: Connection, name: str, value: str) -> None:
    connection.execute(delete_from(installation).where(installation.c.name == name))
    connection.execute(insert(installation).values(name=name, value=value))


def _lift_cards(connection: Connection, *, now_s: int) -> None:
    stored = wallet_pass.c.last_modified_s + 1
    highest = case((stored > now_s, stored), else_=now_s)
    connection.execute(
        update(wallet_pass).values(
            last_modified_s=highest + LAST_MODIFIED_MARGIN_S,
            revision=wallet_pass.c.revision + 1,
            # Forgotten, so that the worker cannot take the old face for what the phone shows.
            stamped_face=None,
        )
    )


def _want_everything(connection: Connection, *, clock: Clock) -> None:
    now = clock.now()
    present = (
        select(wallet_pass.c.revision)
        .where(
            wallet_pass.c.merchant_id == delivery.c.merchant_id,
            wallet_pass.c.id == delivery.c.pass_id,
        )
        .scalar_subquery()
    )
    connection.execute(
        update(delivery).values(
            wanted_revision=func.coalesce(present, delivery.c.wanted_revision + 1),
            delivered_revision=0,
            state="open",
            priority=MASS_PRIORITY,
            wanted_at=now,
            due_at=now,
            lease=None,
            lease_until=None,
            attempts=0,
            last_error=None,
            facts={},
        )
    )
    # A mass change that was under way is covered by what was just wanted.
    connection.execute(
        update(mass_change).where(mass_change.c.done_at.is_(None)).values(done_at=now)
    )
