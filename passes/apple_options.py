"""What only Apple Wallet knows: style, lock screen, app link, actions, NFC; part of a design.

Every option has a quiet default, so that an owner who never opens the advanced part gets a plain
store card. Not here: how pass.json spells it (apple.py). Limits follow apple-wallet 1.2.

Source: developer.apple.com/documentation/walletpasses/pass
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from common.errors import InvalidInput
from common.i18n import gettext as _

ACTIONS_MAX: Final = 2
MOMENTS_MAX: Final = 10
STORE_IDS_MAX: Final = 10
DISTANCE_MAX_M: Final = 100_000
LINK_MAX: Final = 300
USER_INFO_MAX: Final = 1000
INTERVAL_MAX: Final = timedelta(hours=24)
# A compressed P-256 point as SubjectPublicKeyInfo: the fixed header, then 02 or 03 and 32 bytes.
_P256_HEADER: Final = bytes.fromhex("3039301306072a8648ce3d020106082a8648ce3d030107032200")
_P256_BYTES: Final = len(_P256_HEADER) + 33
_LINKS: Final = re.compile(r"(https://[^\s/]+\S*|tel:\+?[0-9()./-]{3,30}|mailto:[^@\s]+@[^@\s]+)")
_SCHEME: Final = re.compile(r"[a-z][a-z0-9+.-]{1,30}:\S*", re.IGNORECASE)
_SCRIPTS: Final = ("javascript:", "data:", "file:", "vbscript:")


class PassStyle(StrEnum):
    """How Wallet lays the card out; the value is Apple's key."""

    STORE_CARD = "storeCard"
    COUPON = "coupon"
    GENERIC = "generic"


class CodeKind(StrEnum):
    """How the card's code is drawn; a QR code stands behind each for what cannot draw it."""

    QR = "qr"
    AZTEC = "aztec"
    PDF417 = "pdf417"
    CODE_128 = "code128"
    CODE_39 = "code39"  # iOS 27; older phones draw Code 128


class ActionKind(StrEnum):
    """Buttons under the card from iOS 27 on; the value is Apple's."""

    BENEFITS = "membershipBenefits"
    OFFERS = "viewOffersRewards"
    ADD_BALANCE = "addToBalance"
    ORDER = "order"
    SHOP = "shop"
    BOOK = "bookAppointment"
    CALL = "call"


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One button; `url` is https, or tel for `call`."""

    kind: ActionKind
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """When the lock screen shows the card: from `start`, to `end` where it is a stretch of time."""

    start: datetime
    end: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AppleOptions:
    """The options of a design for Apple.

    `max_distance_m` 0 leaves the wallet's own. `store_ids` are App Store numbers. `nfc_public_key`
    is base64 of a compressed P-256 key; it shows only where the certificate allows NFC.
    `user_info` is a JSON object for the shop's own app, never shown.
    """

    style: PassStyle = PassStyle.STORE_CARD
    code: CodeKind = CodeKind.QR
    max_distance_m: int = 0
    moments: tuple[Moment, ...] = ()
    sharing_prohibited: bool = True
    store_ids: tuple[int, ...] = ()
    app_launch_url: str = ""
    actions: tuple[Action, ...] = ()
    nfc_public_key: str = ""
    user_info: str = ""


def option_complaints(options: AppleOptions) -> list[InvalidInput]:
    """Everything Wallet would refuse or leave out, with the form's field names."""
    return [
        *_lock_screen(options),
        *_app(options),
        *_actions(options),
        *_nfc(options),
        *_user_info(options),
    ]


def options_to_document(options: AppleOptions) -> dict[str, Any]:
    """The options as JSON values, the inverse of `options_from_document`."""
    return {
        "style": str(options.style),
        "max_distance_m": options.max_distance_m,
        "moments": [
            [one.start.isoformat(), one.end.isoformat() if one.end else None]
            for one in options.moments
        ],
        "sharing_prohibited": options.sharing_prohibited,
        "store_ids": list(options.store_ids),
        "app_launch_url": options.app_launch_url,
        "actions": [[str(one.kind), one.url] for one in options.actions],
        "nfc_public_key": options.nfc_public_key,
        "user_info": options.user_info,
        # Left out while it is the ordinary one: the faces of cards from before stay what they were.
        **({} if options.code is CodeKind.QR else {"code": str(options.code)}),
    }


