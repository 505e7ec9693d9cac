"""Gift cards in the console: open them, say how they are sold, take cards by Stripe, look after one."""

from __future__ import annotations

from flask import flash, url_for
from flask.typing import ResponseReturnValue

from common.errors import InvalidInput, InvalidInputs
from common.i18n import gettext as _
from common.money import format_plain, parse_amount
from ledger.gifts import GiftExpiry
from loyalty.gift_cards import freeze_gift, replace_gift, send_again
from loyalty.gift_numbers import group
from loyalty.gift_programme import GiftSettings, change_gifts, find_gifts, open_gifts
from loyalty.gift_views import PAGE, list_gifts, owed_on_gifts, read_gift
from loyalty.payments import connect_stripe, disconnect_stripe, read_stripe
from web.console.activity import before
from web.console.door import blueprint, done, page
from web.errors import answer, wants_json
from web.forms import Form, flag, refused, shown, text
from web.services import services
from web.sessions import signed_in


@blueprint.get("/gifts")
def gifts() -> ResponseReturnValue:
    """How gift cards are sold, what is owed on them, and the newest ones."""
    return _gifts()


@blueprint.post("/gifts")
def open_gift_cards() -> ResponseReturnValue:
    """Begin to sell them."""
    who = signed_in()
    open_gifts(services().loyalty, who.merchant_id, actor=who.actor())
    return done(_("Gift cards are on sale."), "gifts")


@blueprint.post("/gifts/settings")
def change_gift_cards() -> ResponseReturnValue:
    """Sell them another way from now on."""
    who = signed_in()
    try:
        change_gifts(services().loyalty, who.merchant_id, _settings(), actor=who.actor())
    except InvalidInput as error:
        if wants_json():
            return answer(error)
        return _gifts(form=refused(error)), error.status
    return done(_("Saved."), "gifts")


@blueprint.post("/gifts/stripe")
def connect_to_stripe() -> ResponseReturnValue:
    """Take card payments on the shop's own Stripe account."""
    who = signed_in()
    who.require_owner()
    try:
        connect_stripe(
            services().loyalty,
            who.merchant_id,
            key=text("key"),
            hook_secret=text("hook_secret"),
            actor=who.actor(),
        )
    except InvalidInput as error:
        if wants_json():
            return answer(error)
        # What was typed is a secret and is never shown again.
        return _gifts(stripe_form=Form(errors=refused(error).errors)), error.status
    return done(_("Stripe is connected."), "gifts")


@blueprint.post("/gifts/stripe/remove")
def remove_stripe() -> ResponseReturnValue:
    """Take no more card payments; the counter's code stays."""
    who = signed_in()
    who.require_owner()
    disconnect_stripe(services().loyalty, who.merchant_id, actor=who.actor())
    return done(_("Stripe is disconnected."), "gifts")


@blueprint.get("/gifts/<id:gift_id>")
def gift(gift_id: int) -> ResponseReturnValue:
    """One gift card."""
    who = signed_in()
    found = read_gift(services().loyalty, who.merchant_id, gift_id)
    return page("gift.html", gift=found, number=group(found.number), pin="")


@blueprint.post("/gifts/<id:gift_id>/freeze")
def freeze(gift_id: int) -> ResponseReturnValue:
    """Let nothing of it be spent, or let it be again."""
    who = signed_in()
    frozen = not flag("thaw")
    freeze_gift(services().loyalty, who.merchant_id, gift_id, frozen=frozen, actor=who.actor())
    said = _("Frozen: nothing of it can be spent.") if frozen else _("It can be spent again.")
    return done(said, "gift", gift_id=gift_id)


@blueprint.post("/gifts/<id:gift_id>/replace")
def replace_gift_card(gift_id: int) -> ResponseReturnValue:
    """A new card with the same money; the lost one is dead."""
    who, ctx = signed_in(), services().loyalty
    fresh = replace_gift(ctx, who.merchant_id, gift_id, actor=who.actor())
    found = read_gift(ctx, who.merchant_id, gift_id)
    flash(_("Replaced: the old code, link and number are dead."), "good")
    return page("gift.html", gift=found, number=group(fresh.number), pin=fresh.pin)


@blueprint.post("/gifts/<id:gift_id>/send")
def send_gift(gift_id: int) -> ResponseReturnValue:
    """Mail it once more."""
    who = signed_in()
    sent = send_again(services().loyalty, who.merchant_id, gift_id, actor=who.actor())
    said = _("The mail is on its way.") if sent else _("No address is kept, or no mail is set up.")
    return done(said, "gift", gift_id=gift_id)


def _gifts(*, form: Form | None = None, stripe_form: Form | None = None) -> str:
    who, ctx = signed_in(), services().loyalty
    shop = find_gifts(ctx, who.merchant_id)
    stripe = read_stripe(ctx, who.merchant_id)
    lines = list_gifts(ctx, who.merchant_id, before_id=before()) if shop else ()
    return page(
        "gifts.html",
        shop=shop,
        form=form or shown(_values(shop.settings) if shop else {}),
        stripe=stripe,
        stripe_form=stripe_form or shown(),
        hook=services().absolute(url_for("hooks.stripe", account=stripe.endpoint))
        if stripe
        else "",
        link=services().absolute(url_for("gift.show", code=shop.code)) if shop else "",
        lines=lines,
        older=lines[-1].id if len(lines) == PAGE else None,
        owed=owed_on_gifts(ctx, who.merchant_id),
        expiries=_expiries(),
    )


def _expiries() -> list[tuple[str, str]]:
    return [
        (GiftExpiry.NEVER, _("It does not expire")),
        (GiftExpiry.FIVE_YEARS, _("Five years")),
        (GiftExpiry.TEN_YEARS, _("Ten years")),
        (GiftExpiry.THIRD_YEAR_END, _("Until the end of the third year after the sale")),
    ]


def _values(settings: GiftSettings) -> dict[str, object]:
    currency = signed_in().merchant.currency
    return {
        "amounts": " ".join(format_plain(one, currency) for one in settings.amounts),
        "least": format_plain(settings.least_minor, currency),
        "most": format_plain(settings.most_minor, currency),
        "expiry": settings.expiry,
        "contact": settings.contact,
        "pins": settings.pins and "1",
        "page": settings.page and "1",
    }


def _settings() -> GiftSettings:
    currency = signed_in().merchant.currency
    complaints: list[InvalidInput] = []

    def amount(name: str, typed: str) -> int:
        try:
            return parse_amount(typed, currency, field=name)
        except InvalidInput as complaint:
            complaints.append(complaint)
            return 0

    settings = GiftSettings(
        amounts=tuple(amount("amounts", one) for one in text("amounts").split()[:20]),
        least_minor=amount("least", text("least")),
        most_minor=amount("most", text("most")),
        expiry=_expiry(complaints),
        contact=text("contact"),
        pins=flag("pins"),
        page=flag("page"),
    )
    if complaints:
        raise InvalidInputs(complaints)
    return settings


def _expiry(complaints: list[InvalidInput]) -> GiftExpiry:
    try:
        return GiftExpiry(text("expiry"))
    except ValueError:
        complaints.append(InvalidInput(_("Choose how long the money lasts."), field="expiry"))
        return GiftExpiry.NEVER
