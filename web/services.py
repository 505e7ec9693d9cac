"""What every view reaches: the use cases' context and the settings of the web room.

Not done here: reading the environment; `regulars` fills `WebSettings` once at start.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from flask import current_app

from loyalty.context import Loyalty

EXTENSION: Final = "regulars"


@dataclass(frozen=True, slots=True, kw_only=True)
class WebSettings:
    """The frozen settings of this room.

    `public_url` has no trailing slash. `secret_key` signs the form cookie. `insecure_lan` opens
    sign-in and till without https (DESIGN 8). `sandbox_page_url` is the page of the sandbox's
    phones, and `sandbox_iphone_add_url` takes a pass's address and puts it on the sandbox iPhone.
    `proxy_hops` counts the proxies in front whose headers are believed. `trusted_hosts` are host
    names without a port that are answered beside the public one. `metrics_token` opens /metrics to
    other machines.
    """

    public_url: str
    secret_key: str
    insecure_lan: bool = False
    sandbox_page_url: str | None = None
    sandbox_iphone_add_url: str | None = None
    proxy_hops: int = 0
    trusted_hosts: tuple[str, ...] = ()
    metrics_token: str | None = field(default=None, repr=False)

    @property
    def https(self) -> bool:
        """Whether people reach us over https; decides on cookies and on who may sign in."""
        return urlsplit(self.public_url).scheme == "https"

    @property
    def public_host(self) -> str:
        """The host name of the public address, without a port."""
        return urlsplit(self.public_url).hostname or "localhost"


@dataclass(frozen=True, slots=True, kw_only=True)
class WebServices:
    """What `services()` gives a view."""

    loyalty: Loyalty
    settings: WebSettings

    def absolute(self, path: str) -> str:
        """The address of a path under the configured public one, never under a sent Host."""
        return f"{self.settings.public_url}{path}"


def services() -> WebServices:
    """The services of the application that answers this request."""
    found: WebServices = current_app.extensions[EXTENSION]
    return found
