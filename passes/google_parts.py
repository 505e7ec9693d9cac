"""What every class and object at Google is made of: ids, pictures, texts in languages, links.

Lengths follow google-wallet 1.1 and 1.2; longer texts are cut here, at a word where one fits, so
that Google never cuts in the middle. `absolute` makes a PATCH body say the whole state: arrays
whole, and an explicit null where something is gone, because a PATCH leaves alone what it does not
name.

Source: developers.google.com/wallet/reference/rest/v1/Image and .../LocalizedString
"""

from __future__ import annotations

import hashlib
import json
import re
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from urllib.parse import quote, urlsplit

from common.i18n import gettext as _
from common.i18n import use_language
from passes.design import Design, ImageRef, Texts

ISSUER_NAME_MAX: Final = 20
POINTS_LABEL_MAX: Final = 9
ACCOUNT_MAX: Final = 20
ACCOUNT_LABEL_MAX: Final = 15
HEADER_MAX: Final = 35
BODY_MAX: Final = 500
LINK_TEXT_MAX: Final = 20
LOCATIONS_MAX: Final = 10
TEXTS_MAX: Final = 10
LINKED_MAX: Final = 50
# LoyaltyPointsBalance.int is an int32.
BALANCE_MAX: Final = 2**31 - 1
_ID: Final = re.compile(r"[0-9]{1,20}\.[A-Za-z0-9._-]{1,100}")
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})

Document = dict[str, Any]


class GoogleKind(StrEnum):
    """What a card is at Google; the value begins the names of its resources there."""

    LOYALTY = "loyalty"
    GIFT_CARD = "giftCard"
    OFFER = "offer"

    @property
    def classes(self) -> str:
        """The resource of its classes, `loyaltyClass`."""
        return f"{self}Class"

    @property
    def objects(self) -> str:
        """The resource of its objects, `loyaltyObject`; the payload of a save link adds an s."""
        return f"{self}Object"


@dataclass(frozen=True, slots=True, kw_only=True)
class GoogleIdentity:
    """Where a card lives at Google.

    `class_id` and `object_id` are whole ids, `<issuer id>.<suffix>`; the object's may stay empty
    where only the class is meant. Images are `<image_base_url>/<sha256>.png`: https, or http on
    the loopback for the sandbox. `origin` is the site that may show the save button. `kind` says
    which of Google's resources both are.
    """

    issuer_id: str
    class_id: str
    object_id: str = ""
    image_base_url: str
    origin: str
    kind: GoogleKind = GoogleKind.LOYALTY

    def __post_init__(self) -> None:
        for whole in filter(None, (self.class_id, self.object_id)):
            if not _ID.fullmatch(whole) or not whole.startswith(f"{self.issuer_id}."):
                raise ValueError(f"not an id of issuer {self.issuer_id!r}: {whole[:120]!r}")
        base = urlsplit(self.image_base_url)
        if base.scheme != "https" and not (base.scheme == "http" and base.hostname in _LOOPBACK):
            raise ValueError(f"Google fetches images by https only: {self.image_base_url[:120]!r}")

    def image_url(self, sha256: str) -> str:
        """The public address of a rendered image; content-named, because Google caches."""
        return f"{self.image_base_url.rstrip('/')}/{sha256}.png"


@dataclass(frozen=True, slots=True, kw_only=True)
class Languages:
    """The languages of a design, the default first, and what is said in each."""

    design: Design
    default: str

    @property
    def others(self) -> tuple[str, ...]:
        """Every language beside the default."""
        return tuple(one for one in self.design.languages if one != self.default)

    def text(self, say: Callable[[Texts], str]) -> str:
        """`say` in the default language, given the owner's texts."""
        return self._said(self.default, say)

    def localized(self, say: Callable[[Texts], str]) -> Document:
        """A LocalizedString of what `say` returns; {} where all languages say the same."""
        default = self.text(say)
        others = [(one, self._said(one, say)) for one in self.others]
        if not default or all(text == default for _language, text in others):
            return {}
        return localized_string(self.default, default, others)

    def _said(self, language: str, say: Callable[[Texts], str]) -> str:
        with use_language(language):
            return say(self.design.texts(language))


