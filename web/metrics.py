"""`/metrics` for Prometheus: certificates, what waits for phones, what is stopped.

Answers only this machine, or whoever shows the operator's token; to others there is no such page.
A request that came through a proxy is not this machine's, even when the proxy runs on it. Values
are read from the database at each visit, so every web process tells the same.

Source: https://prometheus.io/docs/practices/naming/
"""

from __future__ import annotations

import hmac
from collections.abc import Iterator
from typing import Final

from flask import Blueprint, Response, request
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from common.errors import NotFound
from loyalty.vitals import House, Vitals, vitals
from web.security import is_loopback
from web.services import services

BEARER: Final = "Bearer "
PROXY_HEADERS: Final = ("Forwarded", "X-Forwarded-For", "X-Real-Ip", "Via")

blueprint = Blueprint("metrics", __name__)


@blueprint.get("/metrics")
def metrics() -> Response:
    """The present values in Prometheus' text form.

    Raises:
        NotFound: the asker is neither this machine nor has the token.
    """
    if not _may_read():
        raise NotFound
    registry = CollectorRegistry()
    registry.register(_Values(vitals(services().loyalty)))
    answer = Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _may_read() -> bool:
    wanted = services().settings.metrics_token
    header = request.headers.get("Authorization", "")
    if wanted and header.startswith(BEARER):
        return hmac.compare_digest(header[len(BEARER) :].encode(), wanted.encode())
    if any(name in request.headers for name in PROXY_HEADERS):
        return False
    return is_loopback()


class _Values(Collector):
    """What one visit reads."""

    def __init__(self, house: House) -> None:
        self._house = house

    def collect(self) -> Iterator[Metric]:
        yield from _worker(self._house)
        yield from _certificates(self._house.merchants)
        yield from _deliveries(self._house)
        yield from _others(self._house.merchants)
        yield from _outbox(self._house.merchants)


def _worker(house: House) -> Iterator[Metric]:
    seen = GaugeMetricFamily(
        "regulars_worker_seen_timestamp_seconds", "When a worker last showed a sign of life."
    )
    if house.worker_seen_at is not None:
        seen.add_metric([], house.worker_seen_at.timestamp())
    yield seen


def _certificates(merchants: tuple[Vitals, ...]) -> Iterator[Metric]:
    labels = ["merchant", "pass_type"]
    ends = GaugeMetricFamily(
        "regulars_apple_certificate_end_timestamp_seconds",
        "When the last certificate of a pass type ends.",
        labels=labels,
    )
    alarm = GaugeMetricFamily(
        "regulars_apple_certificate_alarm_days",
        "The alarm that has come: 60, 30, 7 or 1 days before the end, 0 after it.",
        labels=labels,
    )
    for one in merchants:
        for kind in one.pass_types:
            names = [one.merchant.slug, kind.identifier]
            if kind.ends is not None:
                ends.add_metric(names, kind.ends.timestamp())
            if kind.alarm_days is not None:
                alarm.add_metric(names, kind.alarm_days)
    yield ends
    yield alarm


def _deliveries(house: House) -> Iterator[Metric]:
    labels = ["merchant", "channel"]
    waiting = GaugeMetricFamily(
        "regulars_deliveries_waiting", "Targets that do not show the present.", labels=labels
    )
    parked = GaugeMetricFamily(
        "regulars_deliveries_parked", "Targets that a person has to look at.", labels=labels
    )
    lag = GaugeMetricFamily(
        "regulars_delivery_lag_seconds", "Age of the oldest change that waits.", labels=labels
    )
    for one in house.merchants:
        for line in one.lags:
            names = [one.merchant.slug, line.channel.value]
            waiting.add_metric(names, line.waiting)
            parked.add_metric(names, line.parked)
            if line.oldest_at is not None:
                lag.add_metric(names, max(0.0, (house.now - line.oldest_at).total_seconds()))
    yield from (waiting, parked, lag)
    yield from _took(house.merchants)
    yield from _checked(house)


def _outbox(merchants: tuple[Vitals, ...]) -> Iterator[Metric]:
    rows = GaugeMetricFamily(
        "regulars_outbox_rows",
        "E-mails and Google messages that wait (open) or were refused for good (dead).",
        labels=["merchant", "state"],
    )
    for one in merchants:
        for state in ("open", "dead"):
            rows.add_metric([one.merchant.slug, state], one.outbox[state])
    yield rows


def _took(merchants: tuple[Vitals, ...]) -> Iterator[Metric]:
    names = ["merchant", "channel", "step", "kind"]
    took = GaugeMetricFamily(
        "regulars_delivery_took_seconds",
        "From commit until phones were told or had fetched, over the last 24 hours.",
        labels=[*names, "quantile"],
    )
    counted = GaugeMetricFamily(
        "regulars_delivery_took_count", "Changes measured in the last 24 hours.", labels=names
    )
    for one in merchants:
        for line in one.took:
            kind = "mass" if line.mass else "scan"
            labels = [one.merchant.slug, line.channel.value, line.step.value, kind]
            counted.add_metric(labels, line.count)
            quantiles = {"0.5": line.p50_ms, "0.95": line.p95_ms, "0.99": line.p99_ms}
            for quantile, value_ms in quantiles.items():
                took.add_metric([*labels, quantile], value_ms / 1000)
    yield from (took, counted)


def _checked(house: House) -> Iterator[Metric]:
    unfetched = GaugeMetricFamily(
        "regulars_phones_unfetched",
        "Phones that were told over an hour ago and did not fetch, up to 1000.",
        labels=["merchant"],
    )
    for one in house.merchants:
        unfetched.add_metric([one.merchant.slug], one.unfetched.phones)
    yield unfetched
    difference = GaugeMetricFamily(
        "regulars_reconcile_difference", "What the last nightly look at the books had to mend."
    )
    looked = GaugeMetricFamily(
        "regulars_reconcile_timestamp_seconds", "When the books were last compared."
    )
    if house.reconciled is not None:
        difference.add_metric([], house.reconciled.difference)
        looked.add_metric([], house.reconciled.at.timestamp())
    yield from (difference, looked)


def _others(merchants: tuple[Vitals, ...]) -> Iterator[Metric]:
    stopped = GaugeMetricFamily(
        "regulars_channel_stopped",
        "1 while a refused credential stops a channel.",
        labels=["merchant", "channel"],
    )
    complaints = GaugeMetricFamily(
        "regulars_phone_complaints",
        "Lines of phones that are kept, by what they complain of.",
        labels=["merchant", "complaint"],
    )
    cards = GaugeMetricFamily("regulars_cards", "Live cards.", labels=["merchant"])
    for one in merchants:
        slug = one.merchant.slug
        cards.add_metric([slug], one.cards)
        for breaker in one.breakers:
            stopped.add_metric([slug, breaker.channel], 1)
        counts: dict[str, int] = {}
        for group in one.complaints:
            counts[group.complaint.value] = counts.get(group.complaint.value, 0) + group.count
        for complaint, count in counts.items():
            complaints.add_metric([slug, complaint], count)
    yield from (stopped, complaints, cards)
