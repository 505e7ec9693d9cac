"""A list of another system's cards as it was handed in: judged, then taken over in one way.

Not done here: reading the file (kept_rows.py), which way there is (kept_case.py), one card
(keep_passes.py). A list may hold cards of several pass types and old addresses: each kind is judged
by itself, and a way is taken only where it holds for all of them.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from urllib.parse import urlsplit

from common.actor import Actor
from common.errors import InvalidInput
from loyalty.context import Loyalty
from loyalty.keep_passes import KeepRequest, KeptResult, keep_passes
from loyalty.kept_addresses import check_address, host_of
from loyalty.kept_case import CaseReport, KeepCase, which_case
from loyalty.kept_rows import KeptList, read_kept_cards


def read_lists(data: bytes, *, pass_type: str | None, old_url: str | None) -> tuple[KeptList, ...]:
    """The kinds of cards in a CSV file; what is told beside it counts for all of them.

    Raises:
        InvalidInputs, InvalidInput: as `read_kept_cards`; field `old_url`: no address of a service.
    """
    return tuple(
        replace(
            one,
            pass_type=pass_type or one.pass_type,
            web_service_url=_address(old_url or one.web_service_url),
        )
        for one in read_kept_cards(data)
    )


def judge_lists(ctx: Loyalty, merchant_id: int, lists: Sequence[KeptList]) -> list[CaseReport]:
    """Which case holds for each kind; nothing is changed."""
    return [
        which_case(
            ctx,
            merchant_id,
            one.cards,
            pass_type=one.pass_type,
            old_url=one.web_service_url,
            leads_here=one.web_service_url is not None and _leads_here(ctx, one.web_service_url),
        )
        for one in lists
    ]


def keep_lists(
    ctx: Loyalty,
    merchant_id: int,
    lists: Sequence[KeptList],
    *,
    case: KeepCase,
    programme_id: int,
    actor: Actor,
    progress: Callable[[int], None] = lambda _done: None,
) -> list[KeptResult]:
    """Take every kind over in one way.

    Raises:
        As `demand_possible` and `keep_passes`.
    """
    return [
        keep_passes(
            ctx,
            merchant_id,
            KeepRequest(
                programme_id=programme_id,
                cards=one.cards,
                case=case,
                pass_type=one.pass_type,
                old_url=one.web_service_url,
                actor=actor,
            ),
            progress=progress,
        )
        for one in lists
    ]


def demand_possible(case: KeepCase, reports: Sequence[CaseReport]) -> None:
    """Refuse a way that does not hold for some kind.

    Raises:
        InvalidInput: field `as`; the sentence says what to do instead.
    """
    for report in reports:
        if case not in report.possible:
            raise InvalidInput(" ".join((*report.because, *report.next_steps)), field="as")


def _address(url: str | None) -> str | None:
    return check_address(url) if url else None


def _leads_here(ctx: Loyalty, url: str) -> bool:
    """Whether the old host and our public one are the same machine, as names go."""
    ours = urlsplit(ctx.settings.public_url).hostname or ""
    return bool(_addresses(host_of(url)) & _addresses(ours))


def _addresses(host: str) -> set[str]:
    with suppress(OSError, UnicodeError):
        return {str(entry[4][0]) for entry in socket.getaddrinfo(host, None)}
    return set()
