"""Addresses of an older service that phones still call, after its name was moved here.

Phones call `<web service URL>/v1/...`, and that address is in every installed pass. A kept address
is a host and a path of the old service; under it the paths of Apple's web service answer, and
nothing else does. Names have no port: the proxy in front decides on that.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Final
from urllib.parse import urlsplit

from common.errors import Conflict, InvalidInput
from common.i18n import gettext as _
from loyalty.context import Loyalty
from storage.unit_of_work import UnitOfWork, open_work

HOST: Final = "apple_host"
PATH: Final = "apple_path"
URL_MAX: Final = 300


def check_address(url: str) -> str:
    """An old web service URL in its one form, without a slash at the end.

    Raises:
        InvalidInput: field `old_url`: no phone calls such an address.
    """
    text = url.strip().rstrip("/")
    try:
        parts = urlsplit(text)
        usable = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        usable, parts = False, urlsplit("")
    plain = text.isascii() and text.isprintable() and " " not in text and "//" not in parts.path
    if not usable or not plain or len(text) > URL_MAX or parts.scheme not in {"https", "http"}:
        raise InvalidInput(
            _("Give the webServiceURL of an old pass, like https://cards.example.com/passes."),
            field="old_url",
        )
    if parts.query or parts.fragment or parts.username:
        raise InvalidInput(_("A webServiceURL has no query and no user."), field="old_url")
    return text


def host_of(url: str) -> str:
    """The host name of an address, in lower case and without a port."""
    return (urlsplit(url).hostname or "").rstrip(".")


def add_address(work: UnitOfWork, url: str) -> None:
    """Let phones that call this address be answered; twice is no error.

    Raises:
        Conflict: another merchant keeps it.
    """
    host, path = host_of(url), urlsplit(url).path.strip("/")
    with suppress(Conflict):
        # A host may have served several shops: whoever came first stands for all.
        work.directory.add_name(HOST, host, work.scope.merchant)
    work.directory.add_name(PATH, f"{host}/{path}", work.scope.merchant)


def is_kept_host(ctx: Loyalty, host: str) -> bool:
    """Whether phones may call Apple's paths under this host at all."""
    with open_work(ctx.database, None, clock=ctx.clock, writing=False) as work:
        return work.directory.name(HOST, host) is not None


def is_kept_address(ctx: Loyalty, host: str, path: str) -> bool:
    """Whether phones may call Apple's paths under this host and path."""
    with open_work(ctx.database, None, clock=ctx.clock, writing=False) as work:
        return work.directory.name(PATH, f"{host}/{path.strip('/')}") is not None
