"""A restore erases again whoever is on the list of erasures, so that it brings nobody back.

Not done here: erasing (loyalty), the list itself (erasure_list.py).
"""

from __future__ import annotations

from typing import Any

from common.actor import SYSTEM
from common.errors import NotFound
from loyalty.erase_member import erase_member
from regulars.erasure_list import bring_up, list_path, listed
from regulars.installation import Installation, open_installation
from regulars.settings import Settings


def note_erasures(installation: Installation) -> None:
    """Bring the list up to what the database says.

    Raises:
        OSError: it cannot be written.
    """
    bring_up(installation.settings, installation.loyalty)


def erase_again(settings: Settings) -> int:
    """Erase everybody on the list who is back; returns how many were.

    Raises:
        ConfigurationError: the list is damaged, so that it is not known who was erased.
    """
    pairs = list(listed(list_path(settings)))
    if not pairs:
        return 0
    ctx = open_installation(settings).loyalty
    return sum(_erased(ctx, *pair) for pair in pairs)


def _erased(ctx: Any, merchant_id: int, member_id: int) -> bool:
    try:
        return not erase_member(ctx, merchant_id, member_id, actor=SYSTEM).again
    except NotFound:
        return False  # joined after this backup was made
