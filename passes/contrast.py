"""Tells whether two colours can be read on each other. Source: WCAG 2.2, 1.4.3 and 1.4.11."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

READABLE_RATIO: Final = 4.5
LARGE_RATIO: Final = 3.0
_Rgb = tuple[int, int, int]


class Contrast(StrEnum):
    """`weak` serves for large type only."""

    GOOD = "good"
    WEAK = "weak"
    UNREADABLE = "unreadable"


def contrast_ratio(first: str, second: str) -> float:
    """The ratio of two `#rrggbb` colours, 1.0 (the same) to 21.0 (black on white)."""
    return rgb_contrast_ratio(_channels(first), _channels(second))


def rgb_contrast_ratio(first: _Rgb, second: _Rgb) -> float:
    """The ratio of two colours given as channels of 0 to 255."""
    dark, light = sorted((_luminance(first), _luminance(second)))
    return (light + 0.05) / (dark + 0.05)


def verdict(ratio: float) -> Contrast:
    """What a ratio means for type of a card's size."""
    if ratio >= READABLE_RATIO:
        return Contrast.GOOD
    return Contrast.WEAK if ratio >= LARGE_RATIO else Contrast.UNREADABLE


def _channels(colour: str) -> _Rgb:
    red, green, blue = bytes.fromhex(colour.removeprefix("#"))
    return red, green, blue


def _luminance(channels: _Rgb) -> float:
    red, green, blue = (_LINEAR[channel] for channel in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(channel: int) -> float:
    share = channel / 255
    return share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4  # noqa: PLR2004


_LINEAR: Final = tuple(_linear(channel) for channel in range(256))
