"""Hand out the cards that are out, so that another service could go on with them; sealed.

The list holds what `keep_passes` takes: serial numbers, the tokens and phones that prove them,
member numbers and balances. Whoever has it can speak for every phone, so it asks for an owner's
second factor, leaves only sealed under a passphrase, and is audited. Names and contacts are not in
it. Not done here: writing the file, and reading it back (kept_rows.py after `open_export`).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from common.actor import Actor
from common.errors import InvalidInput, NotAllowed
from common.i18n import gettext as _
from loyalty.context import Loyalty
from loyalty.kept_rows import COLUMNS
from loyalty.kept_tokens import kept_token
from loyalty.read_pass import WEB_SERVICE_PATH
from loyalty.second_factor import use_code
from signing.passphrase import open_under, seal_under
from signing.tokens import apple_authentication_token, barcode_token
from storage.kept_passes import KeptPass, PassOut
from storage.unit_of_work import open_work, run_work

HEADER: Final = b"regulars-passes-1\n"
SLICE: Final = 500
EXPORT_COLUMNS: Final = (*COLUMNS[:6], "code", "pass_type", "web_service_url")


class SecondFactorNeeded(NotAllowed):
    """Turn your second factor on in the console first; this is too much to hand out without one."""

    code = "second_factor_needed"


@dataclass(frozen=True, slots=True, kw_only=True)
class PassExport:
    """The sealed list, and what is in it."""

    sealed: bytes = field(repr=False)
    cards: int
    phones: int


def export_passes(
    ctx: Loyalty, merchant_id: int, *, person_id: int, code: str, passphrase: str, actor: Actor
) -> PassExport:
    """Every living card with an Apple pass, each with its phones, sealed under the passphrase.

    Raises:
        SecondFactorNeeded: the person has no second factor.
        NotAllowed: the person is no owner of this merchant.
        InvalidInput: field `code`: not right, or used before; `passphrase`: too short.
        TooMany: too many codes were tried.
    """
    address = f"{_owners_address(ctx, merchant_id, person_id)}{WEB_SERVICE_PATH}"
    # Sealing nothing first tells a bad passphrase before the code is spent.
    seal_under(passphrase, b"", header=HEADER)
    use_code(ctx, person_id, code)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(EXPORT_COLUMNS)
    cards: set[int] = set()
    phones = 0
    for row in _rows(ctx, merchant_id):
        cards.add(row.pass_id)
        phones += row.library_identifier is not None
        writer.writerow(_cells(ctx, merchant_id, row, address=address))
    sealed = seal_under(passphrase, text.getvalue().encode(), header=HEADER)
    run_work(
        ctx.database,
        merchant_id,
        lambda work: work.audit.add(
            actor=actor,
            action="passes.export",
            subject_kind="person",
            subject_id=person_id,
            detail={"cards": len(cards), "phones": phones},
        ),
        clock=ctx.clock,
    )
    return PassExport(sealed=sealed, cards=len(cards), phones=phones)


def is_export(data: bytes) -> bool:
    """Whether a file is such an export."""
    return data.startswith(HEADER)


def open_export(data: bytes, passphrase: str) -> bytes:
    """The list in an export.

    Raises:
        InvalidInput: field `passphrase`: another one, or the file is damaged.
    """
    plain = open_under(passphrase, data, header=HEADER)
    if plain is None:
        raise InvalidInput(
            _("Wrong passphrase, or the file is damaged. Type the one it was made with."),
            field="passphrase",
        )
    return plain


def _owners_address(ctx: Loyalty, merchant_id: int, person_id: int) -> str:
    """The merchant's public address, for an owner with a second factor."""
    with open_work(ctx.database, merchant_id, clock=ctx.clock, writing=False) as work:
        if work.merchants.role_of(person_id) != "owner":
            raise NotAllowed(_("Only an owner may take the list of cards away."))
        if work.merchants.person(person_id).totp_sealed is None:
            raise SecondFactorNeeded(
                _("Turn your second factor on in the console first, under Your account.")
            )
        return (work.merchants.get().public_url or ctx.settings.public_url).rstrip("/")


def _rows(ctx: Loyalty, merchant_id: int) -> Iterator[PassOut]:
    after = 0
    while True:
        with open_work(ctx.database, merchant_id, clock=ctx.clock, writing=False) as work:
            rows = work.kept_passes.out(after=after, limit=SLICE)
        if not rows:
            return
        yield from rows
        after = rows[-1].pass_id


def _cells(ctx: Loyalty, merchant_id: int, row: PassOut, *, address: str) -> tuple[str, ...]:
    if row.token_sealed is None:
        token = apple_authentication_token(ctx.keyring, serial_number=row.serial_number)
    else:
        kept = KeptPass(id=row.pass_id, token_sealed=row.token_sealed, web_service_url=None)
        token = kept_token(ctx.keyring, merchant_id, kept)
    code = barcode_token(
        ctx.keyring,
        merchant_id=merchant_id,
        pass_id=row.pass_id,
        generation=row.generation,
    )
    return (
        row.serial_number,
        token,
        row.library_identifier or "",
        row.push_token or "",
        row.member_number,
        str(row.balance),
        code,
        row.pass_type,
        row.web_service_url or address,
    )
