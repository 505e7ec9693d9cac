"""`doctor --all`: every merchant in detail, each finding with its mend. Nothing is changed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from loyalty.certificate_alarms import CertificateState, PassTypeLine
from loyalty.context import Loyalty
from loyalty.phone_words import is_serious, title
from loyalty.vitals import Vitals, vitals
from regulars.doctor import Check, Health
from storage.lagging import ChannelLag

LAG_MAX: Final = timedelta(minutes=15)
COMPLAINTS_SHOWN: Final = 3


def examine_merchants(ctx: Loyalty) -> list[Check]:
    """Certificates, lag, parked rows, stopped channels and complaints of every merchant."""
    house = vitals(ctx)
    return [check for one in house.merchants for check in _merchant(one, now=house.now)]


def _merchant(one: Vitals, *, now: datetime) -> Iterator[Check]:
    slug = one.merchant.slug
    for kind in one.pass_types:
        yield _pass_type(kind, slug)
    if one.requests:
        yield Check(
            name="request",
            health=Health.OK,
            text=f"{one.requests} key(s) wait for the certificate that Apple makes of them.",
            merchant=slug,
        )
    for line in one.lags:
        yield _lag(line, slug, now=now)
    for breaker in one.breakers:
        yield Check(
            name="stopped",
            health=Health.FAULT,
            text=(
                f"{breaker.channel} has stopped since {breaker.opened_at:%Y-%m-%d %H:%M} UTC: "
                f"{breaker.reason}."
            ),
            mend="Mend the certificate or account; sending goes on by itself.",
            merchant=slug,
        )
    yield from _complaints(one)


def _pass_type(kind: PassTypeLine, slug: str) -> Check:
    certificates = ", ".join(
        f"{c.serial_hex[:8]} {_word(c.state)} until {c.not_after:%Y-%m-%d}"
        for c in kind.certificates
    )
    text = f"{kind.identifier} ({kind.team_identifier}): {certificates or 'no certificate'}."
    if kind.sandbox or kind.alarm_days is None:
        return Check(name="pass type", health=Health.OK, text=text, merchant=slug)
    return Check(
        name="pass type",
        health=Health.FAULT if kind.urgent else Health.WARNING,
        text=f"{text} {kind.days_left} days are left.",
        mend="Renew it: `regulars apple-request FILE`, or the console's set-up page.",
        merchant=slug,
    )


def _word(state: CertificateState) -> str:
    return {
        CertificateState.SIGNS: "signs",
        CertificateState.BESIDE: "lies beside it",
        CertificateState.LATER: "is not valid yet,",
        CertificateState.ENDED: "was valid",
    }[state]


def _lag(line: ChannelLag, slug: str, *, now: datetime) -> Check:
    age = now - line.oldest_at if line.oldest_at else timedelta()
    minutes = max(0, int(age.total_seconds() // 60))
    text = (
        f"{line.channel.value}: {line.waiting} wait (oldest {minutes} min), {line.parked} parked."
    )
    if line.parked:
        return Check(
            name="lag",
            health=Health.FAULT,
            text=text,
            mend="See the console's list of phones behind; mend the cause and tap Retry.",
            merchant=slug,
        )
    if age > LAG_MAX:
        return Check(
            name="lag",
            health=Health.WARNING,
            text=text,
            mend="Is a worker running, and does it reach Apple and Google?",
            merchant=slug,
        )
    return Check(name="lag", health=Health.OK, text=text, merchant=slug)


def _complaints(one: Vitals) -> Iterator[Check]:
    serious = [group for group in one.complaints if is_serious(group)]
    for group in serious[:COMPLAINTS_SHOWN]:
        yield Check(
            name="complaint",
            health=Health.WARNING,
            text=f"{title(group)}: {group.count} times.",
            mend="The console's set-up page says what it means.",
            merchant=one.merchant.slug,
        )
