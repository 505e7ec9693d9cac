"""A design as the texts of a form, and a form's texts as a design.

Everything the owner types is text: a date, a list, a choice. Here it becomes what passes/design.py
holds, and back. Not here: judging what a wallet takes (`check_design`), keeping it (design.py).
Rules: names that are not sent keep their value; moments are read by the shop's clock.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Any, Final, TypeVar
from zoneinfo import ZoneInfo

from common.errors import InvalidInput, InvalidInputs
from common.i18n import gettext as _
from loyalty.google_words import GOOGLE_WORDS, google_words, with_google_words
from loyalty.tier_words import is_tier_word, tier_words, with_tier_words
from passes.apple_options import (
    ACTIONS_MAX,
    Action,
    ActionKind,
    AppleOptions,
    CodeKind,
    Moment,
    PassStyle,
)
from passes.design import PLAIN_FIELDS, Design, StampShape, Texts

TEXTS: Final = PLAIN_FIELDS
ADVANCED: Final = (
    "stamp_shape",
    "expires_on",
    "languages",
    "style",
    "code",
    "max_distance_m",
    "moments",
    "sharing",
    "store_ids",
    "app_launch_url",
    "action_1_kind",
    "action_1_url",
    "action_2_kind",
    "action_2_url",
    "nfc_public_key",
    "user_info",
)
WORDS: Final = (*TEXTS, *ADVANCED, *GOOGLE_WORDS)
ALLOWED: Final = "yes"
FORBIDDEN: Final = "no"
MOMENT_LINES_MAX: Final = 50
_COLOURS: Final = ("background_colour", "foreground_colour", "label_colour")
_STAMPS_SHOW: Final = ("background_colour", "foreground_colour", "stamp_shape")
_LAST_SECOND: Final = time(23, 59, 59)
_MOMENT: Final = re.compile(
    r"(\d{4}-\d\d-\d\d)[ T](\d\d?:\d\d)(?:\s*[-–]\s*(\d\d?:\d\d))?", re.ASCII
)
_TRANSLATED: Final = re.compile(r"([a-z_]+)\.([A-Za-z0-9-]{2,17})", re.ASCII)
Choice = TypeVar("Choice", bound=StrEnum)


def is_word(name: str) -> bool:
    """Whether a form's field belongs to a design: of WORDS, or like `balance_label.de`."""
    match = _TRANSLATED.fullmatch(name)
    translated = match is not None and match[1] in Texts._fields
    return name in WORDS or translated or is_tier_word(name)


def words_of(design: Design, *, zone: ZoneInfo) -> dict[str, str]:
    """The form's texts of a design."""
    options = design.apple
    actions = dict(enumerate(options.actions, start=1))
    words = {name: str(getattr(design, name)) for name in TEXTS}
    words |= {
        "stamp_shape": str(design.stamp_shape),
        "expires_on": _day(design.expires_at, zone),
        "languages": ", ".join(sorted(design.translations)),
        "style": str(options.style),
        "code": str(options.code),
        "max_distance_m": str(options.max_distance_m or ""),
        "moments": "\n".join(_moment_text(one, zone) for one in options.moments),
        "sharing": FORBIDDEN if options.sharing_prohibited else ALLOWED,
        "store_ids": ", ".join(map(str, options.store_ids)),
        "app_launch_url": options.app_launch_url,
        "nfc_public_key": options.nfc_public_key,
        "user_info": options.user_info,
        **google_words(design.google),
        **tier_words(design.tier_looks),
    }
    for number in range(1, ACTIONS_MAX + 1):
        action = actions.get(number)
        words[f"action_{number}_kind"] = str(action.kind) if action else ""
        words[f"action_{number}_url"] = action.url if action else ""
    for language, texts in design.translations.items():
        words |= {f"{name}.{language}": text for name, text in texts._asdict().items()}
    return words


def with_words(design: Design, words: Mapping[str, str], *, zone: ZoneInfo) -> Design:
    """The design with the sent words, trimmed.

    Raises:
        InvalidInputs: a word that is no date, number or choice; fields as in the form.
    """
    sent = {name: text.strip().replace("\r\n", "\n") for name, text in words.items()}
    complaints: list[InvalidInput] = []
    changed: dict[str, Any] = {name: sent[name] for name in TEXTS if name in sent}
    changed |= {name: changed[name].lower() for name in _COLOURS if name in changed}
    readers = {
        "stamp_shape": lambda text: {"stamp_shape": _choice(StampShape, text, "stamp_shape")},
        "expires_on": lambda text: {"expires_at": _end_of(text, zone)},
    }
    for name, read in readers.items():
        if name in sent:
            _try(lambda read=read, name=name: changed.update(read(sent[name])), complaints)
    changed["apple"] = _options(design.apple, sent, zone, complaints)
    changed["google"] = with_google_words(design.google, sent)
    changed["tier_looks"] = with_tier_words(design.tier_looks, sent)
    if complaints:
        raise InvalidInputs(complaints)
    changed["translations"] = _translations(design, sent)
    after = replace(design, **changed)
    same = all(getattr(after, name) == getattr(design, name) for name in _STAMPS_SHOW)
    return after if same else replace(after, stamp_images=())


