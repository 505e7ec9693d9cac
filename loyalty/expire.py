"""Expire: what is over leaves the cards, tiers fall, terms begin; one job, safe at any time.

It may run a week late, twice, or twice at once, and still ends right: every lot is looked at again
under its member's lock, and a lot with nothing left is passed over. Work goes in slices, each one
transaction; whoever is stopped in the middle leaves only whole slices behind.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Final
from zoneinfo import ZoneInfo

from ledger.accounts import AccountKind
from ledger.any_terms import AnyTerms
from ledger.expiry import effective, plan_expire
from ledger.movement_reasons import lapse_reason
from ledger.programme_terms import ProgrammeTerms, TierWindow
from loyalty.context import Loyalty
from loyalty.rule_drafts import as_rules
from loyalty.rule_sums import settle_tier
from storage.expiries import DueLot, Expired, Expiries, Held
from storage.expiry_runs import ExpiryRuns
from storage.unit_of_work import UnitOfWork, open_work, run_work

SLICE: Final = 500
TIER_SLICE: Final = 200
AVERAGE_DAYS: Final = 90
AVERAGE_SALES: Final = 20
FIRST_LOOK: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpireProgress:
    """Where the job stands: `due` are lots whose end was past when it began."""

    due: int
    accounts: int
    lots: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpireResult:
    """What one pass did; `units` by unit."""

    accounts: int
    lots: int
    units: dict[str, int]
    tiers_fallen: int
    done_at: datetime


@dataclass(slots=True, kw_only=True)
class _Pass:
    """What is carried from slice to slice."""

    ctx: Loyalty
    merchant_id: int
    now: datetime
    run_id: int
    due: int
    progress: Callable[[ExpireProgress], None]
    accounts: int = 0
    lots: int = 0
    units: dict[str, int] = field(default_factory=dict)
    terms: dict[int, ProgrammeTerms] = field(default_factory=dict)
    contras: dict[tuple[int, str], int] = field(default_factory=dict)


def expire(
    ctx: Loyalty,
    merchant_id: int,
    *,
    progress: Callable[[ExpireProgress], None] = lambda _progress: None,
) -> ExpireResult:
    """Let everything end that is over now; `progress` is told after every slice.

    Raises:
        NotFound: there is no such merchant.
        Unavailable: the database cannot take it now; whole slices stay done.
    """
    since, running = run_work(ctx.database, merchant_id, _begin, clock=ctx.clock), ctx.clock.now()
    started = _Pass(
        ctx=ctx,
        merchant_id=merchant_id,
        now=running,
        run_id=since.run_id,
        due=since.due,
        progress=progress,
    )
    _expire_ended(started)
    _expire_idle(started)
    fallen = _settle_tiers(started)
    _warn(started, since.last_at)
    _tell_available(started, since.last_at)
    _work_out_averages(started)

    def finish(work: UnitOfWork) -> None:
        ExpiryRuns(work.scope).finish(started.run_id)

    run_work(ctx.database, merchant_id, finish, clock=ctx.clock)
    return ExpireResult(
        accounts=started.accounts,
        lots=started.lots,
        units=started.units,
        tiers_fallen=fallen,
        done_at=ctx.clock.now(),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Begun:
    run_id: int
    due: int
    last_at: datetime


def _begin(work: UnitOfWork) -> _Begun:
    work.merchants.get()
    now = work.clock.now()
    for programme_id in work.programmes.with_due_terms():
        work.programmes.begin_next_terms(programme_id)
        work.deliveries.bump_programme(programme_id, reason="terms")
    runs = ExpiryRuns(work.scope)
    last = runs.last(done=True)
    due = Expiries(work.scope).count_due(now)
    return _Begun(
        run_id=runs.begin(now, due=due),
        due=due,
        last_at=now - FIRST_LOOK if last is None else min(last.as_of, now),
    )


def _expire_ended(job: _Pass) -> None:
    place = (0, 0)
    while found := _read(job, partial(Expiries.due, now=job.now, after=place, limit=SLICE)):
        place = found[-1].place
        _expire_slice(job, found)


def _expire_idle(job: _Pass) -> None:
    after = 0
    while found := _read(job, partial(Expiries.idle, now=job.now, after=after, limit=SLICE)):
        after = found[-1].account_id
        _expire_slice(job, found)


def _read(job: _Pass, look: Callable[[Expiries], list[DueLot]]) -> list[DueLot]:
    ctx = job.ctx
    with open_work(ctx.database, job.merchant_id, clock=ctx.clock, writing=False) as work:
        return look(Expiries(work.scope))


def _expire_slice(job: _Pass, found: Sequence[DueLot]) -> None:
    def action(work: UnitOfWork) -> list[Expired]:
        work.rules.hold([one.member_id for one in found])
        expiries = Expiries(work.scope)
        held = expiries.held([one.account_id for one in found])
        expired = [one for each in held if (one := _lapse(job, work, each)) is not None]
        expiries.write(expired)
        ExpiryRuns(work.scope).step(
            job.run_id,
            accounts=len(expired),
            lots=sum(len(one.lapse.allocations) for one in expired),
            units=sum(one.lapse.units for one in expired),
        )
        return expired

    done = run_work(job.ctx.database, job.merchant_id, action, clock=job.ctx.clock)
    job.accounts += len(done)
    for one in done:
        job.lots += len(one.lapse.allocations)
        unit = one.lapse.unit
        job.units[unit] = job.units.get(unit, 0) + one.lapse.units
    job.progress(ExpireProgress(due=job.due, accounts=job.accounts, lots=job.lots))


def _lapse(job: _Pass, work: UnitOfWork, held: Held) -> Expired | None:
    terms = _terms(job, work, held.account.programme_id)
    lots = effective(
        held.lots,
        last_active_at=held.active_at,
        zone=ZoneInfo(terms.time_zone),
        pauses=held.pauses,
    )
    lapse = plan_expire(held.account.unit, lots, job.now)
    if lapse is None:
        return None
    return Expired(
        held=held,
        lapse=lapse,
        contra_id=_contra(job, work, held),
        terms_version=terms.version,
        reason=lapse_reason(terms, lapse),
    )


def _terms(job: _Pass, work: UnitOfWork, programme_id: int) -> ProgrammeTerms:
    if programme_id not in job.terms:
        merchant = work.merchants.get()
        found: AnyTerms = work.programmes.terms(programme_id)
        job.terms[programme_id] = as_rules(
            found, currency=merchant.currency, time_zone=merchant.time_zone
        )
    return job.terms[programme_id]


def _contra(job: _Pass, work: UnitOfWork, held: Held) -> int:
    key = (held.account.programme_id, held.account.unit)
    if key not in job.contras:
        accounts = work.rules.programme_accounts(key[0])
        job.contras[key] = accounts[AccountKind.EXPIRED, key[1]]
    return job.contras[key]


def _settle_tiers(job: _Pass) -> int:
    ctx, fallen = job.ctx, 0
    with open_work(ctx.database, job.merchant_id, clock=ctx.clock, writing=False) as work:
        programmes = [(one.id, _terms(job, work, one.id)) for one in work.programmes.all()]
    for programme_id, terms in programmes:
        if terms.tiers is None or terms.tiers.window is TierWindow.EVER:
            continue  # what nothing takes away never falls
        fallen += _settle_programme(job, programme_id, terms)
    return fallen


def _settle_programme(job: _Pass, programme_id: int, terms: ProgrammeTerms) -> int:
    fallen, after = 0, 0
    while True:

        def action(work: UnitOfWork, at: int = after) -> tuple[int, int]:
            expiries = Expiries(work.scope)
            members = expiries.with_tier(programme_id, after=at, limit=TIER_SLICE)
            work.rules.hold(members)
            changed = [one for one in members if settle_tier(work, terms, one, programme_id)]
            expiries.bump(changed)
            return (members[-1] if members else 0), len(changed)

        after, changed = run_work(job.ctx.database, job.merchant_id, action, clock=job.ctx.clock)
        if not after:
            return fallen
        fallen += changed


def _warn(job: _Pass, last_at: datetime) -> None:
    """Let the cards be sent anew whose warning step was passed since the last run."""
    steps = {days for terms in job.terms.values() for days in terms.warn_days}
    for days in sorted(steps):
        ahead, after = timedelta(days=days), 0
        while True:

            def action(work: UnitOfWork, at: int = after, ahead: timedelta = ahead) -> int:
                expiries = Expiries(work.scope)
                members = expiries.ending(
                    max(last_at + ahead, job.now), job.now + ahead, after=at, limit=SLICE
                )
                expiries.bump(members)
                return members[-1] if members else 0

            after = run_work(job.ctx.database, job.merchant_id, action, clock=job.ctx.clock)
            if not after:
                break


def _tell_available(job: _Pass, last_at: datetime) -> None:
    """Let the cards be sent anew of which something that waited can be spent since the last run."""
    longest = max(
        (unit.pending_days for terms in job.terms.values() for unit in terms.units), default=0
    )
    if not longest:
        return  # what waits begins at a midnight, and nothing waits
    made_after, after = last_at - timedelta(days=longest + 1), 0
    while True:

        def action(work: UnitOfWork, at: int = after) -> int:
            expiries = Expiries(work.scope)
            members = expiries.available(
                last_at, job.now, made_after=made_after, after=at, limit=SLICE
            )
            expiries.bump(members)
            return members[-1] if members else 0

        after = run_work(job.ctx.database, job.merchant_id, action, clock=job.ctx.clock)
        if not after:
            return


def _work_out_averages(job: _Pass) -> None:
    """The shop's average sale for rules that look at it."""

    def action(work: UnitOfWork) -> None:
        for programme_id, terms in job.terms.items():
            if isinstance(work.programmes.terms(programme_id), ProgrammeTerms) and terms.rules:
                average = work.rules.average_sale(
                    programme_id,
                    since=job.now - timedelta(days=AVERAGE_DAYS),
                    least=AVERAGE_SALES,
                )
                work.programmes.set_average(programme_id, average)

    run_work(job.ctx.database, job.merchant_id, action, clock=job.ctx.clock)


def expiry_state(ctx: Loyalty, merchant_id: int) -> ExpireProgress | None:
    """Where the newest pass stands, for a page; None before the first."""
    with open_work(ctx.database, merchant_id, clock=ctx.clock, writing=False) as work:
        last = ExpiryRuns(work.scope).last()
    if last is None:
        return None
    return ExpireProgress(due=last.due, accounts=last.accounts, lots=last.lots)
