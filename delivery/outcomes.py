"""What an answer of a provider means, as literal tables: nothing is guessed from a text.

Rules: an unknown refusal (4xx) is permanent, an unknown failure (5xx) or a broken connection is
temporary; 403 says little by itself, so Google's reason is read. A credential the other side
refuses stops the merchant's channel (`breaker`) and burns no attempt.

Sources: https://developer.apple.com/documentation/usernotifications/handling-notification-responses-from-apns
and https://developers.google.com/wallet/retail/loyalty-cards/resources/error-codes
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final


class Outcome(StrEnum):
    """What is done next."""

    DELIVERED = "delivered"
    TEMPORARY = "temporary"  # again later, with growing waits
    THROTTLED = "throttled"  # again later, when they say so; no failure of ours
    PERMANENT = "permanent"  # parked until a person looks
    GONE = "gone"  # this registration ends
    BREAKER = "breaker"  # the credential is refused: the channel stops
    MISSING = "missing"  # Google: insert it first
    EXISTS = "exists"  # Google: patch it instead


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One provider's answer, judged. `reason` is the provider's own short word for it.

    `retry_after_s` is what they asked for; `gone_since` when a token died (APNs 410); `resource`
    is what Google holds after a change; `message` Google's own sentence about a refusal.
    """

    outcome: Outcome
    reason: str = ""
    retry_after_s: float | None = None
    gone_since: datetime | None = None
    resource: Mapping[str, Any] | None = None
    message: str = ""


APNS_REASONS: Final[Mapping[str, Outcome]] = {
    "BadDeviceToken": Outcome.GONE,
    "DeviceTokenNotForTopic": Outcome.GONE,
    "Unregistered": Outcome.GONE,
    "ExpiredToken": Outcome.GONE,
    "BadCertificate": Outcome.BREAKER,
    "BadCertificateEnvironment": Outcome.BREAKER,
    "ExpiredProviderToken": Outcome.BREAKER,
    "Forbidden": Outcome.BREAKER,
    "InvalidProviderToken": Outcome.BREAKER,
    "MissingProviderToken": Outcome.BREAKER,
    "UnrelatedKeyIdInToken": Outcome.BREAKER,
    "BadEnvironmentKeyInToken": Outcome.BREAKER,
    "TopicDisallowed": Outcome.BREAKER,
    "BadTopic": Outcome.BREAKER,
    "MissingTopic": Outcome.BREAKER,
    "TooManyRequests": Outcome.THROTTLED,
    "TooManyProviderTokenUpdates": Outcome.THROTTLED,
    "IdleTimeout": Outcome.TEMPORARY,
    "InternalServerError": Outcome.TEMPORARY,
    "ServiceUnavailable": Outcome.TEMPORARY,
    "Shutdown": Outcome.TEMPORARY,
}

APNS_STATUSES: Final[Mapping[int, Outcome]] = {
    200: Outcome.DELIVERED,
    403: Outcome.BREAKER,
    410: Outcome.GONE,
    429: Outcome.THROTTLED,
}

GOOGLE_REASONS: Final[Mapping[tuple[int, str], Outcome]] = {
    (403, "quotaExceeded"): Outcome.THROTTLED,
    (403, "rateLimitExceeded"): Outcome.THROTTLED,
    (403, "userRateLimitExceeded"): Outcome.THROTTLED,
    (403, "permissionDenied"): Outcome.BREAKER,
    (403, "forbidden"): Outcome.BREAKER,
    (403, "insufficientPermissions"): Outcome.BREAKER,
    (403, "accessNotConfigured"): Outcome.BREAKER,
    (400, "invalidResource"): Outcome.PERMANENT,
}

GOOGLE_STATUSES: Final[Mapping[int, Outcome]] = {
    200: Outcome.DELIVERED,
    401: Outcome.BREAKER,
    403: Outcome.BREAKER,
    404: Outcome.MISSING,
    408: Outcome.TEMPORARY,
    409: Outcome.EXISTS,
    429: Outcome.THROTTLED,
}


def apns_outcome(status: int, reason: str) -> Outcome:
    """The meaning of an answer of the push service; status 0 is a broken connection."""
    if status in (0, 200):
        return Outcome.TEMPORARY if status == 0 else Outcome.DELIVERED
    if reason in APNS_REASONS:
        return APNS_REASONS[reason]
    return _by_status(APNS_STATUSES, status)


def google_outcome(status: int, reason: str) -> Outcome:
    """The meaning of an answer of Google; status 0 is a broken connection."""
    if (status, reason) in GOOGLE_REASONS:
        return GOOGLE_REASONS[status, reason]
    return _by_status(GOOGLE_STATUSES, status)


def _by_status(known: Mapping[int, Outcome], status: int) -> Outcome:
    if status in known:
        return known[status]
    refused = 400 <= status < 500  # noqa: PLR2004 - HTTP's own classes
    return Outcome.PERMANENT if refused else Outcome.TEMPORARY
