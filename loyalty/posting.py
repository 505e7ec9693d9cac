"""What earn, redeem and reverse share: the claim of a key, the replay, and the posting itself.

Once is guarded by unique keys, not by checks: (merchant, idempotency key) and (merchant, source,
source_ref, kind), for ever. The check only makes the common replay cheap. Where another
transaction commits the same key between check and insert, the insert is refused by the index and
the use case runs again, which then finds the answer.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from common.actor import Actor
from common.errors import Conflict, IdempotencyMismatch, InvalidInput, NotAllowed
from common.i18n import gettext as _
from ledger import reasons
from ledger.accounts import OperationKind
from ledger.operations import Draft
from ledger.programme_terms import ProgrammeTerms
from loyalty.context import Loyalty
from loyalty.event_results import replayed_event
from loyalty.results import OperationResult, carried_words, replayed_result
from storage.book_records import Claim, Heading, NewSale, Standing
from storage.books import KeyTaken
from storage.entries import Entry, Event, SoldSale
from storage.unit_of_work import UnitOfWork, run_work

KEY_LENGTH_MAX: Final = 128
REFERENCE_LENGTH_MAX: Final = 200
Answer = TypeVar("Answer")
_JSON: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), default=str)
_KEY: Final = re.compile(r"[\x21-\x7e]{1,128}")
_SOURCE: Final = re.compile(r"[a-z][a-z0-9_-]{0,31}")
_REFERENCE: Final = re.compile(r"[\x20-\x7e]{1,200}")


class MemberInactive(Conflict):
    """This card is no longer active."""

    code = "member_inactive"


class MerchantSuspended(NotAllowed):
    """This shop is suspended; cards cannot move until it is active again."""

    code = "merchant_suspended"


def claim(
    kind: OperationKind,
    body: Mapping[str, Any],
    *,
    key: str,
    source: str,
    source_ref: str | None,
) -> Claim:
    """What makes this request the same as, or another than, an earlier one.

    `body` is what was asked for; who asked, and when, is not part of it: the same form sent again
    after the till was locked is still the same request.

    Raises:
        InvalidInput: key, source or reference are not short printable text.
    """
    reference = key if source_ref is None else source_ref
    for field, value, shape, most in (
        ("idempotency_key", key, _KEY, KEY_LENGTH_MAX),
        ("source", source, _SOURCE, 32),
        ("source_ref", reference, _REFERENCE, REFERENCE_LENGTH_MAX),
    ):
        if not isinstance(value, str) or shape.fullmatch(value) is None:
            raise InvalidInput(
                _("Use 1 to %(most)d plain printable characters.", most=most), field=field
            )
    whole = {"kind": kind, "source": source, "source_ref": reference, **body}
    text = _JSON.encode(whole)
    return Claim(
        kind=kind,
        source=source,
        source_ref=reference,
        idempotency_key=key,
        request_hash=hashlib.sha256(text.encode()).digest(),
    )


def run_once(ctx: Loyalty, merchant_id: int, action: Callable[[UnitOfWork], Answer]) -> Answer:
    """Run `action` in one transaction, and once more when its key was taken meanwhile."""
    try:
        return run_work(ctx.database, merchant_id, action, clock=ctx.clock, shares=True)
    except KeyTaken:
        pass
    try:
        return run_work(ctx.database, merchant_id, action, clock=ctx.clock, shares=True)
    except KeyTaken as error:
        raise Conflict(_("This sale is already recorded.")) from error


def replay(work: UnitOfWork, standing: Standing, request: Claim) -> OperationResult | None:
    """The earlier answer to the same request, or None when there is none.

    Raises:
        IdempotencyMismatch: the key or the reference stands for another request.
    """
    if standing.earlier_id is None:
        return None
    earlier = work.books.operation(standing.earlier_id)
    if earlier.request_hash != request.request_hash:
        raise IdempotencyMismatch(_("This key was used before for another request."))
    result = replayed_result(earlier)
    if not isinstance(standing.terms, ProgrammeTerms):
        return result
    parts = [work.books.operation(one) for one in work.rules.parts(earlier.id)]
    return replayed_event(result, parts, terms=standing.terms, reward_name=earlier.reward_name)


def demand_active(standing: Standing) -> None:
    """Refuse to move a card of a suspended merchant, or one that was left.

    Raises:
        MerchantSuspended, MemberInactive: with a sentence.
    """
    if standing.merchant_status != "active":
        raise MerchantSuspended(
            _("This shop is suspended; cards cannot move until it is active again.")
        )
    if standing.member_state != "active":
        raise MemberInactive(_("This card is no longer active."))


def post(
    work: UnitOfWork,
    draft: Draft,
    request: Claim,
    *,
    actor: Actor,
    sale: NewSale | None = None,
    reward_id: int | None = None,
    reward_name: str = "",
) -> OperationResult:
    """Write a draft, tell the card's deliveries, and answer. The caller's transaction commits."""
    heading = Heading(claim=request, actor=actor, created_at=work.clock.now(), reward_id=reward_id)
    operation_id = work.books.post(draft, heading, sale=sale)
    work.deliveries.bump_member(draft.account.member_id)
    return _answer(draft, heading, operation_id, reward_name=reward_name)


def post_detailed(
    work: UnitOfWork, draft: Draft, request: Claim, *, actor: Actor, sale: SoldSale
) -> OperationResult:
    """Write a draft with all that was told of its sale: lines, tax, tip, discount."""
    heading = Heading(claim=request, actor=actor, created_at=work.clock.now())
    event = Event(entries=[Entry(draft=draft)], heading=heading, first=0, sale=sale)
    (operation_id,) = work.books.post_event(event)
    work.deliveries.bump_member(draft.account.member_id)
    return _answer(draft, heading, operation_id)


def _answer(
    draft: Draft, heading: Heading, operation_id: int, *, reward_name: str = ""
) -> OperationResult:
    return OperationResult(
        operation_id=operation_id,
        kind=draft.kind,
        member_id=draft.account.member_id,
        unit=draft.account.unit,
        units=draft.units,
        balance=draft.balance_after,
        carry_minor=draft.carry_after,
        carried=carried_words(draft.reason),
        reason=draft.reason,
        sentences=reasons.sentences(draft.reason, reward_name=reward_name),
        replayed=False,
        created_at=heading.created_at,
    )
