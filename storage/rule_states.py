"""What the rules of a programme look at and leave behind: accounts, lots, progress, sums.

Read and written under the lock of the member's first account (books.standing), so that two tills
never rate the same state. Not done here: the rules themselves (ledger), operations (entries.py),
promises (promises.py).

Rule: days are days of the shop's own calendar; the caller works them out.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import and_, func

from common.clock import to_micros
from common.ids import new_id
from ledger.accounts import PROGRAMME_KINDS, Account, AccountKind
from ledger.lots import Lot
from ledger.member_state import Pause, Progress
from storage import book_statements as books
from storage import rule_statements as sql
from storage.book_rows import moment
from storage.rule_records import (
    DaySum,
    Sums,
    UnitAccount,
    by_account,
    day_number,
    day_of,
    micros,
    progress_of,
)
from storage.scope import Scope
from storage.tables import account, member, pause, programme, sale, welcome

_JSON: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)


class RuleStates:
    """The state of one merchant's members; see the module."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    # --- accounts and lots --------------------------------------------------------------------

    def accounts(self, member_id: int, programme_id: int) -> dict[str, UnitAccount]:
        """The member's accounts by unit."""
        rows = self._run(sql.ACCOUNTS, member_id)
        return {
            row[1]: UnitAccount(
                account=Account(
                    id=row[0],
                    programme_id=programme_id,
                    member_id=member_id,
                    unit=row[1],
                    balance=row[2],
                    carry=row[3],
                    revision=row[4],
                ),
                debt=row[5],
                locked=row[6] is not None,
            )
            for row in rows
        }

    def programme_accounts(self, programme_id: int) -> dict[tuple[AccountKind, str], int]:
        """The programme's own accounts by kind and unit."""
        rows = self._run(sql.PROGRAMME_ACCOUNTS, programme_id)
        return {(AccountKind(row[0]), row[1]): row[2] for row in rows}

    def open_programme(self, programme_id: int, units: Iterable[str]) -> None:
        """Open what is missing of the programme's accounts of these units."""
        known = self.programme_accounts(programme_id)
        merchant = self._scope.merchant
        rows = [
            (merchant, new_id(), programme_id, None, str(kind), unit, 0, 0, 0)
            for unit in units
            for kind in PROGRAMME_KINDS
            if (kind, unit) not in known
        ]
        if rows:
            self._scope.run_sql_many(books.INSERT_ACCOUNT, rows)

    def open_lots(self, member_id: int) -> dict[int, list[Lot]]:
        """The member's lots with something left, by account."""
        return by_account(self._run(sql.OPEN_LOTS, member_id))

    def lots_of(self, operation_ids: Iterable[int]) -> dict[int, list[Lot]]:
        """The lots that operations made or took from, by account, spent ones too."""
        found: dict[int, dict[int, Lot]] = {}
        for operation_id in operation_ids:
            values = (self._scope.merchant, operation_id, operation_id)
            for account_id, lots in by_account(
                self._scope.run_sql(sql.LOTS_OF_OPERATION, values)
            ).items():
                found.setdefault(account_id, {}).update((lot.id, lot) for lot in lots)
        return {account_id: list(lots.values()) for account_id, lots in found.items()}

    def pauses(self, member_id: int) -> dict[int, list[Pause]]:
        """When the member's packs rest, by account."""
        found: dict[int, list[Pause]] = {}
        for account_id, first, last in self._run(sql.PAUSES, member_id):
            pause = Pause(first_day=day_of(first), last_day=day_of(last))
            found.setdefault(account_id, []).append(pause)
        return found

    def add_pause(self, account_id: int, wanted: Pause) -> None:
        """Let an account rest."""
        self._scope.execute(
            self._scope.insert(
                pause,
                id=new_id(),
                account_id=account_id,
                first_day=day_number(wanted.first_day),
                last_day=day_number(wanted.last_day),
                created_at=self._scope.clock.now(),
            )
        )

    def lock(self, account_id: int, *, locked: bool) -> None:
        """Let nothing of an account be spent, or let it be again."""
        now = self._scope.clock.now() if locked else None
        mine = self._scope.update(account).where(account.c.id == account_id)
        self._scope.execute(mine.values(locked_at=now))

    def hold(self, member_ids: Sequence[int]) -> None:
        """Lock the first accounts of members, in one order: what every movement locks."""
        if self._scope.connection.dialect.name != "postgresql" or not member_ids:
            return  # SQLite's writer is alone
        query = (
            self._scope.select(account, account.c.id)
            .join(
                programme,
                and_(
                    programme.c.merchant_id == account.c.merchant_id,
                    programme.c.id == account.c.programme_id,
                    programme.c.unit == account.c.unit,
                ),
            )
            .where(account.c.member_id.in_(sorted(set(member_ids))))
            .order_by(account.c.id)
            .with_for_update(of=account, key_share=True)
        )
        self._scope.execute(query).all()

    # --- sums ---------------------------------------------------------------------------------

    def sums(self, member_id: int) -> Sums:
        """The member's sums."""
        row = self._run(sql.STANDING, member_id).fetchone()
        if row is None:
            return Sums()
        return Sums(
            purchases=row[0],
            net_minor=row[1],
            active_at=moment(row[2]),
            earned_at=moment(row[3]),
            tier=row[4],
            tier_since=moment(row[5]),
            grace_until=moment(row[6]),
        )

    def put_sums(self, member_id: int, programme_id: int, sums: Sums) -> None:
        """Keep the member's sums."""
        values = (
            self._scope.merchant,
            member_id,
            programme_id,
            sums.purchases,
            sums.net_minor,
            micros(sums.active_at),
            micros(sums.earned_at),
            sums.tier,
            micros(sums.tier_since),
            micros(sums.grace_until),
        )
        self._scope.run_sql(sql.PUT_STANDING, values)

    def day(self, member_id: int, day: date) -> dict[str, tuple[int, int]]:
        """A day's earns and units by unit; the empty unit counts sales and visits."""
        rows = self._run(sql.DAY, member_id, day_number(day))
        return {row[0]: (row[1], row[2]) for row in rows}

    def window(self, member_id: int, unit: str, *, since: date | None) -> tuple[int, int]:
        """Money that counted and units since a day, None for ever."""
        first = -(10**6) if since is None else day_number(since)
        row = self._run(sql.WINDOW, member_id, unit, first).fetchone()
        return int(row[0]), int(row[1])

    def history(self, member_id: int, unit: str) -> list[tuple[date, int, int]]:
        """Every day with money that counted and units."""
        rows = self._run(sql.HISTORY, member_id, unit)
        return [(day_of(row[0]), int(row[1]), int(row[2])) for row in rows]

    def average(self, member_id: int, *, since: date) -> tuple[int, int]:
        """How many sales there were since a day, and what they came to."""
        row = self._run(sql.AVERAGE, member_id, day_number(since)).fetchone()
        return int(row[0]), int(row[1])

    def add_days(self, member_id: int, days: Iterable[DaySum]) -> None:
        """Add to the sums of days."""
        merchant = self._scope.merchant
        rows = [
            (
                merchant,
                member_id,
                one.unit,
                day_number(one.day),
                one.earns,
                one.sales,
                one.net_minor,
                one.counted_minor,
                one.units,
            )
            for one in days
        ]
        if rows:
            self._scope.run_sql_many(sql.PUT_DAY, rows)

    def shop_units(self, programme_id: int, *, since: datetime) -> dict[str, int]:
        """What the whole programme gave since a moment, by unit."""
        rows = self._scope.run_sql(
            sql.SHOP_UNITS, (self._scope.merchant, to_micros(since), programme_id)
        )
        return {row[0]: int(row[1]) for row in rows}

    def shop_average(self, programme_id: int) -> int | None:
        """The average sale as the night worked it out."""
        row = self._run(sql.PROGRAMME, programme_id).fetchone()
        return None if row is None or row[0] is None else int(row[0])

    def average_sale(self, programme_id: int, *, since: datetime, least: int) -> int | None:
        """The average of a programme's sales since a moment; None of fewer than `least`."""
        query = (
            self._scope.select(sale, func.count(), func.coalesce(func.sum(sale.c.net_minor), 0))
            .join(
                member,
                and_(member.c.merchant_id == sale.c.merchant_id, member.c.id == sale.c.member_id),
            )
            .where(member.c.programme_id == programme_id, sale.c.sold_at >= since)
        )
        number, total = self._scope.execute(query).one()
        return int(total) // int(number) if number >= least else None

    def welcomed(self, member_id: int, programme_id: int) -> bool:
        """Whether this member, or their contact, had a welcome bonus here."""
        merchant = self._scope.merchant
        values = (merchant, programme_id, member_id, merchant, member_id)
        return self._scope.run_sql(sql.WELCOMED, values).fetchone() is not None

    def note_welcome(
        self, member_id: int, programme_id: int, contact_indexes: Sequence[bytes]
    ) -> None:
        """Keep that a contact was welcomed; whoever gave none is known by the membership."""
        own = b"member:%d" % member_id
        for index in contact_indexes or [own]:
            self._scope.insert_new(
                welcome,
                merchant_id=self._scope.merchant,
                programme_id=programme_id,
                contact_index=index,
                member_id=member_id,
                created_at=self._scope.clock.now(),
            )

    def forget_member(self, member_id: int) -> None:
        """Forget the contacts of who was welcomed, when a member is erased."""
        self._scope.execute(
            welcome.delete().where(
                welcome.c.merchant_id == self._scope.merchant, welcome.c.member_id == member_id
            )
        )

    # --- progress -----------------------------------------------------------------------------

    def progress(self, member_id: int) -> dict[str, Progress]:
        """How far the member is, by rule."""
        rows = self._run(sql.PROGRESS, member_id)
        return {row[0]: progress_of(json.loads(row[1])) for row in rows}

    def put_progress(self, member_id: int, changed: Mapping[str, Progress]) -> None:
        """Keep how far the member is now."""
        now = to_micros(self._scope.clock.now())
        for rule, one in changed.items():
            document = {
                "count": one.count,
                "since": None if one.since is None else one.since.isoformat(),
                "last": None if one.last is None else one.last.isoformat(),
                "given": one.given,
                "times": one.times,
                "parts": dict(one.parts),
            }
            row = (self._scope.merchant, member_id, rule, _JSON.encode(document), now)
            self._scope.run_sql(sql.PUT_PROGRESS, row)

    # --- events -------------------------------------------------------------------------------

    def rating(self, operation_id: int) -> tuple[int, dict[str, Any]] | None:
        """The terms' version and the document of how an operation was rated."""
        row = self._run(sql.RATING, operation_id).fetchone()
        return None if row is None else (int(row[0]), json.loads(row[1]))

    def expired_of(self, operation_id: int) -> int:
        """How much ran out of the lots an operation made."""
        return int(self._run(sql.EXPIRED_OF, operation_id).fetchone()[0])

    def parts(self, operation_id: int) -> list[int]:
        """The operations of the event that an operation began, itself among them."""
        rows = self._run(sql.PARTS, operation_id, operation_id)
        return [int(row[0]) for row in rows]

    def _run(self, statement: str, *values: Any) -> Any:
        return self._scope.run_sql(statement, (self._scope.merchant, *values))
