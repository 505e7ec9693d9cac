"""Random tokens for pages: a form's number, an intent, a link that must look like any other."""

from __future__ import annotations

from signing.tokens import random_token


def new_token() -> str:
    """26 characters, 128 bits, of the same shape as a card's personal link."""
    return random_token()
