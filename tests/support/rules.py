"""A shop whose programme has many rules: members, staff, and short ways to earn and to refund."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from common.actor import SYSTEM
from common.clock import Clock
from common.ids import new_id
from ledger.programme_terms import ProgrammeTerms
from ledger.terms_document import read_terms
from loyalty.context import Loyalty
from loyalty.earn import EarnRequest, earn
from loyalty.results import OperationResult
from storage.engine import Database
from storage.unit_of_work import open_work
from tests.support.counter import Shop, a_shop

POINTS_UNIT = {"code": "points", "kind": "points"}
SPEND = {"kind": "spend", "code": "base", "unit": "points", "spend_minor": 1000, "units": 1}


def terms_of(*rules: Mapping[str, Any], **parts: Any) -> ProgrammeTerms:
    """Terms in EUR and Berlin; points unless `units` say otherwise."""
    document = {
        "format": 2,
        "currency": "EUR",
        "units": parts.pop("units", [POINTS_UNIT]),
        "rules": list(rules),
        **parts,
    }
    return read_terms(document, version=1, time_zone="Europe/Berlin")


def a_rule_shop(
    database: Database, clock: Clock, terms: ProgrammeTerms, *, members: int = 1, cost: int = 10
) -> Shop:
    """A shop as a_shop's, with rules in place of its one rate."""
    shop = a_shop(database, clock, members=members, cost=cost)
    with open_work(database, shop.merchant_id, clock=clock) as work:
        work.programmes.add_terms(shop.programme_id, terms)
        work.programmes.set_unit(shop.programme_id, terms.units[0].code)
        work.rules.open_programme(shop.programme_id, [unit.code for unit in terms.units])
        for member in shop.members:
            if terms.units[0].code != "points":
                work.books.open_member(member, shop.programme_id, terms.units[0].code)
        work.commit()
    return replace(shop)


def buy(ctx: Loyalty, shop: Shop, amount: int | None = None, **changes: Any) -> OperationResult:
    """Earn for the shop's first member under a fresh key, unless `changes` say otherwise."""
    values: dict[str, Any] = {
        "member_id": shop.member,
        "amount_minor": amount,
        "visits": None,
        "actor": SYSTEM,
        "idempotency_key": f"k{new_id()}",
    }
    return earn(ctx, shop.merchant_id, EarnRequest(**values | changes))


def balances(ctx: Loyalty, shop: Shop, member: int | None = None) -> dict[str, int]:
    """The member's balances by unit; what is owed under `owed:<unit>` where there is any."""
    with open_work(ctx.database, shop.merchant_id, clock=ctx.clock, writing=False) as work:
        found = work.rules.accounts(member or shop.member, shop.programme_id)
    owed = {f"owed:{unit}": one.debt for unit, one in found.items() if one.debt}
    return {unit: one.account.balance for unit, one in found.items()} | owed
