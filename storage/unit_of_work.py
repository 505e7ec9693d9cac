"""One transaction of one merchant, with every repository a use case needs.

    with open_work(database, merchant_id, clock=clock) as work:
        member = work.members.get(member_id)
        ...
        work.commit()

Rules: commit is explicit and last; a repository never commits; no network call happens inside.
`merchant_id` is None only for what the installation does as a whole (the worker's claims, the
directory, `verify`); on PostgreSQL row-level security then lets every merchant through.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Final, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from common.clock import Clock
from common.errors import Unavailable
from storage.apple_keys import AppleKeys
from storage.audit import Audit
from storage.books import Books
from storage.buckets import Buckets
from storage.coupons import Coupons
from storage.deliveries import Deliveries
from storage.directory import Directory
from storage.engine import Database
from storage.faults import is_retryable
from storage.google_accounts import GoogleAccounts
from storage.google_callbacks import GoogleCallbacks
from storage.google_keys import GoogleKeys
from storage.items import Items
from storage.joining import Joining
from storage.kept_passes import KeptPasses
from storage.member_merges import MemberMerges
from storage.member_notes import MemberNotes
from storage.members import Members
from storage.merchants import Merchants
from storage.messages import Messages
from storage.moved import WRITERS_GATE
from storage.outbox import Outbox
from storage.places import Places
from storage.programmes import Programmes
from storage.promises import Promises
from storage.refunds import Refunds
from storage.reports import Reports
from storage.rule_states import RuleStates
from storage.scope import Scope
from storage.sessions import Sessions
from storage.wallet_passes import WalletPasses

TRIES_MAX: Final = 4
# Before every transaction on PostgreSQL, so in driver SQL. A writer goes through the gate with it.
_WHOSE_ROWS: Final = "select set_config('regulars.merchant', %s, true)"
_WHOSE_ROWS_TO_WRITE: Final = (
    f"{_WHOSE_ROWS}, pg_advisory_xact_lock_shared({WRITERS_GATE})"  # a number of ours
)
Result = TypeVar("Result")


class UnitOfWork:
    """The repositories of one transaction; made by `open_work`."""

    def __init__(self, connection: Connection, merchant_id: int | None, *, clock: Clock) -> None:
        self.scope = Scope(connection=connection, merchant_id=merchant_id, clock=clock)
        self.clock = clock

    def commit(self) -> None:
        """Make everything durable; the last thing a use case does."""
        self.scope.connection.commit()

    @cached_property
    def apple_keys(self) -> AppleKeys:
        return AppleKeys(self.scope)

    @cached_property
    def audit(self) -> Audit:
        return Audit(self.scope)

    @cached_property
    def books(self) -> Books:
        return Books(self.scope)

    @cached_property
    def buckets(self) -> Buckets:
        return Buckets(self.scope)

    @cached_property
    def coupons(self) -> Coupons:
        return Coupons(self.scope)

    @cached_property
    def deliveries(self) -> Deliveries:
        return Deliveries(self.scope)

    @cached_property
    def directory(self) -> Directory:
        return Directory(self.scope)

    @cached_property
    def google_accounts(self) -> GoogleAccounts:
        return GoogleAccounts(self.scope)

    @cached_property
    def google_callbacks(self) -> GoogleCallbacks:
        return GoogleCallbacks(self.scope)

    @cached_property
    def google_keys(self) -> GoogleKeys:
        return GoogleKeys(self.scope)

    @cached_property
    def kept_passes(self) -> KeptPasses:
        return KeptPasses(self.scope)

    @cached_property
    def items(self) -> Items:
        return Items(self.scope)

    @cached_property
    def joining(self) -> Joining:
        return Joining(self.scope)

    @cached_property
    def merges(self) -> MemberMerges:
        return MemberMerges(self.scope)

    @cached_property
    def notes(self) -> MemberNotes:
        return MemberNotes(self.scope)

    @cached_property
    def members(self) -> Members:
        return Members(self.scope)

    @cached_property
    def merchants(self) -> Merchants:
        return Merchants(self.scope)

    @cached_property
    def messages(self) -> Messages:
        return Messages(self.scope)

    @cached_property
    def outbox(self) -> Outbox:
        return Outbox(self.scope)

    @cached_property
    def passes(self) -> WalletPasses:
        return WalletPasses(self.scope)

    @cached_property
    def places(self) -> Places:
        return Places(self.scope)

    @cached_property
    def programmes(self) -> Programmes:
        return Programmes(self.scope)

    @cached_property
    def promises(self) -> Promises:
        return Promises(self.scope)

    @cached_property
    def reports(self) -> Reports:
        return Reports(self.scope)

    @cached_property
    def refunds(self) -> Refunds:
        return Refunds(self.scope)

    @cached_property
    def rules(self) -> RuleStates:
        return RuleStates(self.scope)

    @cached_property
    def sessions(self) -> Sessions:
        return Sessions(self.scope)


@contextmanager
def open_work(
    database: Database, merchant_id: int | None, *, clock: Clock, writing: bool = True
) -> Iterator[UnitOfWork]:
    """A transaction that is rolled back unless `commit` was called.

    Args:
        database: the process's database.
        merchant_id: whose rows may be touched; None for the whole installation.
        clock: stamps rows.
        writing: False opens a read transaction, which never waits for a writer.

    Raises:
        Unavailable: the database is locked, full or away; nothing was changed.
    """
    with database.connection(writing=writing) as connection:
        yield _begun(connection, merchant_id, clock=clock, writing=writing)


def run_work(
    database: Database,
    merchant_id: int | None,
    action: Callable[[UnitOfWork], Result],
    *,
    clock: Clock,
    shares: bool = False,
) -> Result:
    """Run `action` in a writing transaction and commit, again from the start after a deadlock.

    `shares` is for the short and many, as earns: on SQLite they may go into one commit.

    Raises:
        Unavailable: the database is locked, full or away, or every try met a deadlock.
    """
    for _attempt in range(TRIES_MAX - 1):
        try:
            return _run_once(database, merchant_id, action, clock=clock, shares=shares)
        except DBAPIError as error:
            if not is_retryable(error):
                raise
    try:
        return _run_once(database, merchant_id, action, clock=clock, shares=shares)
    except DBAPIError as error:
        if is_retryable(error):
            raise Unavailable from error
        raise


def _run_once(
    database: Database,
    merchant_id: int | None,
    action: Callable[[UnitOfWork], Result],
    *,
    clock: Clock,
    shares: bool,
) -> Result:
    return database.write(
        lambda connection: action(_begun(connection, merchant_id, clock=clock, writing=True)),
        shares=shares,
    )


def _begun(
    connection: Connection, merchant_id: int | None, *, clock: Clock, writing: bool
) -> UnitOfWork:
    if connection.dialect.name != "sqlite":
        who = "*" if merchant_id is None else str(merchant_id)
        begin = _WHOSE_ROWS_TO_WRITE if writing else _WHOSE_ROWS
        connection.exec_driver_sql(begin, (who,))
    return UnitOfWork(connection, merchant_id, clock=clock)
