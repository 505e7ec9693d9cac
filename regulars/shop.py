"""How a merchant begins: owner, a programme to edit, and its first rule. Used by init and demo."""

from __future__ import annotations

from common.actor import SYSTEM
from common.money import decimals
from ledger.terms import PointsTerms
from loyalty.context import Loyalty
from loyalty.merchants import NewMerchant, add_merchant
from loyalty.owners import add_owner
from loyalty.programmes import add_programme


def open_shop(ctx: Loyalty, new: NewMerchant, *, email: str) -> int:
    """Add a merchant with its owner and a programme of the same name, not yet published."""
    merchant_id = add_merchant(ctx, new, actor=SYSTEM)
    add_owner(ctx, merchant_id, email=email, name="", actor=SYSTEM)
    add_programme(
        ctx,
        merchant_id,
        slug=new.slug,
        name=new.name,
        terms=first_terms(new.currency),
        actor=SYSTEM,
    )
    return merchant_id


def first_terms(currency: str) -> PointsTerms:
    """One point for every whole unit of the currency."""
    return PointsTerms(version=1, currency=currency, spend_minor=10 ** decimals(currency), points=1)
