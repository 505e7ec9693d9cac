"""What a member can have for points or stamps: add one, change one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

from common.actor import Actor
from common.errors import Conflict, InvalidInput, InvalidInputs
from common.i18n import gettext as _
from common.ids import new_id
from ledger.any_terms import units_of
from ledger.offers import Cost
from loyalty.context import Loyalty
from loyalty.offers import NOTE_MAX, OfferForm, offer_complaints
from loyalty.slugs import check_slug, slug_for
from storage.programmes import Reward
from storage.unit_of_work import UnitOfWork, run_work

NAME_MAX: Final = 40
COST_MAX: Final = 1_000_000
REWARDS_MAX: Final = 30
COSTS_MAX: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class RewardForm(OfferForm):
    """What a reward is, beside its name and cost.

    `unit` is what the cost counts, empty for the programme's own; `more_costs` are units that it
    takes beside (a prize for a full set). `note` names the partner, the place, what it is.
    """

    unit: str = ""
    more_costs: tuple[Cost, ...] = ()
    note: str = ""

    def conditions(self) -> dict[str, Any]:
        """What is stored as the reward's conditions; empty for none."""
        found = OfferForm.conditions(self)
        if self.more_costs:
            found["costs"] = [[cost.unit, cost.amount] for cost in self.more_costs]
        return found


def add_reward(
    ctx: Loyalty,
    merchant_id: int,
    programme_id: int,
    *,
    slug: str = "",
    name: str,
    cost: int,
    actor: Actor,
    offer: RewardForm | None = None,
) -> int:
    """Offer a reward from now on; without a slug one is made from the name.

    Raises:
        InvalidInputs: fields `name` and `cost`, and those of the offer.
        Conflict: the slug is taken, or there are thirty rewards.
    """

    def action(work: UnitOfWork) -> int:
        return put_reward(
            work,
            programme_id,
            slug=slug,
            name=name,
            cost=cost,
            offer=offer or RewardForm(),
            actor=actor,
        )

    return run_work(ctx.database, merchant_id, action, clock=ctx.clock)


def put_reward(
    work: UnitOfWork,
    programme_id: int,
    *,
    slug: str = "",
    name: str,
    cost: int,
    offer: RewardForm,
    actor: Actor,
) -> int:
    """Offer a reward within a transaction of the caller's; raises as `add_reward`."""
    _check(name, cost, offer)
    if slug:
        check_slug(slug)
    _check_units(work, programme_id, offer)
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
        created_at=work.clock.now(),
        **_offered(offer),
    )
    work.programmes.add_reward(reward)
    _tell(work, reward, actor, action="reward.add")
    return reward.id


def change_reward(
    ctx: Loyalty,
    merchant_id: int,
    reward_id: int,
    *,
    name: str,
    cost: int,
    active: bool,
    actor: Actor,
    offer: RewardForm | None = None,
) -> None:
    """Give a reward another name or cost, or take it off the card for now.

    Without `offer` what it is stays as it was.

    Raises:
        InvalidInputs: fields `name` and `cost`, and those of the offer.
        NotFound: it is not this merchant's.
    """
    _check(name, cost, offer or RewardForm())

    def action(work: UnitOfWork) -> None:
        known = work.programmes.reward(reward_id)
        changed = replace(known, name=name.strip(), cost=cost, active=active)
        if offer is not None:
            _check_units(work, known.programme_id, offer)
            changed = replace(changed, **_offered(offer))
        if changed == known:
            return
        work.programmes.update_reward(changed)
        _tell(work, changed, actor, action="reward.change")

    run_work(ctx.database, merchant_id, action, clock=ctx.clock)


def _offered(form: RewardForm) -> dict[str, Any]:
    return {
        "kind": str(form.kind),
        "unit": form.unit or None,
        "value": form.value(),
        "cost_minor": form.cost_minor,
        "stock": form.stock,
        "per_member": form.per_member,
        "valid_from": form.valid_from,
        "valid_until": form.valid_until,
        "note": form.note.strip(),
        "conditions": form.conditions() or None,
    }


def _check_units(work: UnitOfWork, programme_id: int, form: RewardForm) -> None:
    known = units_of(work.programmes.terms(programme_id))
    found = [
        InvalidInput(_("The card does not count this."), field=field)
        for field, unit in (
            ("unit", form.unit),
            *(("more_costs", cost.unit) for cost in form.more_costs),
        )
        if unit and unit not in known
    ]
    if found:
        raise InvalidInputs(found)


def _check(name: str, cost: int, form: RewardForm) -> None:
    found = offer_complaints(form)
    if len(form.note) > NOTE_MAX or (form.note and not form.note.isprintable()):
        message = _("Use at most %(max)d characters.", max=NOTE_MAX)
        found.append(InvalidInput(message, field="note"))
    units = [form.unit, *(one.unit for one in form.more_costs)]
    if (
        len(form.more_costs) > COSTS_MAX
        or len(set(units)) != len(units)
        or any(
            type(one.amount) is not int or not 0 < one.amount <= COST_MAX for one in form.more_costs
        )
    ):
        message = _("Name each further unit once, with a whole number from 1.")
        found.append(InvalidInput(message, field="more_costs"))
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
