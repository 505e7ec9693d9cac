"""What Google is told of one claim: the whole class or object as it is now, built from the tables.

Not here: sending and settling (google_lane.py). A letter remembers in `facts` what it says, for the
next one: `sent` (a digest, so that an unchanged state costs no request), `class` (so that a card
moves when its class is another), `balance` and `notified` (the budget of notifications).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from common.clock import to_micros
from common.errors import InvalidInput, NotFound, WalletError
from delivery.desk import Desk
from delivery.outcomes import Answer, Outcome
from passes.google import loyalty_object, object_patch
from passes.google_parts import digest_of, state_digest
from storage.claims import Claim
from storage.deliveries import Channel
from storage.faces import Face, load_faces
from storage.google_identities import GoogleHome
from storage.unit_of_work import UnitOfWork

NO_ACCOUNT: Final = "no_account"
UNCHANGED: Final = "unchanged"
DAY_US: Final = 24 * 3600 * 1_000_000

Document = Mapping[str, Any]


@dataclass(slots=True, kw_only=True)
class Letter:
    """One claim's documents and, once asked, Google's answer."""

    claim: Claim
    account_id: int = 0
    revision: int = 0
    insert: Document
    patch: Document
    class_insert: Document
    facts: dict[str, Any]
    notifies: bool = False
    answer: Answer | None = None

    @property
    def key(self) -> str:
        """The whole id of the class or object."""
        return str(self.insert["id"])

    @property
    def is_object(self) -> bool:
        return self.claim.channel == Channel.GOOGLE_OBJECT


def write_letters(
    desk: Desk, work: UnitOfWork, home: GoogleHome, claims: Sequence[Claim]
) -> list[Letter]:
    """The letters of one merchant's claims; what cannot be written is answered already."""
    faces = load_faces(
        work,
        [claim.pass_id for claim in claims if claim.pass_id is not None],
        keyring=desk.keyring,
        public_url=desk.settings.public_url,
    )
    letters = []
    for claim in claims:
        try:
            letters.append(_letter(desk, work, home, claim, faces=faces))
        except WalletError as error:
            letters.append(_refused(claim, error))
    return letters


def nowhere(claim: Claim) -> Letter:
    """The letter of a merchant without an account."""
    return _answered(claim, Answer(outcome=Outcome.BREAKER, reason=NO_ACCOUNT))


def recent(stamps: object, now: datetime) -> list[int]:
    """The notifications of the last 24 hours, in microseconds since 1970."""
    known = stamps if isinstance(stamps, list) else []
    now_us = to_micros(now)
    return [one for one in known if isinstance(one, int) and now_us - DAY_US < one <= now_us]


def _letter(
    desk: Desk, work: UnitOfWork, home: GoogleHome, claim: Claim, *, faces: Mapping[int, Face]
) -> Letter:
    if claim.channel == Channel.GOOGLE_CLASS:
        return _unless_same(_class_letter(work, home, claim))
    face = faces.get(claim.pass_id or 0)
    if face is None:
        raise NotFound
    return _unless_same(_object_letter(desk, home, claim, face))


def _class_letter(work: UnitOfWork, home: GoogleHome, claim: Claim) -> Letter:
    published = work.programmes.published_design(claim.target_id)
    if published is None:
        raise NotFound
    identity = home.identity(claim.target_id)
    patch = home.class_patch(published.design, identity)
    return Letter(
        claim=claim,
        account_id=home.account.id,
        revision=claim.wanted_revision,
        insert=home.class_document(published.design, identity),
        patch=patch,
        class_insert={},
        facts={"sent": digest_of({"id": identity.class_id, **patch})},
    )


def _object_letter(desk: Desk, home: GoogleHome, claim: Claim, face: Face) -> Letter:
    identity = home.identity(face.wallet_pass.programme_id, face.wallet_pass)
    patch = object_patch(face.design, face.content, identity)
    now = desk.clock.now()
    notified = recent(claim.facts.get("notified"), now)
    letter = Letter(
        claim=claim,
        account_id=home.account.id,
        revision=face.wallet_pass.revision,
        insert=loyalty_object(face.design, face.content, identity),
        patch=patch,
        class_insert=home.class_document(face.design, identity),
        facts={
            "sent": state_digest(identity, patch),
            "class": identity.class_id,
            "balance": face.content.balance,
            "notified": notified,
        },
    )
    if claim.facts.get("class") != identity.class_id:
        letter.patch = {"classId": identity.class_id, **letter.patch}
    if face.design.google.notify_balance and _may_notify(desk, letter, notified):
        letter.notifies = True
        letter.patch = {**letter.patch, "notifyPreference": "NOTIFY_ON_UPDATE"}
        letter.facts["notified"] = [*notified, to_micros(now)]
    return letter


def _may_notify(desk: Desk, letter: Letter, notified: Sequence[int]) -> bool:
    """Whether the balance changed and the day's budget lasts: Google's limit is three a card."""
    before = letter.claim.facts.get("balance")
    changed = before is not None and before != letter.facts["balance"]
    return changed and len(notified) < desk.settings.google_notifications_per_day


def _unless_same(letter: Letter) -> Letter:
    if letter.claim.facts.get("sent") == letter.facts["sent"]:
        letter.answer = Answer(outcome=Outcome.DELIVERED, reason=UNCHANGED)
        letter.facts = dict(letter.claim.facts)
    return letter


def _refused(claim: Claim, error: WalletError) -> Letter:
    reason = error.message if isinstance(error, InvalidInput) else error.code
    return _answered(claim, Answer(outcome=Outcome.PERMANENT, reason=reason))


def _answered(claim: Claim, answer: Answer) -> Letter:
    return Letter(claim=claim, insert={}, patch={}, class_insert={}, facts={}, answer=answer)
