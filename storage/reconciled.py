"""What a nightly look found between the books and what phones are to show; it should be nothing.

Not here: the look itself (delivery/night.py).
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import and_, delete, func, insert, select, update

from storage.scope import Scope
from storage.tables import delivery, installation, registration, wallet_pass

REPORT: Final = "reconciled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciled:
    """One night of the installation.

    `targets` were compared with their card's present revision and `wrong` differed; `unwatched`
    are registrations that no change would have reached; `cards` were drawn anew from the books and
    `stale` said something else than their phones were told of. All were mended.
    """

    at: datetime
    targets: int
    wrong: int
    unwatched: int
    cards: int
    stale: int

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


def stamped_cards(scope: Scope, *, after: int, limit: int) -> list[tuple[int, bytes]]:
    """The next cards of the merchant whose stamp is present, with the face it stands for."""
    rows = scope.execute(
        scope.select(wallet_pass, wallet_pass.c.id, wallet_pass.c.stamped_face)
        .where(
            wallet_pass.c.id > after,
            wallet_pass.c.stamped_face.is_not(None),
            wallet_pass.c.stamped_revision == wallet_pass.c.revision,
        )
        .order_by(wallet_pass.c.id)
        .limit(limit)
    )
    return [(int(row.id), bytes(row.stamped_face)) for row in rows]
