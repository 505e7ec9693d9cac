"""Update tags: a string of epoch and stamp; what is foreign or damaged counts as no tag."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty.update_tags import format_tag, read_tag


@given(epoch=st.text("0123456789abcdef-", min_size=1, max_size=20), stamp=st.integers(0, 10**17))
def test_a_tag_comes_back_as_it_went(epoch: str, stamp: int) -> None:
    assert read_tag(format_tag(epoch, stamp), epoch) == stamp


@pytest.mark.parametrize(
    "tag",
    [None, "", "-", "7", "1-", "-7", "2-7", "1-x", "1--7", "1-٣", "1-7.0", "1-+7", "1-" + "9" * 90],
)
def test_a_foreign_or_damaged_tag_is_no_tag(tag: str | None) -> None:
    assert read_tag(tag, "1") is None


@given(tag=st.text(max_size=200))
def test_no_text_makes_reading_fail(tag: str) -> None:
    read_tag(tag, "1")
