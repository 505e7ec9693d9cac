"""How a shop sells gift cards: open them, say for how much, how long the money lasts, how to pay.

A gift card is a card of a programme of kind `gift`, one for the merchant's currency; its design is
edited like any other. Not done here: selling (gift_cards.py), orders (gift_orders.py).

Rules: the page at `/gift/<code>` answers only while it is switched on. How long money lasts counts
for what is sold from then on; what was sold keeps what it was promised.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

from common.actor import Actor
from common.errors import Conflict, InvalidInput, InvalidInputs, NotFound
from common.i18n import gettext as _
from common.ids import new_id
from common.money import decimals
from ledger.gifts import GiftExpiry, gift_expiry, gift_terms
from ledger.programme_terms import ProgrammeTerms
from loyalty.context import Loyalty
from loyalty.programmes import with_images
from loyalty.slugs import slug_for
from passes.design import Design
from passes.images import default_images
from signing.tokens import join_code
from storage.gift_cards import GiftCards, GiftProgramme
from storage.programmes import Programme
from storage.unit_of_work import UnitOfWork, open_work, run_work

DIRECTORY: Final = "gift"
AMOUNTS_MAX: Final = 8
CONTACT_MAX: Final = 200
CEILING_WHOLE: Final = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class GiftSettings:
    """What the owner decides; amounts in minor units.

    `amounts` are the buttons of the page. `pins`: cards get a short number with a PIN in place of a
    long number. `page`: strangers may order on the public page. `contact` is whom the balance page
    names.
    """

    amounts: tuple[int, ...]
    least_minor: int
    most_minor: int
    expiry: GiftExpiry = GiftExpiry.NEVER
    pins: bool = False
    page: bool = True
    contact: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GiftShop:
    """Gift cards as they are sold now; `code` is of the page `/gift/<code>`."""

    merchant_id: int
    programme_id: int
    name: str
    currency: str
    code: str
    settings: GiftSettings


def first_settings(currency: str) -> GiftSettings:
    """What a shop begins with."""
    unit = 10 ** decimals(currency) if decimals(currency) else 100
    return GiftSettings(
        amounts=tuple(whole * unit for whole in (10, 25, 50, 100)),
        least_minor=5 * unit,
        most_minor=250 * unit,
    )


def open_gifts(
    ctx: Loyalty, merchant_id: int, settings: GiftSettings | None = None, *, actor: Actor
) -> GiftShop:
    """Begin to sell gift cards in the merchant's currency.

    Raises:
        Conflict: they are sold already.
        InvalidInputs: fields `amounts`, `least`, `most`, `contact`.
    """
    with open_work(ctx.database, merchant_id, clock=ctx.clock, writing=False) as work:
        merchant = work.merchants.get()
    wanted = settings or first_settings(merchant.currency)
    _check(wanted, merchant.currency)
    name = _("Gift card")
    look = Design(
        programme_name=name,
        organization_name=merchant.name,
        language=merchant.language,
        balance_label=_("Balance"),
        background_colour="#1f3a2e",
        foreground_colour="#ffffff",
        label_colour="#cfe3d8",
    )
    drawn = default_images(look)
    terms = gift_terms(merchant.currency, expiry=wanted.expiry, time_zone=merchant.time_zone)

    def action(work: UnitOfWork) -> None:
        now = work.clock.now()
        programme = Programme(
            id=new_id(),
            slug=slug_for(name, taken=lambda text: work.programmes.by_slug(text) is not None),
            name=name,
            unit=merchant.currency,
            join_code=join_code(),
            created_at=now,
            kind="gift",
        )
        work.programmes.add(programme)
        work.programmes.add_terms(programme.id, terms)
        # Nobody joins a gift card: its join code is entered nowhere.
        work.rules.open_programme(programme.id, (merchant.currency,))
        version = work.programmes.save_draft(programme.id, with_images(work, look, drawn))
        work.programmes.publish(programme.id, version)
        new = GiftProgramme(
            programme_id=programme.id,
            currency=merchant.currency,
            code=join_code(),
            document=_document(wanted),
            created_at=now,
        )
        if not GiftCards(work.scope).add_programme(new):
            raise Conflict(_("Gift cards are sold already."))
        work.directory.add_name(DIRECTORY, new.code, programme.id)
        _note(work, actor, "gift.open", programme.id)

    run_work(ctx.database, merchant_id, action, clock=ctx.clock)
    return read_gifts(ctx, merchant_id)


def read_gifts(ctx: Loyalty, merchant_id: int) -> GiftShop:
    """How gift cards are sold in the merchant's currency.

    Raises:
        NotFound: they are not.
    """
    found = find_gifts(ctx, merchant_id)
    if found is None:
        raise NotFound(_("This shop sells no gift cards yet."))
    return found


def find_gifts(ctx: Loyalty, merchant_id: int) -> GiftShop | None:
    """The same, None where there are none."""
    with open_work(ctx.database, merchant_id, clock=ctx.clock, writing=False) as work:
        return shop_in(work)


def shop_in(work: UnitOfWork) -> GiftShop | None:
    """The same, in the caller's transaction."""
    merchant = work.merchants.get()
    stored = GiftCards(work.scope).programme(merchant.currency)
    if stored is None:
        return None
    programme = work.programmes.get(stored.programme_id)
    return GiftShop(
        merchant_id=merchant.id,
        programme_id=programme.id,
        name=programme.name,
        currency=stored.currency,
        code=stored.code,
        settings=_settings(stored.document, terms_in(work, programme.id)),
    )


