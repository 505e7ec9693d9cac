"""What a nightly look found between the books and what phones are to show; it should be nothing.

Not here: the look itself (delivery/night.py).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Row,
    Select,
    and_,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    update,
)

from common.clock import EPOCH
from storage.scope import Scope
from storage.tables import delivery, installation, mass_change, registration, wallet_pass

REPORT: Final = "reconciled"


@dataclass(frozen=True, slots=True, kw_only=True)
class StampedCard:
    """A card whose stamp is present: what its phones were told (a face's digest), and when."""

    id: int
    face: bytes
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciled:
    """One night of the installation.

    `targets` were compared with their card's present revision and `wrong` differed; `unwatched`
    are registrations that no change would have reached; `cards` were drawn anew from the books and
    `stale` said something else than their phones were told of. All were mended. `turned` say
    something else only because a day went by (a tier's year, an offer's end): wanted, no fault.
    """

    at: datetime
    targets: int
    wrong: int
    unwatched: int
    cards: int
    stale: int
    turned: int = 0

    @property
    def difference(self) -> int:
        """What should be zero."""
        return self.wrong + self.unwatched + self.stale


def last_reconciled(scope: Scope) -> Reconciled | None:
    """The last night's result."""
    query = select(installation.c.value).where(installation.c.name == REPORT)
    found = scope.execute(query).scalar_one_or_none()
    if found is None:
        return None
    known = json.loads(found)
    return Reconciled(**known | {"at": datetime.fromisoformat(known["at"])})


def keep_reconciled(scope: Scope, found: Reconciled) -> None:
    """Keep the night's result in place of the last."""
    scope.execute(delete(installation).where(installation.c.name == REPORT))
    value = json.dumps(asdict(found) | {"at": found.at.isoformat()})
    scope.execute(insert(installation).values(name=REPORT, value=value))


def want_present(scope: Scope) -> tuple[int, int]:
    """Compare every target of the merchant with its card; mends and returns (targets, wrong)."""
    mine = delivery.c.merchant_id == scope.merchant
    present = (
        select(wallet_pass.c.revision)
        .where(
            wallet_pass.c.merchant_id == delivery.c.merchant_id,
            wallet_pass.c.id == delivery.c.pass_id,
        )
        .scalar_subquery()
    )
    now = scope.clock.now()
    wrong = scope.execute(
        update(delivery)
        .where(mine, delivery.c.pass_id.is_not(None), delivery.c.wanted_revision != present)
        .values(wanted_revision=present, due_at=now)
    )
    counted = delivery.c.pass_id.is_not(None)
    targets = scope.execute(
        select(func.count()).select_from(delivery).where(mine, counted)
    ).scalar_one()
    return int(targets), int(wrong.rowcount)


def unwatched(scope: Scope) -> list[tuple[int, int, int]]:
    """Registrations without a target, as (registration, card, device)."""
    rows = scope.execute(
        scope.select(
            registration, registration.c.id, registration.c.pass_id, registration.c.device_id
        )
        .outerjoin(
            delivery,
            and_(
                delivery.c.merchant_id == registration.c.merchant_id,
                delivery.c.channel == "apple",
                delivery.c.target_id == registration.c.id,
            ),
        )
        .where(delivery.c.id.is_(None))
    )
    return [(int(row.id), int(row.pass_id), int(row.device_id)) for row in rows]


def stamped_cards(scope: Scope, *, after: int, limit: int) -> list[StampedCard]:
    """The next cards of the merchant whose stamp is present.

    Cards that a change of many cards has not come to yet are left out, also where it is held or
    was ended: they show the old look on purpose.
    """
    rows = scope.execute(_stamped(scope).where(wallet_pass.c.id > after).limit(limit))
    return [_stamped_card(row) for row in rows]


def hold_stamped(scope: Scope, pass_ids: Sequence[int]) -> list[StampedCard]:
    """Those of the cards that are present still, held until the transaction ends."""
    rows = scope.execute(
        _stamped(scope).where(wallet_pass.c.id.in_(pass_ids)).with_for_update(of=wallet_pass)
    )
    return [_stamped_card(row) for row in rows]


def _stamped(scope: Scope) -> Select[Any]:
    card = wallet_pass
    return (
        scope.select(card, card.c.id, card.c.stamped_face, card.c.last_modified_s)
        .where(
            card.c.stamped_face.is_not(None),
            card.c.stamped_revision == card.c.revision,
            # A void card was told so, and is told nothing after that.
            card.c.voided_at.is_(None),
            ~_waits_for_a_change(scope),
        )
        .order_by(card.c.id)
    )


def _waits_for_a_change(scope: Scope) -> ColumnElement[bool]:
    """Whether a change that is under way, held or ended has not come to the card."""
    change, later = mass_change, mass_change.alias("later")
    overtaken = exists().where(
        later.c.merchant_id == scope.merchant,
        later.c.programme_id == change.c.programme_id,
        later.c.id > change.c.id,
        later.c.message_id.is_(None),
        later.c.done_at.is_not(None),
        later.c.cancelled_at.is_(None),
    )
    return exists().where(
        change.c.merchant_id == scope.merchant,
        change.c.programme_id == wallet_pass.c.programme_id,
        change.c.cursor_id < wallet_pass.c.id,
        or_(change.c.done_at.is_(None), and_(change.c.cancelled_at.is_not(None), ~overtaken)),
    )


def _stamped_card(row: Row[Any]) -> StampedCard:
    at = EPOCH + timedelta(seconds=int(row.last_modified_s))
    return StampedCard(id=int(row.id), face=bytes(row.stamped_face), at=at)