def localized_string(language: str, text: str, others: Iterable[tuple[str, str]] = ()) -> Document:
    """A LocalizedString; empty translations are left out."""
    return {
        "defaultValue": {"language": language, "value": text},
        "translatedValues": [
            {"language": other, "value": words} for other, words in others if words
        ],
    }


def cut(text: str, length: int) -> str:
    """`text` in at most `length` characters: whole words if the first fits, else an ellipsis."""
    text = text.strip()
    if len(text) <= length:
        return text
    words = text[: length + 1].rpartition(" ")[0].rstrip()
    return words or text[: length - 1].rstrip() + "…"


def pieces(text: str) -> list[str]:
    """Paragraphs packed into bodies of at most BODY_MAX characters, nothing lost."""
    bodies: list[str] = []
    for paragraph in text.split("\n\n"):
        for piece in textwrap.wrap(paragraph, BODY_MAX, replace_whitespace=False):
            joined = f"{bodies[-1]}\n\n{piece}" if bodies else piece
            if bodies and len(joined) <= BODY_MAX:
                bodies[-1] = joined
            else:
                bodies.append(piece)
    return bodies


def image(ref: ImageRef | None, identity: GoogleIdentity, *, says: Document) -> Document:
    """An Image by its public address; `says` is the LocalizedString read out for it."""
    if ref is None:
        return {}
    return {"sourceUri": {"uri": identity.image_url(ref.sha256)}, "contentDescription": says}


def picture_text(design: Design, language: str) -> Document:
    """What is read out for a picture of the card, in every language of the design."""
    names = [(one, design.texts(one).programme_name) for one in design.languages]
    default = design.texts(language).programme_name
    others = [(one, name) for one, name in names if one != language and name != default]
    return localized_string(language, default, others)


def links(entries: Iterable[tuple[str, str, str]]) -> Document:
    """A LinksModuleData of (id, address, text); entries without an address are left out."""
    uris = [
        {"id": key, "uri": uri, "description": cut(text, LINK_TEXT_MAX)}
        for key, uri, text in entries
        if uri
    ]
    return {"uris": uris} if uris else {}


def contact_links(design: Design) -> list[tuple[str, str, str]]:
    """Website, telephone and e-mail of the owner, in the current language."""
    dialled = re.sub(r"[^0-9+]", "", design.phone)
    address = quote(design.email, safe="@+")
    return [
        ("website", design.website, _("Website")),
        ("phone", f"tel:{dialled}" if dialled else "", _("Phone")),
        ("email", f"mailto:{address}" if address else "", _("E-mail")),
    ]


def locations(places: Iterable[tuple[float, float]]) -> list[Document]:
    """At most ten MerchantLocations of (latitude, longitude); Google refuses more."""
    found = [{"latitude": latitude, "longitude": longitude} for latitude, longitude in places]
    return found[:LOCATIONS_MAX]


def digest_of(document: Mapping[str, Any]) -> str:
    """Hex that differs when the document does."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def state_digest(identity: GoogleIdentity, patch: Mapping[str, Any]) -> str:
    """What an object says and where it stands, for telling whether it must be sent again."""
    return digest_of({"id": identity.object_id, "class": identity.class_id, **patch})


def moment(value: datetime) -> Document:
    """A DateTime with its offset: one without would be read in the phone's own zone."""
    if value.tzinfo is None:
        raise ValueError("Google is told aware moments only")
    return {"date": value.isoformat(timespec="seconds")}


def interval(start: datetime | None, end: datetime | None) -> Document:
    """A TimeInterval; {} where both ends are open."""
    return without_empty(
        {"start": moment(start) if start else {}, "end": moment(end) if end else {}}
    )


def without_empty(document: Mapping[str, Any]) -> Document:
    """The document without names that hold nothing."""
    return {name: value for name, value in document.items() if value not in ("", {}, [])}


def absolute(
    document: Mapping[str, Any], *, clearable: Mapping[str, Sequence[str]], arrays: Sequence[str]
) -> Document:
    """The PATCH body of a whole state.

    `clearable` names what becomes null when it is gone, each with its own parts that a merge would
    otherwise keep; `arrays` become empty.
    """
    whole = dict(document)
    for name, parts in clearable.items():
        held = whole.get(name)
        if held is None:
            whole[name] = None
        elif parts:
            whole[name] = {**dict.fromkeys(parts), **held}
    return {**{name: [] for name in arrays}, **whole}
