"""What the join page of a code shows: whose card it is, how it looks, what it asks.

Not done here: joining (enrol.py). Nothing on this page is about a member.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from common.crockford import normalise
from common.errors import NotFound
from common.i18n import current_language, use_language
from common.i18n import gettext as _
from ledger.any_terms import AnyTerms, explain_any, first_unit, goal_of
from loyalty.admission import refuse_state
from loyalty.context import Loyalty
from loyalty.enrol import refuse_closed
from loyalty.wallets import Wallets, wallets_of
from passes.content import Content, RewardLine
from passes.web_card import CardView, card_view
from storage.directory import DirectoryEntry
from storage.join_rules import JoinRules, ProgrammeState
from storage.joining import Door
from storage.merchants import Merchant
from storage.programmes import Programme, Reward
from storage.unit_of_work import UnitOfWork, open_work

CODE_TEXT_MAX: Final = 32
_JOIN: Final = "join"


class UnknownJoinCode(NotFound):
    """No card is behind this link."""

    code = "unknown_join_code"


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinPage:
    """A programme that can be joined.

    `asks` maps `name`, `email`, `phone`, `address`, `birthday` and `brand` to `off`, `optional` or
    `required`, in this order; `joining` says who may join, why each is asked, and the
    owner's own questions; `mails_card` says that who types an address gets the card by mail alone.
    """

    code: str
    merchant_id: int
    merchant_name: str
    country: str
    privacy_url: str
    sandbox: bool
    programme_id: int
    programme_name: str
    asks: Mapping[str, str]
    rules: tuple[str, ...]
    view: CardView
    wallets: Wallets
    mails_card: bool
    is_pilot: bool
    joining: JoinRules


@dataclass(frozen=True, slots=True, kw_only=True)
class Teaser:
    """An announced programme; `tells` says that an address can be left, `view` once it is published."""

    code: str
    merchant_id: int
    merchant_name: str
    privacy_url: str
    sandbox: bool
    programme_id: int
    programme_name: str
    opens_at: datetime | None
    time_zone: str
    tells: bool
    view: CardView | None


def open_join(ctx: Loyalty, code: str) -> JoinPage:
    """The page behind a join code, in the current language.

    Raises:
        UnknownJoinCode: nobody's code.
        NotOpen: the card was never published, or takes nobody at the moment.
        MerchantSuspended: the merchant is suspended.
    """
    entry = _entry(ctx, code)
    with open_work(ctx.database, entry.merchant_id, clock=ctx.clock, writing=False) as work:
        merchant = work.merchants.get()
        programme = work.programmes.get(entry.subject_id)
        door = work.joining.door(programme.id)
        if merchant.status == "active":
            refuse_state(door)
        refuse_closed(merchant, programme)
        return _page(ctx, work, merchant, programme=programme, door=door)


def open_teaser(ctx: Loyalty, code: str) -> Teaser | None:
    """What an announced card says of itself; None for one that is not announced.

    Raises:
        UnknownJoinCode: nobody's code.
    """
    entry = _entry(ctx, code)
    with open_work(ctx.database, entry.merchant_id, clock=ctx.clock, writing=False) as work:
        merchant = work.merchants.get()
        programme = work.programmes.get(entry.subject_id)
        door = work.joining.door(programme.id)
        if door.state is not ProgrammeState.ANNOUNCED or merchant.status != "active":
            return None
        stored = work.programmes.published_design(programme.id)
        terms = work.programmes.terms(programme.id)
    return Teaser(
        code=programme.join_code,
        merchant_id=merchant.id,
        merchant_name=merchant.name,
        privacy_url=merchant.privacy_url,
        sandbox=merchant.sandbox,
        programme_id=programme.id,
        programme_name=stored.design.programme_name if stored else programme.name,
        opens_at=door.opens_at,
        time_zone=merchant.time_zone,
        tells=ctx.settings.sends_mail,
        view=card_view(stored.design, _empty_card(terms, [])) if stored else None,
    )


def _entry(ctx: Loyalty, code: str) -> DirectoryEntry:
    name = normalise(code) if len(code) <= CODE_TEXT_MAX else ""
    with open_work(ctx.database, None, clock=ctx.clock, writing=False) as work:
        entry = work.directory.name(_JOIN, name)
    if entry is None:
        raise UnknownJoinCode(_("No card is behind this link. Scan the code at the counter again."))
    return entry


def _page(
    ctx: Loyalty, work: UnitOfWork, merchant: Merchant, *, programme: Programme, door: Door
) -> JoinPage:
    stored = work.programmes.design(programme.id, programme.design_version)
    terms = work.programmes.terms(programme.id)
    rewards = work.programmes.rewards(programme.id, active_only=True)
    with use_language(current_language()):
        rules = explain_any(terms)
    return JoinPage(
        code=programme.join_code,
        merchant_id=merchant.id,
        merchant_name=merchant.name,
        country=merchant.country,
        privacy_url=merchant.privacy_url,
        sandbox=merchant.sandbox,
        programme_id=programme.id,
        programme_name=stored.design.programme_name,
        asks={
            "name": programme.ask_name,
            "email": programme.ask_email,
            "phone": programme.ask_phone,
            **{name: door.rules.asks(name) for name in ("address", "birthday", "brand")},
        },
        joining=door.rules,
        is_pilot=door.state is ProgrammeState.PILOT,
        rules=rules,
        view=card_view(stored.design, _empty_card(terms, list(rewards))),
        wallets=wallets_of(ctx, work, merchant),
        mails_card=ctx.settings.sends_mail
        and bool(programme.join_by_mail)
        and programme.ask_email != "off",
    )


def _empty_card(terms: AnyTerms, rewards: list[Reward]) -> Content:
    """The card as it looks on the first day, without a code."""
    cheapest = min(rewards, key=lambda reward: reward.cost, default=None)
    return Content(
        serial_number="preview",
        language=current_language(),
        member_number="",
        member_name="",
        barcode="",
        unit=first_unit(terms),
        balance=0,
        goal=goal_of(terms),
        progress="",
        next_reward=RewardLine(name=cheapest.name, cost=cheapest.cost, due=False)
        if cheapest
        else None,
    )
