"""A picture of a card for wallets and pages: no login, named by the hash of its bytes."""

from __future__ import annotations

import re
from typing import Final

from common.errors import NotFound
from common.i18n import gettext as _
from loyalty.context import Loyalty
from storage.unit_of_work import open_work

_HASH: Final = re.compile(r"[0-9a-f]{64}")
_SHOWN: Final = "image/png"  # what the owner uploaded is kept as well, and never shown


def open_image(ctx: Loyalty, sha256: str) -> bytes:
    """The PNG of a hash.

    Raises:
        NotFound: no rendered picture has this hash.
    """
    found = None
    if _HASH.fullmatch(sha256):
        with open_work(ctx.database, None, clock=ctx.clock, writing=False) as work:
            found = work.programmes.public_image(sha256)
    if found is None or found.media_type != _SHOWN:
        raise NotFound(_("There is no such picture."))
    return found.data
