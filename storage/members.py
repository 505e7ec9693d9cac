"""Members: who joined a programme, how they are found again, and what they consented to.

Contacts arrive here already sealed, with a blind index to look them up; this file never sees an
e-mail address or a phone number. Not done here: a member's balance (books.py) and cards
(wallet_passes.py).

Rules:
- A member's generation only rises; each step ends every code, link and token before it.
- A consent row is written once and never changed: the newest of a purpose counts.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import func, or_, select

from common.errors import Conflict, NotFound
from common.i18n import gettext as _
from common.ids import new_id
from storage.member_words import having_words, put_words, words_of
from storage.scope import Scope
from storage.tables import consent, erasure, member, operation, programme

SEARCH_MAX: Final = 20
RECENT_MAX: Final = 200


class MemberExists(Conflict):
    """Somebody with this number or contact joined in the same moment."""

    code = "member_exists"
    retryable = True


class MemberState(StrEnum):
    """What became of a membership."""

    ACTIVE = "active"
    LEFT = "left"
    ERASED = "erased"


class ConsentPurpose(StrEnum):
    """What a member can say yes or no to."""

    MEMBERSHIP = "membership"  # keeping the card at all
    OFFERS = "offers"  # news and offers
    GOOGLE = "google"  # handing the card to Google
    MESSAGES = "messages"  # the shop's news on the card


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A member's row. `email_*` and `phone_*` are null when not given.

    `birthday` is month * 100 + day; `details_sealed` the address, favourite brand and answers.
    `candidate_until` is how many purchases make a candidate a member, None for a full member, and
    `purchases_before` what was counted before they joined.
    """

    id: int
    programme_id: int
    number: str
    name: str
    name_folded: str
    email_sealed: bytes | None = None
    email_index: bytes | None = None
    phone_sealed: bytes | None = None
    phone_index: bytes | None = None
    language: str
    generation: int = 1
    state: str = MemberState.ACTIVE
    source: str
    joined_at: datetime
    birthday: int | None = None
    details_sealed: bytes | None = None
    join_source_id: int | None = None
    invitation_id: int | None = None
    candidate_until: int | None = None
    purchases_before: int = 0
    merged_into_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """One answer of a member to one purpose."""

    member_id: int
    purpose: str
    wording_version: int
    language: str
    given: bool
    created_at: datetime


