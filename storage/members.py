"""Members: who joined a programme, how they are found again, and what they consented to.

Contacts arrive here already sealed, with a blind index to look them up; this file never sees an
e-mail address or a phone number. Not done here: a member's balance (books.py) and cards
(wallet_passes.py).

Rules:
- A member's generation only rises; each step ends every code, link and token before it.
- A consent row is written once and never changed: the newest of a purpose counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from common.errors import Conflict, NotFound
from common.i18n import gettext as _
from common.ids import new_id
from storage.scope import Scope
from storage.tables import consent, erasure, member, operation

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
    """A member's row. `email_*` and `phone_*` are null when not given."""

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
        found: dict[int, Member] = {}
        for condition in conditions:
            rows = self._many(condition, member.c.state == MemberState.ACTIVE, limit=SEARCH_MAX)
            found.update((row.id, row) for row in rows)
        return list(found.values())

    def search_name(self, folded: str, limit: int = SEARCH_MAX) -> list[Member]:
        """Active members with a name in which a word starts with `folded`, by name."""
        text = folded.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        name = member.c.name_folded
        starts = name.like(f"{text}%", escape="\\") | name.like(f"% {text}%", escape="\\")
        return self._many(
            starts,
            member.c.state == MemberState.ACTIVE,
            limit=min(limit, SEARCH_MAX),
            order=(name, member.c.id),
        )

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
        nothing = dict.fromkeys(("email_sealed", "email_index", "phone_sealed", "phone_index"))
        self._scope.execute(
            statement.values(name="", name_folded="", state=MemberState.ERASED, **nothing)
        )
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
