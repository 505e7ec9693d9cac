"""Ids grow, also within a millisecond and when the clock goes back; a given source repeats itself."""

from __future__ import annotations

import random

from common.ids import IdSource, drawing_from, new_id


def test_ids_grow_though_the_clock_stands_or_goes_back() -> None:
    moments = iter([5, 5, 5, 3, 4, 6])
    source = IdSource(now_ms=lambda: next(moments))

    drawn = [source.next() for _ in range(6)]

    assert drawn == sorted(set(drawn))


def test_two_sources_of_one_seed_give_the_same_ids() -> None:
    first, second = (
        IdSource(now_ms=lambda: 7, draw=random.Random(3).randrange) for _source in range(2)
    )

    with drawing_from(first):
        told = [new_id() for _ in range(3)]

    assert told == [second.next() for _ in range(3)]
    assert new_id() > max(told)
