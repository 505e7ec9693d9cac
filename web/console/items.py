"""The small list of what the shop sells: for rules by item, and for profit."""

from __future__ import annotations

from flask import request
from flask.typing import ResponseReturnValue

from common.errors import InvalidInput, InvalidInputs
from common.i18n import gettext as _
from common.money import format_plain, parse_amount
from loyalty.items import ItemForm, add_item, archive_item, change_item, list_items, read_item
from loyalty.slugs import slug_for
from web.console.door import blueprint, done, page
from web.errors import answer, wants_json
from web.forms import Form, flag, refused, shown, text
from web.services import services
from web.sessions import signed_in


@blueprint.get("/items")
def items() -> ResponseReturnValue:
    """The list and the form for one more."""
    return _items(shown({"counts": "1"}))


@blueprint.post("/items")
def add_one_item() -> ResponseReturnValue:
    """Put an item on the list; without a code one is made from the name."""
    who = signed_in()
    ctx = services().loyalty
    try:
        known = {one.code for one in list_items(ctx, who.merchant_id, archived=True)}
        code = text("code") or slug_for(text("name"), taken=known.__contains__)
        add_item(ctx, who.merchant_id, item=_sent(code), actor=who.actor())
    except InvalidInput as error:
        if wants_json():
            return answer(error)
        return _items(refused(error)), error.status
    return done(_("The item is on the list."), "items")


@blueprint.get("/items/<id:item_id>")
def item(item_id: int) -> ResponseReturnValue:
    """One item's form."""
    who = signed_in()
    known = read_item(services().loyalty, who.merchant_id, item_id)
    values = {
        "code": known.code,
        "name": known.name,
        "category": known.category,
        "price": _plain(known.price_minor),
        "cost": _plain(known.cost_minor),
        "own_brand": known.own_brand and "1",
        "counts": known.counts and "1",
    }
    return _item(item_id, shown(values), archived=known.archived_at is not None)


@blueprint.post("/items/<id:item_id>")
def change_one_item(item_id: int) -> ResponseReturnValue:
    """Give an item other facts."""
    who = signed_in()
    ctx = services().loyalty
    known = read_item(ctx, who.merchant_id, item_id)
    try:
        change_item(ctx, who.merchant_id, item_id, item=_sent(known.code), actor=who.actor())
    except InvalidInput as error:
        if wants_json():
            return answer(error)
        form = refused(error, code=known.code)
        return _item(item_id, form, archived=known.archived_at is not None), error.status
    return done(_("The item is changed."), "items")


@blueprint.post("/items/<id:item_id>/archive")
def archive_one_item(item_id: int) -> ResponseReturnValue:
    """Take an item off the list, or put it back; old sales still know it."""
    who = signed_in()
    away = request.form.get("back") != "1"
    archive_item(services().loyalty, who.merchant_id, item_id, archived=away, actor=who.actor())
    return done(_("Taken off the list.") if away else _("Back on the list."), "items")


def _sent(code: str) -> ItemForm:
    complaints: list[InvalidInput] = []
    prices: dict[str, int | None] = {}
    for name in ("price", "cost"):
        try:
            typed = text(name)
            currency = signed_in().merchant.currency
            prices[name] = parse_amount(typed, currency, field=name) if typed else None
        except InvalidInput as complaint:
            complaints.append(complaint)
    if complaints:
        raise InvalidInputs(complaints)
    return ItemForm(
        code=code,
        name=text("name"),
        category=_category(text("category")),
        price_minor=prices["price"],
        cost_minor=prices["cost"],
        own_brand=flag("own_brand"),
        counts=flag("counts"),
    )


def _category(typed: str) -> str:
    """A category as it is kept: "Hot drinks" becomes hot-drinks."""
    return slug_for(typed, taken=lambda _text: False) if typed else ""


def _plain(minor: int | None) -> str:
    return "" if minor is None else format_plain(minor, signed_in().merchant.currency)


def _items(form: Form) -> str:
    found = list_items(services().loyalty, signed_in().merchant_id, archived=True)
    categories = sorted({one.category for one in found} - {""})
    return page("items.html", items=found, form=form, categories=categories)


def _item(item_id: int, form: Form, *, archived: bool) -> str:
    found = list_items(services().loyalty, signed_in().merchant_id, archived=True)
    categories = sorted({one.category for one in found} - {""})
    return page("item.html", item_id=item_id, form=form, archived=archived, categories=categories)
