"""Small amounts as people say them: `40 cents` where the currency has such a word."""

from __future__ import annotations

from typing import Final

from common.i18n import current_language, mark, ngettext
from common.money import decimals, format_money

# What people call a hundredth of the currency; the others are written as money.
_MINOR_WORDS: Final = {
    **dict.fromkeys(
        ("AUD", "BND", "CAD", "EUR", "FJD", "HKD", "JMD", "NAD", "NZD", "SGD", "TTD", "USD", "ZAR"),
        (mark("%(number)d cent"), mark("%(number)d cents")),
    ),
    "GBP": (mark("%(number)d penny"), mark("%(number)d pence")),
    "CHF": (mark("%(number)d centime"), mark("%(number)d centimes")),
    "PLN": (mark("%(number)d grosz"), mark("%(number)d groszy")),
    **dict.fromkeys(
        ("ARS", "BRL", "CLP", "COP", "MXN"),
        (mark("%(number)d centavo"), mark("%(number)d centavos")),
    ),
}


def amount_words(minor: int, currency: str) -> str:
    """`40 cents`, `1 penny`, or `€5.40` where a word would be odd or is not known."""
    if not has_minor_word(minor, currency):
        return format_money(minor, currency, language=current_language())
    one, many = _MINOR_WORDS[currency]
    return ngettext(one, many, minor)


def has_minor_word(minor: int, currency: str) -> bool:
    """Whether people say this amount in words of the minor unit."""
    return currency in _MINOR_WORDS and 0 < minor < 10 ** decimals(currency)


def carried(carry_minor: int, currency: str, points: int = 1) -> str:
    """What is carried, as a sentence in the current language; empty for nothing.

    `points` is how many come at once ("your next 5 points").
    """
    if carry_minor == 0:
        return ""
    size = abs(carry_minor)
    amount = amount_words(size, currency)
    number = size if has_minor_word(size, currency) else 1
    if carry_minor < 0:
        return ngettext(
            "The next %(amount)s does not count: it makes up for a sale that was undone",
            "The next %(amount)s do not count: they make up for a sale that was undone",
            number,
            amount=amount,
        )
    if points == 1:
        return ngettext(
            "%(amount)s counts towards your next point",
            "%(amount)s count towards your next point",
            number,
            amount=amount,
        )
    return ngettext(
        "%(amount)s counts towards your next %(points)d points",
        "%(amount)s count towards your next %(points)d points",
        number,
        amount=amount,
        points=points,
    )
