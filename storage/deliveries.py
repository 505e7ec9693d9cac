"""What every phone and Google must show, and who is behind: level-triggered, one row per target.

A change raises the card's revision and the wanted revision of its targets in the transaction of
the change; nothing is lost, doubled or reordered by that (DESIGN 5). Not here: taking due rows
(claims.py), the order of Apple's update tags (stamps.py), sending (the delivery room).
Rules:
- `wanted_at` is the commit time of the oldest change that was not delivered;
- a row that already waits (for its pace or after a failure) keeps its time: one more change does
  not make it overtake;
- a change does not open a parked row: a person or a mass change does.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Row, Update, case, func, literal, select

from common.clock import to_micros
from common.ids import new_id
from storage import tables
from storage.breakers import Breakers
from storage.lagging import BEHIND_MAX, BehindLine, Channel, NextUpdate, behind, next_update
from storage.scope import Scope
from storage.types import UtcTime

__all__ = ["BehindLine", "Channel", "Deliveries", "MassReason", "NextUpdate"]

WAKE_CHANNEL: Final = "regulars_delivery"
"""The PostgreSQL channel that wakes workers; a hint, polling is the truth."""

COUNTER: Final = 0
"""The priority of a scan at the counter."""
MASS: Final = 10
"""The priority of a change of many cards at once."""


# Driver SQL, because every earn ends here; `_bump` says the same for any set of cards.
_BUMP: Final = """
update wallet_pass set revision = revision + 1
where merchant_id = ? and member_id = ? and voided_at is null
returning id, revision
"""
_BUMP_AND_WAKE: Final = _BUMP + f", pg_notify('{WAKE_CHANNEL}', '')"
_RAISE_WANTED: Final = """
update delivery set
  wanted_revision = ?,
  wanted_at = case when wanted_revision > delivered_revision then wanted_at else ? end,
  due_at = case when wanted_revision > delivered_revision then due_at else ? end,
  priority = case when wanted_revision > delivered_revision and priority < ?
    then priority else ? end
