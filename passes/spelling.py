"""Says which key was meant: Wallet passes over what it does not know without a word.

A key that is nearly one of Wallet's is a fault, because something the maker wanted does not happen;
any other unknown key is a warning.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from common.i18n import gettext as _
from passes.findings import Finding, fault, warning

# "webServiceUrl", "lable", "exprirationDate" are above, a shop's own "loyaltyTier" is below.
NEARLY: Final = 0.75
KEY_SHOWN: Final = 60


def misspelt(value: Mapping[str, Any], known: Collection[str], place: str) -> Iterator[Finding]:
    """Every key of an object that Wallet does not know."""
    if not value.keys() <= set(known):
        for name in value:
            if name not in known:
                yield unknown_key(name, known, f"{place}.{name[:KEY_SHOWN]}")


def unknown_key(name: str, known: Collection[str], place: str) -> Finding:
    """What to say of one key."""
    rule = _("Wallet ignores keys it does not know.")
    close = difflib.get_close_matches(name[:KEY_SHOWN], known, n=1, cutoff=NEARLY)
    if close:
        return fault("key_misspelt", place, rule=rule, mend=_("Write %(name)s.", name=close[0]))
    return warning(
        "key_unknown", place, rule=rule, mend=_("Remove the key, or put it into userInfo.")
    )
