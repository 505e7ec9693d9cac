"""The texts of a pass in the phone's language: `<language>.lproj/pass.strings`.

Lines are `"key" = "text";` in UTF-8, or UTF-16 with a byte order mark; comments are `/* */`. A key
that is not in the file shows as it stands.
"""

from __future__ import annotations

import codecs
import re

LINE = re.compile(r'"((?:[^"\\]|\\.)*)"\s*=\s*"((?:[^"\\]|\\.)*)"\s*;')
COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
ESCAPE = re.compile(r"\\(.)", re.DOTALL)
STRINGS_BYTES_MAX = 500_000
LANGUAGE = "en"


def phone_strings(files: dict[str, bytes]) -> dict[str, str]:
    """Key to text for the phone's language; empty when the pass has none."""
    data = files.get(f"{LANGUAGE}.lproj/pass.strings", b"")[:STRINGS_BYTES_MAX]
    text = COMMENT.sub("", _decoded(data))
    return {_plain(key): _plain(value) for key, value in LINE.findall(text)}


def _decoded(data: bytes) -> str:
    if data.startswith((codecs.BOM_UTF16_BE, codecs.BOM_UTF16_LE)):
        return data.decode("utf-16", "replace")
    return data.decode("utf-8-sig", "replace")


def _plain(text: str) -> str:
    return ESCAPE.sub(lambda found: {"n": "\n", "t": "\t"}.get(found[1], found[1]), text)
