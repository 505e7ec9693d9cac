"""An e-mail as the outbox keeps it: to whom, in which language, and the facts its sentences name.

Not done here: the sentences (delivery/mail_letters.py), who gets one (loyalty). The payload is
sealed whole: it names a contact, and may hold a link or a code.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from signing.keyring import Keyring
from signing.sealing import blind_index, seal, unseal
from storage.outbox import NewRow, OutboxKind
from storage.unit_of_work import UnitOfWork

COLUMN = "outbox.payload"
# A newer one of these takes the place of one that waits.
REPLACING = frozenset({OutboxKind.NEW_CARD_CODE, OutboxKind.MEMBER_CODE})
# Somebody waits at a page for these: they overtake what else goes to the address.
WAITED_FOR = REPLACING | {OutboxKind.SIGN_IN}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """One mail. `facts` are plain values by name; `language` BCP 47, `time_zone` IANA."""

    to: str = field(repr=False)
    language: str
    time_zone: str
    facts: Mapping[str, str] = field(default_factory=dict, repr=False)


def write_mail(
    work: UnitOfWork,
    mail: Mail,
    kind: OutboxKind,
    *,
    keyring: Keyring,
    life: timedelta,
    member_id: int | None = None,
) -> int:
    """Write a mail into the outbox of the transaction; its id is returned."""
    receiver = mail_receiver(keyring, mail.to, kind, merchant_id=work.scope.merchant)
    if kind in REPLACING:
        work.outbox.drop_open(kind, receiver)
    text = json.dumps(
        {
            "to": mail.to,
            "language": mail.language,
            "time_zone": mail.time_zone,
            "facts": dict(mail.facts),
        },
        ensure_ascii=False,
    )
    sealed = seal(
        keyring,
        text.encode("utf-8", "replace"),
        merchant_id=work.scope.merchant,
        column=COLUMN,
    )
    return work.outbox.add(
        NewRow(kind=kind, receiver=receiver, sealed=sealed, member_id=member_id, life=life)
    )


def mail_receiver(keyring: Keyring, to: str, kind: OutboxKind, *, merchant_id: int) -> bytes:
    """What keeps mails to one address in order; those somebody waits for overtake the others."""
    queue = str(kind) if kind in WAITED_FOR else "mail"
    return blind_index(keyring, f"{queue}|{to}", merchant_id=merchant_id, column="outbox")


def open_mail(keyring: Keyring, sealed: bytes, *, merchant_id: int) -> Mail:
    """The mail of a row.

    Raises:
        SealBroken: damaged, or its key is not in the keyring.
    """
    found = json.loads(unseal(keyring, sealed, merchant_id=merchant_id, column=COLUMN))
    return Mail(
        to=found["to"],
        language=found["language"],
        time_zone=found["time_zone"],
        facts=found["facts"],
    )
