from __future__ import annotations

import pytest

from common.errors import InvalidInput
from loyalty.slugs import check_slug, slug_for


@pytest.mark.parametrize(
    ("name", "slug"),
    [("Coffee", "coffee"), ("Café  au lait!", "cafe-au-lait"), ("咖啡", "item"), ("-", "item")],
)
def test_a_name_gives_a_short_name(name: str, slug: str) -> None:
    assert slug_for(name, taken=lambda _text: False) == slug


def test_a_taken_short_name_gets_a_number() -> None:
    assert slug_for("Coffee", taken=lambda text: text in {"coffee", "coffee-2"}) == "coffee-3"


@pytest.mark.parametrize("name", ["x" * 500, "ß" * 90, "a b" * 60])
def test_what_is_made_is_always_one(name: str) -> None:
    check_slug(slug_for(name, taken=lambda text: not text.endswith("-9")))


@pytest.mark.parametrize("slug", ["", "-a", "a-", "A", "a b", "a" * 41, "é", "a\n"])
def test_other_texts_are_refused(slug: str) -> None:
    with pytest.raises(InvalidInput):
        check_slug(slug)
