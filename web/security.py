"""What every answer and every request must satisfy, whichever door it came through.

Rules (DESIGN 8, reliability C1):
- A Host that is not ours gets 400; absolute addresses come from the settings all the same.
- `Content-Security-Policy: default-src 'none'` with our own origin for script, style, picture,
  fetch and form; nothing inline. A page that needs more says so by `allow` or `allow_camera`.
- A browser that says a change comes from another site (`Sec-Fetch-Site`, `Origin`) is refused
  before the form's token is even looked at.
- Bodies are limited by name: `limit_body` beside the view, FORM_BYTES_MAX where none is told.
- Without https the console and the till answer only on this machine, unless the operator opened
  them (`insecure_lan`).

Not done here: who is signed in (sessions.py), the token of a form (Flask-WTF).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from functools import cache
from typing import Final, TypeVar
from urllib.parse import urlsplit

from flask import Flask, current_app, g, request
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response

from common.crockford import encode
from common.errors import NotAllowed
from common.i18n import gettext as _
from loyalty.kept_addresses import is_kept_host
from web.errors import RequestRefused
from web.services import services

FORM_BYTES_MAX: Final = 64 * 1024
FORM_PARTS_MAX: Final = 400
UPLOAD_BYTES_MAX: Final = 10 * 1024 * 1024 + 16 * 1024
HSTS: Final = "max-age=31536000"
LOOPBACK_HOSTS: Final = frozenset({"localhost", "127.0.0.1", "::1"})
GUARDED_DOORS: Final = frozenset({"console", "till"})
SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
# Doors that phones and providers call: they send no browser headers and carry their own proof.
MACHINE_DOORS: Final = frozenset({"apple", "google", "hooks", "health"})

_POLICY: Final = {
    "default-src": ("'none'",),
    "script-src": ("'self'",),
    "style-src": ("'self'",),
    "img-src": ("'self'",),
    "connect-src": ("'self'",),
    "manifest-src": ("'self'",),
    "form-action": ("'self'",),
    "base-uri": ("'none'",),
    "frame-ancestors": ("'none'",),
}
_PERMISSIONS: Final = "camera=({camera}), geolocation=(), microphone=(), payment=(), usb=()"
_LIMIT: Final = "_regulars_body_limit"
View = TypeVar("View", bound=Callable[..., ResponseReturnValue])


class NotOnThisConnection(NotAllowed):
    """Sign-in and till need https."""

    code = "needs_https"


class ForeignOrigin(NotAllowed):
    """This request came from another site."""

    code = "foreign_origin"


def install(app: Flask) -> None:
    """Put the checks before, and the headers after, every request; before anything else does."""
    app.config["MAX_CONTENT_LENGTH"] = FORM_BYTES_MAX
    app.config["MAX_FORM_MEMORY_SIZE"] = FORM_BYTES_MAX
    app.config["MAX_FORM_PARTS"] = FORM_PARTS_MAX
    app.before_request(_start)
    app.before_request(_check_host)
    app.before_request(_check_connection)
    app.before_request(_check_origin)
    app.before_request(_apply_body_limit)
    app.after_request(_add_headers)


def limit_body(limit_bytes: int) -> Callable[[View], View]:
    """Mark a view that takes another body than an ordinary form."""

    def mark(view: View) -> View:
        setattr(view, _LIMIT, limit_bytes)
        return view

    return mark


def allow(directive: str, *sources: str) -> None:
    """Let this one page do more, for example `allow("form-action", save_address)`.

    A full address is cut to its origin: a path in a policy would leak it and breaks redirects.
    """
    added: dict[str, list[str]] = g.setdefault("csp_added", {})
    added.setdefault(directive, []).extend(_origin(source) for source in sources)


def allow_camera() -> None:
    """Let this one page read the camera and run the barcode reader's WebAssembly."""
    allow("script-src", "'wasm-unsafe-eval'")
    allow("media-src", "'self'", "blob:")
    g.camera = True


def address() -> str:
    """Who asks, as a rate bucket names it; an IPv6 address counts as its /64 network."""
    try:
        who = ipaddress.ip_address(request.remote_addr or "")
    except ValueError:
        return "unknown"
    if isinstance(who, ipaddress.IPv6Address):
        if who.ipv4_mapped:
            return str(who.ipv4_mapped)
        return str(ipaddress.ip_network((who, 64), strict=False).network_address)
    return str(who)


