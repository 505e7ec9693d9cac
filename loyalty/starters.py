"""Starters: a whole programme for a trade, live in five minutes: rules, rewards, words and colours.

Every number is a proposal that the owner changes by the same forms afterwards. Amounts are whole
units of the shop's currency, so that they read alike in euro and in yen. Names are in the language
that is spoken when the programme begins. Rule: all of it is one transaction; there is no half shop.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from common.actor import Actor
from common.errors import NotFound
from common.i18n import current_language
from common.i18n import gettext as _
from ledger.terms_document import read_terms
from loyalty.context import Loyalty
from loyalty.items import ItemForm, put_item
from loyalty.programmes import add_programme, free_slug
from loyalty.rewards import RewardForm, put_reward
from loyalty.starter_kit import Money, Starter
from loyalty.starters_food import bakery, cafe, grocer
from loyalty.starters_shops import boutique, dry_cleaner, gym, hairdresser, pet_shop
from passes.design import Design, StampShape
from storage.merchants import Merchant
from storage.unit_of_work import UnitOfWork, open_work

_MAKERS: Final[Mapping[str, Callable[[Money], Starter]]] = {
    "cafe": cafe,
    "bakery": bakery,
    "hairdresser": hairdresser,
    "boutique": boutique,
    "gym": gym,
    "pet-shop": pet_shop,
    "dry-cleaner": dry_cleaner,
    "grocer": grocer,
}


def starters(currency: str) -> tuple[Starter, ...]:
    """Every starter, for a shop that counts in `currency`."""
    money = Money(currency=currency, language=current_language())
    return tuple(make(money) for make in _MAKERS.values())


def starter(code: str, currency: str) -> Starter:
    """One starter.

    Raises:
        NotFound: there is none of this name.
    """
    make = _MAKERS.get(code)
    if make is None:
        raise NotFound(_("There is no such starter."))
    return make(Money(currency=currency, language=current_language()))


def begin_from_starter(
    ctx: Loyalty, merchant_id: int, code: str, *, name: str = "", actor: Actor
) -> int:
    """Begin a programme with the rules, rewards, items and look of a trade; its id is returned.

    Raises:
        NotFound: there is no such starter.
        InvalidInputs: the name cannot be used.
    """
    with open_work(ctx.database, merchant_id, clock=ctx.clock, writing=False) as work:
        merchant = work.merchants.get()
    kit = starter(code, merchant.currency)
    chosen = name.strip() or kit.name

    def also(work: UnitOfWork, programme_id: int) -> None:
        for reward in kit.rewards:
            put_reward(
                work,
                programme_id,
                name=reward.name,
                cost=reward.cost,
                offer=RewardForm(
                    kind=reward.kind,
                    unit=reward.unit,
                    percent=reward.percent,
                    value_minor=reward.value_minor,
                ),
                actor=actor,
            )
        _put_items(work, kit, actor=actor)

    return add_programme(
        ctx,
        merchant_id,
        slug=free_slug(ctx, merchant_id, chosen),
        name=chosen,
        terms=read_terms(kit.document, version=0, time_zone=merchant.time_zone),
        design=_look(kit, chosen, merchant),
        also=also,
        actor=actor,
    )


def _put_items(work: UnitOfWork, kit: Starter, *, actor: Actor) -> None:
    """The items the rules speak of; one that the owner has already stays as it is."""
    known = {item.code for item in work.items.all(archived=True)}
    for item in kit.items:
        if item.code not in known:
            form = ItemForm(
                code=item.code, name=item.name, category=item.category, own_brand=item.own_brand
            )
            put_item(work, form, actor=actor)


def _look(kit: Starter, name: str, merchant: Merchant) -> Design:
    ground, text, labels = kit.colours
    plain = Design(programme_name=name, organization_name=merchant.name)
    return replace(
        plain,
        language=merchant.language,
        background_colour=ground,
        foreground_colour=text,
        label_colour=labels,
        balance_label=kit.balance_label,
        back_text=kit.back_text,
        stamp_shape=StampShape(kit.stamp_shape),
    )
