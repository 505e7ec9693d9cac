"""The order in which cards changed, as Apple's phones ask for it (DESIGN 5, commit order).

A number given before a commit can become visible out of order, and a phone then misses a change
for ever. So the worker stamps after the commit of the change: it locks the pass type's row, reads
which cards changed, numbers them from that row, commits, and only then pushes. Not here: building
the face (faces.py), the decision whether it changed (delivery/stamps.py).
Rules:
- `last_modified_s` grows with every revision that is stamped or handed out, never otherwise, so
  that equal seconds mean equal cards;
- a card that was handed out between two stamps is stamped again even when its face went back: a
  phone may show the state in between;
- `stamped_face` is what every phone shows that knows the newest revision stamped or handed out;
  where that cannot be said it is None, and the next change is stamped in any case;
- a change of many cards counts before its slice reaches a card: one that is handed out in between
  takes its new revision there and then, and the slice has nothing more to tell that phone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import and_, select

from common.clock import to_micros
from storage import tables
from storage.deliveries import Channel, Deliveries
from storage.lag_counts import Lag, LagStep, add_lags
from storage.records import columns, record_of
from storage.scope import Scope

STAMPS_MAX: Final = 50
"""Cards stamped in one transaction: their tills wait for it."""

# Driver SQL: a mass change stamps every card, and tills wait while it does.
_STAMP: Final = """
update wallet_pass set stamped_revision = ?, stamp = ?, stamped_face = ?, last_modified_s = ?
where merchant_id = ? and id = ?
"""
_SKIP: Final = "update wallet_pass set stamped_revision = ? where merchant_id = ? and id = ?"
_SKIP_TOLD: Final = """
update delivery set delivered_revision = ?
where merchant_id = ? and pass_id = ? and channel = 'apple'
  and delivered_revision >= ? and delivered_revision < ?
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unstamped:
    """A card that changed since it was stamped, locked until the transaction ends."""

    id: int
    revision: int
    stamped_revision: int
    stamped_face: bytes | None
    last_modified_s: int
    fetched_revision: int

    def shows(self, digest: bytes) -> bool:
        """Whether no phone can show anything but the face of `digest`."""
        return self.stamped_face == digest and self.fetched_revision <= self.stamped_revision

    @property
    def is_handed_out(self) -> bool:
        """Whether some phone has the present revision already."""
        return self.fetched_revision == self.revision


@dataclass(frozen=True, slots=True, kw_only=True)
class HandedOut:
    """A card that leaves now, locked; `fresh` when nobody was told or given this revision yet.

    `last_modified_s` is its Last-Modified second.
    """

    pass_id: int
    last_modified_s: int
    fresh: bool
    face: bytes | None


