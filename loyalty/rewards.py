"""What a member can have for points or stamps: add one, change one."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from common.actor import Actor
from common.errors import Conflict, InvalidInput, InvalidInputs
from common.i18n import gettext as _
from common.ids import new_id
from loyalty.context import Loyalty
from loyalty.slugs import check_slug, slug_for
from storage.programmes import Reward
from storage.unit_of_work import UnitOfWork, run_work

NAME_MAX: Final = 40
COST_MAX: Final = 1_000_000
REWARDS_MAX: Final = 30


def add_reward(
    ctx: Loyalty,
    merchant_id: int,
    programme_id: int,
    *,
    slug: str = "",
    name: str,
    cost: int,
    actor: Actor,
) -> int:
    """Offer a reward from now on; without a slug one is made from the name.

    Raises:
        InvalidInputs: fields `name` and `cost`.
        Conflict: the slug is taken, or there are thirty rewards.
    """
    _check(name, cost)
    if slug:
        check_slug(slug)

    def action(work: UnitOfWork) -> int:
        work.programmes.get(programme_id)
        if len(work.programmes.rewards(programme_id)) >= REWARDS_MAX:
            raise Conflict(_("A card has at most %(max)d rewards.", max=REWARDS_MAX))
        chosen = slug or slug_for(
            name,
            taken=lambda text: work.programmes.reward_by_slug(programme_id, text) is not None,
        )
        reward = Reward(
            id=new_id(),
            programme_id=programme_id,
            slug=chosen,
            name=name.strip(),
            cost=cost,
            created_at=ctx.clock.now(),
        )
        work.programmes.add_reward(reward)
        _tell(work, reward, actor, action="reward.add")
        return reward.id

    return run_work(ctx.database, merchant_id, action, clock=ctx.clock)


def change_reward(
    ctx: Loyalty,
    merchant_id: int,
    reward_id: int,
    *,
    name: str,
    cost: int,
    active: bool,
    actor: Actor,
) -> None:
    """Give a reward another name or cost, or take it off the card for now.

    Raises:
        InvalidInputs: fields `name` and `cost`.
        NotFound: it is not this merchant's.
    """
    _check(name, cost)

    def action(work: UnitOfWork) -> None:
        known = work.programmes.reward(reward_id)
        changed = replace(known, name=name.strip(), cost=cost, active=active)
        if changed == known:
            return
        work.programmes.update_reward(changed)
        _tell(work, changed, actor, action="reward.change")

    run_work(ctx.database, merchant_id, action, clock=ctx.clock)


def _check(name: str, cost: int) -> None:
    found = []
    if not 0 < len(name.strip()) <= NAME_MAX or not name.isprintable():
        message = _("Name the reward in at most %(max)d characters.", max=NAME_MAX)
        found.append(InvalidInput(message, field="name"))
    if type(cost) is not int or not 0 < cost <= COST_MAX:
        message = _("Say what it costs: a whole number from 1 to %(max)d.", max=COST_MAX)
        found.append(InvalidInput(message, field="cost"))
    if found:
        raise InvalidInputs(found)


def _tell(work: UnitOfWork, reward: Reward, actor: Actor, *, action: str) -> None:
    """Rewards are listed on every card, so every card changes."""
    work.deliveries.bump_programme(reward.programme_id, reason="terms")
    work.audit.add(
        actor=actor,
        action=action,
        subject_kind="reward",
        subject_id=reward.id,
        detail={"cost": reward.cost, "active": reward.active},
    )
