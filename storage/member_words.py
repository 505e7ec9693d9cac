"""The words of members' names, so that a million are searched by the start of any word.

Words are bytes: they compare alike on SQLite and PostgreSQL, whatever the database's language.
Rule: whoever writes a member's name writes its words in the same transaction.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import false

from storage.scope import Scope
from storage.tables import member, member_word

WORDS_MAX: Final = 8
LETTERS_MAX: Final = 40
FEW: Final = 400
"""Members with a word; more than these are walked instead of named."""

_WORD: Final = re.compile(r"[^\W_]+")
# No word of UTF-8 begins with this byte, so it stands behind every longer word.
_END: Final = b"\xff"


def words_of(folded: str) -> tuple[bytes, ...]:
    """The different words of a folded name, or of what somebody searches for."""
    found = dict.fromkeys(word[:LETTERS_MAX] for word in _WORD.findall(folded))
    return tuple(word.encode() for word in list(found)[:WORDS_MAX])


def range_of(start: bytes) -> tuple[bytes, bytes]:
    """The first and the end of all words that begin with `start`."""
    return start, start + _END


def put_words(scope: Scope, member_id: int, folded: str) -> None:
    """Let a member be found by these words alone."""
    table = member_word
    scope.execute(
        table.delete().where(table.c.merchant_id == scope.merchant, table.c.member_id == member_id)
    )
    rows = [
        {"merchant_id": scope.merchant, "word": word, "member_id": member_id}
        for word in words_of(folded)
    ]
    if rows:
        scope.execute(table.insert(), rows)


def having_words(scope: Scope, words: Sequence[bytes]) -> list[Any]:
    """Conditions that a member's name has these beginnings of words.

    A rare word names its few members, and the name itself is looked at for the others. Where all
    are common the list is walked in its own order, which fills a page soon.
    """
    few = [found for word in words if (found := _few_with(scope, word)) is not None]
    fewest = min(few, key=len) if few else None
    if not words or fewest == []:
        return [false()]  # nobody, without a look at anybody
    conditions = [member.c.id.in_(fewest)] if fewest else []
    named = member.c.name_folded
    return conditions + [named.contains(word.decode(), autoescape=True) for word in words]


def _few_with(scope: Scope, start: bytes) -> list[int] | None:
    """The members with a word that starts so, None when they are many."""
    first, end = range_of(start)
    query = (
        scope.select(member_word, member_word.c.member_id)
        .where(member_word.c.word >= first, member_word.c.word < end)
        .limit(FEW + 1)
    )
    found = [int(row.member_id) for row in scope.execute(query)]
    return None if len(found) > FEW else found
