"""A world whose card has many rules: tiers and coupons, as Google sees them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from common.actor import SYSTEM
from loyalty.programmes import add_programme
from loyalty.publish import publish
from loyalty.save_to_google import google_save_link
from storage.deliveries import Channel
from storage.unit_of_work import UnitOfWork, open_work, run_work
from tests.support.rules import SPEND, terms_of
from tests.support.world import Card, World, service_account

ISSUER = service_account().issuer_id
LEVELS = (
    {"code": "silver", "name": "Silver", "threshold": 5_000},
    {"code": "gold", "name": "Golden Circle", "threshold": 20_000},
)


def rule_card(world: World, **parts: Any) -> int:
    """From now on members join a card of one point for EUR 10, with tiers by what was spent."""
    terms = terms_of(SPEND, tiers={"levels": list(LEVELS), **parts})
    world.programme_id = add_programme(
        world.ctx, world.merchant_id, slug="rules", name="Rule Club", terms=terms, actor=SYSTEM
    )
    publish(world.ctx, world.merchant_id, world.programme_id, actor=SYSTEM)
    return world.programme_id


def redesign(world: World, **changes: object) -> None:
    """Publish the programme's card anew."""

    def action(work: UnitOfWork) -> None:
        draft = work.programmes.draft(world.programme_id).design
        work.programmes.save_draft(world.programme_id, replace(draft, **changes))

    run_work(world.database, world.merchant_id, action, clock=world.clock)
    publish(world.ctx, world.merchant_id, world.programme_id, actor=SYSTEM)


def save(world: World, card: Card) -> str:
    """Press the button and put the card on the Android phone."""
    link = google_save_link(world.ctx, world.merchant_id, card.member_id)
    assert world.sandbox.save_to_google(link, phone=world.android).status_code == 303
    return link


def class_id(world: World, tier: str = "") -> str:
    """The whole id of the programme's class, or a tier's."""
    return f"{ISSUER}.programme-{world.programme_id}" + (f"-{tier}" if tier else "")


def at_google(world: World, card: Card) -> Mapping[str, Any]:
    """The card as the phone shows it, its class under `classReference`."""
    for shown in world.sandbox.android(world.android)["cards"]:
        if str(shown["id"]).endswith(f".{card.serial_number}"):
            return dict(shown)
    return {}


def pass_facts(world: World, card: Card) -> Mapping[str, Any]:
    """What the card's delivery remembers."""
    with open_work(world.database, world.merchant_id, clock=world.clock, writing=False) as work:
        return work.deliveries.facts_of(Channel.GOOGLE_OBJECT, card.pass_id)
