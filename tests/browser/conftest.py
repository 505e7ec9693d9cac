"""A real Chromium and a whole installation; without a browser these tests are named as not run.

With CI=true a missing browser is a failure, never a skip.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.support.live import LiveInstallation

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def browser_path() -> str | None:
    """The distribution's Chromium."""
    named = os.environ.get("REGULARS_TEST_BROWSER")
    return named or shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = browser_path()
    if path is None and os.environ.get("CI") != "true":
        pytest.skip("NOT RUN: there is no Chromium (apt-get install chromium)")
    assert path is not None, "CI must run the browser tests: install Chromium"
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield found
        found.close()


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveInstallation]:
    """The demo with its sandbox, as `make run` starts it, shared by one file's tests."""
    folder: Path = tmp_path_factory.mktemp("live")
    with LiveInstallation(folder) as running:
        yield running
