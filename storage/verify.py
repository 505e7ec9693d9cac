"""Prove the books: what must always hold, each as one SQL query that finds nothing.

Not done here: mending anything, and what no query can see (that an answer was kept, that a
provider was told). A delivery that is still on its way is a count, not a fault.

Rules:
- Everything is read in one snapshot, so a busy till breaks no sum.
- A query selects merchant, id and a number or name that helps; storage.verify_ledger and
  storage.verify_cards hold them, this file the references and the guards.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, ForeignKeyConstraint, text
from sqlalchemy.exc import DatabaseError

from storage.engine import Database
from storage.migrate import see_everyone
from storage.tables import APPEND_ONLY, MERCHANT_TABLES, metadata
from storage.verify_cards import CARD_RULES, COUNTS
from storage.verify_ledger import LEDGER_RULES

DAMAGE: Final = ("malformed", "not a database")
"""SQLite's words for a file that is no longer what it wrote."""

_WHOLE_TABLES: Final = (
    "enable_nestloop = off",
    "enable_mergejoin = off",
    "join_collapse_limit = 1",
    "work_mem = '64MB'",
)
FINDINGS_MAX: Final = 100
"""Findings told of one rule: more of them say no more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """Something that must never be: `rule` is its stable name, `ids` whom it concerns."""

    rule: str
    what: str
    merchant_id: int | None
    ids: tuple[int | str, ...]


def verify(database: Database) -> list[Violation]:
    """Every broken invariant, at most FINDINGS_MAX of each; an empty list is the proof.

    Raises:
        Unavailable: the database is away.
    """
    try:
        return _verify(database)
    except DatabaseError as error:
        if not database.is_sqlite or not any(word in str(error.orig) for word in DAMAGE):
            raise
        return [_damaged_file(str(error.orig))]  # it cannot even be opened


def _verify(database: Database) -> list[Violation]:
    with database.snapshot() as connection:
        see_everyone(connection)
        _plan_for_everything(connection)
        damage = list(_damage(connection))
        if damage:
            return damage  # what a damaged file answers proves nothing
        rules = {**_reference_rules(), **LEDGER_RULES, **CARD_RULES}
        found = list(_missing_guards(connection))
        for rule, (what, query) in rules.items():
            found.extend(_broken(connection, rule, what=what, query=query))
    return found


def _plan_for_everything(connection: Connection) -> None:
    """Let PostgreSQL hash whole tables against each other, in the order the queries say.

    It takes the fence for a filter that leaves one row in a hundred, and would walk through
    another table for each row, merge by the merchant alone, or join everything of a merchant.
    """
    if connection.dialect.name == "sqlite":
        return
    for setting in _WHOLE_TABLES:
        connection.execute(text(f"set local {setting}"))


def count_open(database: Database) -> dict[str, int]:
    """What is under way: deliveries not made, parked, passes not stamped. None is a fault."""
    with database.snapshot() as connection:
        see_everyone(connection)
        return {
            name: int(connection.execute(text(query)).scalar_one())
            for name, query in COUNTS.items()
        }


def is_fenced(database: Database) -> bool:
    """Whether row-level security binds the role we connect as, for `doctor`.

    A superuser walks past every policy. SQLite has none: there the code alone keeps merchants apart.
    """
    if database.is_sqlite:
        return False
    with database.connection(writing=False) as connection:
        query = "select rolsuper or rolbypassrls from pg_roles where rolname = current_user"
        return not connection.execute(text(query)).scalar_one()


def _broken(connection: Connection, rule: str, *, what: str, query: str) -> Iterator[Violation]:
    for row in connection.execute(text(f"{query} limit {FINDINGS_MAX}")):
        yield Violation(rule=rule, what=what, merchant_id=row[0], ids=tuple(row[1:]))


def _reference_rules() -> Mapping[str, tuple[str, str]]:
    """Every reference names a row of the same merchant: composite keys, asked again."""
    rules = {}
    for table in metadata.sorted_tables:
        for reference in sorted(table.foreign_key_constraints, key=_columns_of):
            rule = f"reference.{table.name}.{_columns_of(reference)}"
            what = f"a row of {table.name} names a {reference.referred_table.name} there is not"
            rules[rule] = (what, _dangling(reference))
    return rules


def _columns_of(reference: ForeignKeyConstraint) -> str:
    names = [name for name in reference.column_keys if name != "merchant_id"]
    return "-".join(names) or "merchant_id"


def _dangling(reference: ForeignKeyConstraint) -> str:
    pairs = [(key.parent.name, key.column.name) for key in reference.elements]
    same = " and ".join(f"there.{far} = here.{near}" for near, far in pairs)
    given = " and ".join(f"here.{near} is not null" for near, _ in pairs)
    here = reference.table
    owner = "here.merchant_id" if "merchant_id" in here.c else "null"
    keys = ", ".join(f"here.{near}" for near, _ in pairs)
    identity = "here.id" if "id" in here.c else keys
    return (
        f"select {owner}, {identity} from {here.name} here where {given} and not exists "  # noqa: S608
        f"(select 1 from {reference.referred_table.name} there where {same})"
    )


def _damage(connection: Connection) -> Iterator[Violation]:
    """What SQLite finds wrong with its own file; PostgreSQL has checksums and tools for that."""
    if connection.dialect.name != "sqlite":
        return
    try:
        lines = connection.execute(text(f"pragma integrity_check({FINDINGS_MAX})")).scalars().all()
    except DatabaseError as error:
        lines = [str(error.orig)]
    for line in lines:
        if line != "ok":
            yield _damaged_file(line)


def _damaged_file(line: str) -> Violation:
    what = f"the database file is damaged, restore a backup: {line}"
    return Violation(rule="guard.file", what=what, merchant_id=None, ids=())


def _missing_guards(connection: Connection) -> Iterator[Violation]:
    """The triggers that refuse UPDATE and DELETE, and the fence between merchants, stand."""
    on_sqlite = connection.dialect.name == "sqlite"
    standing = {row[0] for row in connection.execute(text(_TRIGGERS[on_sqlite]))}
    endings = ("no_update", "no_delete") if on_sqlite else ("no_change", "no_truncate")
    for table in APPEND_ONLY:
        for ending in endings:
            name = f"{table}_{ending}"
            if name not in standing:
                what = f"nothing refuses a change of {table}: trigger {name} is gone or off"
                yield Violation(rule="guard.trigger", what=what, merchant_id=None, ids=(table,))
    if on_sqlite:
        return
    fenced = {row[0] for row in connection.execute(text(_FENCED))}
    for table in sorted(set(MERCHANT_TABLES) - fenced):
        what = f"nothing keeps merchants apart in {table}: row-level security is off"
        yield Violation(rule="guard.fence", what=what, merchant_id=None, ids=(table,))


_TRIGGERS: Final = {
    True: "select name from sqlite_master where type = 'trigger'",
    False: "select tgname from pg_trigger where not tgisinternal and tgenabled in ('O', 'A')",
}
_FENCED: Final = (
    "select c.relname from pg_class c join pg_policy p on p.polrelid = c.oid "
    "where c.relrowsecurity and c.relforcerowsecurity"
)
