from __future__ import annotations

import pytest

from web.wallet_card import fit


def test_a_text_that_fits_stays_whole() -> None:
    assert fit("Bean Club", 200, 17) == "Bean Club"


@pytest.mark.parametrize("text", ["W" * 40, "i" * 400, "咖" * 40, "Zoë Müller-Lüdenscheidt " * 4])
def test_a_longer_text_is_cut_with_an_ellipsis(text: str) -> None:
    cut = fit(text, 200, 17)

    assert cut.endswith("…")
    assert text.startswith(cut[:-1])
    assert len(cut) < len(text)


def test_no_room_at_all_leaves_the_ellipsis() -> None:
    assert fit("Coffee", 1, 17) == "…"
