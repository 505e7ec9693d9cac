"""What stands around a card on our own pages: wallet buttons in the right order, and the ways round.

Not done here: making passes. A wallet that is not set up is not offered.
"""

from __future__ import annotations

from dataclasses import dataclass

from flask import request, url_for
from markupsafe import Markup

from common.i18n import gettext as _
from loyalty.wallets import Wallets
from web.codes import code_drawing
from web.phones import Browser, System, browser_of
from web.security import allow
from web.services import services


@dataclass(frozen=True, slots=True, kw_only=True)
class WalletButtons:
    """What the template `card/wallets.html` draws.

    `order` holds `apple` and `google`, the matching one first, only what is set up. `phone_code`
    is a QR of the page's own address, on a desktop. `sandbox_add` takes a pass's address.
    """

    order: tuple[str, ...]
    browser: Browser
    page_address: str
    phone_code: Markup
    apple_path: str
    apple_address: str
    google_path: str
    sandbox_add: str


def wallet_buttons(token: str, wallets: Wallets, *, sandbox: bool) -> WalletButtons:
    """The buttons of the card whose link has `token`, and this page's right to follow them."""
    browser = browser_of(request.headers.get("User-Agent", ""))
    settings = services().settings
    address = services().absolute(url_for("card.show", token=token))
    apple_path = url_for("card.apple", token=token)
    sandbox_add = (settings.sandbox_iphone_add_url or "") if sandbox and wallets.apple else ""
    if wallets.google:
        # Chromium applies the policy to where a form's answer redirects as well.
        allow("form-action", wallets.google_save_url)
    if sandbox_add:
        allow("form-action", sandbox_add)
    return WalletButtons(
        order=_order(wallets, browser),
        browser=browser,
        page_address=address,
        phone_code=_phone_code(address) if browser.system is System.DESKTOP else Markup(),
        apple_path=apple_path,
        apple_address=services().absolute(apple_path),
        google_path=url_for("card.google", token=token),
        sandbox_add=sandbox_add,
    )


def _order(wallets: Wallets, browser: Browser) -> tuple[str, ...]:
    offered = [name for name in ("apple", "google") if getattr(wallets, name)]
    if browser.system is System.ANDROID:
        offered.reverse()
    return tuple(offered)


def _phone_code(address: str) -> Markup:
    return code_drawing(address, title=_("Code that opens this card on your phone"))
