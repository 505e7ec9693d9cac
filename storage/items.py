"""The small list of what a shop sells: for rules by item, and for profit.

Rule: an item is known by its code, as the source of sales names it; what is archived keeps its
code, so that an old sale still finds it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func

from common.errors import Conflict, NotFound
from common.i18n import gettext as _
from storage.records import columns, record_of, values_of
from storage.scope import Scope
from storage.tables import item


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """Something that is sold; prices in minor units, None where not told.

    `counts` False never earns.
    """

    id: int
    code: str
    name: str
    category: str = ""
    price_minor: int | None = None
    cost_minor: int | None = None
    own_brand: bool = False
    counts: bool = True
    archived_at: datetime | None = None
    created_at: datetime


class Items:
    """The items of one merchant."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def add(self, new: Item) -> None:
        """Keep a new item.

        Raises:
            Conflict: the code is taken.
        """
        values = {"merchant_id": self._scope.merchant, **values_of(new)}
        if not self._scope.insert_new(item, **values):
            raise Conflict(_("There is an item with the code %(code)s already.", code=new.code))

    def update(self, changed: Item) -> None:
        """Keep an item's new facts; its code and its birth stay."""
        values = values_of(changed)
        for fixed in ("id", "code", "created_at"):
            values.pop(fixed)
        mine = self._scope.update(item).where(item.c.id == changed.id)
        self._scope.execute(mine.values(**values))

    def get(self, item_id: int) -> Item:
        """An item.

        Raises:
            NotFound: there is none with this id.
        """
        found = self._many(item.c.id == item_id)
        if not found:
            raise NotFound(_("There is no such item."))
        return found[0]

    def all(self, *, archived: bool = False) -> list[Item]:
        """Every item by category and name; the archived ones only when asked for."""
        return self._many(*(() if archived else (item.c.archived_at.is_(None),)))

    def count(self) -> int:
        """How many items there are, archived ones too."""
        return int(self._scope.execute(self._scope.select(item, func.count())).scalar_one())

    def by_code(self, codes: Iterable[str]) -> dict[str, Item]:
        """The items of these codes; unknown ones are left out."""
        wanted = sorted(set(codes))
        if not wanted:
            return {}
        return {one.code: one for one in self._many(item.c.code.in_(wanted))}

    def _many(self, *conditions: Any) -> list[Item]:
        query = self._scope.select(item, *columns(item, Item)).where(*conditions)
        rows = self._scope.execute(query.order_by(item.c.category, item.c.name, item.c.id))
        return [record_of(Item, row) for row in rows]
