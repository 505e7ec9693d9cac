"""What every use case is given: database, clock, keys and the few settings it reads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from common.clock import Clock
from loyalty.payment_port import PaymentPort
from loyalty.ports import GooglePort
from storage.engine import Database

if TYPE_CHECKING:
    from signing.keyring import Keyring


GOOGLE_KEYS_URL: Final = "https://pay.google.com/gp/m/issuer/keys"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoyaltySettings:
    """The frozen settings of this room.

    `public_url` has no trailing slash. `apple_root_pem` is the root that certificates must chain
    to when the operator names one (REGULARS_APPLE_ROOT); `sandbox_root_pem` is the sandbox's, where
    there is one. `allowed_token_uri` is a token address
    beside Google's (REGULARS_ALLOW_TOKEN_URI). `google_keys_url` is where the root keys of Google's
    callbacks come from: keys of another address vouch for nothing. `sends_mail` says that a mail server
    is set up: without one no mail is written, and pages say what staff do instead. The three last
    are the worker's pace, by which pages tell how long a message takes.
    """

    public_url: str
    google_save_url: str
    sandbox: bool = False
    apple_root_pem: bytes | None = None
    sandbox_root_pem: bytes | None = None
    allowed_token_uri: str | None = None
    google_keys_url: str = GOOGLE_KEYS_URL
    google_save_timeout_s: float = 3.0
    sends_mail: bool = False
    cards_per_s: float = 250.0
    google_requests_per_s: float = 20.0
    push_burst: float = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Loyalty:
    """The context of a use case; one per process."""

    database: Database
    clock: Clock
    keyring: Keyring
    settings: LoyaltySettings
    google: GooglePort | None = None
    payments: PaymentPort | None = None
    after_erasure: Callable[[], None] | None = None
    """Keeps outside the database that somebody was erased; called after the commit."""
