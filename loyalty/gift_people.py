"""Who bought a gift card, whom it is for, and the words that go with it.

Rules: all of it is sealed in one piece. Names and message reach an inbox that the buyer chose, so
they hold no web address and nothing that a mail program makes a link of; they leave only once
somebody paid.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, field
from typing import Final

from common.errors import InvalidInput, InvalidInputs
from common.i18n import gettext as _
from loyalty.contacts import clean_name, normalise_email
from signing.keyring import Keyring
from signing.sealing import blind_index, seal, unseal
from storage.gift_cards import GiftCard

MESSAGE_MAX: Final = 300
COLUMN: Final = "gift_card.people"
_ADDRESS: Final = re.compile(r"https?:|www\.|//|@|\b[\w-]+\.[a-z]{2,}(?:/|\b)", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class GiftPeople:
    """What was typed, cleaned; `recipient` stands on the card, `email` gets it by mail."""

    recipient: str = ""
    email: str = field(default="", repr=False)
    buyer: str = ""
    message: str = field(default="", repr=False)


def clean_people(
    *, recipient: str = "", email: str = "", buyer: str = "", message: str = ""
) -> GiftPeople:
    """What was typed, as it may be kept and sent.

    Raises:
        InvalidInputs: fields `recipient`, `email`, `buyer`, `message`.
    """
    complaints: list[InvalidInput] = []
    names = {}
    for name, text in (("recipient", recipient), ("buyer", buyer)):
        try:
            names[name] = _plain(clean_name(text, field=name), name)
        except InvalidInput as complaint:
            complaints.append(complaint)
    try:
        address = normalise_email(email) if email.strip() else ""
    except InvalidInput as complaint:
        complaints.append(complaint)
    try:
        words = _message(message)
    except InvalidInput as complaint:
        complaints.append(complaint)
    if complaints:
        raise InvalidInputs(complaints)
    return GiftPeople(email=address, message=words, **names)


def _message(text: str) -> str:
    # Longer than what may be kept is refused, not cut: half a wish is worse than none.
    words = "".join(one for one in text if one.isprintable() or one == "\n").strip()
    if len(words) > MESSAGE_MAX:
        raise InvalidInput(
            _("Use at most %(count)d characters.", count=MESSAGE_MAX), field="message"
        )
    return _plain(words, "message")


def _plain(text: str, name: str) -> str:
    if _ADDRESS.search(text):
        raise InvalidInput(_("Leave web and e-mail addresses out of this."), field=name)
    return text


def sealed_people(keyring: Keyring, merchant_id: int, people: GiftPeople) -> bytes:
    """All of it, as it is kept."""
    text = json.dumps(asdict(people), ensure_ascii=False)
    return seal(keyring, text.encode(), merchant_id=merchant_id, column=COLUMN)


def kept_people(keyring: Keyring, merchant_id: int, gift: GiftCard) -> GiftPeople:
    """What is kept of a gift card's people; empty once they were erased."""
    if gift.people_sealed is None:
        return GiftPeople()
    opened = unseal(keyring, gift.people_sealed, merchant_id=merchant_id, column=COLUMN)
    return GiftPeople(**json.loads(opened))


def index_of(keyring: Keyring, merchant_id: int, people: GiftPeople) -> bytes | None:
    """The blind index of the recipient's address."""
    if not people.email:
        return None
    return blind_index(keyring, people.email, merchant_id=merchant_id, column="email")
