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

import json
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from sqlalchemy.exc import IntegrityError, OperationalError

from common.actor import ActorKind
from common.clock import from_micros, to_micros
from common.errors import NotFound, OperationInFlight
from common.i18n import gettext as _
from common.ids import new_id
from ledger.accounts import PROGRAMME_KINDS, Account, AccountKind, OperationKind
from ledger.lots import Allocation, Lot
from ledger.operations import Draft, PastOperation
from ledger.terms import Terms, terms_from_document
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
from storage.scope import Scope

HISTORY_MAX: Final = 100
LOCK_NOT_AVAILABLE: Final = "55P03"
_ID_MAX: Final = 2**63 - 1


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
            terms=_terms(row[7], row[6]),
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
            nth_earn_at=_moment(row[17]),
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
        return tuple(_lot(row) for row in rows)

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
        if row is None:
            return None
        return LastRedemption(
            reward_name=row[0] or "",
            staff_name=row[1] or "",
            till_name=row[2] or "",
            created_at=from_micros(row[3]),
        )

    # --- the movement -------------------------------------------------------------------------

    def post(self, draft: Draft, heading: Heading, *, sale: NewSale | None = None) -> int:
        """Write an operation whole: sale, operation, transfers, lots, allocations, balance.

        Returns:
            The operation's id.

        Raises:
            KeyTaken: key or reference was committed by another transaction meanwhile.
            OperationInFlight: another transaction holds the same key for the whole time-out.
        """
        try:
            return self._post(draft, heading, sale)
        except IntegrityError as error:
            if _is_taken(error):
                raise KeyTaken from error
            raise
        except OperationalError as error:
            if getattr(error.orig, "sqlstate", None) == LOCK_NOT_AVAILABLE:
                raise OperationInFlight from error
            raise

    def _post(self, draft: Draft, heading: Heading, sale: NewSale | None) -> int:
        sale_id = None if sale is None else self._add_sale(draft, heading, sale)
        operation_id = new_id()
        self._add_operation(operation_id, draft, heading, sale_id=sale_id)
        self._add_transfers(operation_id, draft)
        self._add_lots(operation_id, draft)
        self._allocate(operation_id, draft.allocations)
        self._move_balance(draft)
        return operation_id

    def _add_sale(self, draft: Draft, heading: Heading, sale: NewSale) -> int:
        sale_id, actor, gross = new_id(), heading.actor, sale.gross_minor
        row = (
            self._scope.merchant,
            sale_id,
            actor.location_id,
            actor.till_id,
            actor.id if actor.kind is ActorKind.STAFF else None,
            draft.account.member_id,
            heading.claim.source,
            heading.claim.source_ref,
            to_micros(sale.sold_at),
            sale.currency,
            gross,
            gross,
            to_micros(heading.created_at),
        )
        self._scope.run_sql(sql.INSERT_SALE, row)
        return sale_id

    def _add_operation(
        self, operation_id: int, draft: Draft, heading: Heading, *, sale_id: int | None
    ) -> None:
        account, actor, claim = draft.account, heading.actor, heading.claim
        row = (
            self._scope.merchant,
            operation_id,
            account.programme_id,
            account.member_id,
            str(draft.kind),
            sale_id,
            heading.reward_id,
            actor.location_id,
            actor.till_id,
            str(actor.kind),
            actor.id,
            claim.source,
            claim.source_ref,
            claim.idempotency_key,
            claim.request_hash,
            draft.terms_version,
            _to_json(draft.reason),
            draft.units,
            account.unit,
            draft.carry_change,
            draft.balance_after,
            account.revision + 1,
            draft.reverses_id,
            to_micros(heading.created_at),
        )
        self._scope.run_sql(sql.INSERT_OPERATION, row)

    def _add_transfers(self, operation_id: int, draft: Draft) -> None:
        for part in draft.transfers:
            row = (
                self._scope.merchant,
                new_id(),
                operation_id,
                part.debit_account_id,
                part.credit_account_id,
                draft.account.unit,
                part.amount,
            )
            self._scope.run_sql(sql.INSERT_TRANSFER, row)

    def _add_lots(self, operation_id: int, draft: Draft) -> None:
        for lot in draft.lots:
            row = (
                self._scope.merchant,
                new_id(),
                draft.account.id,
                operation_id,
                lot.amount,
                lot.amount,
                to_micros(lot.available_from),
                None if lot.expires_at is None else to_micros(lot.expires_at),
                draft.terms_version,
            )
            self._scope.run_sql(sql.INSERT_LOT, row)

    def _allocate(self, operation_id: int, parts: Sequence[Allocation]) -> None:
        merchant = self._scope.merchant
        if not parts:
            return
        self._scope.run_sql_many(
            sql.INSERT_ALLOCATION,
            [(merchant, new_id(), part.lot_id, operation_id, part.amount) for part in parts],
        )
        self._scope.run_sql_many(
            sql.TAKE_FROM_LOT, [(part.amount, merchant, part.lot_id) for part in parts]
        )

    def _move_balance(self, draft: Draft) -> None:
        account = draft.account
        values = (
            draft.balance_after,
            draft.carry_after,
            account.revision + 1,
            self._scope.merchant,
            account.id,
            account.revision,
        )
        if self._scope.run_sql(sql.MOVE_BALANCE, values).rowcount != 1:
            raise RuntimeError(f"account {account.id} moved although it was locked")

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

    def operation(self, operation_id: int) -> StoredOperation:
        """An operation as it was written.

        Raises:
            NotFound: this merchant has no such operation.
        """
        _demand_id(operation_id)
        row = self._scope.run_sql(sql.OPERATION, (self._scope.merchant, operation_id)).fetchone()
        if row is None:
            raise NotFound(_("There is no such movement here."))
        return _operation(row)

    def history(self, member_id: int, limit: int) -> tuple[StoredOperation, ...]:
        """The member's latest operations, newest first; at most HISTORY_MAX."""
        values = (self._scope.merchant, member_id, min(limit, HISTORY_MAX))
        return tuple(_operation(row) for row in self._scope.run_sql(sql.HISTORY, values))

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
            made=tuple(_lot(row) for row in self._scope.run_sql(sql.LOTS_MADE, key)),
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
            terms=_terms(row[7], row[6]),
            spendable=min(int(row[8]), row[4]),
            rewards=tuple(CardReward(id=r[0], slug=r[1], name=r[2], cost=r[3]) for r in rewards),
        )


