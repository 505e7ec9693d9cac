"""The tag a phone keeps of what it knows: `<epoch>-<n>`, a string, opaque to the phone.

`n` is a stamp of the pass type. A restored backup draws a new epoch, because its numbers may run
behind what phones were told; a tag of another epoch counts as no tag, and the phone is told all.
"""

from __future__ import annotations

from typing import Final

TAG_LENGTH_MAX: Final = 80
_DIGITS_MAX: Final = 18


def format_tag(epoch: str, stamp: int) -> str:
    """The tag that says: told everything up to `stamp`."""
    return f"{epoch}-{stamp}"


def read_tag(tag: str | None, epoch: str) -> int | None:
    """The stamp of a tag of this epoch; None for no tag, a foreign or a damaged one."""
    if tag is None or len(tag) > TAG_LENGTH_MAX:
        return None
    told_epoch, dash, digits = tag.rpartition("-")
    if not dash or told_epoch != epoch:
        return None
    if not (digits.isascii() and digits.isdigit() and len(digits) <= _DIGITS_MAX):
        return None
    return int(digits)
