"""Hand the outbox's mails to the mail server, one conversation for a batch.

Not done here: claiming (outbox_lane.py), what a mail says (mail_letters.py). Rules:
- each mail is recorded before the next begins, so a killed worker says at most one of them twice;
- each merchant has a bucket: one that writes to everybody delays no other's code;
- what is wrong with our account stops the channel for everyone in the batch and burns no attempt;
- neither an address nor what a mail says is ever logged.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Final

from common.errors import SigningError
from delivery.desk import Desk
from delivery.mail_letters import write_letter
from delivery.mail_message import compose
from delivery.mail_settings import MailSettings
from delivery.outbox_lane import record, settlement
from delivery.outcomes import Answer, Outcome
from delivery.smtp import MailRefused, MailServer
from storage import outbox_claims as settle
from storage.breakers import Breakers
from storage.buckets import Buckets
from storage.mails import open_mail
from storage.outbox_claims import OutboxClaim
from storage.unit_of_work import UnitOfWork, run_work

CHANNEL: Final = "mail"
UNREADABLE: Final = Answer(outcome=Outcome.PERMANENT, reason="unreadable")
# A batch ends well before its leases do; the rest is given back.
ROUND_S: Final = 30.0

_log = logging.getLogger("regulars.delivery")


class MailLane:
    """Sends mails; one lane per worker."""

    def __init__(self, desk: Desk) -> None:
        if desk.settings.mail is None:
            raise ValueError("a mail lane needs a mail server")
        self._desk = desk
        self._mail: MailSettings = desk.settings.mail

    def close(self) -> None:
        """Nothing stays open between batches."""

    def deliver(self, claims: Sequence[OutboxClaim]) -> None:
        """Deliver a batch of claims of any merchants and settle every one."""
        flowing = [claim for claim in claims if self._may_go(claim)]
        if not flowing:
            return
        with ExitStack() as stack:
            try:
                server = stack.enter_context(MailServer(self._mail))
            except MailRefused as refused:
                for claim in flowing:
                    self._record(claim, refused.answer)
                return
            ends_s = self._desk.clock.monotonic_s() + ROUND_S
            for claim in flowing:
                if self._desk.stop.is_set() or self._desk.clock.monotonic_s() > ends_s:
                    record(self._desk, [settle.given_back(claim)])
                else:
                    self._record(claim, self._hand_over(server, claim))

    def _may_go(self, claim: OutboxClaim) -> bool:
        mail = self._mail
        wait_s = run_work(
            self._desk.database,
            None,
            lambda work: Buckets(work.scope).take(
                f"mail|{claim.merchant_id}",
                capacity=mail.merchant_burst,
                refill_per_s=mail.merchant_per_hour / 3600,
            ),
            clock=self._desk.clock,
        )
        if wait_s > 0:
            paced = Answer(outcome=Outcome.THROTTLED, reason="paced", retry_after_s=wait_s)
            record(self._desk, [settlement(self._desk, claim, paced)])
        return wait_s <= 0

    def _hand_over(self, server: MailServer, claim: OutboxClaim) -> Answer:
        try:
            mail = open_mail(
                self._desk.keyring, claim.payload_sealed or b"", merchant_id=claim.merchant_id
            )
            letter = write_letter(claim.kind, mail, written_at=claim.created_at)
            message = compose(
                letter,
                self._mail,
                to=mail.to,
                row_id=claim.id,
                written_at=claim.created_at,
                unsubscribe_url=mail.facts.get("unsubscribe_url", ""),
            )
        except (SigningError, KeyError, ValueError, IndexError):
            return UNREADABLE
        return server.hand_over(message, to=mail.to)

    def _record(self, claim: OutboxClaim, answer: Answer) -> None:
        outcome = settlement(self._desk, claim, answer)
        extra = {"row": claim.id, "kind": claim.kind, "outcome": str(answer.outcome)}
        if answer.outcome is Outcome.DELIVERED:
            _log.info("delivery.mail", extra=extra)
        else:
            _log.warning("delivery.mail", extra={**extra, "reason": answer.reason})

        def action(work: UnitOfWork) -> None:
            if answer.outcome is Outcome.BREAKER:
                Breakers(work.scope).open(CHANNEL, reason=answer.reason)
            elif answer.outcome is Outcome.DELIVERED:
                Breakers(work.scope).close(CHANNEL)

        run_work(self._desk.database, claim.merchant_id, action, clock=self._desk.clock)
        record(self._desk, [outcome])
