"""The facts of a shop that its owner may change: name, privacy page, the most one sale may be."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from common.actor import Actor
from common.errors import InvalidInput, InvalidInputs
from common.i18n import gettext as _
from common.money import parse_amount
from loyalty.context import Loyalty
from storage.unit_of_work import UnitOfWork, run_work

NAME_MAX: Final = 40
LINK_MAX: Final = 300
SALE_MAX_MINOR: Final = 1_000_000_000


def change_shop(
    ctx: Loyalty,
    merchant_id: int,
    *,
    name: str,
    privacy_url: str,
    sale_max: str,
    actor: Actor,
) -> None:
    """Store the shop's facts; `sale_max` is an amount as typed, in the shop's currency.

    Raises:
        InvalidInputs: fields `name`, `privacy_url`, `sale_max`.
    """

    def action(work: UnitOfWork) -> None:
        merchant = work.merchants.get()
        cap = _checked(name, privacy_url, sale_max, currency=merchant.currency)
        new = (name.strip(), privacy_url.strip(), cap)
        if new == (merchant.name, merchant.privacy_url, merchant.sale_max_minor):
            return
        work.merchants.set_facts(name=new[0], privacy_url=new[1], sale_max_minor=cap)
        work.audit.add(
            actor=actor, action="merchant.change", subject_kind="merchant", subject_id=merchant_id
        )

    run_work(ctx.database, merchant_id, action, clock=ctx.clock)


def _checked(name: str, privacy_url: str, sale_max: str, *, currency: str) -> int:
    found: list[InvalidInput] = []
    cap = 0
    if not 0 < len(name.strip()) <= NAME_MAX or not name.isprintable():
        message = _("Give a name of at most %(max)d characters.", max=NAME_MAX)
        found.append(InvalidInput(message, field="name"))
    if privacy_url.strip() and not _is_https(privacy_url.strip()):
        message = _("Start the address with https://")
        found.append(InvalidInput(message, field="privacy_url"))
    try:
        cap = parse_amount(sale_max, currency, field="sale_max", max_minor=SALE_MAX_MINOR)
    except InvalidInput as complaint:
        found.append(complaint)
    if found:
        raise InvalidInputs(found)
    return cap


def _is_https(address: str) -> bool:
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    clean = address.isprintable() and not any(symbol in address for symbol in " \"'<>\\")
    return clean and parts.scheme == "https" and bool(parts.hostname) and len(address) <= LINK_MAX