def is_loopback() -> bool:
    """Whether the request comes from this machine."""
    try:
        return ipaddress.ip_address(request.remote_addr or "").is_loopback
    except ValueError:
        return False


def shows_red_bar() -> bool:
    """Whether sign-in and till stand open without https and the page must say so."""
    settings = services().settings
    return settings.insecure_lan and not settings.https


def _start() -> None:
    from common.ids import new_id

    g.request_id = encode(new_id(), length=13)


def _check_host() -> None:
    settings = services().settings
    try:
        host = urlsplit(f"//{request.environ.get('HTTP_HOST', '')}")
        name, _port = (host.hostname or "").rstrip("."), host.port
    except ValueError as error:
        raise _unknown_host() from error
    known = {settings.public_host, *settings.trusted_hosts} | LOOPBACK_HOSTS
    if name in known or (settings.insecure_lan and _is_private_address(name)):
        return
    if request.blueprint == "apple" and is_kept_host(services().loyalty, name):
        return
    raise _unknown_host()


def _unknown_host() -> RequestRefused:
    sentence = _("Nothing is served at this address. Use the one that Regulars was set up with.")
    return RequestRefused(sentence, status=400)


def _check_connection() -> None:
    settings = services().settings
    if settings.https or settings.insecure_lan or request.blueprint not in GUARDED_DOORS:
        return
    if not is_loopback():
        raise NotOnThisConnection(
            _(
                "Sign-in and till need https, so that nobody can listen in. Open this page on the "
                "machine itself, or give Regulars a public https address."
            )
        )


def _check_origin() -> None:
    if request.method in SAFE_METHODS or request.blueprint in MACHINE_DOORS:
        return
    site = request.headers.get("Sec-Fetch-Site")
    origin = request.headers.get("Origin")
    ours = {_origin(services().settings.public_url), f"{request.scheme}://{request.host}"}
    foreign_site = site is not None and site not in {"same-origin", "none"}
    # `null` comes from privacy settings as well; the form's token still stands behind this.
    foreign_origin = site is None and origin not in {None, "null"} and origin not in ours
    if foreign_site or foreign_origin:
        raise ForeignOrigin(_("This request came from another site. Open the page and try again."))


def _apply_body_limit() -> None:
    view = current_app.view_functions.get(request.endpoint or "")
    limit = getattr(view, _LIMIT, None)
    if limit is not None:
        request.max_content_length = limit
        request.max_form_memory_size = limit


def _add_headers(response: Response) -> Response:
    added: dict[str, list[str]] = g.get("csp_added", {})
    headers = response.headers
    same = _headers(camera=bool(g.get("camera")), https=services().settings.https)
    if added or not same.keys().isdisjoint(headers.keys()):
        headers.setdefault("Content-Security-Policy", _policy(added))
        for name, value in same.items():
            headers.setdefault(name, value)
    else:
        headers.extend(same)
    headers.setdefault("X-Request-Id", g.get("request_id", ""))
    if request.endpoint != "static":
        headers.setdefault("Cache-Control", "no-store")
    return response


@cache
def _headers(*, camera: bool, https: bool) -> Mapping[str, str]:
    """What every answer carries whose view says nothing else: the same few, made once."""
    headers = {
        "Content-Security-Policy": _policy({}),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",
        "X-Frame-Options": "DENY",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Permissions-Policy": _PERMISSIONS.format(camera="self" if camera else ""),
    }
    if https:
        headers["Strict-Transport-Security"] = HSTS
    return headers


def _policy(added: dict[str, list[str]]) -> str:
    parts = []
    for directive in dict.fromkeys([*_POLICY, *added]):
        sources = (*_POLICY.get(directive, ()), *added.get(directive, ()))
        parts.append(f"{directive} {' '.join(dict.fromkeys(sources))}")
    return "; ".join(parts)


def _origin(source: str) -> str:
    if "://" not in source:
        return source
    parts = urlsplit(source)
    return f"{parts.scheme}://{parts.netloc}"


def _is_private_address(name: str) -> bool:
    try:
        return ipaddress.ip_address(name).is_private
    except ValueError:
        return False
