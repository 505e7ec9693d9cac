"""Books: the ledger's rows. Reads what a movement needs in one statement, writes it in few.

The earn path speaks driver SQL: the statements are few, fixed and measured (bench/earn.py), and
building them anew each time would cost more than running them.

Rules:
- The member's account row is locked before anything is decided. PostgreSQL waits at most its
  lock time-out for it; SQLite's writers stand in line before the transaction.
- Locks are taken in one order: account, then (by deliveries) pass and delivery rows.
- Operations, transfers, allocations and sales are only ever inserted.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final, TypeVar

from sqlalchemy.exc import IntegrityError, OperationalError

from common.clock import from_micros, to_micros
from common.errors import NotFound, OperationInFlight
from common.i18n import gettext as _
from common.ids import new_id
from ledger.accounts import PROGRAMME_KINDS, Account, AccountKind, OperationKind
from ledger.lots import Allocation, Lot
from ledger.operations import Draft, PastOperation
from storage import book_statements as sql
from storage.book_records import (
    CardFacts,
    CardReward,
    Claim,
    Heading,
    LastRedemption,
    NewSale,
    RewardPrice,
    Standing,
    StoredOperation,
)
from storage.book_rows import lot_of, moment, operation_of
from storage.book_writer import write
from storage.entries import Event, write_event
from storage.scope import Scope
from storage.terms_documents import terms_of_text

HISTORY_MAX: Final = 100
LOCK_NOT_AVAILABLE: Final = "55P03"
_DAY_MICROS: Final = 86_400_000_000
_ID_MAX: Final = 2**63 - 1
Written = TypeVar("Written")


class KeyTaken(Exception):
    """Another transaction committed this key or reference first; run the use case again."""


class Books:
    """The ledger's repository; see the module."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._postgresql = scope.connection.dialect.name == "postgresql"

    # --- accounts -----------------------------------------------------------------------------

    def open_programme(self, programme_id: int, unit: str) -> None:
        """Open the programme's own accounts of `unit`."""
        merchant = self._scope.merchant
        self._scope.run_sql_many(
            sql.INSERT_ACCOUNT,
            [
                (merchant, new_id(), programme_id, None, str(kind), str(unit), 0, 0, 0)
                for kind in PROGRAMME_KINDS
            ],
        )

    def open_member(self, member_id: int, programme_id: int, unit: str) -> Account:
        """Open the member's account of `unit`, empty."""
        account = Account(
            id=new_id(),
            programme_id=programme_id,
            member_id=member_id,
            unit=str(unit),
            balance=0,
            carry=0,
            revision=0,
        )
        row = (
            self._scope.merchant,
            account.id,
            programme_id,
            member_id,
            str(AccountKind.MEMBER),
            account.unit,
            0,
            0,
            0,
        )
        self._scope.run_sql(sql.INSERT_ACCOUNT, row)
        return account

    # --- before a movement --------------------------------------------------------------------

    def standing(
        self, member_id: int, claim: Claim, *, contra: AccountKind, nth_earn: int = 1
    ) -> Standing:
        """Lock the member's account and read what decides.

        Args:
            member_id: whose account of the programme's unit.
            claim: the key and the reference to look for.
            contra: which programme account stands across.
            nth_earn: which of the latest earns `nth_earn_at` tells, counted from 1.

        Raises:
            NotFound: this merchant has no such member.
            OperationInFlight: the account stayed locked for the whole lock time-out.
        """
        _demand_id(member_id)
        values = (
            claim.idempotency_key,
            claim.source,
            claim.source_ref,
            str(claim.kind),
            nth_earn - 1,
            str(contra),
            self._scope.merchant,
            member_id,
        )
        row = self._lock(values)
        if self._postgresql and row[15] != row[12]:
            # The row was waited for: all else was read before the one we waited for committed.
            # The lock is ours now, so a second reading is the present state.
            row = self._lock(values)
        return Standing(
            merchant_status=row[0],
            currency=row[1],
            time_zone=row[2],
            sale_max_minor=row[3],
            member_state=row[4],
            terms=terms_of_text(row[7], row[6], row[2]),
            account=Account(
                id=row[8],
                programme_id=row[5],
                member_id=member_id,
                unit=row[9],
                balance=row[10],
                carry=row[11],
                revision=row[12],
            ),
            contra_id=row[13],
            earlier_id=row[14] if row[14] is not None else row[16],
            nth_earn_at=moment(row[17]),
            next_terms_at=moment(row[18]),
        )

    def _lock(self, values: tuple[Any, ...]) -> Any:
        statement = sql.LOCK_STANDING if self._postgresql else sql.STANDING
        try:
            row = self._scope.run_sql(statement, values).fetchone()
        except OperationalError as error:
            if getattr(error.orig, "sqlstate", None) == LOCK_NOT_AVAILABLE:
                raise OperationInFlight from error
            raise
        if row is None:
            raise NotFound(_("There is no such card here."))
        return row

    def open_lots(self, account_id: int) -> tuple[Lot, ...]:
        """The account's lots with something left; the account must be locked."""
        rows = self._scope.run_sql(sql.OPEN_LOTS, (self._scope.merchant, account_id))
        return tuple(lot_of(row) for row in rows)

    def reward(self, reward_id: int) -> RewardPrice:
        """A reward's price.

        Raises:
            NotFound: this merchant has no such reward.
        """
        _demand_id(reward_id)
        row = self._scope.run_sql(sql.REWARD, (self._scope.merchant, reward_id)).fetchone()
        if row is None:
            raise NotFound(_("There is no such reward here."))
        return RewardPrice(
            id=row[0], programme_id=row[1], name=row[2], cost=row[3], active=bool(row[4])
        )

    def last_redemption(self, member_id: int) -> LastRedemption | None:
        """The member's latest redemption that stands."""
        row = self._scope.run_sql(sql.LAST_REDEMPTION, (self._scope.merchant, member_id)).fetchone()
        return None if row is None else _last(row)

    def last_of_reward(self, reward_id: int) -> LastRedemption | None:
        """The latest redemption of a reward by anybody, of the last day."""
        since = to_micros(self._scope.clock.now()) - _DAY_MICROS
        values = (self._scope.merchant, since, reward_id)
        row = self._scope.run_sql(sql.LAST_OF_REWARD, values).fetchone()
        return None if row is None else _last(row)

    def times_redeemed(self, member_id: int, reward_id: int) -> int:
        """How many redemptions of a reward by a member stand."""
        values = (self._scope.merchant, member_id, reward_id)
        return int(self._scope.run_sql(sql.TIMES_REDEEMED, values).fetchone()[0])

    # --- the movement -------------------------------------------------------------------------

    def post(self, draft: Draft, heading: Heading, *, sale: NewSale | None = None) -> int:
        """Write an operation whole: sale, operation, transfers, lots, allocations, balance.

        Returns:
            The operation's id.

        Raises:
            KeyTaken: key or reference was committed by another transaction meanwhile.
            OperationInFlight: another transaction holds the same key for the whole time-out.
        """
        return self._once(lambda: write(self._scope, draft, heading, sale=sale))

    def post_event(self, event: Event) -> tuple[int, ...]:
        """Write an event of several units whole; see `entries`.

        Returns:
            The operations' ids, in the order of the entries.

        Raises:
            KeyTaken, OperationInFlight: as `post`.
        """
        return self._once(lambda: write_event(self._scope, event))

    def _once(self, act: Callable[[], Written]) -> Written:
        try:
            return act()
        except IntegrityError as error:
            if _is_taken(error):
                raise KeyTaken from error
            raise
        except OperationalError as error:
            if getattr(error.orig, "sqlstate", None) == LOCK_NOT_AVAILABLE:
                raise OperationInFlight from error
            raise

    # --- reading operations -------------------------------------------------------------------

    def member_of_operation(self, operation_id: int) -> tuple[int, OperationKind]:
        """Whose operation it is and its kind, before its account is locked.

        Raises:
            NotFound: this merchant has no such operation.
        """
        _demand_id(operation_id)
        row = self._scope.run_sql(
            sql.MEMBER_OF_OPERATION, (self._scope.merchant, operation_id)
        ).fetchone()
        if row is None:
            raise NotFound(_("There is no such movement here."))
        return row[0], OperationKind(row[1])

    def id_of_key(self, key: str) -> int | None:
        """The operation that bears an idempotency key."""
        row = self._scope.run_sql(sql.ID_OF_KEY, (self._scope.merchant, key)).fetchone()
        return None if row is None else int(row[0])

    def operation(self, operation_id: int) -> StoredOperation:
        """An operation as it was written.

        Raises:
            NotFound: this merchant has no such operation.
        """
        _demand_id(operation_id)
        row = self._scope.run_sql(sql.OPERATION, (self._scope.merchant, operation_id)).fetchone()
        if row is None:
            raise NotFound(_("There is no such movement here."))
        return operation_of(row)

    def history(self, member_id: int, limit: int) -> tuple[StoredOperation, ...]:
        """The member's latest operations, newest first; at most HISTORY_MAX."""
        values = (self._scope.merchant, member_id, min(limit, HISTORY_MAX))
        return tuple(operation_of(row) for row in self._scope.run_sql(sql.HISTORY, values))

    def latest_of_actor(self, actor_kind: str, actor_id: int, *, since: datetime) -> int | None:
        """The id of the actor's latest operation since `since`."""
        values = (self._scope.merchant, to_micros(since), actor_kind, actor_id)
        row = self._scope.run_sql(sql.LATEST_OF_ACTOR, values).fetchone()
        return None if row is None else int(row[0])

    def past(self, operation: StoredOperation) -> PastOperation:
        """What a reversal must know of an operation; the account must be locked."""
        key = (self._scope.merchant, operation.id)
        return PastOperation(
            id=operation.id,
            kind=operation.kind,
            units=operation.units,
            carry_change=operation.carry_change,
            terms_version=operation.terms_version,
            made=tuple(lot_of(row) for row in self._scope.run_sql(sql.LOTS_MADE, key)),
            took=tuple(
                Allocation(lot_id=row[0], amount=row[1])
                for row in self._scope.run_sql(sql.LOTS_TAKEN, key)
            ),
            spent_by=tuple(row[0] for row in self._scope.run_sql(sql.SPENT_BY, key)),
            reversed_by=operation.reversed_by,
        )

    # --- a card -------------------------------------------------------------------------------

    def card(self, member_id: int) -> CardFacts:
        """A member's card; a reading transaction is enough.

        Raises:
            NotFound: this merchant has no such member.
        """
        _demand_id(member_id)
        now = to_micros(self._scope.clock.now())
        merchant = self._scope.merchant
        row = self._scope.run_sql(sql.CARD, (now, now, merchant, member_id)).fetchone()
        if row is None:
            raise NotFound(_("There is no such card here."))
        rewards = self._scope.run_sql(sql.CARD_REWARDS, (merchant, row[2]))
        return CardFacts(
            member_id=member_id,
            number=row[0],
            name=row[1],
            unit=row[3],
            balance=row[4],
            carry_minor=row[5],
            terms=terms_of_text(row[7], row[6], row[9]),
            spendable=min(int(row[8]), row[4]),
            rewards=tuple(CardReward(id=r[0], slug=r[1], name=r[2], cost=r[3]) for r in rewards),
        )


def _last(row: Any) -> LastRedemption:
    return LastRedemption(
        reward_name=row[0] or "",
        staff_name=row[1] or "",
        till_name=row[2] or "",
        created_at=from_micros(row[3]),
    )


def _demand_id(value: object) -> None:
    # A number that fits no row must not reach a driver, which would answer in its own words.
    if type(value) is not int or not 0 < value <= _ID_MAX:
        raise NotFound


def _is_taken(error: IntegrityError) -> bool:
    text = str(error.orig)
    names = ("uq_operation_", "uq_sale_", "uq_refund_", "operation.idempotency_key", ".source_ref")
    return any(name in text for name in names)
