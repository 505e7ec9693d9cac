"""Crockford's base 32: letters and digits that survive being read aloud and typed.

No I, L, O or U; lower case is read as upper case, O as 0, I and L as 1, hyphens and spaces fall
away. The check character is the value modulo 37. Source: crockford.com/base32.html
"""

from __future__ import annotations

from typing import Final

ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
CHECK_ALPHABET: Final = ALPHABET + "*~$=U"
_VALUES: Final = {symbol: value for value, symbol in enumerate(ALPHABET)}
_LOOKALIKES: Final = str.maketrans({"O": "0", "I": "1", "L": "1", "-": None, " ": None})


def normalise(text: str) -> str:
    """Fold case, look-alikes, spaces and hyphens; what is left may still not be Crockford."""
    return text.strip().upper().translate(_LOOKALIKES)


def encode(value: int, *, length: int) -> str:
    """`value` as exactly `length` characters, most significant first."""
    if value < 0 or value >> (5 * length):
        raise ValueError(f"{value} does not fit into {length} characters")
    return "".join(ALPHABET[(value >> (5 * place)) & 31] for place in reversed(range(length)))


def decode(text: str) -> int:
    """The value of normalised text; ValueError when a character is not of the alphabet."""
    value = 0
    for symbol in text:
        if symbol not in _VALUES:
            raise ValueError(f"{symbol!r} is not a Crockford character")
        value = value << 5 | _VALUES[symbol]
    return value


def encode_bytes(data: bytes) -> str:
    """Bytes as upper-case text: 16 bytes give 26 characters."""
    length = -(-len(data) * 8 // 5)
    return encode(int.from_bytes(data, "big") << (5 * length - 8 * len(data)), length=length)


def check_symbol(text: str) -> str:
    """The check character of normalised text."""
    return CHECK_ALPHABET[decode(text) % 37]