@lru_cache(maxsize=1024)
def _terms(document: str, version: int) -> Terms:
    return terms_from_document(json.loads(document), version)


def _to_json(document: Any) -> str:
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _moment(micros: int | None) -> datetime | None:
    return None if micros is None else from_micros(micros)


def _demand_id(value: object) -> None:
    # A number that fits no row must not reach a driver, which would answer in its own words.
    if type(value) is not int or not 0 < value <= _ID_MAX:
        raise NotFound


def _is_taken(error: IntegrityError) -> bool:
    text = str(error.orig)
    names = ("uq_operation_", "uq_sale_", "operation.idempotency_key", ".source_ref")
    return any(name in text for name in names)


def _lot(row: Any) -> Lot:
    return Lot(
        id=row[0],
        amount=row[1],
        remaining=row[2],
        available_from=from_micros(row[3]),
        expires_at=_moment(row[4]),
    )


def _operation(row: Any) -> StoredOperation:
    return StoredOperation(
        id=row[0],
        kind=OperationKind(row[1]),
        member_id=row[2],
        unit=row[3],
        units=row[4],
        carry_change=row[5],
        balance_after=row[6],
        terms_version=row[7],
        reason=json.loads(row[8]),
        request_hash=bytes(row[9]),
        actor_kind=row[10],
        actor_id=row[11],
        created_at=from_micros(row[12]),
        reverses_id=row[13],
        reward_name=row[14] or "",
        reversed_by=row[15],
        is_spent=bool(row[16]),
    )
