"""The rules as the owner edits them: a draft, what it changes, and letting it count.

What makes anything worse for members counts only when its notice is over (DESIGN 4); the rest at
once. Every lot and every operation keeps the version it was made under.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from common.actor import Actor
from common.errors import Conflict
from common.i18n import gettext as _
from ledger.any_terms import AnyTerms, first_unit, units_of
from ledger.programme_terms import ProgrammeTerms
from ledger.terms_diff import Change, diff, effective_at
from ledger.terms_document import read_terms, upgrade, write_terms
from loyalty.context import Loyalty
from loyalty.programmes import change_unit
from loyalty.stamp_pictures import draw_for_cards
from storage.programmes import Programme
from storage.unit_of_work import UnitOfWork, open_work, run_work


@dataclass(frozen=True, slots=True, kw_only=True)
class RulesView:
    """The rules that count, and the draft beside them.

    `document` is that of `terms`; a programme of one rate is shown as the same in many rules.
    `changes` lead from `terms` to the draft, which would count from `effective_at`. `next_version`
    waits until `next_at`.
    """

    programme_id: int
    version: int
    terms: ProgrammeTerms
    document: dict[str, Any]
    draft: dict[str, Any] | None
    draft_terms: ProgrammeTerms | None
    changes: tuple[Change, ...]
    effective_at: datetime | None
    next_version: int | None
    next_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedRules:
    """The new version, when it counts, and whether something in it is worse for members."""

    version: int
    effective_at: datetime
    worse: bool


def read_rules(ctx: Loyalty, merchant_id: int, programme_id: int) -> RulesView:
    """The rules and the draft of a programme.

    Raises:
        NotFound: it is not this merchant's.
    """
    with open_work(ctx.database, merchant_id, clock=ctx.clock, writing=False) as work:
        return _view(work, work.programmes.get(programme_id))


def save_rules_draft(
    ctx: Loyalty,
    merchant_id: int,
    programme_id: int,
    document: Mapping[str, Any],
    *,
    actor: Actor,
) -> RulesView:
    """Keep a draft; nothing counts by it yet.

    Raises:
        InvalidInputs: with the paths of what cannot be; nothing is kept.
        NotFound: it is not this merchant's.
    """

    def action(work: UnitOfWork) -> RulesView:
        programme = work.programmes.get(programme_id)
        checked = read_terms(document, version=programme.terms_version, time_zone=_time_zone(work))
        work.programmes.save_terms_draft(
            programme_id, write_terms(checked), based_on=programme.terms_version
        )
        _note(work, actor, "terms.draft", programme_id, based_on=programme.terms_version)
        return _view(work, programme)

    return run_work(ctx.database, merchant_id, action, clock=ctx.clock)


def discard_rules_draft(ctx: Loyalty, merchant_id: int, programme_id: int, *, actor: Actor) -> None:
    """Forget the draft; doing it twice is the same as once."""

    def action(work: UnitOfWork) -> None:
        work.programmes.get(programme_id)
        if work.programmes.terms_draft(programme_id) is not None:
            work.programmes.drop_terms_draft(programme_id)
            _note(work, actor, "terms.discard", programme_id)

    run_work(ctx.database, merchant_id, action, clock=ctx.clock)


def publish_rules(
    ctx: Loyalty, merchant_id: int, programme_id: int, *, actor: Actor
) -> PublishedRules:
    """Let the draft count: at once, or when its notice is over where something gets worse.

    Raises:
        Conflict: there is no draft, or the first unit would change while cards are out.
        InvalidInputs: the draft does not hold any more.
    """

    def action(work: UnitOfWork) -> PublishedRules:
        programme = work.programmes.get(programme_id)
        view = _view(work, programme)
        if view.draft_terms is None or view.effective_at is None:
            raise Conflict(_("There is nothing to publish: the rules were not changed."))
        return _publish(work, programme, view, view.draft_terms, actor=actor)

    published = run_work(ctx.database, merchant_id, action, clock=ctx.clock)
    draw_for_cards(ctx, merchant_id, programme_id, actor=actor)
    return published


def withdraw_next_rules(ctx: Loyalty, merchant_id: int, programme_id: int, *, actor: Actor) -> None:
    """Take a change back whose notice still runs; the rules stay as they are."""

    def action(work: UnitOfWork) -> None:
        programme = work.programmes.get(programme_id)
        if programme.next_terms_version is None:
            return
        work.programmes.drop_next_terms(programme_id)
        work.deliveries.bump_programme(programme_id, reason="terms")
        version = programme.next_terms_version
        _note(work, actor, "terms.withdraw", programme_id, version=version)

    run_work(ctx.database, merchant_id, action, clock=ctx.clock)


def as_rules(terms: AnyTerms, *, currency: str, time_zone: str) -> ProgrammeTerms:
    """Terms of either format as many rules; the same results."""
    if isinstance(terms, ProgrammeTerms):
        return terms
    return upgrade(terms, currency=currency, time_zone=time_zone)


def _publish(
    work: UnitOfWork,
    programme: Programme,
    view: RulesView,
    draft: ProgrammeTerms,
    *,
    actor: Actor,
) -> PublishedRules:
    now = work.clock.now()
    begins = view.effective_at or now
    waits = begins > now
    if waits and first_unit(draft) != programme.unit:
        raise Conflict(_("What the card counts first cannot change with a notice."))
    change_unit(work, programme, first_unit(draft))
    work.rules.open_programme(programme.id, units_of(draft))
    version = work.programmes.add_terms(programme.id, draft, effective_at=begins if waits else None)
    work.programmes.drop_terms_draft(programme.id)
    # Cards tell of a coming change as well as of one that counts.
    work.deliveries.bump_programme(programme.id, reason="terms")
    worse = any(change.worse for change in view.changes)
    _note(
        work,
        actor,
        "terms.change",
        programme.id,
        version=version,
        worse=worse,
        effective_at=begins.isoformat(),
    )
    return PublishedRules(version=version, effective_at=begins, worse=worse)


def _view(work: UnitOfWork, programme: Programme) -> RulesView:
    merchant = work.merchants.get()
    terms = as_rules(
        work.programmes.terms(programme.id),
        currency=merchant.currency,
        time_zone=merchant.time_zone,
    )
    stored = work.programmes.terms_draft(programme.id)
    draft = (
        None
        if stored is None
        else read_terms(stored.document, version=terms.version, time_zone=merchant.time_zone)
    )
    return RulesView(
        programme_id=programme.id,
        version=programme.terms_version,
        terms=terms,
        document=write_terms(terms),
        draft=None if stored is None else stored.document,
        draft_terms=draft,
        changes=() if draft is None else diff(terms, draft),
        effective_at=None if draft is None else _begins(work, programme, terms, draft),
        next_version=programme.next_terms_version,
        next_at=programme.next_terms_at,
    )


def _begins(
    work: UnitOfWork, programme: Programme, terms: ProgrammeTerms, draft: ProgrammeTerms
) -> datetime:
    now = work.clock.now()
    if not work.reports.member_count(programme.id):
        return now  # nobody was promised anything
    return effective_at(terms, draft, now)


def _time_zone(work: UnitOfWork) -> str:
    return work.merchants.get().time_zone


def _note(
    work: UnitOfWork, actor: Actor, action: str, programme_id: int, **detail: str | int
) -> None:
    work.audit.add(
        actor=actor,
        action=action,
        subject_kind="programme",
        subject_id=programme_id,
        detail=detail,
    )
