"""The facts of a shop that its owner may change: name, privacy page, limits of the till."""

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
    refund_max: str,
    actor: Actor,
) -> None:
    """Store the shop's facts; the amounts are as typed, in the shop's currency.

    An empty `refund_max` stays as it was; zero lets no refund through without a manager.

    Raises:
        InvalidInputs: fields `name`, `privacy_url`, `sale_max`, `refund_max`.
    """

    def action(work: UnitOfWork) -> None:
        merchant = work.merchants.get()
        found = _check_words(name, privacy_url)
        cap = _amount(sale_max, "sale_max", currency=merchant.currency, found=found)
        back = merchant.staff_refund_max_minor
        if refund_max.strip():
            back = _amount(refund_max, "refund_max", currency=merchant.currency, found=found)
        if found:
            raise InvalidInputs(found)
        new = (name.strip(), privacy_url.strip(), cap, back)
        known = (merchant.name, merchant.privacy_url, merchant.sale_max_minor)
        if new == (*known, merchant.staff_refund_max_minor):
            return
        work.merchants.set_facts(
            name=new[0], privacy_url=new[1], sale_max_minor=cap, refund_max_minor=back
        )
        work.audit.add(
            actor=actor, action="merchant.change", subject_kind="merchant", subject_id=merchant_id
        )

    run_work(ctx.database, merchant_id, action, clock=ctx.clock)


def _check_words(name: str, privacy_url: str) -> list[InvalidInput]:
    found: list[InvalidInput] = []
    if not 0 < len(name.strip()) <= NAME_MAX or not name.isprintable():
        message = _("Give a name of at most %(max)d characters.", max=NAME_MAX)
        found.append(InvalidInput(message, field="name"))
    if privacy_url.strip() and not _is_https(privacy_url.strip()):
        message = _("Start the address with https://")
        found.append(InvalidInput(message, field="privacy_url"))
    return found


def _amount(typed: str, field: str, *, currency: str, found: list[InvalidInput]) -> int:
    """The amount, or zero and one complaint more; only a refund's limit may be nothing."""
    if field == "refund_max" and typed.strip(" 0.,") == "" and "0" in typed:
        return 0
    try:
        return parse_amount(typed, currency, field=field, max_minor=SALE_MAX_MINOR)
    except InvalidInput as complaint:
        found.append(complaint)
        return 0


def _is_https(address: str) -> bool:
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    clean = address.isprintable() and not any(symbol in address for symbol in " \"'<>\\")
    return clean and parts.scheme == "https" and bool(parts.hostname) and len(address) <= LINK_MAX
