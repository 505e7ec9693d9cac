"""The way to Google for one process: whose key, whose turn, and what keeps a request at home.

Not here: what is asked (google_client.py), bytes (google_calls.py). Rules:
- the account's token address is checked again whenever a key is loaded (signing.google_jwt);
- every request takes a token of the account's bucket in SQL, which all processes share: 20 a
  second is Google's limit; a few are taken at once and used within a moment or never;
- one pooled session per account; no proxy from the environment;
- a sandbox's account asks the sandbox, and never Google.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
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
from storage.unit_of_work import UnitOfWork, run_work

SCOPE: Final = "https://www.googleapis.com/auth/wallet_object.issuer"
KEY_COLUMN: Final = "google_account.key"
INSTALLATION: Final = 0
SESSIONS_MAX: Final = 256
TURN_WAIT_MAX_S: Final = 5.0
TURNS_AT_ONCE: Final = 4
"""Asking the bucket costs as much as a request: a busy process asks once for a few."""
TURNS_KEPT_S: Final = 0.2

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Kept:
    """A session for the key that was stored when it was made."""

    key_sealed: bytes
    session: AuthorizedSession


@dataclass(frozen=True, slots=True, kw_only=True)
class _KeptTurns:
    turns: int
    end_s: float


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
        self._kept: dict[int, _KeptTurns] = {}

    def ask(
        self,
        account_id: int,
        *,
        cost: int,
        timeout_s: float,
        how: Callable[[AuthorizedSession], T],
    ) -> T | Answer:
        """Take the account's turns, then ask; what kept us from asking is an answer as well."""
        session = self._kept_session(account_id, cost)
        if session is None:
            wait_s, stored = self._take_turn(account_id, timeout_s, cost=cost)
            if wait_s > 0:
                return Answer(outcome=Outcome.THROTTLED, reason="our_rate", retry_after_s=wait_s)
            try:
                session = self._session(stored)
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

    def _take_turn(
        self, account_id: int, timeout_s: float, *, cost: int = 1
    ) -> tuple[float, GoogleAccount]:
        """Take so many of the account's requests: the seconds to wait when that is too long for now.

        The account comes along, because its key may have been changed since the last turn.
        """
        left_s = min(timeout_s, TURN_WAIT_MAX_S)
        while True:
            wait_s, stored = self._take_turns(account_id, cost)
            if wait_s <= 0 or wait_s > left_s:
                return wait_s, stored
            threading.Event().wait(wait_s)
            left_s -= wait_s

    def _take_turns(self, account_id: int, cost: int) -> tuple[float, GoogleAccount]:
        """Take turns in SQL, and a few more while there are plenty: they are kept for a moment."""
        rate = self._settings.google_requests_per_s
        capacity = max(1, int(rate))
        more = min(TURNS_AT_ONCE, capacity // 5)

        def action(work: UnitOfWork) -> tuple[float, int, GoogleAccount]:
            stored = work.google_accounts.get(account_id)
            wait_s = math.inf
            for turns in dict.fromkeys((max(cost, more), cost)):
                wait_s = work.buckets.take(
                    f"google|{account_id}",
                    capacity=capacity,
                    refill_per_s=rate,
                    cost=min(turns, capacity),
                )
                if wait_s <= 0:
                    return wait_s, max(0, turns - cost), stored
            return wait_s, 0, stored

        wait_s, kept, stored = run_work(self._database, None, action, clock=self._clock)
        if kept:
            with self._lock:
                end_s = self._clock.monotonic_s() + TURNS_KEPT_S
                self._kept[account_id] = _KeptTurns(turns=kept, end_s=end_s)
        return wait_s, stored

    def _kept_session(self, account_id: int, cost: int) -> AuthorizedSession | None:
        """The session, where turns were taken a moment ago; its key was looked up then.

        Old turns are gone: the bucket refilled since.
        """
        with self._lock:
            kept, known = self._kept.get(account_id), self._sessions.get(account_id)
            if kept is None or known is None or kept.turns < cost:
                return None
            if self._clock.monotonic_s() > kept.end_s:
                return None
            self._kept[account_id] = replace(kept, turns=kept.turns - cost)
            return known.session

    def _session(self, stored: GoogleAccount) -> AuthorizedSession:
        with self._lock:
            kept = self._sessions.get(stored.id)
            if kept is None or kept.key_sealed != stored.key_sealed:
                kept = _Kept(stored.key_sealed, self._new_session(stored))
                if len(self._sessions) >= SESSIONS_MAX:
                    self._forget(next(iter(self._sessions)))
                self._sessions[stored.id] = kept
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