class Members:
    """The members of one merchant."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def add(self, new: Member) -> None:
        """Keep a new member.

        Raises:
            MemberExists: another member has the number or the contact; look it up again.
        """
        values = {**asdict(new), "merchant_id": self._scope.merchant}
        if not self._scope.insert_new(member, **values):
            raise MemberExists(_("Somebody joined with this in the same moment. Try again."))
        put_words(self._scope, new.id, new.name_folded)

    def change(self, changed: Member) -> None:
        """Write who the member is: name, contacts, language, birthday and details.

        Raises:
            MemberExists: another member of the programme has the contact.
        """
        taken = [
            self._one(
                member.c.programme_id == changed.programme_id,
                column == index,
                member.c.id != changed.id,
            )
            for column, index in (
                (member.c.email_index, changed.email_index),
                (member.c.phone_index, changed.phone_index),
            )
            if index is not None
        ]
        if any(taken):
            raise MemberExists(_("Another card of this shop has this contact."))
        statement = self._scope.update(member).where(member.c.id == changed.id)
        values = {name: getattr(changed, name) for name in _PROFILE}
        self._scope.execute(statement.values(**values))
        put_words(self._scope, changed.id, changed.name_folded)

    def namesakes(self, other: Member, limit: int) -> list[Member]:
        """Other active members of the programme with exactly this name."""
        if not other.name_folded:
            return []
        return self._many(
            member.c.programme_id == other.programme_id,
            member.c.name_folded == other.name_folded,
            member.c.id != other.id,
            member.c.state == MemberState.ACTIVE,
            limit=min(limit, SEARCH_MAX),
        )

    def merged_into(self, member_id: int) -> list[int]:
        """Whose cards became a part of this one's."""
        query = self._scope.select(member, member.c.id).where(member.c.merged_into_id == member_id)
        return [int(row.id) for row in self._scope.execute(query)]

    def add_purchases_before(self, member_id: int, purchases: int) -> None:
        """Count purchases that were made before, or on another card."""
        if purchases:
            mine = self._scope.update(member).where(member.c.id == member_id)
            counted = member.c.purchases_before + purchases
            self._scope.execute(mine.values(purchases_before=counted))

    def set_merged(self, member_id: int, into_id: int | None) -> None:
        """Note whose card this one became a part of, None when it is its own again."""
        state = MemberState.ACTIVE if into_id is None else MemberState.LEFT
        statement = self._scope.update(member).where(member.c.id == member_id)
        self._scope.execute(statement.values(merged_into_id=into_id, state=state))

    def get(self, member_id: int) -> Member:
        """The member of an id.

        Raises:
            NotFound: the merchant has no such member.
        """
        found = self.find(member_id)
        if found is None:
            raise NotFound(_("There is no such member."))
        return found

    def find(self, member_id: int) -> Member | None:
        """The member of an id, None where there is none."""
        return self._one(member.c.id == member_id)

    def by_number(self, number: str) -> Member | None:
        """The member of a normalised member number."""
        return self._one(member.c.number == number)

    def by_email_index(self, programme_id: int, index: bytes) -> Member | None:
        """The member of a programme who gave this e-mail address."""
        return self._one(member.c.programme_id == programme_id, member.c.email_index == index)

    def by_phone_index(self, programme_id: int, index: bytes) -> Member | None:
        """The member of a programme who gave this phone number."""
        return self._one(member.c.programme_id == programme_id, member.c.phone_index == index)

    def with_contact(
        self, *, email_index: bytes | None = None, phone_index: bytes | None = None
    ) -> list[Member]:
        """Active members of every programme with this e-mail address or phone number."""
        conditions = []
        if email_index is not None:
            conditions.append(member.c.email_index == email_index)
        if phone_index is not None:
            conditions.append(member.c.phone_index == phone_index)
        # The index of contacts begins with the programme; a shop has few. Asked one by one, because
        # a list of them lets the engine walk all members in the order of their ids instead.
        mine = self._scope.execute(self._scope.select(programme, programme.c.id)).scalars().all()
        living = or_(member.c.state == MemberState.ACTIVE, member.c.merged_into_id.is_not(None))
        found: dict[int, Member] = {}
        for programme_id, condition in itertools.product(mine, conditions):
            of_one = member.c.programme_id == programme_id
            for row in self._many(of_one, condition, living, limit=SEARCH_MAX, order=()):
                # Who is asked for by a contact of a merged card is found on the kept one.
                one = self.get(row.merged_into_id) if row.merged_into_id else row
                if one.state == MemberState.ACTIVE:
                    found[one.id] = one
        return list(found.values())

    def search_name(self, folded: str, limit: int = SEARCH_MAX) -> list[Member]:
        """Active members with names in which words start with those of `folded`, by word."""
        words = words_of(folded)
        if not words:
            return []
        found = self._many(
            *having_words(self._scope, words),
            member.c.state == MemberState.ACTIVE,
            limit=min(limit, SEARCH_MAX),
        )
        return sorted(found, key=lambda one: (one.name_folded, one.id))

    def recent(self, limit: int = 50) -> list[Member]:
        """Who joined last, newest first."""
        return self._many(limit=min(limit, RECENT_MAX), order=(member.c.joined_at.desc(),))

    def last_used(self, member_id: int) -> datetime | None:
        """When the member's balance last moved."""
        statement = (
            self._scope.select(operation, operation.c.created_at)
            .where(operation.c.member_id == member_id)
            .order_by(operation.c.id.desc())
            .limit(1)
        )
        moment: datetime | None = self._scope.execute(statement).scalar_one_or_none()
        return moment

    def purchases(self, member_id: int) -> int:
        """Sales and visits of a member that were not undone."""
        undone = operation.alias("undone")
        taken_back = select(undone.c.id).where(
            undone.c.merchant_id == operation.c.merchant_id, undone.c.reverses_id == operation.c.id
        )
        statement = self._scope.select(operation, func.count()).where(
            operation.c.member_id == member_id,
            operation.c.kind == "earn",
            operation.c.part_of_id.is_(None),
            ~taken_back.exists(),
        )
        return int(self._scope.execute(statement).scalar_one())

    def set_generation(self, member_id: int, *, was: int, becomes: int) -> bool:
        """Raise the generation; False when it is no longer `was`, so somebody was quicker."""
        statement = (
            self._scope.update(member)
            .where(member.c.id == member_id, member.c.generation == was)
            .values(generation=becomes)
        )
        return bool(self._scope.execute(statement).rowcount == 1)

    def set_state(self, member_id: int, state: MemberState) -> None:
        """Note what became of a membership."""
        statement = self._scope.update(member).where(member.c.id == member_id)
        self._scope.execute(statement.values(state=state))

    def blank(self, member_id: int) -> None:
        """Erase who the member is, and keep for ever that they were erased."""
        statement = self._scope.update(member).where(member.c.id == member_id)
        nothing = dict.fromkeys(_FORGOTTEN)
        self._scope.execute(
            statement.values(name="", name_folded="", state=MemberState.ERASED, **nothing)
        )
        put_words(self._scope, member_id, "")
        self._scope.insert_new(
            erasure,
            merchant_id=self._scope.merchant,
            member_id=member_id,
            erased_at=self._scope.clock.now(),
        )

    def erased(self) -> list[int]:
        """Everybody who was erased."""
        rows = self._scope.execute(
            self._scope.select(erasure, erasure.c.member_id).order_by(erasure.c.member_id)
        )
        return [int(row.member_id) for row in rows]

    def add_consent(
        self, member_id: int, purpose: ConsentPurpose, *, version: int, language: str, given: bool
    ) -> None:
        """Keep an answer with its wording, language and time."""
        self._scope.execute(
            self._scope.insert(
                consent,
                id=new_id(),
                member_id=member_id,
                purpose=purpose,
                wording_version=version,
                language=language,
                given=given,
                created_at=self._scope.clock.now(),
            )
        )

    def consents(self, member_id: int) -> list[Consent]:
        """Every answer a member gave, oldest first."""
        columns = [consent.c[name] for name in Consent.__slots__]
        statement = (
            self._scope.select(consent, *columns)
            .where(consent.c.member_id == member_id)
            .order_by(consent.c.id)
        )
        return [Consent(**row) for row in self._scope.execute(statement).mappings()]

    def _one(self, *conditions: Any) -> Member | None:
        statement = self._scope.select(member, *_COLUMNS).where(*conditions)
        row = self._scope.execute(statement).mappings().one_or_none()
        return None if row is None else Member(**row)

    def _many(
        self, *conditions: Any, limit: int, order: Sequence[Any] = (member.c.id,)
    ) -> list[Member]:
        statement = self._scope.select(member, *_COLUMNS).where(*conditions)
        rows = self._scope.execute(statement.order_by(*order).limit(limit)).mappings()
        return [Member(**row) for row in rows]


_COLUMNS: Final = tuple(member.c[name] for name in Member.__slots__)
_PROFILE: Final = (
    "name",
    "name_folded",
    "email_sealed",
    "email_index",
    "phone_sealed",
    "phone_index",
    "language",
    "birthday",
    "details_sealed",
)
_FORGOTTEN: Final = (
    "email_sealed",
    "email_index",
    "phone_sealed",
    "phone_index",
    "birthday",
    "details_sealed",
    "invitation_id",
)
