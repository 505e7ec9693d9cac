"""Tell a merchant's owners by e-mail what stands still: once for each cause, while a worker runs.

Not done here: what counts as an alarm (storage/alarms.py), the sentences (mail_letters.py). One
worker looks, once a minute.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Final

from delivery.desk import Desk
from storage.alarms import Alarm, newly_told, present_alarms
from storage.buckets import Buckets
from storage.mails import Mail, write_mail
from storage.outbox import OutboxKind
from storage.unit_of_work import UnitOfWork, open_work, run_work

LOOK_EVERY_S: Final = 60.0
ALARM_LIFE: Final = timedelta(days=2)

_log = logging.getLogger("regulars.delivery")


def raise_alarms(desk: Desk) -> int:
    """Look at every merchant if it is time; returns how many alarms were told."""
    if desk.settings.mail is None or not _my_turn(desk):
        return 0
    with open_work(desk.database, None, clock=desk.clock, writing=False) as work:
        merchants = [one.id for one in work.merchants.all() if one.status == "active"]
    return sum(_look_at(desk, merchant_id) for merchant_id in merchants)


def _my_turn(desk: Desk) -> bool:
    waits_s = run_work(
        desk.database,
        None,
        lambda work: Buckets(work.scope).take(
            "alarms|all", capacity=1, refill_per_s=1 / LOOK_EVERY_S
        ),
        clock=desk.clock,
    )
    return waits_s <= 0


def _look_at(desk: Desk, merchant_id: int) -> int:
    with open_work(desk.database, merchant_id, clock=desk.clock, writing=False) as work:
        alarms = present_alarms(work)

    def tell(work: UnitOfWork) -> int:
        fresh = newly_told(work, alarms)
        for alarm in fresh:
            _mail_owners(desk, work, alarm)
        return len(fresh)

    return run_work(desk.database, merchant_id, tell, clock=desk.clock)


def _mail_owners(desk: Desk, work: UnitOfWork, alarm: Alarm) -> None:
    merchant = work.merchants.get()
    _log.warning("delivery.alarm", extra={"merchant": merchant.id, "alarm": alarm.name})
    facts = {
        **alarm.facts,
        "shop": merchant.name,
        "url": f"{desk.settings.public_url.rstrip('/')}/console/",
    }
    for owner in work.merchants.owners():
        if owner.disabled_at is None:
            mail = Mail(
                to=owner.email,
                language=merchant.language,
                time_zone=merchant.time_zone,
                facts=facts,
            )
            write_mail(work, mail, OutboxKind.ALARM, keyring=desk.keyring, life=ALARM_LIFE)
