"""Merchants of this installation: add, list, suspend, and find the one a command means."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from zoneinfo import available_timezones

from babel import Locale, UnknownLocaleError
from babel.numbers import get_territory_currencies

from common.actor import Actor
from common.errors import Conflict, InvalidInput, InvalidInputs, NotFound
from common.i18n import gettext as _
from common.ids import new_id
from common.money import decimals, is_currency
from loyalty.context import Loyalty
from storage.merchants import Merchant
from storage.unit_of_work import UnitOfWork, open_work, run_work

SLUG_MAX: Final = 40
NAME_MAX: Final = 40
SALE_MAX_WHOLE: Final = 99_999
"""The default cap of one sale, in whole units and 99 hundredths: 99 999.99."""

_SLUG: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewMerchant:
    """What a merchant starts with. `slug` names it on the command line, for ever."""

    slug: str
    name: str
    currency: str = "EUR"
    language: str = "en"
    country: str = "IE"
    time_zone: str = "UTC"
    sandbox: bool = False


def add_merchant(ctx: Loyalty, new: NewMerchant, *, actor: Actor) -> int:
    """Store a merchant; its id is returned.

    Raises:
        InvalidInputs: fields that cannot be used, all at once.
        Conflict: the slug is taken.
    """
    check_merchant(new)
    merchant_id = new_id()

    def action(work: UnitOfWork) -> int:
        if work.merchants.by_slug(new.slug) is not None:
            raise Conflict(_("There is a merchant %(slug)s already.", slug=new.slug))
        work.merchants.add(_merchant(new, merchant_id, ctx))
        work.audit.add(
            actor=actor, action="merchant.add", subject_kind="merchant", subject_id=merchant_id
        )
        return merchant_id

    return run_work(ctx.database, merchant_id, action, clock=ctx.clock)


def _merchant(new: NewMerchant, merchant_id: int, ctx: Loyalty) -> Merchant:
    places = decimals(new.currency)
    return Merchant(
        id=merchant_id,
        slug=new.slug,
        name=new.name.strip(),
        currency=new.currency,
        language=new.language,
        country=new.country,
        time_zone=new.time_zone,
        public_url=None,
        status="active",
        sandbox=new.sandbox,
        sale_max_minor=(SALE_MAX_WHOLE + 1) * 10**places - 1,
        google_account_id=None,
        privacy_url="",
        created_at=ctx.clock.now(),
    )


def check_merchant(new: NewMerchant) -> None:
    """Refuse what could not be shown or counted, all complaints at once."""
    found = []
    if not _SLUG.fullmatch(new.slug):
        found.append(InvalidInput(_("Use a to z, 0 to 9 and hyphens, like bean-co."), field="slug"))
    if not 0 < len(new.name.strip()) <= NAME_MAX:
        found.append(
            InvalidInput(
                _("Give a name of at most %(max)d characters.", max=NAME_MAX), field="name"
            )
        )
    if not is_currency(new.currency):
        found.append(InvalidInput(_("Use a currency code like EUR."), field="currency"))
    if new.time_zone not in available_timezones():
        found.append(InvalidInput(_("Use a time zone like Europe/Dublin."), field="time_zone"))
    if not _is_language(new.language):
        found.append(InvalidInput(_("Use a language code like en."), field="language"))
    if not get_territory_currencies(new.country):
        found.append(InvalidInput(_("Use a country code like IE."), field="country"))
    if found:
        raise InvalidInputs(found)


def _is_language(tag: str) -> bool:
    try:
        Locale.parse(tag, sep="-")
    except (UnknownLocaleError, ValueError):
        return False
    return True


def list_merchants(ctx: Loyalty) -> list[Merchant]:
    """Every merchant, the oldest first."""
    with open_work(ctx.database, None, clock=ctx.clock, writing=False) as work:
        return sorted(work.merchants.all(), key=lambda merchant: merchant.id)


def find_merchant(ctx: Loyalty, slug: str | None) -> Merchant:
    """The merchant of a slug, or the only one when no slug is given.

    Raises:
        NotFound: no such merchant, or none at all.
        InvalidInput: several, and none was named.
    """
    merchants = list_merchants(ctx)
    if not merchants:
        raise NotFound(_("There is no merchant yet. Run `regulars init`."))
    if slug is None:
        if len(merchants) > 1:
            names = ", ".join(merchant.slug for merchant in merchants)
            raise InvalidInput(
                _(
                    "There are several merchants: name one with --merchant (%(names)s).",
                    names=names,
                ),
                field="merchant",
            )
        return merchants[0]
    for merchant in merchants:
        if merchant.slug == slug:
            return merchant
    raise NotFound(_("There is no merchant %(slug)s.", slug=slug))


def set_merchant_status(ctx: Loyalty, merchant_id: int, status: str, *, actor: Actor) -> None:
    """Suspend a merchant or let it go on; its cards stay valid, nothing is earned meanwhile."""

    def action(work: UnitOfWork) -> None:
        work.merchants.set_status(status)
        work.audit.add(
            actor=actor,
            action=f"merchant.{status}",
            subject_kind="merchant",
            subject_id=merchant_id,
        )

    run_work(ctx.database, merchant_id, action, clock=ctx.clock)
