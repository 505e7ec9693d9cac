"""Talk to Google Wallet's REST API: insert, patch, and both as one upsert.

Not here: what a card says (passes/google.py), when (worker.py), bytes and batches
(google_calls.py), accounts and their turns (google_door.py), what an answer means (outcomes.py).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote

from common.clock import Clock
from common.errors import DeliveryError
from common.i18n import gettext as _
from delivery.google_calls import Call, send, send_batch
from delivery.google_door import GoogleDoor
from delivery.outcomes import Answer, Outcome
from delivery.settings import DeliverySettings
from passes.google_parts import GoogleKind
from signing.keyring import Keyring
from storage.engine import Database

NO_BATCH_S: Final = 3600.0
"""How long a Google without a batch address is not asked for one again."""
QUOTA: Final = "quotaExceeded"
Document = Mapping[str, Any]


class GoogleClient:
    """Google for one process; safe for threads. Its `upsert` is the loyalty room's GooglePort."""

    def __init__(
        self, settings: DeliverySettings, *, database: Database, keyring: Keyring, clock: Clock
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._door = GoogleDoor(settings, database=database, keyring=keyring, clock=clock)
        self._no_batch_until_s = 0.0

    def upsert(
        self,
        *,
        account_id: int,
        class_document: Document,
        object_document: Document,
        object_patch: Document | None = None,
        timeout_s: float,
        kind: GoogleKind = GoogleKind.LOYALTY,
    ) -> None:
        """Put an object, and its class where it is missing, at Google now.

        Raises:
            DeliveryError: Google did not take it in time; the sentence says why.
        """
        answer = self.put_object(
            account_id,
            insert=object_document,
            patch=object_patch or _without_ids(object_document),
            class_document=class_document,
            timeout_s=timeout_s,
            exists=False,
            kind=kind,
        )
        if answer.outcome is not Outcome.DELIVERED:
            raise DeliveryError(_sentence(answer))

    def check(self, *, account_id: int, issuer_id: str, timeout_s: float) -> None:
        """Ask Google whether the account may speak for the issuer.

        Raises:
            DeliveryError: it may not, or Google does not answer; the sentence says what to do.
        """
        answer = self._request(
            account_id, "GET", f"issuer/{quote(issuer_id, safe='')}", body=None, timeout_s=timeout_s
        )
        if answer.outcome is not Outcome.DELIVERED:
            raise DeliveryError(_check_sentence(answer, issuer_id))

    def put_object(
        self,
        account_id: int,
        *,
        insert: Document,
        patch: Document,
        class_document: Document,
        timeout_s: float,
        exists: bool,
        kind: GoogleKind = GoogleKind.LOYALTY,
    ) -> Answer:
        """Bring an object to its present state; `exists` tells which way is tried first."""

        def put(*, exists: bool) -> Answer:
            return self._put(
                account_id,
                kind.objects,
                insert=insert,
                patch=patch,
                timeout_s=timeout_s,
                exists=exists,
            )

        answer = put(exists=exists)
        if answer.outcome is not Outcome.MISSING:
            return answer
        made = self.put_class(
            account_id,
            insert=class_document,
            patch=_without_ids(class_document),
            timeout_s=timeout_s,
            exists=False,
            kind=kind,
        )
        return put(exists=False) if made.outcome is Outcome.DELIVERED else made

    def put_class(
        self,
        account_id: int,
        *,
        insert: Document,
        patch: Document,
        timeout_s: float,
        exists: bool,
        kind: GoogleKind = GoogleKind.LOYALTY,
    ) -> Answer:
        """Bring a class to its present state."""
        return self._put(
            account_id,
            kind.classes,
            insert=insert,
            patch=patch,
            timeout_s=timeout_s,
            exists=exists,
        )

    def close(self) -> None:
        """Close every connection."""
        self._door.close()

    def _put(
        self,
        account_id: int,
        resource: str,
        *,
        insert: Document,
        patch: Document,
        timeout_s: float,
        exists: bool,
    ) -> Answer:
        """PATCH then POST, or POST then PATCH: each order ends in the same state."""
        address = _address(resource, str(insert["id"]))
        if exists:
            answer = self._request(account_id, "PATCH", address, body=patch, timeout_s=timeout_s)
            if answer.outcome is not Outcome.MISSING:
                return answer
        answer = self._request(account_id, "POST", resource, body=insert, timeout_s=timeout_s)
        if answer.outcome is not Outcome.EXISTS:
            return answer
        return self._request(account_id, "PATCH", address, body=patch, timeout_s=timeout_s)

    def patch_objects(
        self,
        account_id: int,
        patches: Sequence[tuple[GoogleKind, str, Document]],
        *,
        timeout_s: float,
    ) -> list[Answer] | None:
        """PATCH many objects, given as (kind, id, body), in one request; answers in their order.

        None where Google offers no batch: send them one by one.
        """
        if self._no_batch_until_s > self._clock.monotonic_s():
            return None
        calls = [
            Call(method="PATCH", address=_address(kind.objects, object_id), body=body)
            for kind, object_id, body in patches
        ]
        answers = self._door.ask(
            account_id,
            cost=len(calls),
            timeout_s=timeout_s,
            how=lambda session: send_batch(
                session,
                self._settings.google_api_url,
                calls,
                timeout_s=timeout_s,
                clock=self._clock,
            ),
        )
        if answers is None:
            self._no_batch_until_s = self._clock.monotonic_s() + NO_BATCH_S
        return [answers] * len(calls) if isinstance(answers, Answer) else answers

    def add_message(
        self,
        account_id: int,
        object_id: str,
        *,
        header: str,
        body: str,
        loud: bool,
        timeout_s: float,
        message_id: str = "",
        shown_until: datetime | None = None,
        kind: GoogleKind = GoogleKind.LOYALTY,
    ) -> Answer:
        """Put a message on the back of a card; `loud` lets the phone say so.

        Over Google's own count the message is put there silently instead: the answer's reason is
        then `quotaExceeded`.
        """
        how = "TEXT_AND_NOTIFY" if loud else "TEXT"
        message: dict[str, Any] = {"header": header, "body": body, "messageType": how}
        if message_id:
            message["id"] = message_id
        if shown_until is not None:
            message["displayInterval"] = {"end": {"date": shown_until.isoformat()}}
        answer = self._request(
            account_id,
            "POST",
            f"{_address(kind.objects, object_id)}/addMessage",
            body={"message": message},
            timeout_s=timeout_s,
        )
        if not loud or answer.reason != QUOTA:
            return answer
        silent = self.add_message(
            account_id,
            object_id,
            header=header,
            body=body,
            loud=False,
            timeout_s=timeout_s,
            message_id=message_id,
            shown_until=shown_until,
            kind=kind,
        )
        return replace(silent, reason=QUOTA)

    def clear_messages(
        self,
        account_id: int,
        object_id: str,
        *,
        timeout_s: float,
        kind: GoogleKind = GoogleKind.LOYALTY,
    ) -> Answer:
        """Take every message off the back of a card."""
        return self._request(
            account_id,
            "PATCH",
            _address(kind.objects, object_id),
            body={"messages": []},
            timeout_s=timeout_s,
        )

    def get_document(self, account_id: int, address: str, *, timeout_s: float) -> Answer:
        """GET a class, an object or a page of a list; the answer's `resource` holds it."""
        return self._request(account_id, "GET", address, body=None, timeout_s=timeout_s)

    def validate(
        self,
        account_id: int,
        *,
        class_document: Document,
        object_document: Document,
        timeout_s: float,
        kind: GoogleKind = GoogleKind.LOYALTY,
    ) -> Answer:
        """Google's own dry run of a card: nothing is stored there; `message` says what is wrong."""
        payload = {
            f"{kind.classes}es": [dict(class_document)],
            f"{kind.objects}s": [dict(object_document)],
        }
        return self._request(
            account_id,
            "POST",
            "jwt/validate",
            body={"jsonResource": {"json": json.dumps(payload)}},
            timeout_s=timeout_s,
        )

    def rehearse(
        self,
        *,
        account_id: int,
        class_document: Document,
        object_document: Document,
        timeout_s: float,
        kind: GoogleKind = GoogleKind.LOYALTY,
    ) -> str:
        """What Google would refuse of a card, in its own words; empty when it would take it.

        Empty too when Google does not answer or does not know the account: that is no fault of the
        card, and `check` tells it.
        """
        answer = self.validate(
            account_id,
            class_document=class_document,
            object_document=object_document,
            timeout_s=timeout_s,
            kind=kind,
        )
        return (answer.message or answer.reason) if answer.outcome is Outcome.PERMANENT else ""

    def _request(
        self, account_id: int, method: str, address: str, *, body: Document | None, timeout_s: float
    ) -> Answer:
        call = Call(method=method, address=address, body=body)
        return self._door.ask(
            account_id,
            cost=1,
            timeout_s=timeout_s,
            how=lambda session: send(
                session, self._settings.google_api_url, call, timeout_s=timeout_s, clock=self._clock
            ),
        )


def _address(resource: str, resource_id: str) -> str:
    return f"{resource}/{quote(resource_id, safe='.-_')}"


def _without_ids(document: Document) -> dict[str, Any]:
    return {name: value for name, value in document.items() if name not in {"id", "classId"}}


def _check_sentence(answer: Answer, issuer_id: str) -> str:
    match answer.outcome:
        case Outcome.BREAKER:
            return _(
                "Google does not let this account speak for issuer %(issuer)s (%(reason)s). Invite "
                "its address as a Developer under Users in the Google Pay & Wallet console.",
                issuer=issuer_id,
                reason=answer.reason,
            )
        case Outcome.MISSING | Outcome.PERMANENT:
            return _(
                "Google knows no issuer %(issuer)s (%(reason)s). Copy the issuer id from the "
                "Google Pay & Wallet console.",
                issuer=issuer_id,
                reason=answer.reason,
            )
        case _:
            return _("Google does not answer (%(reason)s).", reason=answer.reason)


def _sentence(answer: Answer) -> str:
    match answer.outcome:
        case Outcome.BREAKER:
            return _(
                "Google does not accept this shop's account (%(reason)s). The owner finds the "
                "mend in the console, under Wallets.",
                reason=answer.reason,
            )
        case Outcome.PERMANENT:
            return _("Google refused the card (%(reason)s).", reason=answer.reason)
        case _:
            return _("Google cannot take the card right now. Please try again in a moment.")
