"""The words of members' names, so that a million are searched by the start of any word.

Words are bytes: they compare alike on SQLite and PostgreSQL, whatever the database's language.
Rule: whoever writes a member's name writes its words in the same transaction.
"""

from __future__ import annotations

import re
from typing import Final

from storage.scope import Scope
from storage.tables import member_word

WORDS_MAX: Final = 8
LETTERS_MAX: Final = 40
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
