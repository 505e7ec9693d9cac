"""The way to Google for one process: whose key, whose turn, and what keeps a request at home.

Not here: what is asked (google_client.py), bytes (google_calls.py). Rules:
- the account's token address is checked again whenever a key is loaded (signing.google_jwt);
- every request takes a token of the account's bucket in SQL, which all processes share: 20 a
  second is Google's limit;
- one pooled session per account; no proxy from the environment;
- a sandbox's account asks the sandbox, and never Google.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar

import requests
from google.auth.exceptions import GoogleAuthError, RefreshError
from google.auth.transport.requests import AuthorizedSession, Request
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError as Urllib3Error

from common.clock import Clock
from common.errors import InvalidInput, Unavailable
from delivery.outcomes import Answer, Outcome
from delivery.settings import DeliverySettings
from signing.google_jwt import credentials, stored_service_account
from signing.keyring import Keyring
from signing.sealing import unseal
from storage.engine import Database
from storage.google_accounts import GoogleAccount
from storage.unit_of_work import open_work, run_work

SCOPE: Final = "https://www.googleapis.com/auth/wallet_object.issuer"
KEY_COLUMN: Final = "google_account.key"
INSTALLATION: Final = 0
SESSIONS_MAX: Final = 256
TURN_WAIT_MAX_S: Final = 5.0

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Kept:
    """A session for the key that was stored when it was made."""

    key_sealed: bytes
    session: AuthorizedSession


class GoogleDoor:
    """Sessions and turns of every account; safe for threads."""

    def __init__(
        self, settings: DeliverySettings, *, database: Database, keyring: Keyring, clock: Clock
    ) -> None:
        self._settings = settings
        self._database = database
        self._keyring = keyring
        self._clock = clock
        self._lock = threading.Lock()
        self._sessions: dict[int, _Kept] = {}

    def ask(
        self,
        account_id: int,
        *,
        cost: int,
        timeout_s: float,
        how: Callable[[AuthorizedSession], T],
    ) -> T | Answer:
        """Take the account's turns, then ask; what kept us from asking is an answer as well."""
        wait_s = self._take_turn(account_id, timeout_s, cost=cost)
        if wait_s > 0:
            return Answer(outcome=Outcome.THROTTLED, reason="our_rate", retry_after_s=wait_s)
        try:
            session = self._session(account_id)
        except InvalidInput as error:
            return Answer(outcome=Outcome.BREAKER, reason=error.message)
        try:
            return how(session)
        except RefreshError as error:
            return _refused_token(error)
        except (GoogleAuthError, requests.RequestException, Urllib3Error) as error:
            return Answer(outcome=Outcome.TEMPORARY, reason=type(error).__name__)

    def close(self) -> None:
        """Close every connection."""
        with self._lock:
            for account_id in list(self._sessions):
                self._forget(account_id)

    def _take_turn(self, account_id: int, timeout_s: float, *, cost: int = 1) -> float:
        """Take so many of the account's requests; seconds to wait when that is too long for now."""
        rate = self._settings.google_requests_per_s
        capacity = max(1, int(rate))
        left_s = min(timeout_s, TURN_WAIT_MAX_S)
        while True:
            wait_s = run_work(
                self._database,
                None,
                lambda work: work.buckets.take(
                    f"google|{account_id}",
                    capacity=capacity,
                    refill_per_s=rate,
                    cost=min(cost, capacity),
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


def _refused_token(error: RefreshError) -> Answer:
    if getattr(error, "retryable", False):
        return Answer(outcome=Outcome.TEMPORARY, reason="token_server")
    return Answer(outcome=Outcome.BREAKER, reason="service_account_refused")
