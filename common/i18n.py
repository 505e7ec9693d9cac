"""Words in the reader's language, for rooms that know no request: reasons, passes, commands.

A message is its English text. `gettext` looks it up in the language that is current
(`use_language`), set per request by web, per pass by the builder, and falls back to English.
Catalogues are `common/locale/<language>/LC_MESSAGES/regulars.mo`. Not done here: choosing a
language from a browser's header; that is web's.
"""

from __future__ import annotations

import gettext as _stdlib
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from typing import Final

LOCALE_FOLDER: Final = Path(__file__).parent / "locale"
DOMAIN: Final = "regulars"
DEFAULT_LANGUAGE: Final = "en"

_current: ContextVar[str] = ContextVar("language", default=DEFAULT_LANGUAGE)


@cache
def catalogue(language: str) -> _stdlib.NullTranslations:
    """The catalogue of a BCP 47 tag, or English when there is none."""
    return _stdlib.translation(
        DOMAIN,
        LOCALE_FOLDER,
        [language.replace("-", "_"), language.partition("-")[0]],
        fallback=True,
    )


@contextmanager
def use_language(language: str) -> Iterator[None]:
    """Speak `language` inside the block."""
    token = _current.set(language)
    try:
        yield
    finally:
        _current.reset(token)


def set_language(language: str) -> None:
    """Speak `language` from here on; web calls it at the start of every request."""
    _current.set(language)


def current_language() -> str:
    """The BCP 47 tag spoken now."""
    return _current.get()


def gettext(message: str, **values: object) -> str:
    """The message in the current language with `%(name)s` filled in."""
    text = catalogue(_current.get()).gettext(message)
    return text % values if values else text


def ngettext(one: str, many: str, number: int, **values: object) -> str:
    """The message with the plural of `number`, which is also `%(number)d`."""
    text = catalogue(_current.get()).ngettext(one, many, number)
    return text % {"number": number, **values}


def mark(message: str) -> str:
    """Mark a text for the catalogue that is looked up later."""
    return message


def languages() -> list[str]:
    """The languages with a catalogue, English first."""
    return list(_languages(LOCALE_FOLDER))


# Every request asks, and catalogues come with a release.
@cache
def _languages(folder: Path) -> tuple[str, ...]:
    found = {p.parent.parent.name for p in folder.glob(f"*/LC_MESSAGES/{DOMAIN}.mo")}
    return (DEFAULT_LANGUAGE, *sorted(found - {DEFAULT_LANGUAGE}))
