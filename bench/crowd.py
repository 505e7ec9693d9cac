"""Many cards at once, as rows: one made by the builders, the others copied from it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from sqlalchemy import Table, insert, select

from common.clock import EPOCH, SystemClock
from common.ids import new_id
from signing.keyring import Keyring
from signing.sandbox_chain import make_sandbox_apple
from signing.sealing import seal
from storage import tables
from storage.engine import Database
from storage.unit_of_work import UnitOfWork, run_work
from storage.wallet_passes import AppleCertificate
from tests.support import builders

ROWS_AT_ONCE: Final = 10_000
CLOCK: Final = SystemClock()
# Copied in this order, and how each names the rows before it.
COPIED: Final[tuple[tuple[Table, dict[str, str]], ...]] = (
    (tables.member, {}),
    (tables.account, {"member_id": "member"}),
    (tables.wallet_pass, {"member_id": "member"}),
    (tables.device, {}),
    (tables.registration, {"device_id": "device", "pass_id": "wallet_pass"}),
    (
        tables.delivery,
        {"target_id": "registration", "device_id": "device", "pass_id": "wallet_pass"},
    ),
)
UNIQUE: Final = {
    "member": "number",
    "wallet_pass": "serial_number",
    "device": "library_identifier",
}


def add_shop(database: Database, merchant_id: int, keyring: Keyring) -> int:
    """A programme with a certificate and one card on one iPhone that knows the present.

    Returns:
        The programme's id.
    """

    def action(work: UnitOfWork) -> int:
        pass_type = builders.a_pass_type(work)
        work.passes.add_certificate(_certificate(merchant_id, pass_type.id, keyring))
        programme = builders.a_programme(work)
        member = builders.a_member(work, programme)
        builders.a_registration(work, work.passes.current_of_member(member.id))
        work.scope.execute(tables.delivery.update().values(delivered_revision=1))
        return programme.id

    return run_work(database, merchant_id, action, clock=CLOCK)


def add_cards(
    database: Database, merchant_id: int, count: int, *, token: str = "aa", **delivery: Any
) -> list[tuple[int, str]]:
    """Copy the merchant's first card `count` times, each on a phone of its own.

    Args:
        database: SQLite or PostgreSQL.
        merchant_id: has a card already, made by `add_shop`.
        count: how many.
        token: how the push tokens begin.
        delivery: columns of the delivery rows that differ.

    Returns:
        Member and push token of each.
    """
    made = []
    with database.schema_connection() as connection:
        first = {
            table.name: dict(
                connection.execute(
                    select(table)
                    .where(table.c.merchant_id == merchant_id)
                    .where(*([table.c.member_id.is_not(None)] if table is tables.account else []))
                    .order_by(table.c.id)
                    .limit(1)
                )
                .mappings()
                .one()
            )
            for table, _names in COPIED
        }
        first["delivery"] |= delivery
        for start in range(0, count, ROWS_AT_ONCE):
            batch = [
                _copy(first, token=f"{token}{start + number:062d}")
                for number in range(min(ROWS_AT_ONCE, count - start))
            ]
            for table, _names in COPIED:
                connection.execute(insert(table), [rows[table.name] for rows in batch])
            made += [(rows["member"]["id"], rows["device"]["push_token"]) for rows in batch]
        connection.commit()
    return made


def _copy(first: dict[str, dict[str, Any]], *, token: str) -> dict[str, dict[str, Any]]:
    ids: dict[str, int] = {}
    rows = {}
    for table, names in COPIED:
        ids[table.name] = new_id()
        row = first[table.name] | {"id": ids[table.name]}
        row |= {column: ids[other] for column, other in names.items()}
        if table.name in UNIQUE:
            row[UNIQUE[table.name]] = f"c{ids[table.name]}"
        rows[table.name] = row
    rows["device"]["push_token"] = token
    return rows


def _certificate(merchant_id: int, pass_type_id: int, keyring: Keyring) -> AppleCertificate:
    made = make_sandbox_apple(CLOCK.now())
    return AppleCertificate(
        id=new_id(),
        pass_type_id=pass_type_id,
        certificate_pem=made.certificate_pem.decode(),
        intermediate_pem=made.intermediate_pem.decode(),
        key_sealed=seal(
            keyring, made.key_pem, merchant_id=merchant_id, column="apple_certificate.key"
        ),
        serial_hex="01",
        not_before=EPOCH,
        not_after=CLOCK.now() + timedelta(days=365),
        created_at=CLOCK.now(),
    )
