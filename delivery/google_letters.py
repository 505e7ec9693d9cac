"""What Google is told of one claim: the whole class or object as it is now, built from the tables.

Not here: sending and settling (google_lane.py). A letter remembers in `facts` what it says, for the
next one: `sent` (a digest, so that an unchanged state costs no request), `class` (so that a card
moves when its class is another: another tier), `balance` and `notified` (the budget of
notifications), `offers` (google_offers.py), and for a programme `classes`, a digest for each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from common.clock import to_micros
from common.errors import InvalidInput, NotFound, WalletError
from delivery.desk import Desk
from delivery.google_offers import OfferLetter, Offers, known_offers, offers_of
from delivery.outcomes import Answer, Outcome
from passes.google_cards import card_change, card_document
from passes.google_parts import GoogleIdentity, GoogleKind, state_digest
from storage.claims import Claim
from storage.deliveries import Channel
from storage.faces import Face, load_faces
from storage.google_classes import GoogleClass, classes_of
from storage.google_identities import GoogleHome
from storage.google_offers import OfferBook, offer_book
from storage.unit_of_work import UnitOfWork

NO_ACCOUNT: Final = "no_account"
UNCHANGED: Final = "unchanged"
# How many messages the card holds at Google (google_messages.py).
_CARRIED: Final = ("messages",)
DAY_US: Final = 24 * 3600 * 1_000_000

Document = Mapping[str, Any]


@dataclass(slots=True, kw_only=True)
class Letter:
    """One claim's documents and, once asked, Google's answer.

    A class claim has `classes`, those of its programme that Google does not have like this. A card
    may have `offers` that go before it. What of both Google took stands in `facts` at once, under
    the names in `kept`, and is remembered whatever becomes of the rest.
    """

    claim: Claim
    account_id: int = 0
    revision: int = 0
    identity: GoogleIdentity | None = None
    insert: Document = field(default_factory=dict)
    patch: Document = field(default_factory=dict)
    state: Document = field(default_factory=dict)  # the patch without what is said only once
    class_insert: Document = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    classes: Sequence[GoogleClass] = ()
    offers: Sequence[OfferLetter] = ()
    kept: tuple[str, ...] = ()
    notifies: bool = False
    answer: Answer | None = None

    @property
    def key(self) -> str:
        """The whole id of the object."""
        return str(self.insert["id"])

    @property
    def kind(self) -> GoogleKind:
        """What the card is at Google."""
        return self.identity.kind if self.identity else GoogleKind.LOYALTY

    @property
    def is_object(self) -> bool:
        return self.claim.channel == Channel.GOOGLE_OBJECT

    @property
    def same(self) -> bool:
        """Whether the card itself is at Google like this already."""
        return self.is_object and self.claim.facts.get("sent") == self.facts["sent"]

    @property
    def progress(self) -> dict[str, Any]:
        """The facts to remember when the letter itself was not delivered."""
        return {**self.claim.facts, **{name: self.facts[name] for name in self.kept}}

    def keep_offer(self, coupon: str, digest: str) -> None:
        """Google was told of a coupon; an empty digest is one to forget."""
        self.facts["offers"].pop(coupon, None)
        if digest:
            self.facts["offers"][coupon] = digest

    def unlink(self, offer: str) -> None:
        """Leave an offer out of the card."""
        linked = [one for one in self.state.get("linkedOfferIds", []) if one != offer]
        change = {"linkedOfferIds": linked}
        self.state, self.patch = {**self.state, **change}, {**self.patch, **change}
        self.insert = {**self.insert, **change}
        if self.identity is not None:
            self.facts["sent"] = state_digest(self.identity, self.state)


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
    known = {int(coupon) for claim in claims for coupon in known_offers(claim.facts)}
    book = offer_book(work, faces.values(), known=known)
    letters = []
    for claim in claims:
        try:
            letters.append(_letter(desk, work, home, claim, faces=faces, book=book))
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
    desk: Desk,
    work: UnitOfWork,
    home: GoogleHome,
    claim: Claim,
    *,
    faces: Mapping[int, Face],
    book: OfferBook,
) -> Letter:
    if claim.channel == Channel.GOOGLE_CLASS:
        return _unless_same(_class_letter(work, home, claim))
    face = faces.get(claim.pass_id or 0)
    if face is None:
        raise NotFound
    return _unless_same(_object_letter(desk, home, claim, face, book=book))


def _class_letter(work: UnitOfWork, home: GoogleHome, claim: Claim) -> Letter:
    classes = classes_of(work, home, claim.target_id)
    known = _known_classes(claim, classes[0].key)
    return Letter(
        claim=claim,
        account_id=home.account.id,
        revision=claim.wanted_revision,
        facts={"classes": {one.key: known[one.key] for one in classes if one.key in known}},
        classes=[one for one in classes if known.get(one.key) != one.digest],
        kept=("classes",),
    )


def _known_classes(claim: Claim, first: str) -> Mapping[str, str]:
    """What Google was told of each class; before there were several, of the first alone."""
    known = claim.facts.get("classes")
    if isinstance(known, Mapping):
        return known
    sent = claim.facts.get("sent")
    return {first: sent} if isinstance(sent, str) else {}


def _object_letter(
    desk: Desk, home: GoogleHome, claim: Claim, face: Face, *, book: OfferBook
) -> Letter:
    identity = home.card_identity(face)
    offers = offers_of(home, face, book, known_offers(claim.facts))
    design, content = face.design, face.content
    patch = card_change(design, content, identity, linked_offers=offers.linked)
    now = desk.clock.now()
    notified = recent(claim.facts.get("notified"), now)
    letter = Letter(
        claim=claim,
        account_id=home.account.id,
        revision=face.wallet_pass.revision,
        identity=identity,
        insert=card_document(design, content, identity, linked_offers=offers.linked),
        patch=patch,
        state=patch,
        class_insert=home.class_of_card(face, identity),
        facts={
            "sent": state_digest(identity, patch),
            "class": identity.class_id,
            "balance": face.content.balance,
            "notified": notified,
            **{name: claim.facts[name] for name in _CARRIED if name in claim.facts},
        },
    )
    _enclose(letter, offers)
    if claim.facts.get("class") != identity.class_id:
        letter.patch = {"classId": identity.class_id, **letter.patch}
    if face.design.google.notify_balance and _may_notify(desk, letter, notified):
        letter.notifies = True
        letter.patch = {**letter.patch, "notifyPreference": "NOTIFY_ON_UPDATE"}
        letter.facts["notified"] = [*notified, to_micros(now)]
    return letter


def _enclose(letter: Letter, offers: Offers) -> None:
    """Let the coupons go before the card; a card that never had one remembers nothing of them."""
    known = known_offers(letter.claim.facts)
    if known or offers.letters:
        letter.facts["offers"] = known
        letter.offers = offers.letters
        letter.kept = ("offers",)


def _may_notify(desk: Desk, letter: Letter, notified: Sequence[int]) -> bool:
    """Whether the balance changed and the day's budget lasts: Google's limit is three a card."""
    before = letter.claim.facts.get("balance")
    changed = before is not None and before != letter.facts["balance"]
    return changed and len(notified) < desk.settings.google_notifications_per_day


def _unless_same(letter: Letter) -> Letter:
    nothing = letter.same and not letter.offers if letter.is_object else not letter.classes
    if nothing:
        letter.answer = Answer(outcome=Outcome.DELIVERED, reason=UNCHANGED)
        letter.facts = {**letter.claim.facts, **({} if letter.is_object else letter.facts)}
    return letter


def _refused(claim: Claim, error: WalletError) -> Letter:
    reason = error.message if isinstance(error, InvalidInput) else error.code
    return _answered(claim, Answer(outcome=Outcome.PERMANENT, reason=reason))


def _answered(claim: Claim, answer: Answer) -> Letter:
    return Letter(claim=claim, answer=answer)
