"""What only Google Wallet knows: app button, sharing, screenshots, grouping, tap; part of a design.

Every option has a quiet default, so that an owner who never opens the advanced part gets a plain
loyalty card that nobody is disturbed by. Not here: how a class spells it (google_class.py).
Limits follow google-wallet 1.1.

Source: developers.google.com/wallet/reference/rest/v1/loyaltyclass
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from common.errors import InvalidInput
from common.i18n import gettext as _

APP_TEXT_MAX: Final = 30
LINK_MAX: Final = 300
EXTRAS_MAX: Final = 15
EXTRA_HEADER_MAX: Final = 60
EXTRA_BODY_MAX: Final = 50
ISSUERS_MAX: Final = 20
_PACKAGE: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]*(\.[A-Za-z][A-Za-z0-9_]*){1,10}", re.ASCII)
_GROUP: Final = re.compile(r"[A-Za-z0-9._-]{1,60}", re.ASCII)
_ISSUER: Final = re.compile(r"[0-9]{10,22}", re.ASCII)
_LINK: Final = re.compile(r"https://[^\s/]+\S*")


class RotatingCode(StrEnum):
    """Whether the code on the card changes every half minute, so that a picture of it is no use.

    `BESIDE` keeps the static code for phones that cannot draw the other; `ONLY` does not.
    """

    OFF = "off"
    BESIDE = "beside"
    ONLY = "only"


@dataclass(frozen=True, slots=True, kw_only=True)
class Extra:
    """A line under the card that leads somewhere: a menu, a booking page."""

    header: str
    url: str
    body: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GoogleOptions:
    """The options of a design for Google.

    `notify_balance` lets the phone say that the balance changed, three times a day at most; a card
    changes silently otherwise. `app_package` is an Android application's name, `app_url` opens
    where there is none. `shareable` lets several people hold one card. `group` puts cards of one
    issuer together. `redemption_issuers` are issuer ids with a Smart Tap key; the tap gives the
    card's code. `rotating_code` is a RotatingCode.
    """

    notify_balance: bool = False
    app_package: str = ""
    app_url: str = ""
    app_text: str = ""
    shareable: bool = False
    screenshots: bool = True
    unlock_to_view: bool = False
    shimmer: bool = False
    group: str = ""
    extras: tuple[Extra, ...] = ()
    redemption_issuers: tuple[str, ...] = ()
    rotating_code: str = RotatingCode.OFF


def google_complaints(options: GoogleOptions) -> list[InvalidInput]:
    """Everything Google would refuse or cut, with the form's field names."""
    return [
        *_app(options),
        *_group(options),
        *_extras(options),
        *_tap(options),
        *_rotating(options),
    ]


def google_to_document(options: GoogleOptions) -> dict[str, Any]:
    """The options as JSON values, the inverse of `google_from_document`."""
    return {
        **{name: getattr(options, name) for name in _PLAIN},
        "extras": [[one.header, one.url, one.body] for one in options.extras],
        "redemption_issuers": list(options.redemption_issuers),
    }


def google_from_document(document: Mapping[str, Any]) -> GoogleOptions:
    """The options of a stored document; what is missing has its default."""
    return GoogleOptions(
        **{name: document[name] for name in _PLAIN if name in document},
        extras=tuple(
            Extra(header=header, url=url, body=body)
            for header, url, body in document.get("extras", ())
        ),
        redemption_issuers=tuple(document.get("redemption_issuers", ())),
    )


def _app(options: GoogleOptions) -> list[InvalidInput]:
    found = []
    if options.app_package and not _PACKAGE.fullmatch(options.app_package):
        found.append(
            InvalidInput(
                _("Write the application's name like com.example.shop."), field="google_app_package"
            )
        )
    if options.app_url and not _fits_link(options.app_url):
        found.append(InvalidInput(_("Start the address with https://"), field="google_app_url"))
    if len(options.app_text) > APP_TEXT_MAX:
        found.append(
            InvalidInput(
                _("Use at most %(max)d characters.", max=APP_TEXT_MAX), field="google_app_text"
            )
        )
    return found


def _group(options: GoogleOptions) -> list[InvalidInput]:
    if not options.group or _GROUP.fullmatch(options.group):
        return []
    return [
        InvalidInput(
            _("Use letters, digits, dots, underscores and hyphens only."), field="google_group"
        )
    ]


def _extras(options: GoogleOptions) -> list[InvalidInput]:
    if len(options.extras) > EXTRAS_MAX:
        return [
            InvalidInput(_("Use at most %(max)d lines.", max=EXTRAS_MAX), field="google_extras")
        ]
    found = []
    for one in options.extras:
        if not 0 < len(one.header.strip()) <= EXTRA_HEADER_MAX or len(one.body) > EXTRA_BODY_MAX:
            words = _(
                "Give each line 1 to %(header)d characters and at most %(body)d below.",
                header=EXTRA_HEADER_MAX,
                body=EXTRA_BODY_MAX,
            )
            found.append(InvalidInput(words, field="google_extras"))
        if not _fits_link(one.url):
            found.append(InvalidInput(_("Start the address with https://"), field="google_extras"))
    return found


def _tap(options: GoogleOptions) -> list[InvalidInput]:
    issuers = options.redemption_issuers
    if len(issuers) <= ISSUERS_MAX and all(_ISSUER.fullmatch(one) for one in issuers):
        return []
    return [
        InvalidInput(
            _("Write issuer ids as the Google Pay & Wallet console shows them, digits only."),
            field="google_redemption_issuers",
        )
    ]


def _rotating(options: GoogleOptions) -> list[InvalidInput]:
    if options.rotating_code in set(RotatingCode):
        return []
    return [InvalidInput(_("Choose one of the three."), field="google_rotating_code")]


def _fits_link(url: str) -> bool:
    return len(url) <= LINK_MAX and _LINK.fullmatch(url) is not None


_PLAIN: Final = (
    "notify_balance",
    "app_package",
    "app_url",
    "app_text",
    "shareable",
    "screenshots",
    "unlock_to_view",
    "shimmer",
    "group",
    "rotating_code",
)
