"""Apple's rules for the files beside pass.json: pictures and translations.

Not here: the zip and the manifest (inspect_pass.py), pass.json (document_rules.py).

Source: developer.apple.com/documentation/walletpasses/building-a-pass; apple-wallet 1.4, 1.5
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from common.i18n import gettext as _
from passes.findings import Finding, fault, warning
from passes.image_header import PictureFormat, UploadFacts, read_header

PERSONALIZATION: Final = "personalization.json"
_LANGUAGE: Final = r"(?:[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8}){0,2}|Base)\.lproj/"
_IMAGE: Final = re.compile(
    rf"({_LANGUAGE})?(icon|logo|strip|thumbnail|background|footer|primaryLogo|secondaryLogo|"
    r"artwork|venueMap|personalizationLogo)(?:@([23])x)?\.png"
)
_STRINGS: Final = re.compile(rf"({_LANGUAGE})pass\.strings")
# The largest size in points that shows; more is cut or shrunk by the phone.
_LARGEST: Final[Mapping[str, tuple[int, int]]] = {
    "icon": (38, 38),
    "logo": (160, 50),
    "strip": (375, 144),
    "thumbnail": (90, 90),
    "footer": (286, 15),
    "artwork": (358, 448),
    "primaryLogo": (126, 30),
}
# Less than this is blurred by the phone.
_SMALLEST: Final[Mapping[str, tuple[int, int]]] = {"icon": (29, 29)}
_STYLES_OF: Final[Mapping[str, frozenset[str]]] = {
    "strip": frozenset({"storeCard", "coupon", "eventTicket"}),
    "thumbnail": frozenset({"generic", "eventTicket"}),
    "background": frozenset({"eventTicket"}),
    "footer": frozenset({"boardingPass"}),
    "artwork": frozenset({"posterGeneric", "eventTicket"}),
    "primaryLogo": frozenset({"posterGeneric", "eventTicket"}),
}
_PAIR: Final = re.compile(
    r'(?:\s|/\*.*?\*/|//[^\n]*\n)*(?:"((?:[^"\\]|\\.)*)"|([A-Za-z0-9_.-]+))\s*=\s*'
    r'"((?:[^"\\]|\\.)*)"\s*;',
    re.DOTALL,
)
_REST: Final = re.compile(r"(?:\s|/\*.*?\*/|//[^\n]*(?:\n|$))*", re.DOTALL)
_LISTED_MAX: Final = 3


def check_files(files: Mapping[str, bytes], document: Mapping[str, Any]) -> Iterator[Finding]:
    """Every broken rule of the files of a bundle.

    Args:
        files: all of them by path, but manifest, signature, pass.json and desktop junk.
        document: pass.json, empty where it cannot be read.
    """
    tables: dict[str, dict[str, str]] = {}
    for name, data in files.items():
        if match := _IMAGE.fullmatch(name):
            yield from _image(name, data, match=match)
            yield from _use(name, match=match, document=document, files=files)
        elif _STRINGS.fullmatch(name):
            table, found = _strings(name, data)
            tables[name] = table
            yield from found
        elif name == PERSONALIZATION:
            yield from _personalization(files, document)
        else:
            yield warning(
                "stray",
                name[:200],
                rule=_("Wallet does not know this file."),
                mend=_("Remove it; every update carries it to every phone."),
            )
    yield from _same_keys(tables)
    if "posterGeneric" in document and not any("artwork" in name for name in files):
        yield fault(
            "artwork_missing",
            "artwork.png",
            rule=_("A poster is nothing without its picture."),
            mend=_("Add artwork.png, 358 by 448 points, or remove posterGeneric."),
        )


def _image(name: str, data: bytes, *, match: re.Match[str]) -> Iterator[Finding]:
    facts = read_header(data)
    if facts is None or facts.format is not PictureFormat.PNG:
        yield fault(
            "image_not_png",
            name,
            rule=_("Images of a pass are PNG files."),
            mend=_("Save the picture as PNG."),
        )
        return
    kind, scale = match[2], int(match[3] or 1)
    yield from _size(name, facts, kind=kind, scale=scale)


def _size(name: str, facts: UploadFacts, *, kind: str, scale: int) -> Iterator[Finding]:
    width, height = _LARGEST.get(kind, (facts.width, facts.height))
    if facts.width > width * scale or facts.height > height * scale:
        yield warning(
            "image_large",
            name,
            rule=_("The phone shows %(width)d by %(height)d points.", width=width, height=height),
            mend=_(
                "Make it at most %(width)d by %(height)d pixels.",
                width=width * scale,
                height=height * scale,
            ),
        )
    least_width, least_height = _SMALLEST.get(kind, (1, 1))
    if facts.width < least_width * scale or facts.height < least_height * scale:
        yield warning(
            "image_small",
            name,
            rule=_("A picture with fewer pixels than the phone shows is blurred."),
            mend=_(
                "Make it at least %(width)d by %(height)d pixels.",
                width=least_width * scale,
                height=least_height * scale,
            ),
        )


def _use(
    name: str, *, match: re.Match[str], document: Mapping[str, Any], files: Mapping[str, bytes]
) -> Iterator[Finding]:
    folder, kind = match[1], match[2]
    styles = _STYLES_OF.get(kind)
    if styles is not None and document and not styles & document.keys():
        yield warning(
            "image_unused",
            name,
            rule=_("This style does not show this picture."),
            mend=_("Remove it; every update carries it to every phone."),
        )
    if folder and name.removeprefix(folder) in files:
        yield warning(
            "image_hidden",
            name,
            rule=_("The picture of the same name outside the folder hides this one."),
            mend=_("Keep the picture in every language's folder, or outside alone."),
        )


def _strings(name: str, data: bytes) -> tuple[dict[str, str], list[Finding]]:
    marked = data[:2] in {b"\xfe\xff", b"\xff\xfe"}
    try:
        text = data.decode("utf-16" if marked else "utf-8-sig")
    except UnicodeError:
        return {}, [
            fault(
                "strings_encoding",
                name,
                rule=_("Translations are UTF-16 with a byte order mark, or UTF-8."),
                mend=_("Save the file as UTF-16."),
            )
        ]
    found = []
    if not marked and not text.isascii():
        found.append(
            warning(
                "strings_utf8",
                name,
                rule=_("Apple asks for UTF-16 where a text is not plain English letters."),
                mend=_("Save the file as UTF-16 with a byte order mark."),
            )
        )
    table, whole = _table(text)
    if not whole:
        found.append(
            fault(
                "strings_form",
                name,
                rule=_('Each line is "key" = "text"; and quotation marks inside are escaped.'),
                mend=_('Write \\" for a quotation mark and end each line with a semicolon.'),
            )
        )
    return table, found


def _table(text: str) -> tuple[dict[str, str], bool]:
    """The pairs of a translations file, and whether there was nothing else in it."""
    at, table = 0, {}
    while match := _PAIR.match(text, at):
        table[match[1] or match[2] or ""] = match[3]
        at = match.end()
    return table, _REST.fullmatch(text, at) is not None


def _same_keys(tables: Mapping[str, Mapping[str, str]]) -> Iterator[Finding]:
    every = {key for table in tables.values() for key in table}
    for name, table in tables.items():
        missing = sorted(every - table.keys())
        if missing:
            named = ", ".join(key[:40] for key in missing[:_LISTED_MAX])
            yield warning(
                "strings_keys",
                name,
                rule=_("Every language has the same keys; else the key itself shows."),
                mend=_("Translate: %(keys)s.", keys=named),
            )


def _personalization(files: Mapping[str, bytes], document: Mapping[str, Any]) -> Iterator[Finding]:
    if "nfc" not in document or not any("personalizationLogo" in name for name in files):
        yield warning(
            "personalization_unused",
            PERSONALIZATION,
            rule=_("Wallet asks for personal details only with NFC and personalizationLogo.png."),
            mend=_("Add both, or remove the file."),
        )