where merchant_id = ? and pass_id = ?
"""


class MassReason(StrEnum):
    """Why many cards change at once."""

    DESIGN = "design"
    TERMS = "terms"
    CERTIFICATE = "certificate"
    RESTORE = "restore"
    MESSAGE = "message"


class Deliveries:
    """What is wanted where, for one merchant."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def bump_member(self, member_id: int, *, priority: int = COUNTER) -> None:
        """The member's live card changed: two statements, no more; the end of every scan."""
        bump = _BUMP_AND_WAKE if self._is_postgresql else _BUMP
        merchant, now = self._scope.merchant, to_micros(self._scope.clock.now())
        for card in self._scope.run_sql(bump, (merchant, member_id)).fetchall():
            self._scope.run_sql(
                _RAISE_WANTED, (card[1], now, now, priority, priority, merchant, card[0])
            )

    def bump_pass(self, pass_id: int, *, priority: int = COUNTER) -> None:
        """This card changed, void or not."""
        table = tables.wallet_pass
        self._bump(self._scope.update(table).where(table.c.id == pass_id), priority=priority)

    def bump_programme(self, programme_id: int, *, reason: MassReason | str) -> None:
        """Every card of the programme changed: one row; the worker moves cards in slices.

        A mass change that is still waiting to begin covers this one too.
        """
        table = tables.mass_change
        waiting = self._scope.execute(
            self._scope.select(table, table.c.id).where(
                table.c.programme_id == programme_id,
                table.c.done_at.is_(None),
                table.c.paused_at.is_(None),
                table.c.cursor_id == 0,
                table.c.reason == str(MassReason(reason)),
            )
        ).first()
        if waiting is None:
            self._scope.execute(
                self._scope.insert(
                    table,
                    id=new_id(),
                    programme_id=programme_id,
                    reason=str(MassReason(reason)),
                    cursor_id=0,
                    moved=0,
                    created_at=self._scope.clock.now(),
                )
            )
        self.wake()

    def want_apple(
        self,
        *,
        registration_id: int,
        pass_id: int,
        device_id: int,
        due_at: datetime | None = None,
    ) -> None:
        """A phone registered: it must be told the present, whatever it has."""
        self._want(
            Channel.APPLE, registration_id, pass_id=pass_id, device_id=device_id, due_at=due_at
        )

    def want_google_object(self, pass_id: int, *, due_at: datetime | None = None) -> None:
        """The card must be at Google from now on; the class is wanted by itself."""
        self._want(Channel.GOOGLE_OBJECT, pass_id, pass_id=pass_id, due_at=due_at)

    def want_google_class(self, programme_id: int, *, due_at: datetime | None = None) -> None:
        """The programme's class must be at Google as it is now."""
        table = tables.delivery
        self._want(Channel.GOOGLE_CLASS, programme_id, due_at=due_at)
        self._scope.execute(
            self._raise_wanted(
                table.c.wanted_revision + 1,
                priority=COUNTER,
                due_at=due_at,
            ).where(table.c.channel == Channel.GOOGLE_CLASS, table.c.target_id == programme_id)
        )

    def has_google_class(self, programme_id: int) -> bool:
        """Whether the programme's class was ever wanted at Google."""
        table = tables.delivery
        row = self._scope.execute(
            self._scope.select(table, table.c.id).where(
                table.c.channel == Channel.GOOGLE_CLASS, table.c.target_id == programme_id
            )
        ).first()
        return row is not None

    def is_delivered(self, channel: Channel, target_id: int) -> bool:
        """Whether the target is known to show the present."""
        told = self._told(channel, target_id)
        return told is not None and told.delivered_revision >= told.wanted_revision

    def is_fresh(self, channel: Channel, target_id: int) -> bool:
        """Whether the target was never told anything."""
        told = self._told(channel, target_id)
        return told is not None and told.delivered_revision == 0

    def mark_delivered(self, channel: Channel, target_id: int, revision: int) -> None:
        """Sent outside the worker (the Google save click): the target shows `revision`."""
        table = tables.delivery
        self._scope.execute(
            self._scope.update(table)
            .where(
                table.c.channel == channel,
                table.c.target_id == target_id,
                table.c.delivered_revision < revision,
            )
            .values(
                delivered_revision=revision,
                delivered_at=self._scope.clock.now(),
                attempts=0,
                last_error=None,
                state="open",
            )
        )

    def facts_of(self, channel: Channel, target_id: int) -> Mapping[str, Any]:
        """What is remembered about a target; nothing where there is none."""
        table = tables.delivery
        row = self._scope.execute(
            self._scope.select(table, table.c.facts).where(
                table.c.channel == channel, table.c.target_id == target_id
            )
        ).first()
        return {} if row is None else dict(row.facts)

    def set_facts(self, channel: Channel, target_id: int, facts: Mapping[str, Any]) -> None:
        """Replace what is remembered about a target."""
        table = tables.delivery
        self._scope.execute(
            self._scope.update(table)
            .where(table.c.channel == channel, table.c.target_id == target_id)
            .values(facts=dict(facts))
        )

    def end_apple(self, registration_id: int) -> None:
        """A registration is gone: nothing is wanted there."""
        table = tables.delivery
        self._scope.execute(
            table.delete().where(
                table.c.merchant_id == self._scope.merchant,
                table.c.channel == Channel.APPLE,
                table.c.target_id == registration_id,
            )
        )

    def retry_parked(self, delivery_id: int | None = None) -> int:
        """Open one parked row, or all of the merchant's, due now; returns how many."""
        table = tables.delivery
        wanted = self._scope.update(table).where(table.c.state == "parked")
        if delivery_id is not None:
            wanted = wanted.where(table.c.id == delivery_id)
        opened = self._scope.execute(
            wanted.values(state="open", attempts=0, due_at=self._scope.clock.now())
        )
        self.wake()
        return int(opened.rowcount)

    def reopen_pass(self, pass_id: int) -> int:
        """Open the parked rows of one card, due now; returns how many."""
        table = tables.delivery
        opened = self._scope.execute(
            self._scope.update(table)
            .where(table.c.state == "parked", table.c.pass_id == pass_id)
            .values(state="open", attempts=0, due_at=self._scope.clock.now())
        )
        return int(opened.rowcount)

    def let_flow(self, wallet: str) -> None:
        """A mended credential of `apple` or `google`: what it held up is sent now."""
        Breakers(self._scope).close(wallet)
        self.wake()

    def behind(self, *, limit: int = BEHIND_MAX) -> list[BehindLine]:
        """Targets that do not show the present, the longest waiting first."""
        return behind(self._scope, limit=limit)

    def next_update(self, pass_id: int) -> NextUpdate | None:
        """The next message about this card, with what it waits for; None when none is due."""
        return next_update(self._scope, pass_id)

    def hurry(self, channel: Channel, target_id: int) -> None:
        """Bring a target's turn forward to now: what it was to wait for is done.

        A target that waits because a wallet said so keeps its time: Retry-After wins.
        """
        table = tables.delivery
        now = self._scope.clock.now()
        self._scope.execute(
            self._scope.update(table)
            .where(
                table.c.channel == channel,
                table.c.target_id == target_id,
                table.c.due_at > now,
                table.c.last_error.is_(None),
            )
            .values(due_at=now)
        )
        self.wake()

    def wake(self) -> None:
        """Wake the workers when this transaction commits (SQLite's worker sees the commit)."""
        if self._is_postgresql:
            self._scope.execute(select(func.pg_notify(WAKE_CHANNEL, "")))

    @property
    def _is_postgresql(self) -> bool:
        return self._scope.connection.dialect.name == "postgresql"

    def _bump(self, cards: Update, *, priority: int) -> None:
        table = tables.wallet_pass
        returned: list[Any] = [table.c.id, table.c.revision]
        if self._is_postgresql:  # rides along, so that waking costs no round trip
            returned.append(func.pg_notify(WAKE_CHANNEL, ""))
        changed = self._scope.execute(
            cards.values(revision=table.c.revision + 1).returning(*returned)
        ).all()
        for row in changed:
            self._scope.execute(
                self._raise_wanted(row.revision, priority=priority).where(
                    tables.delivery.c.pass_id == row.id
                )
            )

    def _raise_wanted(
        self, revision: Any, *, priority: int, due_at: datetime | None = None
    ) -> Update:
        table = tables.delivery
        now = self._scope.clock.now()
        behind = table.c.wanted_revision > table.c.delivered_revision
        return self._scope.update(table).values(
            wanted_revision=revision,
            wanted_at=case((behind, table.c.wanted_at), else_=literal(now, UtcTime)),
            due_at=case((behind, table.c.due_at), else_=literal(due_at or now, UtcTime)),
            priority=case(
                (behind & (table.c.priority < priority), table.c.priority), else_=priority
            ),
        )

    def _want(
        self,
        channel: Channel,
        target_id: int,
        *,
        pass_id: int | None = None,
        device_id: int | None = None,
        due_at: datetime | None = None,
    ) -> None:
        """Make the target's row, wanted at the present revision and not delivered, if it is new."""
        now = self._scope.clock.now()
        self._scope.insert_new(
            tables.delivery,
            merchant_id=self._scope.merchant,
            id=new_id(),
            channel=channel,
            pass_id=pass_id,
            target_id=target_id,
            device_id=device_id,
            wanted_revision=self._present(pass_id),
            delivered_revision=0,
            state="open",
            priority=COUNTER,
            wanted_at=now,
            due_at=due_at or now,
            attempts=0,
            facts={},
        )
        self.wake()

    def _told(self, channel: Channel, target_id: int) -> Row[Any] | None:
        table = tables.delivery
        row: Row[Any] | None = self._scope.execute(
            self._scope.select(table, table.c.wanted_revision, table.c.delivered_revision).where(
                table.c.channel == channel, table.c.target_id == target_id
            )
        ).first()
        return row

    def _present(self, pass_id: int | None) -> Any:
        if pass_id is None:
            return 1
        table = tables.wallet_pass
        return (
            self._scope.select(table, table.c.revision)
            .where(table.c.id == pass_id)
            .scalar_subquery()
        )