def terms_in(work: UnitOfWork, programme_id: int) -> ProgrammeTerms:
    """The terms gift cards are sold under now."""
    terms = work.programmes.terms(programme_id)
    if not isinstance(terms, ProgrammeTerms):
        raise NotFound(_("There is no such gift card."))
    return terms


def change_gifts(
    ctx: Loyalty, merchant_id: int, settings: GiftSettings, *, actor: Actor
) -> GiftShop:
    """Sell them another way from now on.

    Raises:
        NotFound: they are not sold.
        InvalidInputs: as `open_gifts`.
    """
    shop = read_gifts(ctx, merchant_id)
    _check(settings, shop.currency)

    def action(work: UnitOfWork) -> None:
        GiftCards(work.scope).set_document(shop.programme_id, _document(settings))
        before = terms_in(work, shop.programme_id)
        if gift_expiry(before) is not settings.expiry:
            fresh = gift_terms(shop.currency, expiry=settings.expiry, time_zone=before.time_zone)
            work.programmes.add_terms(shop.programme_id, fresh)
            work.deliveries.bump_programme(shop.programme_id, reason="terms")
        _note(work, actor, "gift.change", shop.programme_id)

    run_work(ctx.database, merchant_id, action, clock=ctx.clock)
    return replace(shop, settings=settings)


def _check(settings: GiftSettings, currency: str) -> None:
    complaints = []
    ceiling = CEILING_WHOLE * 10 ** decimals(currency) if decimals(currency) else 10**8
    if not 0 < settings.least_minor <= settings.most_minor:
        complaints.append(
            InvalidInput(
                _("The least must be more than zero, and no more than the most."), field="least"
            )
        )
    if settings.most_minor > ceiling:
        complaints.append(InvalidInput(_("A gift card cannot be worth that much."), field="most"))
    if not 1 <= len(settings.amounts) <= AMOUNTS_MAX or any(
        not settings.least_minor <= one <= settings.most_minor for one in settings.amounts
    ):
        complaints.append(
            InvalidInput(
                _("Give one to eight amounts, each between the least and the most."),
                field="amounts",
            )
        )
    if len(settings.contact) > CONTACT_MAX:
        complaints.append(
            InvalidInput(_("Use at most %(count)d characters.", count=CONTACT_MAX), field="contact")
        )
    if complaints:
        raise InvalidInputs(complaints)


def _document(settings: GiftSettings) -> dict[str, Any]:
    return {
        "amounts": list(settings.amounts),
        "least_minor": settings.least_minor,
        "most_minor": settings.most_minor,
        "pins": settings.pins,
        "page": settings.page,
        "contact": settings.contact,
    }


def _settings(document: dict[str, Any], terms: ProgrammeTerms) -> GiftSettings:
    return GiftSettings(
        amounts=tuple(document["amounts"]),
        least_minor=document["least_minor"],
        most_minor=document["most_minor"],
        expiry=gift_expiry(terms),
        pins=document["pins"],
        page=document["page"],
        contact=document["contact"],
    )


def _note(work: UnitOfWork, actor: Actor, action: str, programme_id: int) -> None:
    work.audit.add(
        actor=actor, action=action, subject_kind="programme", subject_id=programme_id, detail={}
    )
