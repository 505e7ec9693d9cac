"""Translations inside a pass: one `pass.strings` per language the owner wrote in.

pass.json is written in the member's language, and its very texts are the keys: a reader that knows
no translations still shows words. A phone in another language finds the same text there. Not here:
what only the ledger can say (progress, history, rules); it stays in the member's language. Rules:
- UTF-16, big-endian, with a byte order mark: what Apple asks for and most other readers take;
- backslash, quotation mark and line ends are escaped;
- every language has the same keys; a text that would need two translations has none.

Source: developer.apple.com/documentation/walletpasses/creating-the-source-for-a-pass; apple-wallet 1.5
"""

from __future__ import annotations

import codecs
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from common.i18n import use_language
from passes.apple import location_texts, pass_description
from passes.apple_face import apple_face
from passes.content import Content, Place
from passes.design import Design
from passes.wording import balance_change

FILE: Final = "pass.strings"
_NO_FILES: Final[Mapping[str, bytes]] = MappingProxyType({})
_ESCAPED: Final = str.maketrans(
    {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t", "\0": ""}
)


class StringsKey(NamedTuple):
    """Names a set of translations: cards with the same key share it."""

    language: str
    changes: tuple[str, ...] = ()
    places: tuple[Place, ...] = ()


def strings_key(design: Design, content: Content) -> StringsKey:
    """What of a card its translations depend on, beside the design version."""
    if not design.translations:
        return StringsKey(content.language)
    return StringsKey(
        content.language,
        tuple(_change(content, language) for language in design.languages),
        content.places,
    )


def pass_strings(design: Design, content: Content) -> Mapping[str, bytes]:
    """`fr.lproj/pass.strings` and the like, by path; none for a design in one language."""
    if not design.translations:
        return _NO_FILES
    spoken = _said(design, content, content.language)
    others = {language: _said(design, content, language) for language in design.languages}
    tables: dict[str, dict[str, str]] = {language: {} for language in others}
    for text in dict.fromkeys(spoken.values()):
        names = [name for name, said in spoken.items() if said == text]
        meant = {language: {said.get(name) for name in names} for language, said in others.items()}
        if all(len(found) == 1 and None not in found for found in meant.values()):
            for language, found in meant.items():
                tables[language][text] = found.pop() or text
    return {f"{language}.lproj/{FILE}": _file(table) for language, table in tables.items()}


def _said(design: Design, content: Content, language: str) -> dict[str, str]:
    """Every text of the card that has a translation, by what it is."""
    texts = design.texts(language)
    face = apple_face(design, content, language=language)
    said = {
        "organizationName": texts.organization_name,
        "description": pass_description(texts, language),
        "logoText": face.logo_text,
    }
    for field in (field for zone in face.zones().values() for field in zone):
        said[f"{field.key}.label"] = field.label
        said[f"{field.key}.change"] = field.change_message
        if field.key == "about" or (field.key == "message" and not content.message.strip()):
            said[f"{field.key}.value"] = str(field.value)
    for number, text in enumerate(location_texts(content.places, texts.nearby_text)):
        said[f"place.{number}"] = text
    return {name: text for name, text in said.items() if text.strip() and text != "%@"}


def _change(content: Content, language: str) -> str:
    with use_language(language):
        return balance_change(content)


def _file(table: Mapping[str, str]) -> bytes:
    lines = [
        f'"{key.translate(_ESCAPED)}" = "{text.translate(_ESCAPED)}";\n'
        for key, text in sorted(table.items())
    ]
    return codecs.BOM_UTF16_BE + "".join(lines).encode("utf-16-be", "replace")
