"""The owner's and the manager's door: one blueprint, a module per page.

`door` has the blueprint and who may pass; `entry` signs in and out; the others are named after
their page in the navigation.
"""

from __future__ import annotations

from web.console import (
    account,
    activity,
    apple,
    branches,
    cards,
    check,
    deliveries,
    doors,
    entry,
    gifts,
    handover,
    home,
    items,
    kept_cards,
    mails,
    member_coupons,
    members,
    messages,
    numbers,
    packs,
    people,
    publishing,
    rewards,
    rules,
    setup,
    shop,
    staff,
    terms,
    tills,
)
from web.console.door import blueprint

__all__ = [
    "account",
    "activity",
    "apple",
    "blueprint",
    "branches",
    "cards",
    "check",
    "deliveries",
    "doors",
    "entry",
    "gifts",
    "handover",
    "home",
    "items",
    "kept_cards",
    "mails",
    "member_coupons",
    "members",
    "messages",
    "numbers",
    "packs",
    "people",
    "publishing",
    "rewards",
    "rules",
    "setup",
    "shop",
    "staff",
    "terms",
    "tills",
]
