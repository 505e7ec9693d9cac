from __future__ import annotations

import pytest

from sandbox.loopback import NotLoopback, checked_url


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:80/x", "https://localhost/x", "http://[::1]:1/", "http://127.9.9.9/"]
)
def test_this_machine_may_be_called(url: str) -> None:
    assert checked_url(url) == url


@pytest.mark.parametrize(
    "url",
    ["http://example.com/", "http://127.0.0.1@example.com/", "http://user@127.0.0.1/",
     "http://127.0.0.1.example.com/", "file:///etc/passwd", "ftp://127.0.0.1/", "http://",
     "http://[::1", "http://127.0.0.1:99999/", "http://0.0.0.0/", "http://10.0.0.1/", "",
     "http://2130706433/", "http://127.0.0.1/" + "x" * 3000],
)  # fmt: skip
def test_nothing_else_may(url: str) -> None:
    with pytest.raises(NotLoopback):
        checked_url(url)