def _options(
    options: AppleOptions, sent: Mapping[str, str], zone: ZoneInfo, complaints: list[InvalidInput]
) -> AppleOptions:
    changed: dict[str, Any] = {
        name: sent[name]
        for name in ("app_launch_url", "nfc_public_key", "user_info")
        if name in sent
    }
    readers: dict[str, Any] = {
        "style": lambda text: {"style": _choice(PassStyle, text, "style")},
        "code": lambda text: {"code": _choice(CodeKind, text, "code")},
        "max_distance_m": lambda text: {"max_distance_m": _whole(text, "max_distance_m")},
        "moments": lambda text: {"moments": _moments(text, zone)},
        "sharing": lambda text: {"sharing_prohibited": text != ALLOWED},
        "store_ids": lambda text: {"store_ids": _numbers(text, "store_ids")},
    }
    for name, read in readers.items():
        if name in sent:
            _try(lambda read=read, name=name: changed.update(read(sent[name])), complaints)
    if "action_1_kind" in sent or "action_2_kind" in sent:
        _try(lambda: changed.update(actions=_actions(sent)), complaints)
    return replace(options, **changed)


def _translations(design: Design, sent: Mapping[str, str]) -> dict[str, Texts]:
    kept = dict(design.translations)
    if "languages" in sent:
        named = dict.fromkeys(re.findall(r"[^\s,;]+", sent["languages"]))
        kept = {name: kept.get(name, Texts()) for name in named if name != design.language}
    for language, texts in kept.items():
        given = {
            name: sent[f"{name}.{language}"]
            for name in Texts._fields
            if f"{name}.{language}" in sent
        }
        kept[language] = texts._replace(**given)
    return kept


def _actions(sent: Mapping[str, str]) -> tuple[Action, ...]:
    found = []
    for number in range(1, ACTIONS_MAX + 1):
        kind = sent.get(f"action_{number}_kind", "")
        if kind:
            chosen = _choice(ActionKind, kind, f"action_{number}_kind")
            found.append(Action(kind=chosen, url=sent.get(f"action_{number}_url", "")))
    return tuple(found)


def _moments(text: str, zone: ZoneInfo) -> tuple[Moment, ...]:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return tuple(_moment(line, zone) for line in lines[:MOMENT_LINES_MAX])


def _moment(line: str, zone: ZoneInfo) -> Moment:
    match = _MOMENT.fullmatch(line)
    try:
        day, begins, ends = match.groups() if match else ("", "", None)
        start = datetime.strptime(f"{day} {begins}", "%Y-%m-%d %H:%M").replace(tzinfo=zone)
        if ends is None:
            return Moment(start=start)
        end = datetime.strptime(f"{day} {ends}", "%Y-%m-%d %H:%M").replace(tzinfo=zone)
    except ValueError as error:
        raise InvalidInput(
            _("Write each moment on a line of its own, like 2027-01-31 18:00 or 18:00 - 20:00."),
            field="moments",
        ) from error
    # "22:00 - 02:00" ends on the next day.
    return Moment(start=start, end=end if end > start else end + timedelta(days=1))


def _moment_text(moment: Moment, zone: ZoneInfo) -> str:
    start = moment.start.astimezone(zone).strftime("%Y-%m-%d %H:%M")
    if moment.end is None:
        return start
    return f"{start} - {moment.end.astimezone(zone).strftime('%H:%M')}"


def _end_of(text: str, zone: ZoneInfo) -> datetime | None:
    if not text:
        return None
    try:
        return datetime.combine(date.fromisoformat(text), _LAST_SECOND, zone)
    except ValueError as error:
        raise InvalidInput(_("Write the day like 2027-01-31."), field="expires_on") from error


def _day(moment: datetime | None, zone: ZoneInfo) -> str:
    return moment.astimezone(zone).date().isoformat() if moment else ""


def _choice(kinds: type[Choice], text: str, field: str) -> Choice:
    try:
        return kinds(text)
    except ValueError as error:
        raise InvalidInput(_("Choose one of the list."), field=field) from error


def _numbers(text: str, field: str) -> tuple[int, ...]:
    return tuple(_whole(one, field) for one in re.findall(r"[^\s,;]+", text))


def _whole(text: str, field: str) -> int:
    if not text:
        return 0
    if not (text.isascii() and text.isdigit() and len(text) <= 15):  # noqa: PLR2004
        raise InvalidInput(_("Type a whole number."), field=field)
    return int(text)


def _try(read: Any, complaints: list[InvalidInput]) -> None:
    """One word; what is wrong with it is kept, so that all complaints come at once."""
    try:
        read()
    except InvalidInput as error:
        complaints.append(error)
