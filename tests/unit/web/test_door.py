from __future__ import annotations

import pytest

from web.console.door import inside


@pytest.mark.parametrize(
    "address", ["/console/", "/console/members?q=ada", "/console/cards/12/rule"]
)
def test_an_address_of_the_console_is_kept(address: str) -> None:
    assert inside(address) == address


@pytest.mark.parametrize(
    "address",
    [
        None,
        "",
        "/",
        "/till",
        "//evil.example/console",
        "https://evil.example/console/",
        "/console//evil.example",
        "/console\\@evil.example",
        "javascript:alert(1)",
    ],
)
def test_every_other_address_is_dropped(address: str | None) -> None:
    assert inside(address) is None
