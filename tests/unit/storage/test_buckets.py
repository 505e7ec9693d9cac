from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from common.clock import ManualClock
from storage.buckets import _refilled
from tests.support.builders import START


@given(
    steps=st.lists(st.tuples(st.integers(0, 5_000_000), st.integers(1, 3)), max_size=20),
    refill_per_s=st.floats(0.001, 50),
)
def test_no_bucket_ever_gives_more_than_capacity_plus_refill(
    steps: list[tuple[int, int]],
    refill_per_s: float,
) -> None:
    clock = ManualClock(START)
    held, since, given_out = 5000, START, 0
    for pause_us, cost in steps:
        clock.advance(microseconds=pause_us)
        held, since = _refilled(
            held, since, now=clock.now(), capacity_milli=5000, refill_per_s=refill_per_s
        )
        assert 0 <= held <= 5000
        assert since <= clock.now()
        if held >= cost * 1000:
            held -= cost * 1000
            given_out += cost * 1000
    elapsed_s = (clock.now() - START).total_seconds()
    assert given_out <= 5000 + elapsed_s * refill_per_s * 1000 + 1
