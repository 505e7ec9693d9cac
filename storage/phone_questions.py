"""Which card a phone speaks of, by the names it was given: read in one statement.

Phones ask far more often than anything changes (pull to refresh, reboots, readers with a timer), so
this is a hot path and speaks driver SQL. Not here: whether the phone may ask (loyalty/devices.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from common.clock import from_micros, to_micros
from storage.kept_passes import KeptPass
from storage.scope import Scope
from storage.wallet_passes import WalletPass

_NAMES: Final = (
    "id",
    "programme_id",
    "member_id",
    "generation",
    "serial_number",
    "last_modified_s",
    "created_at",
    "pass_type_id",
    "google_object_id",
    "voided_at",
    "revision",
    "stamped_revision",
    "stamp",
    "stamped_face",
    "fetched_revision",
    "fetched_at",
)
_MOMENTS: Final = frozenset({"created_at", "voided_at", "fetched_at"})
_ASKED: Final = (
    "select w.merchant_id, k.token_sealed, k.web_service_url, "  # noqa: S608 - fixed names
    # The certificate that signs, as WalletPasses.newest_certificate finds it.
    "(select c.id from apple_certificate c"
    " where c.merchant_id = w.merchant_id and c.pass_type_id = w.pass_type_id"
    " order by case when c.not_before <= ? and c.not_after > ? then 0 else 1 end, c.id desc"
    " limit 1), " + ", ".join(f"w.{name}" for name in _NAMES) + " from directory_name d"
    " join wallet_pass w on w.merchant_id = d.merchant_id and w.serial_number = ?"
    " and w.pass_type_id = d.subject_id"
    " left join kept_pass k on k.merchant_id = w.merchant_id and k.id = w.id"
    " where d.kind = 'pass_type' and d.name = ?"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedCard:
    """A card and whose it is; `kept` where it was in phones before Regulars.

    `certificate_id` is the certificate that would sign it now; None when there is none.
    """

    merchant_id: int
    card: WalletPass
    certificate_id: int | None
    kept: KeptPass | None


def asked_card(scope: Scope, pass_type_identifier: str, serial_number: str) -> AskedCard | None:
    """The card of these names, over all merchants; None when there is none."""
    now = to_micros(scope.clock.now())
    row = scope.run_sql(_ASKED, (now, now, serial_number, pass_type_identifier)).fetchone()
    if row is None:
        return None
    merchant_id, token_sealed, web_service_url, certificate_id, *values = row
    facts: dict[str, Any] = {
        name: _moment(value) if name in _MOMENTS else value
        for name, value in zip(_NAMES, values, strict=True)
    }
    card = WalletPass(**facts)
    kept = None
    if token_sealed is not None:
        kept = KeptPass(
            id=card.id, token_sealed=bytes(token_sealed), web_service_url=web_service_url
        )
    return AskedCard(merchant_id=merchant_id, card=card, certificate_id=certificate_id, kept=kept)


def _moment(micros: Any) -> datetime | None:
    return None if micros is None else from_micros(micros)
