"""What the delivery room is told: addresses, limits and pace. Frozen; the front door fills it.

Not a merchant's choice, any of it: a merchant who could name an address could make this machine
call it (DESIGN 8).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Final

from delivery.mail_settings import MailSettings

APNS_URL: Final = "https://api.push.apple.com"
GOOGLE_API_URL: Final = "https://walletobjects.googleapis.com/walletobjects/v1"
GOOGLE_KEYS_URL: Final = "https://pay.google.com/gp/m/issuer/keys"


@dataclass(frozen=True, slots=True, kw_only=True)
class PaceSettings:
    """When a phone may be pushed again, told by the score it keeps of us (delivery/pace.py).

    `windows` are (score that a push may reach at most, seconds to wait since the last push
    otherwise), rising; a score past the last one waits `rest_s`.
    """

    burst_score: float = 3.0
    windows: tuple[tuple[float, float], ...] = ((6.0, 120.0), (10.0, 600.0), (12.0, 3600.0))
    rest_s: float = 7200.0
    zero_interval_s: float = 7200.0
    zero_interval_min_s: float = 1800.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliverySettings:
    """The frozen settings of this room.

    `apns_ca_file` names the certificates that vouch for the push server when it is not Apple's;
    None trusts the system's. `registration_grace` leaves a phone time to ask by itself after it
    registered, which spares it a push. `google_batch` is how many cards of a mass change go to
    Google in one request; 1 or less sends each by itself. Times end in their unit.
    """

    public_url: str
    apns_url: str = APNS_URL
    apns_ca_file: Path | None = None
    google_api_url: str = GOOGLE_API_URL
    google_keys_url: str = GOOGLE_KEYS_URL
    allowed_token_uri: str | None = None
    worker_name: str = "worker"
    pace: PaceSettings = field(default_factory=PaceSettings)
    connect_timeout_s: float = 4.0
    request_timeout_s: float = 8.0
    apns_expiration: timedelta = timedelta(days=7)
    apns_priority: int | None = None  # the service takes 10 when none is told
    google_requests_per_s: float = 20.0
    google_notifications_per_day: int = 3
    google_batch: int = 20
    google_threads: int = 8
    batch: int = 32  # a scan waits for at most one batch of a mass change
    poll_s: float = 1.0
    heartbeat_s: float = 5.0
    slice_cards: int = 250
    slice_every_s: float = 1.0
    tries_max: int = 400
    poison_tries_max: int = 5
    mail: MailSettings | None = None  # without a mail server no mail is written
