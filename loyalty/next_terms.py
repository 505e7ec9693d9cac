"""Terms whose notice has run out begin to count with the first movement after it, or at night.

So nobody earns a minute longer or shorter under the old terms, whether or not a job ran.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from storage.book_records import Standing
from storage.unit_of_work import UnitOfWork

STEPS_MAX: Final = 5


def current(work: UnitOfWork, read: Callable[[], Standing]) -> Standing:
    """The standing under the terms that count now; due ones are put in force first."""
    standing = read()
    for _step in range(STEPS_MAX):
        due_at = standing.next_terms_at
        if due_at is None or due_at > work.clock.now():
            break
        work.programmes.begin_next_terms(standing.account.programme_id)
        work.deliveries.bump_programme(standing.account.programme_id, reason="terms")
        standing = read()
    return standing
