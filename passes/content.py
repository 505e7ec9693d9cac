"""What one member's card says at one moment, wallet-neutral: the counterpart of design.py.

Every text is already in the member's language; amounts are already sentences where a wallet shows
sentences. `face_digest` tells whether a phone would see a difference: a change of anything that is
not on the face must not wake a phone (DESIGN 5).
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass, field
from datetime import datetime

from passes.design import Design, to_document


@dataclass(frozen=True, slots=True, kw_only=True)
class RewardLine:
    """A reward as a card lists it; `due` when the balance pays for it now.

    `cost_words` says what it costs where the card counts several units (`9 coffee stamps`).
    """

    name: str
    cost: int
    due: bool
    cost_words: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitLine:
    """One unit of a card of many rules: its name, its balance in words and as a number.

    `goal` is the full row of a stamp unit; `extra` are sentences: what is carried, owed, waits.
    """

    code: str
    name: str
    words: str
    balance: int
    goal: int | None = None
    extra: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleLines:
    """What a card of many rules says beyond its balance; every text is a whole sentence.

    `tier` is the name of the tier, `tier_code` what the rules call it, `benefit` what it gives at
    once, `way` what is missing for the next. `expiring` lists every date on which something ends.
    `coming` tells of rules that begin to count later. `donated` is what all members gave together.
    """

    units: tuple[UnitLine, ...] = ()
    tier: str = ""
    benefit: str = ""
    way: str = ""
    challenges: tuple[str, ...] = ()
    promises: tuple[str, ...] = ()
    expiring: tuple[str, ...] = ()
    donated: tuple[str, ...] = ()
    coming: str = ""
    tier_code: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A branch: degrees (WGS 84) and the name shown on the lock screen nearby."""

    name: str
    latitude: float
    longitude: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """A member's card.

    `balance` counts whole units (`points` or `stamps`), or minor units of a currency (ISO 4217). `goal` is the number of stamps of a full
    card, None for points; a stamp card shows `balance` modulo nothing: more than `goal` means
    several rewards are due. `barcode` is the opaque token and nothing else. `message` is the
    owner's present message, empty for none. `member_since` is an aware moment by the shop's clock.
    `history` are the last movements' sentences, newest
    first. `voided` cards show no barcode; `erased` ones say nothing of anybody.
    `rule_lines` are None on a card of one rate.
    `rotating_key` (hex) is what a phone makes the changing code from: it goes to Google's API alone.
    """

    serial_number: str
    language: str
    member_number: str
    member_name: str
    barcode: str
    unit: str
    balance: int
    goal: int | None
    progress: str
    next_reward: RewardLine | None
    rewards: tuple[RewardLine, ...] = ()
    rules: tuple[str, ...] = ()
    history: tuple[str, ...] = ()
    places: tuple[Place, ...] = ()
    message: str = ""
    card_link: str = ""
    voided: bool = False
    erased: bool = False
    rotating_key: str = field(default="", repr=False)
    expires_at: datetime | None = None
    member_since: datetime | None = None
    rule_lines: RuleLines | None = None

    @property
    def tier_code(self) -> str:
        """The code of the member's tier, empty for none."""
        return self.rule_lines.tier_code if self.rule_lines else ""


def face_digest(design: Design, content: Content) -> bytes:
    """32 bytes that differ exactly when some wallet would show something else."""
    said = dataclasses.asdict(content)
    if content.rule_lines is None:
        # A card of one rate is told as it always was: a new release wakes no phone.
        del said["rule_lines"]
        for line in (*said["rewards"], *filter(None, [said["next_reward"]])):
            del line["cost_words"]
    elif content.rule_lines.tier_code not in design.tier_looks:
        # Without a look of its own the tier is what its name says.
        del said["rule_lines"]["tier_code"]
    document = {"design": to_document(design), "content": said}
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), default=_plain)
    return hashlib.sha256(text.encode()).digest()


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"a face holds no {type(value).__name__}")