def options_from_document(document: Mapping[str, Any]) -> AppleOptions:
    """The options of a stored document; what is missing has its default."""
    plain = {name: document[name] for name in _PLAIN if name in document}
    return AppleOptions(
        style=PassStyle(document.get("style", PassStyle.STORE_CARD)),
        code=CodeKind(document.get("code", CodeKind.QR)),
        moments=tuple(
            Moment(
                start=datetime.fromisoformat(start),
                end=datetime.fromisoformat(end) if end else None,
            )
            for start, end in document.get("moments", ())
        ),
        store_ids=tuple(document.get("store_ids", ())),
        actions=tuple(
            Action(kind=ActionKind(kind), url=url) for kind, url in document.get("actions", ())
        ),
        **plain,
    )


_PLAIN: Final = (
    "max_distance_m",
    "sharing_prohibited",
    "app_launch_url",
    "nfc_public_key",
    "user_info",
)


def _lock_screen(options: AppleOptions) -> list[InvalidInput]:
    found = []
    if not 0 <= options.max_distance_m <= DISTANCE_MAX_M:
        found.append(
            InvalidInput(
                _("Use at most %(max)d metres.", max=DISTANCE_MAX_M), field="max_distance_m"
            )
        )
    if len(options.moments) > MOMENTS_MAX:
        found.append(
            InvalidInput(_("Name at most %(max)d moments.", max=MOMENTS_MAX), field="moments")
        )
    if any(not _in_order(one) for one in options.moments):
        found.append(
            InvalidInput(
                _("A stretch of time ends after it begins, and within 24 hours."), field="moments"
            )
        )
    return found


def _in_order(moment: Moment) -> bool:
    return moment.end is None or timedelta() < moment.end - moment.start <= INTERVAL_MAX


def _app(options: AppleOptions) -> list[InvalidInput]:
    found = []
    if len(options.store_ids) > STORE_IDS_MAX or any(
        not 0 < number < 2**53 for number in options.store_ids
    ):
        found.append(
            InvalidInput(
                _("Write the number from the App Store's address, like 1234567890."),
                field="store_ids",
            )
        )
    link = options.app_launch_url
    if link and not options.store_ids:
        found.append(
            InvalidInput(_("Name the app by its App Store number too."), field="app_launch_url")
        )
    unsafe = link.lower().startswith(_SCRIPTS) or not _SCHEME.fullmatch(link)
    if link and (unsafe or len(link) > LINK_MAX):
        found.append(InvalidInput(_("Write an address like myapp://card."), field="app_launch_url"))
    return found


def _actions(options: AppleOptions) -> list[InvalidInput]:
    found = []
    if len(options.actions) > ACTIONS_MAX:
        found.append(
            InvalidInput(_("Wallet shows %(max)d buttons.", max=ACTIONS_MAX), field="actions")
        )
    if len({one.kind for one in options.actions}) < len(options.actions):
        found.append(InvalidInput(_("Choose two different buttons."), field="actions"))
    for number, action in enumerate(options.actions, start=1):
        scheme = "tel:" if action.kind is ActionKind.CALL else "https://"
        usable = _LINKS.fullmatch(action.url) and len(action.url) <= LINK_MAX
        if not usable or not action.url.startswith(scheme):
            found.append(
                InvalidInput(
                    _("Start the address with %(scheme)s", scheme=scheme),
                    field=f"action_{number}_url",
                )
            )
    return found


def _nfc(options: AppleOptions) -> list[InvalidInput]:
    if not options.nfc_public_key:
        return []
    try:
        key = base64.b64decode(options.nfc_public_key, validate=True)
    except ValueError:
        key = b""
    if (
        len(key) == _P256_BYTES
        and key.startswith(_P256_HEADER)
        and key[len(_P256_HEADER)] in {2, 3}
    ):
        return []
    return [
        InvalidInput(
            _("Paste the reader's public key: base64 of a compressed P-256 key."),
            field="nfc_public_key",
        )
    ]


def _user_info(options: AppleOptions) -> list[InvalidInput]:
    if not options.user_info:
        return []
    try:
        value = json.loads(options.user_info, parse_constant=_refuse)
    except (ValueError, RecursionError):
        value = None
    if isinstance(value, dict) and len(options.user_info) <= USER_INFO_MAX:
        return []
    return [
        InvalidInput(
            _("Write a JSON object of at most %(max)d characters.", max=USER_INFO_MAX),
            field="user_info",
        )
    ]


def _refuse(constant: str) -> float:
    raise ValueError(constant)
