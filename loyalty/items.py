"""The list of items: what is sold, for rules by item and for profit."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from common.actor import Actor
from common.errors import Conflict, InvalidInput, InvalidInputs
from common.i18n import gettext as _
from common.ids import new_id
from loyalty.context import Loyalty
from loyalty.sold import CODE
from storage.items import Item
from storage.unit_of_work import UnitOfWork, open_work, run_work

NAME_MAX: Final = 80
ITEMS_MAX: Final = 2000
PRICE_MAX: Final = 100_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemForm:
    """An item as it is entered; prices in minor units, None where not known.

    `counts` False never earns.
    """

    code: str
    name: str
    category: str = ""
    price_minor: int | None = None
    cost_minor: int | None = None
    own_brand: bool = False
    counts: bool = True


def add_item(ctx: Loyalty, merchant_id: int, *, item: ItemForm, actor: Actor) -> int:
    """Put an item on the list.

    Raises:
        InvalidInputs: fields `code`, `name`, `category`, `price`, `cost`.
        Conflict: the code is taken, or the list is full.
    """
    return run_work(
        ctx.database,
        merchant_id,
        lambda work: put_item(work, item, actor=actor),
        clock=ctx.clock,
    )


def put_item(work: UnitOfWork, item: ItemForm, *, actor: Actor) -> int:
    """Put an item on the list within a transaction of the caller's; raises as `add_item`."""
    _check(item)
    if work.items.count() >= ITEMS_MAX:
        raise Conflict(_("The list holds at most %(most)d items.", most=ITEMS_MAX))
    new = Item(
        id=new_id(),
        code=item.code,
        name=item.name.strip(),
        category=item.category,
        price_minor=item.price_minor,
        cost_minor=item.cost_minor,
        own_brand=item.own_brand,
        counts=item.counts,
        created_at=work.clock.now(),
    )
    work.items.add(new)
    _note(work, actor, "item.add", new.id)
    return new.id


def change_item(
    ctx: Loyalty, merchant_id: int, item_id: int, *, item: ItemForm, actor: Actor
) -> None:
    """Give an item other facts; its code stays, because old sales name it.

    Raises:
        InvalidInputs: as `add_item`, and `code` when it is another one.
        NotFound: it is not this merchant's.
    """
    _check(item)

    def action(work: UnitOfWork) -> None:
        known = work.items.get(item_id)
        if known.code != item.code:
            message = _("The code stays: old sales name it. Add a new item instead.")
            raise InvalidInputs([InvalidInput(message, field="code")])
        changed = replace(
            known,
            name=item.name.strip(),
            category=item.category,
            price_minor=item.price_minor,
            cost_minor=item.cost_minor,
            own_brand=item.own_brand,
            counts=item.counts,
        )
        if changed != known:
            work.items.update(changed)
            _note(work, actor, "item.change", item_id)

    run_work(ctx.database, merchant_id, action, clock=ctx.clock)


def archive_item(
    ctx: Loyalty, merchant_id: int, item_id: int, *, archived: bool, actor: Actor
) -> None:
    """Take an item off the list, or put it back; rules and old sales still know it.

    Raises:
        NotFound: it is not this merchant's.
    """

    def action(work: UnitOfWork) -> None:
        known = work.items.get(item_id)
        if (known.archived_at is not None) == archived:
            return
        work.items.update(replace(known, archived_at=work.clock.now() if archived else None))
        _note(work, actor, "item.archive" if archived else "item.restore", item_id)

    run_work(ctx.database, merchant_id, action, clock=ctx.clock)


def list_items(ctx: Loyalty, merchant_id: int, *, archived: bool = False) -> list[Item]:
    """The list by category and name."""
    with open_work(ctx.database, merchant_id, clock=ctx.clock, writing=False) as work:
        return work.items.all(archived=archived)


def read_item(ctx: Loyalty, merchant_id: int, item_id: int) -> Item:
    """One item.

    Raises:
        NotFound: it is not this merchant's.
    """
    with open_work(ctx.database, merchant_id, clock=ctx.clock, writing=False) as work:
        return work.items.get(item_id)


def _check(item: ItemForm) -> None:
    found = []
    shape = _("Use small letters, digits, - and _ only, at most 40.")
    if CODE.fullmatch(item.code) is None:
        found.append(InvalidInput(shape, field="code"))
    if item.category and CODE.fullmatch(item.category) is None:
        found.append(InvalidInput(shape, field="category"))
    name = item.name.strip()
    if not 0 < len(name) <= NAME_MAX or not name.isprintable():
        message = _("Name the item in at most %(max)d characters.", max=NAME_MAX)
        found.append(InvalidInput(message, field="name"))
    for field, value in (("price", item.price_minor), ("cost", item.cost_minor)):
        if value is not None and (type(value) is not int or not 0 <= value <= PRICE_MAX):
            message = _("Give an amount from zero to a million, or leave it empty.")
            found.append(InvalidInput(message, field=field))
    if found:
        raise InvalidInputs(found)


def _note(work: UnitOfWork, actor: Actor, action: str, item_id: int) -> None:
    work.audit.add(actor=actor, action=action, subject_kind="item", subject_id=item_id, detail={})
