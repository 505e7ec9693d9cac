"""When Apple certificates end, told early: 60, 30, 7 and 1 days before, and once they have.

A pass type whose renewal lies beside the running certificate gives no alarm: the latest end of its
certificates counts. Not here: showing it (console banner, `doctor`, metrics), mailing it
(delivery/alarms.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from loyalty.context import Loyalty
from storage.alarms import ALARM_DAYS, alarm_days
from storage.unit_of_work import UnitOfWork, open_work
from storage.wallet_passes import AppleCertificate, PassType

URGENT_DAYS: Final = 7

__all__ = ["ALARM_DAYS", "alarm_days", "certificate_alarms", "lines_of", "pass_type_lines"]


class CertificateState(StrEnum):
    """What a certificate does now."""

    SIGNS = "signs"
    BESIDE = "beside"  # valid, and another one signs
    LATER = "later"
    ENDED = "ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateLine:
    """One certificate of a pass type, for the console and `doctor`."""

    id: int
    serial_hex: str
    not_before: datetime
    not_after: datetime
    created_at: datetime
    state: CertificateState
    days_left: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PassTypeLine:
    """A pass type with its certificates, the one that signs first.

    `alarm_days` is the smallest of `ALARM_DAYS` that has come, 0 once nothing signs any more,
    None while there is time.
    """

    id: int
    identifier: str
    team_identifier: str
    organization: str
    sandbox: bool
    current: bool
    ends: datetime | None
    days_left: int
    alarm_days: int | None
    certificates: tuple[CertificateLine, ...]

    @property
    def urgent(self) -> bool:
        """Whether it is a matter of days."""
        return self.alarm_days is not None and self.alarm_days <= URGENT_DAYS


def pass_type_lines(ctx: Loyalty, merchant_id: int) -> list[PassTypeLine]:
    """Every pass type of a merchant, the current one first."""
    with open_work(ctx.database, merchant_id, clock=ctx.clock, writing=False) as work:
        return lines_of(work)


def lines_of(work: UnitOfWork) -> list[PassTypeLine]:
    """The same, inside an open transaction."""
    now = work.clock.now()
    return [
        _line(pass_type, work.passes.certificates(pass_type.id), now=now)
        for pass_type in work.passes.pass_types()
    ]


def certificate_alarms(ctx: Loyalty, merchant_id: int) -> list[PassTypeLine]:
    """The pass types whose last certificate ends soon or has ended, the most urgent first.

    A sandbox's certificate alarms nobody: it is made anew with the demo.
    """
    found = [
        line
        for line in pass_type_lines(ctx, merchant_id)
        if line.alarm_days is not None and not line.sandbox
    ]
    return sorted(found, key=lambda line: line.days_left)


def _line(
    pass_type: PassType, certificates: list[AppleCertificate], *, now: datetime
) -> PassTypeLine:
    ends = max((c.not_after for c in certificates), default=None)
    return PassTypeLine(
        id=pass_type.id,
        identifier=pass_type.identifier,
        team_identifier=pass_type.team_identifier,
        organization=pass_type.organization,
        sandbox=pass_type.sandbox,
        current=pass_type.current,
        ends=ends,
        days_left=0 if ends is None else (ends - now).days,
        alarm_days=alarm_days(ends, now=now),
        certificates=tuple(
            CertificateLine(
                id=one.id,
                serial_hex=one.serial_hex,
                not_before=one.not_before,
                not_after=one.not_after,
                created_at=one.created_at,
                state=_state(one, first=number == 0, now=now),
                days_left=(one.not_after - now).days,
            )
            for number, one in enumerate(certificates)
        ),
    )


def _state(one: AppleCertificate, *, first: bool, now: datetime) -> CertificateState:
    if now >= one.not_after:
        return CertificateState.ENDED
    if now < one.not_before:
        return CertificateState.LATER
    return CertificateState.SIGNS if first else CertificateState.BESIDE
