"""Talk to Google Wallet's REST API: insert, patch, and both as one upsert.

Not here: what a card says (passes/google.py), when (worker.py), what an answer means
(outcomes.py). Rules:
- the account's token address is checked again whenever a key is loaded (signing.google_jwt);
- every request takes a token of the account's bucket in SQL, which all processes share: 20 a
  second is Google's limit;
- one pooled session per account; no proxy from the environment, no redirect, answers capped, every
  call with a time-out;
- an answer is judged by status and by Google's own reason: 403 alone says nothing.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

import requests
from google.auth.exceptions import GoogleAuthError, RefreshError
from google.auth.transport.requests import AuthorizedSession, Request
from requests.adapters import HTTPAdapter

from common.clock import Clock
from common.errors import DeliveryError, InvalidInput, Unavailable
from common.i18n import gettext as _
from delivery.outcomes import Answer, Outcome, google_outcome
from delivery.retry import read_retry_after
from delivery.settings import DeliverySettings
from signing.google_jwt import credentials, stored_service_account
from signing.keyring import Keyring
from signing.sealing import unseal
from storage.engine import Database
from storage.google_accounts import GoogleAccount
from storage.unit_of_work import open_work, run_work

SCOPE: Final = "https://www.googleapis.com/auth/wallet_object.issuer"
ANSWER_BYTES_MAX: Final = 256 * 1024
KEY_COLUMN: Final = "google_account.key"
INSTALLATION: Final = 0
SESSIONS_MAX: Final = 256
TURN_WAIT_MAX_S: Final = 5.0
CLASSES: Final = "loyaltyClass"
OBJECTS: Final = "loyaltyObject"

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Kept:
    """A session for the key that was stored when it was made."""

    key_sealed: bytes
    session: AuthorizedSession


class GoogleClient:
    """Google for one process; safe for threads. Its `upsert` is the loyalty room's GooglePort."""

    def __init__(
        self, settings: DeliverySettings, *, database: Database, keyring: Keyring, clock: Clock
    ) -> None:
        self._settings = settings
        self._database = database
        self._keyring = keyring
        self._clock = clock
        self._lock = threading.Lock()
        self._sessions: dict[int, _Kept] = {}

    def upsert(
        self,
        *,
        account_id: int,
        class_document: Document,
        object_document: Document,
        timeout_s: float,
    ) -> None:
        """Put an object, and its class where it is missing, at Google now.

        Raises:
            DeliveryError: Google did not take it in time; the sentence says why.
        """
        answer = self.put_object(
            account_id,
            insert=object_document,
            patch=_without_ids(object_document),
            class_document=class_document,
            timeout_s=timeout_s,
            exists=False,
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
    ) -> Answer:
        """Bring an object to its present state; `exists` tells which way is tried first."""
        answer = self._put(
            account_id, OBJECTS, insert=insert, patch=patch, timeout_s=timeout_s, exists=exists
        )
        if answer.outcome is not Outcome.MISSING:
            return answer
        made = self.put_class(
            account_id,
            insert=class_document,
            patch=_without_ids(class_document),
            timeout_s=timeout_s,
            exists=False,
        )
        if made.outcome is not Outcome.DELIVERED:
            return made
        return self._put(
            account_id, OBJECTS, insert=insert, patch=patch, timeout_s=timeout_s, exists=False
        )

    def put_class(
        self,
        account_id: int,
        *,
        insert: Document,
        patch: Document,
        timeout_s: float,
        exists: bool,
    ) -> Answer:
        """Bring a class to its present state."""
        return self._put(
            account_id, CLASSES, insert=insert, patch=patch, timeout_s=timeout_s, exists=exists
        )

    def close(self) -> None:
        """Close every connection."""
        with self._lock:
            for account_id in list(self._sessions):
                self._forget(account_id)

    def _put(
        self,
        account_id: int,
        kind: str,
        *,
        insert: Document,
        patch: Document,
        timeout_s: float,
        exists: bool,
    ) -> Answer:
        """PATCH then POST, or POST then PATCH: each order ends in the same state."""
        address = f"{kind}/{quote(str(insert['id']), safe='.-_')}"
        if exists:
            answer = self._request(account_id, "PATCH", address, body=patch, timeout_s=timeout_s)
            if answer.outcome is not Outcome.MISSING:
                return answer
        answer = self._request(account_id, "POST", kind, body=insert, timeout_s=timeout_s)
        if answer.outcome is not Outcome.EXISTS:
            return answer
        return self._request(account_id, "PATCH", address, body=patch, timeout_s=timeout_s)

    def _request(
        self, account_id: int, method: str, address: str, *, body: Document | None, timeout_s: float
    ) -> Answer:
        wait_s = self._take_turn(account_id, timeout_s)
        if wait_s > 0:
            return Answer(outcome=Outcome.THROTTLED, reason="our_rate", retry_after_s=wait_s)
        try:
            session = self._session(account_id)
        except InvalidInput as error:
            return Answer(outcome=Outcome.BREAKER, reason=error.message)
        try:
            return _send(
                session,
                method,
                f"{self._settings.google_api_url}/{address}",
                body=body,
                timeout_s=timeout_s,
            )
        except RefreshError as error:
            return _refused_token(error)
        except (GoogleAuthError, requests.RequestException) as error:
            return Answer(outcome=Outcome.TEMPORARY, reason=type(error).__name__)

    def _take_turn(self, account_id: int, timeout_s: float) -> float:
        """Take one of the account's requests; seconds to wait when that is too long for now."""
        rate = self._settings.google_requests_per_s
        left_s = min(timeout_s, TURN_WAIT_MAX_S)
        while True:
            wait_s = run_work(
                self._database,
                None,
                lambda work: work.buckets.take(
                    f"google|{account_id}", capacity=max(1, int(rate)), refill_per_s=rate
                ),
                clock=self._clock,
            )
            if wait_s <= 0 or wait_s > left_s:
                return wait_s
            threading.Event().wait(wait_s)
            left_s -= wait_s

    def _session(self, account_id: int) -> AuthorizedSession:
        with open_work(self._database, None, clock=self._clock, writing=False) as work:
            stored = work.google_accounts.get(account_id)
        key_sealed = stored.key_sealed
        with self._lock:
            kept = self._sessions.get(account_id)
            if kept is None or kept.key_sealed != key_sealed:
                kept = _Kept(key_sealed, self._new_session(stored))
                if len(self._sessions) >= SESSIONS_MAX:
                    self._forget(next(iter(self._sessions)))
                self._sessions[account_id] = kept
            return kept.session

    def _forget(self, account_id: int) -> None:
        self._sessions.pop(account_id).session.close()  # type: ignore[no-untyped-call]

    def _new_session(self, stored: GoogleAccount) -> AuthorizedSession:
        key_file = unseal(
            self._keyring, stored.key_sealed, merchant_id=INSTALLATION, column=KEY_COLUMN
        )
        try:
            account = stored_service_account(
                key_file,
                sandbox=stored.sandbox,
                allowed_token_uri=self._settings.allowed_token_uri,
            )
        except Unavailable as error:
            # Not as if the database were away: this account alone stands still.
            raise InvalidInput(error.message, field="service_account") from error
        tokens = _plain(requests.Session())
        session = AuthorizedSession(  # type: ignore[no-untyped-call]
            credentials(account, [SCOPE]),
            auth_request=Request(tokens),
        )
        _plain(session)
        pool = HTTPAdapter(pool_maxsize=self._settings.google_threads)
        session.mount("https://", pool)
        session.mount("http://", pool)
        return session


