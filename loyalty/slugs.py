"""The short names that commands and files use: made from a name, or checked."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from typing import Final

from common.errors import InvalidInput
from common.i18n import gettext as _

SLUG_MAX: Final = 40
_SLUG: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")


def check_slug(text: str) -> None:
    """Refuse what is not a to z, 0 to 9 and hyphens.

    Raises:
        InvalidInput: field `slug`.
    """
    if not _SLUG.fullmatch(text):
        raise InvalidInput(_("Use a to z, 0 to 9 and hyphens, like bean-co."), field="slug")


def slug_for(name: str, *, taken: Callable[[str], bool]) -> str:
    """A free short name for a name; names without a Latin letter get a number."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    stem = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[: SLUG_MAX - 5].strip("-") or "item"
    candidates = [stem, *(f"{stem}-{number}" for number in range(2, 1000))]
    return next(slug for slug in candidates if not taken(slug))
