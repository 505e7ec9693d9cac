"""Every answer of a provider that is known, and what it means."""

from __future__ import annotations

import pytest

from delivery.outcomes import (
    APNS_REASONS,
    GOOGLE_REASONS,
    Outcome,
    apns_outcome,
    google_outcome,
)


@pytest.mark.parametrize(
    ("status", "reason", "outcome"),
    [
        (200, "", Outcome.DELIVERED),
        (400, "BadDeviceToken", Outcome.GONE),
        (400, "DeviceTokenNotForTopic", Outcome.GONE),
        (410, "Unregistered", Outcome.GONE),
        (410, "ExpiredToken", Outcome.GONE),
        (410, "", Outcome.GONE),
        (403, "BadCertificate", Outcome.BREAKER),
        (403, "", Outcome.BREAKER),
        (400, "BadTopic", Outcome.BREAKER),
        (429, "TooManyRequests", Outcome.THROTTLED),
        (429, "", Outcome.THROTTLED),
        (500, "InternalServerError", Outcome.TEMPORARY),
        (503, "Shutdown", Outcome.TEMPORARY),
        (599, "Unheard", Outcome.TEMPORARY),
        (0, "", Outcome.TEMPORARY),
        (400, "PayloadEmpty", Outcome.PERMANENT),
        (404, "BadPath", Outcome.PERMANENT),
        (413, "PayloadTooLarge", Outcome.PERMANENT),
    ],
)
def test_what_the_push_service_says(status: int, reason: str, outcome: Outcome) -> None:
    assert apns_outcome(status, reason) is outcome


@pytest.mark.parametrize(
    ("status", "reason", "outcome"),
    [
        (200, "", Outcome.DELIVERED),
        (401, "authError", Outcome.BREAKER),
        (403, "permissionDenied", Outcome.BREAKER),
        (403, "quotaExceeded", Outcome.THROTTLED),
        (403, "", Outcome.BREAKER),
        (404, "classNotFound", Outcome.MISSING),
        (409, "existingResource", Outcome.EXISTS),
        (429, "rateLimitExceeded", Outcome.THROTTLED),
        (400, "INVALID_ARGUMENT", Outcome.PERMANENT),
        (400, "invalidResource", Outcome.PERMANENT),
        (418, "", Outcome.PERMANENT),
        (500, "", Outcome.TEMPORARY),
        (503, "backendError", Outcome.TEMPORARY),
        (0, "", Outcome.TEMPORARY),
    ],
)
def test_what_google_says(status: int, reason: str, outcome: Outcome) -> None:
    assert google_outcome(status, reason) is outcome


def test_no_refusal_in_a_table_counts_as_delivered() -> None:
    told = [*APNS_REASONS.values(), *GOOGLE_REASONS.values()]

    assert Outcome.DELIVERED not in told
