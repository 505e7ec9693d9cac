from __future__ import annotations

from loyalty.google_words import GOOGLE_WORDS, google_words, with_google_words
from passes.google_options import Extra, GoogleOptions

FULL = GoogleOptions(
    notify_balance=True,
    app_package="com.example.bean",
    app_url="https://bean.example/app",
    app_text="Order ahead",
    shareable=True,
    screenshots=False,
    unlock_to_view=True,
    shimmer=True,
    group="bean-co",
    extras=(
        Extra(header="Menu", url="https://bean.example/menu", body="What we | brew"),
        Extra(header="Book", url="https://bean.example/book"),
    ),
    redemption_issuers=("3388000000000000009", "3388000000000000008"),
)


def test_options_survive_the_form() -> None:
    assert google_words(FULL).keys() == set(GOOGLE_WORDS)
    assert with_google_words(GoogleOptions(), google_words(FULL)) == FULL
    assert with_google_words(FULL, google_words(GoogleOptions())) == GoogleOptions()


def test_names_that_are_not_sent_keep_their_value() -> None:
    assert with_google_words(FULL, {}) == FULL
    assert with_google_words(FULL, {"google_group": ""}).notify_balance is True


def test_a_line_that_is_no_link_is_kept_for_the_complaint() -> None:
    found = with_google_words(GoogleOptions(), {"google_extras": "Menu\n\n | |"})

    assert [one.header for one in found.extras] == ["Menu", ""]
