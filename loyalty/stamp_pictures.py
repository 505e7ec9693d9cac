"""Keep the drawn stamps of a stamp card in step with its look and its goal.

A design version says exactly which pixels it means, so the pictures of every state are drawn and
kept with it, once. Rules: drawing takes a second and happens outside the transaction; what was
changed meanwhile is left alone, and drawn the next time.
"""

from __future__ import annotations

from dataclasses import replace

from common.actor import Actor
from ledger.any_terms import goal_of
from loyalty.context import Loyalty
from passes.design import Design
from passes.stamp_card import draw_stamps
from storage.unit_of_work import UnitOfWork, open_work, run_work

PNG = "image/png"


def draw_for_draft(ctx: Loyalty, merchant_id: int, programme_id: int) -> None:
    """Give the draft its stamps, where it is a stamp card that lacks them."""
    with open_work(ctx.database, merchant_id, clock=ctx.clock, writing=False) as work:
        before = work.programmes.draft(programme_id).design
        goal = _goal(work, programme_id)
    if not _lacks(before, goal):
        return
    drawn = _Drawn(before, goal)

    def action(work: UnitOfWork) -> None:
        if work.programmes.draft(programme_id).design == before:
            work.programmes.save_draft(programme_id, drawn.kept(work))

    run_work(ctx.database, merchant_id, action, clock=ctx.clock)


def draw_for_cards(ctx: Loyalty, merchant_id: int, programme_id: int, *, actor: Actor) -> None:
    """After another goal: let the cards that are out show its stamps, under the look they have.

    What the owner is editing stays a draft.
    """
    with open_work(ctx.database, merchant_id, clock=ctx.clock, writing=False) as work:
        published = work.programmes.published_design(programme_id)
        goal = _goal(work, programme_id)
    if published is None or not _lacks(published.design, goal):
        return
    drawn = _Drawn(published.design, goal)

    def action(work: UnitOfWork) -> None:
        now = work.programmes.published_design(programme_id)
        if now is None or now.version != published.version:
            return
        draft = work.programmes.draft(programme_id)
        version = work.programmes.save_draft(programme_id, drawn.kept(work))
        work.programmes.publish(programme_id, version)
        work.deliveries.bump_programme(programme_id, reason="design")
        work.audit.add(
            actor=actor,
            action="design.publish",
            subject_kind="programme",
            subject_id=programme_id,
            detail={"version": version, "reason": "stamps"},
        )
        if draft.version != published.version:
            work.programmes.save_draft(programme_id, draft.design)

    run_work(ctx.database, merchant_id, action, clock=ctx.clock)


class _Drawn:
    """A design with its stamps drawn but not yet kept."""

    def __init__(self, design: Design, goal: int) -> None:
        self._design = design
        self._sets = draw_stamps(design, goal)

    def kept(self, work: UnitOfWork) -> Design:
        """The design with the pictures in the database."""
        for images in self._sets:
            for one in images.values():
                work.programmes.put_image(one.data, PNG, one.width, one.height)
        refs = tuple({name: one.ref for name, one in images.items()} for images in self._sets)
        return replace(self._design, stamp_images=refs)


def _goal(work: UnitOfWork, programme_id: int) -> int:
    terms = work.programmes.terms(programme_id)
    return goal_of(terms) or 0


def _lacks(design: Design, goal: int) -> bool:
    return bool(goal) and design.draws_stamps(goal) and len(design.stamp_images) != goal + 1
