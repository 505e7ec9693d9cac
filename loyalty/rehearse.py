"""A dress rehearsal of draft rules on the shop's own past sales: what they would have cost.

Nothing is written. Where the table names customers, every sale is replayed for its own; where it
does not, two patterns of visits are assumed and said, and the answer is a range.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from common.i18n import gettext as _
from ledger.programme_terms import ProgrammeTerms
from ledger.rehearsal import Outcome, PastSale, RewardCost, replay
from ledger.statement import Worth
from ledger.terms_document import read_terms
from loyalty.context import Loyalty
from loyalty.past_sales import read_past_sales
from loyalty.rule_drafts import as_rules
from loyalty.statement import unit_worths
from storage.offers import reward_offer
from storage.unit_of_work import UnitOfWork, open_work

VISITS_LOW: Final = 2
VISITS_HIGH: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsal:
    """What draft rules would have done on past sales.

    `low` and `high` are the same where customers are named, and `pattern` is then empty; else it
    says what was assumed. `skipped` are rows that could not be read, with line and reason.
    """

    low: Outcome
    high: Outcome
    pattern: str
    rows: int
    sales: int
    sales_minor: int
    skipped: tuple[tuple[int, str], ...]
    skipped_count: int
    currency: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stage:
    terms: ProgrammeTerms
    currency: str
    time_zone: str
    rewards: tuple[RewardCost, ...]
    worths: dict[str, Worth]
    unpriced: tuple[str, ...]


def rehearse(
    ctx: Loyalty,
    merchant_id: int,
    programme_id: int,
    csv_bytes: bytes,
    *,
    document: Mapping[str, Any] | None = None,
) -> Rehearsal:
    """Replay a table of past sales on a document of terms: the draft, else what counts now.

    Raises:
        NotFound: it is not this merchant's.
        InvalidInput: field `file`; no table of sales.
        InvalidInputs: the document cannot be.
    """
    with open_work(ctx.database, merchant_id, clock=ctx.clock, writing=False) as work:
        stage = _stage(work, programme_id, document)
        items = {one.code: one for one in work.items.all(archived=True)}
    past = read_past_sales(
        csv_bytes, currency=stage.currency, time_zone=stage.time_zone, items=items
    )
    if past.has_customers:
        low = high = _replay(stage, past.sales, lambda _number, sale: sale.customer)
    else:
        low, high = (
            _replay(stage, past.sales, _assumed(past.sales, n)) for n in (VISITS_LOW, VISITS_HIGH)
        )
    return Rehearsal(
        low=low,
        high=high,
        pattern="" if past.has_customers else _pattern(),
        rows=past.rows,
        sales=len(past.sales),
        sales_minor=sum(one.activity.gross_minor for one in past.sales),
        skipped=past.skipped,
        skipped_count=past.skipped_count,
        currency=stage.currency,
        label=_label(stage),
    )


def _assumed(sales: tuple[PastSale, ...], visits: int) -> Callable[[int, PastSale], str]:
    customers = max(1, math.ceil(len(sales) / visits))
    return lambda number, _sale: str(number % customers)


def _pattern() -> str:
    return _(
        "The table names no customers, so two patterns were assumed: everybody came "
        "%(low)d times, and everybody came %(high)d times. The truth lies in between.",
        low=VISITS_LOW,
        high=VISITS_HIGH,
    )


def _label(stage: _Stage) -> str:
    text = _(
        "A replay, not a promise: every card takes the cheapest reward as soon as it can, and "
        "nobody buys more because of the card."
    )
    if not stage.unpriced:
        return text
    missing = _(
        "Nobody said what these rewards cost, so the cost is at least what stands here: %(names)s.",
        names=", ".join(stage.unpriced),
    )
    return f"{text} {missing}"


def _replay(
    stage: _Stage, sales: tuple[PastSale, ...], named: Callable[[int, PastSale], str]
) -> Outcome:
    last = max(sale.activity.at for sale in sales)
    return replay(
        stage.terms, sales, rewards=stage.rewards, worths=stage.worths, named=named, now=last
    )


def _stage(work: UnitOfWork, programme_id: int, document: Mapping[str, Any] | None) -> _Stage:
    programme, merchant = work.programmes.get(programme_id), work.merchants.get()
    if document is None:
        draft = work.programmes.terms_draft(programme_id)
        document = None if draft is None else draft.document
    terms = (
        as_rules(
            work.programmes.terms(programme_id),
            currency=merchant.currency,
            time_zone=merchant.time_zone,
        )
        if document is None
        else read_terms(document, version=programme.terms_version, time_zone=merchant.time_zone)
    )
    known = {unit.code for unit in terms.units}
    rewards, unpriced = [], []
    for one in work.programmes.rewards(programme_id, active_only=True):
        offer = reward_offer(one, first_unit=terms.units[0].code)
        if any(cost.unit not in known for cost in offer.costs):
            continue
        cost = one.cost_minor if one.cost_minor is not None else offer.value_minor or None
        if cost is None and not offer.percent:
            unpriced.append(one.name)
        rewards.append(
            RewardCost(
                name=one.name,
                costs=offer.costs,
                cost_minor=cost,
                percent=offer.percent,
                most=offer.per_member,
            )
        )
    return _Stage(
        terms=terms,
        currency=merchant.currency,
        time_zone=merchant.time_zone,
        rewards=tuple(rewards),
        worths=unit_worths(work, programme_id, terms.units[0].code, terms=terms),
        unpriced=tuple(unpriced),
    )
