"""What counts as this machine: the sandbox listens there, and its phones call nowhere else."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from werkzeug.datastructures import Headers

URL_LENGTH_MAX = 2000


class NotLoopback(ValueError):
    """An address beyond this machine; the text names it and says what is allowed."""


def is_loopback_host(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def checked_url(url: str) -> str:
    """Return the address unchanged when it is http(s) to this machine, without user info."""
    if len(url) > URL_LENGTH_MAX:
        raise NotLoopback(f"The address is longer than {URL_LENGTH_MAX} characters.")
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname, parts.port
    except ValueError as error:
        raise NotLoopback(f"This is not an address: {url[:200]!r}.") from error
    if parts.scheme not in {"http", "https"} or not host or "@" in parts.netloc:
        raise NotLoopback("The address must begin with http:// or https:// and name this machine.")
    if not is_loopback_host(host):
        raise NotLoopback(
            f"The sandbox calls only this machine (127.0.0.1, ::1, localhost), not {host}."
        )
    return url


def is_welcome(headers: Headers) -> bool:
    """Whether a form post comes from a page of this machine, or from no page at all.

    A page with a strict referrer policy sends `Origin: null`; the browser's own word on where the
    page came from (Sec-Fetch-Site) then decides, which no page can forge.
    """
    origin = headers.get("Origin")
    if origin is None:
        return headers.get("Sec-Fetch-Site", "none") != "cross-site"
    if origin == "null":
        return headers.get("Sec-Fetch-Site") in {"same-origin", "same-site"}
    return is_loopback_origin(origin)


def is_loopback_origin(origin: str) -> bool:
    try:
        checked_url(origin)
    except NotLoopback:
        return False
    return True
