"""Tell the owners when no worker lives: only a web process can, and it sends the mail itself.

A dead worker cannot send its own alarm, and a row in the outbox would wait for it. So web processes
look once a minute, one of all, and hand the mail to the mail server at once. Not done here: other
alarms (alarms.py, in the worker), the thread (regulars/web_watch.py). Rules:
- a worker that was asked to end took its sign of life away; then only what waits is a reason;
- told once for each silence: the next worker that lives forgets that it was told (alarms.py);
- noted after it was sent, so that a mail server that is away is asked again in a minute.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Final

from common.ids import new_id
from delivery.desk import Desk
from delivery.mail_letters import write_letter
from delivery.mail_message import compose
from delivery.mail_settings import MailSettings
from delivery.outcomes import Outcome
from delivery.smtp import MailRefused, MailServer
from storage.alarms import WORKER, no_worker_since, note_told, was_told
from storage.buckets import Buckets
from storage.mails import Mail
from storage.outbox import OutboxKind
from storage.unit_of_work import UnitOfWork, open_work, run_work

LOOK_EVERY_S: Final = 60.0
SILENT_AFTER: Final = timedelta(minutes=5)

_log = logging.getLogger("regulars.delivery")


def watch_workers(desk: Desk) -> int:
    """Look whether a worker lives, if it is time; returns how many merchants were told."""
    mail = desk.settings.mail
    if mail is None or not _my_turn(desk):
        return 0
    with open_work(desk.database, None, clock=desk.clock, writing=False) as work:
        since = no_worker_since(work.scope, silent_after=SILENT_AFTER)
        merchants = [one.id for one in work.merchants.all() if one.status == "active"]
    if since is None:
        return 0
    _log.error("delivery.no_worker", extra={"since": since.isoformat()})
    return sum(_tell(desk, mail, merchant_id, since) for merchant_id in merchants)


def _my_turn(desk: Desk) -> bool:
    waits_s = run_work(
        desk.database,
        None,
        lambda work: Buckets(work.scope).take(
            "worker-watch|all", capacity=1, refill_per_s=1 / LOOK_EVERY_S
        ),
        clock=desk.clock,
    )
    return waits_s <= 0


def _tell(desk: Desk, mail: MailSettings, merchant_id: int, since: datetime) -> int:
    with open_work(desk.database, merchant_id, clock=desk.clock, writing=False) as work:
        letters = [] if was_told(work.scope, WORKER) else _mails(desk, work, since)
    if not letters or not _send(desk, mail, letters):
        return 0
    run_work(
        desk.database, merchant_id, lambda work: note_told(work.scope, WORKER), clock=desk.clock
    )
    return 1


def _mails(desk: Desk, work: UnitOfWork, since: datetime) -> list[Mail]:
    merchant = work.merchants.get()
    minutes = max(0, int((desk.clock.now() - since).total_seconds() // 60))
    facts = {
        "alarm": WORKER,
        "minutes": str(minutes),
        "shop": merchant.name,
        "url": f"{desk.settings.public_url.rstrip('/')}/console/",
    }
    return [
        Mail(to=owner.email, language=merchant.language, time_zone=merchant.time_zone, facts=facts)
        for owner in work.merchants.owners()
        if owner.disabled_at is None
    ]


def _send(desk: Desk, settings: MailSettings, mails: list[Mail]) -> bool:
    """Whether the mail server took them all, or will never take those it refused."""
    now = desk.clock.now()
    done = True
    try:
        with MailServer(settings) as server:
            for mail in mails:
                letter = write_letter(OutboxKind.ALARM, mail, written_at=now)
                message = compose(letter, settings, to=mail.to, row_id=new_id(), written_at=now)
                outcome = server.hand_over(message, to=mail.to).outcome
                done = done and outcome in {Outcome.DELIVERED, Outcome.PERMANENT}
    except MailRefused as refused:
        _log.warning("delivery.no_worker_not_told", extra={"reason": refused.answer.reason})
        return False
    return done