def _plain(session: requests.Session) -> requests.Session:
    session.trust_env = False
    session.max_redirects = 0
    return session


def _send(
    session: AuthorizedSession,
    method: str,
    url: str,
    *,
    body: Document | None,
    timeout_s: float,
) -> Answer:
    with session.request(  # type: ignore[no-untyped-call]
        method,
        url,
        data=None if body is None else json.dumps(body, separators=(",", ":")).encode(),
        headers={"Content-Type": "application/json; charset=utf-8"},
        timeout=timeout_s,
        allow_redirects=False,
        stream=True,
    ) as response:
        data = response.raw.read(ANSWER_BYTES_MAX, decode_content=True)
        reason = "" if response.ok else _reason(data)
        return Answer(
            outcome=google_outcome(response.status_code, reason),
            reason=reason or f"http_{response.status_code}",
            retry_after_s=read_retry_after(response.headers.get("Retry-After")),
        )


def _reason(data: bytes) -> str:
    """`error.errors[0].reason` of Google's body, else its status word; empty when it has none."""
    try:
        error = json.loads(data)["error"]
        listed = error.get("errors") or [{}]
        found = listed[0].get("reason") or error.get("status") or ""
    except (ValueError, RecursionError, KeyError, IndexError, TypeError, AttributeError):
        return ""
    return found[:80] if isinstance(found, str) else ""


def _refused_token(error: RefreshError) -> Answer:
    if getattr(error, "retryable", False):
        return Answer(outcome=Outcome.TEMPORARY, reason="token_server")
    return Answer(outcome=Outcome.BREAKER, reason="service_account_refused")


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
