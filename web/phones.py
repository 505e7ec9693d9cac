"""What a browser says it runs on: which wallet comes first, and whether it is an app's own window.

A guess from the User-Agent, used only to order buttons and choose words; every way stays open.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

USER_AGENT_MAX: Final = 512
# Windows that apps open inside themselves: most of them cannot hand a card to the wallet.
_APPS: Final = (
    (re.compile(r"Instagram"), "Instagram"),
    (re.compile(r"FBAN|FBAV|FB_IAB"), "Facebook"),
    (re.compile(r"musical_ly|BytedanceWebview|TikTok"), "TikTok"),
    (re.compile(r"Snapchat"), "Snapchat"),
    (re.compile(r"MicroMessenger"), "WeChat"),
    (re.compile(r"\bLine/"), "LINE"),
    (re.compile(r"LinkedInApp"), "LinkedIn"),
    (re.compile(r"Pinterest/"), "Pinterest"),
    (re.compile(r"Twitter for|TwitterAndroid"), "X"),
)


class System(StrEnum):
    """What runs on the device, as far as wallets care."""

    IPHONE = "iphone"
    ANDROID = "android"
    DESKTOP = "desktop"


@dataclass(frozen=True, slots=True, kw_only=True)
class Browser:
    """`app` is the name of the app whose window this is, empty for a real browser."""

    system: System
    app: str


def browser_of(user_agent: str) -> Browser:
    """The browser of a User-Agent header, hostile or not."""
    text = user_agent[:USER_AGENT_MAX]
    system = System.DESKTOP
    if re.search(r"iPhone|iPod", text):
        system = System.IPHONE
    elif "Android" in text:
        system = System.ANDROID
    app = next((name for pattern, name in _APPS if pattern.search(text)), "")
    return Browser(system=system, app=app)
