"""Once a night, ask Google's own list who holds a card: callbacks are best effort and may be lost.

Not done here: what a callback says (loyalty), when cards are sent (google_lane). Rules:
- one worker of all takes the night, by changing the remembered moment; one that dies half way
  leaves the rest to the next night;
- small pages at the pace of one in PAGE_EVERY_S, so that scans keep nearly all of the account's
  requests; a page that is refused ends that class for tonight.

Source: google-wallet 3 (an outage stopped callbacks for weeks) and `loyaltyobject.list`
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from urllib.parse import urlencode

from common.errors import DeliveryError, NotFound
from delivery.desk import Desk
from delivery.google_client import GoogleClient
from delivery.outcomes import Answer, Outcome
from passes.google_parts import GoogleKind
from storage.google_classes import card_class_ids
from storage.google_identities import google_home, kind_of
from storage.night import take_night
from storage.unit_of_work import UnitOfWork, open_work, run_work

TASK: Final = "google_listed_at"
NIGHT_STARTS: Final = timedelta(hours=3)
PAGE_SIZE: Final = 25
PAGES_MAX: Final = 100_000
PAGE_EVERY_S: Final = 0.25
TRIES_MAX: Final = 5
TRY_AGAIN_S: Final = 5.0

_log = logging.getLogger("regulars.delivery")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Class:
    merchant_id: int
    account_id: int
    class_id: str
    kind: GoogleKind


def reconcile_nightly(desk: Desk, client: GoogleClient) -> int | None:
    """Do it when the night is ours; returns how many cards were compared, None when it is not."""
    taken = run_work(
        desk.database,
        None,
        lambda work: take_night(work.scope, TASK, starts=NIGHT_STARTS),
        clock=desk.clock,
    )
    return reconcile(desk, client) if taken else None


def reconcile(desk: Desk, client: GoogleClient, *, page_size: int = PAGE_SIZE) -> int:
    """Compare every card at Google; returns how many."""
    return sum(
        _note(desk, one, page)
        for one in _classes(desk)
        for page in _pages(desk, client, one, page_size)
    )


def _classes(desk: Desk) -> list[_Class]:
    with open_work(desk.database, None, clock=desk.clock, writing=False) as work:
        merchants = [one.id for one in work.merchants.all() if one.google_account_id is not None]
    found = []
    for merchant_id in merchants:
        with open_work(desk.database, merchant_id, clock=desk.clock, writing=False) as work:
            found += list(_classes_of(desk, work, merchant_id))
    return found


def _classes_of(desk: Desk, work: UnitOfWork, merchant_id: int) -> Iterator[_Class]:
    try:
        home = google_home(work, public_url=desk.settings.public_url)
        for programme in work.programmes.all():
            if not work.deliveries.has_google_class(programme.id):
                continue
            for class_id in card_class_ids(work, home, programme):
                yield _Class(
                    merchant_id=merchant_id,
                    account_id=home.account.id,
                    class_id=class_id,
                    kind=kind_of(programme.kind),
                )
    except (NotFound, DeliveryError):
        return


def _pages(
    desk: Desk, client: GoogleClient, one: _Class, page_size: int
) -> Iterator[Mapping[str, bool]]:
    token = ""
    for _page in range(PAGES_MAX):
        query = {"classId": one.class_id, "maxResults": str(page_size)}
        address = f"{one.kind.objects}?{urlencode(query | ({'token': token} if token else {}))}"
        answer = _ask(desk, client, one.account_id, address)
        if answer is None or answer.outcome is not Outcome.DELIVERED:
            reason = "stopped" if answer is None else answer.reason
            _log.warning("delivery.google_list_failed", extra={"reason": reason})
            return
        document = answer.resource or {}
        yield _holders(document)
        token = _next_token(document, before=token)
        if not token or desk.stop.wait(PAGE_EVERY_S):
            return


def _ask(desk: Desk, client: GoogleClient, account_id: int, address: str) -> Answer | None:
    answer = None
    for _try in range(TRIES_MAX):
        answer = client.get_document(account_id, address, timeout_s=desk.settings.request_timeout_s)
        if answer.outcome not in {Outcome.THROTTLED, Outcome.TEMPORARY}:
            return answer
        if desk.stop.wait(min(answer.retry_after_s or TRY_AGAIN_S, TRY_AGAIN_S)):
            return None
    return answer


def _holders(document: Mapping[str, Any]) -> dict[str, bool]:
    """Which objects of a page somebody holds; what Google leaves out is false."""
    listed = document.get("resources")
    return {
        str(one["id"]): one.get("hasUsers") is True
        for one in (listed if isinstance(listed, list) else [])
        if isinstance(one, Mapping) and isinstance(one.get("id"), str)
    }


def _next_token(document: Mapping[str, Any], *, before: str) -> str:
    pagination = document.get("pagination")
    token = pagination.get("nextPageToken") if isinstance(pagination, Mapping) else None
    # The same token again would never end.
    return token if isinstance(token, str) and token != before else ""


def _note(desk: Desk, one: _Class, page: Mapping[str, bool]) -> int:
    def action(work: UnitOfWork) -> int:
        cards = work.google_callbacks.cards_of(list(page))
        for object_id, pass_id in cards.items():
            work.google_callbacks.note_listed(pass_id, has_users=page[object_id])
        return len(cards)

    return run_work(desk.database, one.merchant_id, action, clock=desk.clock) if page else 0
