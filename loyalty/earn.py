"""Earn: a sale or a visit becomes units on a member's card.

The path of one scan (DESIGN 2): rules to transfers and lots, then sale, operation, balance, pass
revision and delivery rows in one commit. A sale is stored even when it earns no unit. A visit
without an amount is no sale: a basket of nothing would spoil every average.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from common.actor import Actor
from common.errors import InvalidInput
from common.i18n import gettext as _
from ledger.accounts import AccountKind, OperationKind
from ledger.activity import Activity, ActivityKind
from ledger.counting import check_activity
from ledger.limits import LIMITS, Limits, too_many_earns
from ledger.operations import plan_earn
from ledger.programme_terms import ProgrammeTerms
from loyalty import posting
from loyalty.context import Loyalty
from loyalty.earn_by_rules import earn_by_rules
from loyalty.next_terms import current
from loyalty.results import OperationResult
from loyalty.sold import (
    SaleItem,
    check_lines,
    known_items,
    ledger_lines,
    lines_document,
    stored_sale,
)
from storage.book_records import Claim, NewSale, Standing
from storage.entries import SoldSale
from storage.unit_of_work import UnitOfWork

# A till's clock may run ahead of ours a little; a sale of next week is a mistake.
SOLD_AHEAD_MAX: Final = timedelta(hours=1)
SOLD_BACK_MAX: Final = timedelta(days=3660)


@dataclass(frozen=True, slots=True, kw_only=True)
class EarnRequest:
    """What was bought, by whom, told by whom.

    `amount_minor` is required for points; `visits` (stamps) is required for stamps, where an
    amount may be added for the books. `source_ref` is the outside's name of the sale, by default
    the key. `sold_at` is aware; by default now.

    The rest is for programmes of many rules. `amount_minor` is then the full price with tax and
    tip, before discount; `redeemed_minor` is what points, rewards and coupons paid of it, by the
    operations `redemptions`; `taps` are stamps by unit that staff gave.
    """

    member_id: int
    amount_minor: int | None
    visits: int | None
    actor: Actor
    idempotency_key: str
    source: str = "till"
    source_ref: str | None = None
    sold_at: datetime | None = None
    tax_minor: int = 0
    tip_minor: int = 0
    discount_minor: int = 0
    redeemed_minor: int = 0
    lines: tuple[SaleItem, ...] = ()
    taps: Mapping[str, int] = field(default_factory=dict)
    redemptions: tuple[int, ...] = ()

    def details(self) -> dict[str, object]:
        """What is told beyond the amount; empty for a plain sale."""
        found: dict[str, object] = {
            "tax_minor": self.tax_minor,
            "tip_minor": self.tip_minor,
            "discount_minor": self.discount_minor,
            "redeemed_minor": self.redeemed_minor,
            "lines": lines_document(self.lines),
            "taps": dict(self.taps),
            "redemptions": list(self.redemptions),
        }
        return {name: value for name, value in found.items() if value}


def earn(
    ctx: Loyalty, merchant_id: int, request: EarnRequest, *, limits: Limits = LIMITS
) -> OperationResult:
    """Credit what the sale earns under the programme's present terms, once per key.

    Raises:
        NotFound: the merchant has no such member.
        InvalidInput: amount, visits, key, reference or time are missing or make no sense.
        LimitReached: the sale, the scan, the day or the balance is above its limit.
        MerchantSuspended, MemberInactive: nothing moves there.
        IdempotencyMismatch, OperationInFlight: the key stands for another request, or is busy.
        Unavailable: the database cannot take it now; nothing was changed.
    """
    claim = _claim(request)
    _check_sold_at(request.sold_at, ctx.clock.now())

    def action(work: UnitOfWork) -> OperationResult:
        return _earn(work, request, claim, limits=limits)

    return posting.run_once(ctx, merchant_id, action)


def _earn(
    work: UnitOfWork, request: EarnRequest, claim: Claim, *, limits: Limits
) -> OperationResult:
    standing = current(
        work,
        lambda: work.books.standing(
            request.member_id,
            claim,
            contra=AccountKind.ISSUED,
            nth_earn=limits.earns_per_card_day,
        ),
    )
    earlier = posting.replay(work, standing, claim)
    if earlier is not None:
        return earlier
    posting.demand_active(standing)
    now = work.clock.now()
    _check_day(standing, now, limits)
    if isinstance(standing.terms, ProgrammeTerms):
        return earn_by_rules(
            work, request, claim, standing=standing, terms=standing.terms, limits=limits
        )
    draft = plan_earn(
        standing.account,
        standing.terms,
        contra_id=standing.contra_id,
        amount_minor=request.amount_minor,
        visits=request.visits,
        sale_max_minor=standing.sale_max_minor,
        limits=limits,
        now=now,
    )
    if request.details():
        sold = _detailed(work, request, standing.currency, now)
        return posting.post_detailed(work, draft, claim, actor=request.actor, sale=sold)
    sale = _sale(request, standing.currency, now)
    return posting.post(work, draft, claim, actor=request.actor, sale=sale)


def _claim(request: EarnRequest) -> Claim:
    return posting.claim(
        OperationKind.EARN,
        {
            "member": request.member_id,
            "amount_minor": request.amount_minor,
            "visits": request.visits,
            "sold_at": request.sold_at,
            **request.details(),
        },
        key=request.idempotency_key,
        source=request.source,
        source_ref=request.source_ref,
    )


def _detailed(work: UnitOfWork, request: EarnRequest, currency: str, now: datetime) -> SoldSale:
    """A sale of one rate with its lines: they are kept for the books, and the rate counts all."""
    if request.taps or request.amount_minor is None:
        raise InvalidInput(_("This card does not count single items."), field="taps")
    check_lines(request.lines)
    known = known_items(work, request.lines)
    activity = Activity(
        kind=ActivityKind.SALE,
        at=request.sold_at or now,
        gross_minor=request.amount_minor,
        tax_minor=request.tax_minor,
        tip_minor=request.tip_minor,
        discount_minor=request.discount_minor,
        redeemed_minor=request.redeemed_minor,
        lines=ledger_lines(request.lines, known),
    )
    check_activity(activity)
    return stored_sale(activity, currency=currency, lines=request.lines, known=known)


def _sale(request: EarnRequest, currency: str, now: datetime) -> NewSale | None:
    if request.amount_minor is None:
        return None
    return NewSale(
        sold_at=request.sold_at or now, currency=currency, gross_minor=request.amount_minor
    )


def _check_sold_at(sold_at: datetime | None, now: datetime) -> None:
    if sold_at is None:
        return
    if sold_at.tzinfo is None:
        raise InvalidInput(_("Give the time of the sale with its time zone."), field="sold_at")
    if not now - SOLD_BACK_MAX <= sold_at <= now + SOLD_AHEAD_MAX:
        raise InvalidInput(
            _("The time of the sale is too far from now. Check the clock."), field="sold_at"
        )


def _check_day(standing: Standing, now: datetime, limits: Limits) -> None:
    # The day is the shop's own, so that a late evening is not cut in two.
    if standing.nth_earn_at is None:
        return
    local = now.astimezone(ZoneInfo(standing.time_zone))
    if standing.nth_earn_at >= local.replace(hour=0, minute=0, second=0, microsecond=0):
        raise too_many_earns(limits)
