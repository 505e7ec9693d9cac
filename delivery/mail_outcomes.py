"""What a mail server's reply means, as literal tables.

Rules: what is wrong with us (account, sender, TLS) stops the channel and burns no attempt; what is
wrong with one receiver ends that mail alone; an unknown 4xx is temporary, an unknown 5xx permanent.

Sources: RFC 5321 4.2.3, RFC 4954 6, RFC 3463 3.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from delivery.outcomes import Outcome


class Step(StrEnum):
    """What the server answered to."""

    CONNECT = "connect"
    TLS = "tls"
    LOGIN = "login"
    SENDER = "sender"
    RECEIVER = "receiver"
    DATA = "data"


# A refusal before the receiver was named is about us, whatever its number.
OURS: Final = frozenset({Step.TLS, Step.LOGIN, Step.SENDER})

REPLIES: Final[Mapping[int, Outcome]] = {
    250: Outcome.DELIVERED,
    251: Outcome.DELIVERED,
    252: Outcome.DELIVERED,
    421: Outcome.TEMPORARY,  # it closes
    432: Outcome.TEMPORARY,
    450: Outcome.TEMPORARY,  # busy, or greylisted
    451: Outcome.TEMPORARY,
    452: Outcome.TEMPORARY,  # too many receivers, or full
    454: Outcome.TEMPORARY,
    530: Outcome.BREAKER,  # it wants a login
    534: Outcome.BREAKER,
    535: Outcome.BREAKER,  # user or password
    538: Outcome.BREAKER,  # it wants TLS
    550: Outcome.PERMANENT,  # no such mailbox
    551: Outcome.PERMANENT,
    552: Outcome.PERMANENT,
    553: Outcome.PERMANENT,
    554: Outcome.PERMANENT,
    555: Outcome.PERMANENT,
    556: Outcome.PERMANENT,
}
# The part after the class digit says more than the number before it.
STATUSES: Final[Mapping[str, Outcome]] = {
    "5.2.2": Outcome.TEMPORARY,  # the mailbox is full just now
    "5.7.8": Outcome.BREAKER,  # user or password
    "5.7.9": Outcome.BREAKER,
    "5.7.11": Outcome.BREAKER,  # it wants TLS
}
_STATUS: Final = re.compile(rb"^([245]\.\d{1,3}\.\d{1,3})\b")
_SERVICE_REFUSED: Final = 500


def mail_outcome(step: Step, code: int, text: bytes = b"") -> Outcome:
    """The meaning of a reply; `code` 0 is a connection that broke.

    Args:
        step: what was asked.
        code: the reply's number.
        text: its text, which may begin with an enhanced status.
    """
    if code == 0 or step is Step.CONNECT:
        return Outcome.TEMPORARY
    if step in OURS and code >= _SERVICE_REFUSED:
        return Outcome.BREAKER
    found = _STATUS.match(text)
    if found and found[1].decode() in STATUSES:
        return STATUSES[found[1].decode()]
    if code in REPLIES:
        return REPLIES[code]
    return Outcome.PERMANENT if code >= _SERVICE_REFUSED else Outcome.TEMPORARY


def mail_reason(step: Step, code: int, text: bytes = b"") -> str:
    """A short word for a list: the step, the number and the status, never the server's sentence.

    Servers quote the receiver's address in their sentences; a list and a log hold no contact.
    """
    found = _STATUS.match(text)
    return " ".join(
        part
        for part in (step, str(code) if code else "broken", found and found[1].decode())
        if part
    )