class Stamps:
    """Numbers one merchant's changed cards."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def pass_types_of(self, pass_ids: Sequence[int]) -> dict[int, list[int]]:
        """The cards that are behind with their stamp, by pass type."""
        table = tables.wallet_pass
        found: dict[int, list[int]] = {}
        rows = self._scope.execute(
            self._scope.select(table, table.c.id, table.c.pass_type_id).where(
                table.c.id.in_(pass_ids),
                table.c.pass_type_id.is_not(None),
                table.c.revision > table.c.stamped_revision,
            )
        )
        for row in rows:
            found.setdefault(row.pass_type_id, []).append(row.id)
        return found

    def revisions(self, pass_ids: Sequence[int]) -> dict[int, int]:
        """The cards' present revisions; read before the faces that are to stand for them."""
        table = tables.wallet_pass
        rows = self._scope.execute(
            self._scope.select(table, table.c.id, table.c.revision).where(table.c.id.in_(pass_ids))
        )
        return {row.id: row.revision for row in rows}

    def stamped_revisions(self, pass_ids: Sequence[int]) -> dict[int, int]:
        """What the cards' last stamps cover."""
        table = tables.wallet_pass
        rows = self._scope.execute(
            self._scope.select(table, table.c.id, table.c.stamped_revision).where(
                table.c.id.in_(pass_ids)
            )
        )
        return {row.id: row.stamped_revision for row in rows}

    def lock(self, pass_type_id: int) -> int:
        """Take the pass type's turn until the transaction ends; returns the last number given."""
        table = tables.pass_type
        return int(
            self._scope.execute(
                select(table.c.last_stamp)
                .where(table.c.merchant_id == self._scope.merchant, table.c.id == pass_type_id)
                .with_for_update()
            ).scalar_one()
        )

    def changed(self, pass_ids: Sequence[int]) -> list[Unstamped]:
        """Those of `pass_ids` whose revision is not stamped; read after `lock`.

        A card that a till changes at this moment is left out: nobody waits for the other, and its
        turn comes when that change is committed.
        """
        table = tables.wallet_pass
        rows = self._scope.execute(
            select(*columns(table, Unstamped))
            .where(
                table.c.merchant_id == self._scope.merchant,
                table.c.id.in_(pass_ids),
                table.c.revision > table.c.stamped_revision,
            )
            .order_by(table.c.id)
            .with_for_update(skip_locked=True)
        )
        return [record_of(Unstamped, row) for row in rows]

    def stamp(self, card: Unstamped, number: int, *, face: bytes | None) -> None:
        """Give the card's present revision the number; `face` None when it was not built.

        Who fetched this revision before may show another face than it has now.
        """
        second = self._second(card, face)
        if card.is_handed_out:
            face = card.stamped_face if face in {None, card.stamped_face} else None
        values = (card.revision, number, face, second, self._scope.merchant, card.id)
        self._scope.run_sql(_STAMP, values)

    def skip(self, card: Unstamped) -> None:
        """The face did not change: phones that know the last stamp know this revision too."""
        merchant = self._scope.merchant
        self._scope.run_sql(_SKIP, (card.revision, merchant, card.id))
        known = (card.revision, merchant, card.id, card.stamped_revision, card.revision)
        self._scope.run_sql(_SKIP_TOLD, known)

    def close(self, pass_type_id: int, last: int) -> None:
        """Write the last number given back to the pass type."""
        table = tables.pass_type
        self._scope.execute(
            self._scope.update(table).where(table.c.id == pass_type_id).values(last_stamp=last)
        )

    def stamp_registered(self, pass_type_id: int, pass_id: int) -> None:
        """A fresh number for a card that a phone just registered.

        Its phone may hold a tag from another card that is newer than this card's last stamp: a
        change between download and registration would fall through.
        """
        number = self.lock(pass_type_id) + 1
        card = self._locked(pass_id)
        if card.revision > card.stamped_revision:
            self.stamp(card, number, face=None)
        else:
            self._set(pass_id, stamp=number)
        self.close(pass_type_id, number)

    def hand_out(self, pass_id: int) -> HandedOut:
        """Note that the present revision leaves now; `show` must follow once its face is built.

        Locks the card, so that what is read after it in this transaction is this revision or newer.
        """
        card = self._locked(pass_id)
        fresh = card.revision > max(card.stamped_revision, card.fetched_revision)
        second = self._next_second(card) if fresh else card.last_modified_s
        self._count_fetch(card)
        self._set(
            pass_id,
            fetched_revision=card.revision,
            fetched_at=self._scope.clock.now(),
            last_modified_s=second,
        )
        return HandedOut(
            pass_id=pass_id, last_modified_s=second, fresh=fresh, face=card.stamped_face
        )

    def show(self, handed: HandedOut, digest: bytes) -> int:
        """Note what the card says that was just handed out; returns its Last-Modified second.

        What others were given under the same revision may be another face: a change of many cards
        whose slice did not come yet. Then this card takes its new revision now.
        """
        if handed.face == digest:
            return handed.last_modified_s
        if handed.fresh:
            self._set(handed.pass_id, stamped_face=digest)
            return handed.last_modified_s
        if not self._is_moving(handed.pass_id):
            self._set(handed.pass_id, stamped_face=None)
            return handed.last_modified_s
        Deliveries(self._scope).bump_pass(handed.pass_id)
        card = self._locked(handed.pass_id)
        second = self._next_second(card)
        self._set(
            handed.pass_id,
            fetched_revision=card.revision,
            last_modified_s=second,
            stamped_face=digest,
        )
        return second

    def _is_moving(self, pass_id: int) -> bool:
        """Whether a change of many cards is under way that may be this card's too."""
        card, change = tables.wallet_pass, tables.mass_change
        row = self._scope.execute(
            self._scope.select(card, card.c.id)
            .join(
                change,
                and_(
                    change.c.merchant_id == card.c.merchant_id,
                    change.c.programme_id == card.c.programme_id,
                    change.c.done_at.is_(None),
                ),
            )
            .where(card.c.id == pass_id)
            .limit(1)
        )
        return row.first() is not None

    def _locked(self, pass_id: int) -> Unstamped:
        table = tables.wallet_pass
        row = self._scope.execute(
            select(*columns(table, Unstamped))
            .where(table.c.merchant_id == self._scope.merchant, table.c.id == pass_id)
            .with_for_update()
        ).one()
        return record_of(Unstamped, row)

    def _set(self, pass_id: int, **values: object) -> None:
        table = tables.wallet_pass
        self._scope.execute(self._scope.update(table).where(table.c.id == pass_id).values(**values))

    def _count_fetch(self, card: Unstamped) -> None:
        """How long the change took that this fetch brings, where a phone waited for one."""
        table = tables.delivery
        row = self._scope.execute(
            self._scope.select(table, table.c.priority, table.c.wanted_at)
            .where(
                table.c.channel == Channel.APPLE,
                table.c.pass_id == card.id,
                table.c.wanted_revision > card.fetched_revision,
            )
            .order_by(table.c.wanted_at)
            .limit(1)
        ).first()
        if row is None or not 0 < card.fetched_revision < card.revision:
            return
        took = self._scope.clock.now() - row.wanted_at
        lag = Lag(
            merchant_id=self._scope.merchant,
            channel=Channel.APPLE,
            step=LagStep.FETCHED,
            priority=row.priority,
            took=took,
            shard=card.id,
        )
        add_lags(self._scope, [lag])

    def _second(self, card: Unstamped, face: bytes | None) -> int:
        """The second of a stamp: what was handed out already, and says the same, has its own."""
        said = card.fetched_revision > card.stamped_revision and card.stamped_face == face
        if card.is_handed_out or (said and face is not None):
            return card.last_modified_s
        return self._next_second(card)

    def _next_second(self, card: Unstamped) -> int:
        now_s = to_micros(self._scope.clock.now()) // 1_000_000
        return max(now_s, card.last_modified_s + 1)
