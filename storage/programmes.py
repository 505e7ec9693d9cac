"""A merchant's programmes with their terms, designs, rewards and pictures.

Rules:
- A version of terms never changes. The highest version of `design` is the draft until it is
  published; a published version never changes, and the next save makes a new one.
- Pictures are named by the SHA-256 of their bytes, so storing one twice is storing it once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, or_, select

from common.errors import Conflict, NotFound
from common.i18n import gettext as _
from common.ids import new_id
from ledger.any_terms import AnyTerms
from passes.design import Design, from_document, to_document
from storage.programme_records import Programme, Reward, StoredDesign, StoredImage, TermsDraft
from storage.records import columns, maybe_record, record_of, values_of
from storage.scope import Scope
from storage.tables import account, design, image, merchant, programme, reward, terms, terms_draft
from storage.terms_documents import document_of, terms_of_document

__all__ = ["Programme", "Programmes", "Reward", "StoredDesign", "StoredImage", "TermsDraft"]


class Programmes:
    """Programmes of the scope's merchant and what belongs to them."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def add(self, new: Programme) -> None:
        """Store a programme.

        Raises:
            Conflict: its slug is taken.
        """
        values = {"merchant_id": self._scope.merchant, **values_of(new)}
        if not self._scope.insert_new(programme, **values):
            raise Conflict(_("There is a programme %(slug)s already.", slug=new.slug))

    def get(self, programme_id: int) -> Programme:
        """A programme.

        Raises:
            NotFound: there is none with this id.
        """
        found = self._one(programme.c.id == programme_id)
        if found is None:
            raise NotFound(_("There is no such programme."))
        return found

    def by_slug(self, slug: str) -> Programme | None:
        """The programme of a slug."""
        return self._one(programme.c.slug == slug)

    def all(self) -> list[Programme]:
        """Every programme, the oldest first."""
        query = self._programmes().order_by(programme.c.id)
        return [record_of(Programme, row) for row in self._scope.execute(query)]

    def rename(self, programme_id: int, name: str) -> None:
        """Give a programme another name; its slug stays."""
        self._change(programme_id, name=name)

    def set_unit(self, programme_id: int, unit: str) -> None:
        """Let a programme that nobody joined yet count something else."""
        self._change(programme_id, unit=str(unit))

    def has_accounts(self, programme_id: int, unit: str) -> bool:
        """Whether the programme's own accounts of a unit are open."""
        query = self._scope.select(account, account.c.id).where(
            account.c.programme_id == programme_id,
            account.c.member_id.is_(None),
            account.c.unit == str(unit),
        )
        return self._scope.execute(query.limit(1)).first() is not None

    def set_questions(
        self, programme_id: int, *, name: str, email: str, phone: str, by_mail: bool = False
    ) -> None:
        """Say what the join page asks for, and whether an address typed means a card by mail."""
        self._change(
            programme_id, ask_name=name, ask_email=email, ask_phone=phone, join_by_mail=by_mail
        )

    def add_terms(
        self, programme_id: int, new: AnyTerms, *, effective_at: datetime | None = None
    ) -> int:
        """Store the next version of the rules: the present one, or from `effective_at` on.

        What waited for its own moment gives way to it.
        """
        version = self._last_terms(programme_id) + 1
        self._scope.execute(
            self._scope.insert(
                terms,
                id=new_id(),
                programme_id=programme_id,
                version=version,
                document=document_of(new),
                created_at=self._scope.clock.now(),
                effective_at=effective_at,
            )
        )
        if effective_at is None:
            self.drop_next_terms(programme_id)
            self._change(programme_id, terms_version=version)
        else:
            self._change(programme_id, next_terms_version=version, next_terms_at=effective_at)
        return version

    def begin_next_terms(self, programme_id: int) -> int:
        """Let the terms count that waited; the version that counts now."""
        found = self.get(programme_id)
        if found.next_terms_version is None:
            return found.terms_version
        self._change(
            programme_id,
            terms_version=found.next_terms_version,
            next_terms_version=None,
            next_terms_at=None,
        )
        return found.next_terms_version

    def drop_next_terms(self, programme_id: int) -> None:
        """Let nothing wait any more; the version itself stays in the books."""
        self._change(programme_id, next_terms_version=None, next_terms_at=None)

    def with_due_terms(self) -> list[int]:
        """The programmes whose next terms are due."""
        query = self._scope.select(programme, programme.c.id).where(
            programme.c.next_terms_at <= self._scope.clock.now()
        )
        return [int(row.id) for row in self._scope.execute(query)]

    def _last_terms(self, programme_id: int) -> int:
        query = self._scope.select(terms, func.coalesce(func.max(terms.c.version), 0))
        return int(
            self._scope.execute(query.where(terms.c.programme_id == programme_id)).scalar_one()
        )

    def terms_draft(self, programme_id: int) -> TermsDraft | None:
        """The rules as they are edited, None where nobody began."""
        query = self._scope.select(terms_draft, *columns(terms_draft, TermsDraft)).where(
            terms_draft.c.programme_id == programme_id
        )
        return maybe_record(TermsDraft, self._scope.execute(query).one_or_none())

    def save_terms_draft(
        self, programme_id: int, document: Mapping[str, Any], *, based_on: int
    ) -> None:
        """Keep the rules as they are edited."""
        self.drop_terms_draft(programme_id)
        self._scope.execute(
            self._scope.insert(
                terms_draft,
                programme_id=programme_id,
                based_on=based_on,
                document=dict(document),
                changed_at=self._scope.clock.now(),
            )
        )

    def drop_terms_draft(self, programme_id: int) -> None:
        """Forget what was edited."""
        self._scope.execute(
            terms_draft.delete().where(
                terms_draft.c.merchant_id == self._scope.merchant,
                terms_draft.c.programme_id == programme_id,
            )
        )

    def set_average(self, programme_id: int, average_minor: int | None) -> None:
        """Keep the average sale that the night worked out."""
        self._change(programme_id, average_minor=average_minor)

    def terms(self, programme_id: int, version: int | None = None) -> AnyTerms:
        """The rules of a version, the present ones by default.

        Raises:
            NotFound: there is no such version.
        """
        wanted = self.get(programme_id).terms_version if version is None else version
        query = self._scope.select(terms, terms.c.document).where(
            terms.c.programme_id == programme_id, terms.c.version == wanted
        )
        document = self._scope.execute(query).scalar_one_or_none()
        if document is None:
            raise NotFound(_("This programme has no such rules."))
        return terms_of_document(document, wanted, time_zone=self._time_zone())

    def save_draft(self, programme_id: int, new: Design) -> int:
        """Keep a draft: over the last one, or as a new version when that was published."""
        last = self._last_design(programme_id)
        if last is not None and last.published_at is None:
            draft = self._scope.update(design).where(
                design.c.programme_id == programme_id, design.c.version == last.version
            )
            self._scope.execute(draft.values(document=to_document(new)))
            return last.version
        version = 1 if last is None else last.version + 1
        self._scope.execute(
            self._scope.insert(
                design,
                id=new_id(),
                programme_id=programme_id,
                version=version,
                document=to_document(new),
                published_at=None,
                created_at=self._scope.clock.now(),
            )
        )
        return version

    def draft(self, programme_id: int) -> StoredDesign:
        """What the owner edits: the highest version, published or not.

        Raises:
            NotFound: the programme has no design.
        """
        found = self._last_design(programme_id)
        if found is None:
            raise NotFound(_("This programme has no card yet."))
        return found

    def published_design(self, programme_id: int) -> StoredDesign | None:
        """The look that cards show, None before the first was published."""
        version = self.get(programme_id).design_version
        return self.design(programme_id, version) if version else None

    def design(self, programme_id: int, version: int) -> StoredDesign:
        """A version of the look.

        Raises:
            NotFound: there is no such version.
        """
        query = self._designs(programme_id).where(design.c.version == version)
        row = self._scope.execute(query).one_or_none()
        if row is None:
            raise NotFound(_("This card has no such version."))
        return _stored(row)

    def publish(self, programme_id: int, version: int) -> None:
        """Freeze a version and let every card show it."""
        now = self._scope.clock.now()
        frozen = self._scope.update(design).where(
            design.c.programme_id == programme_id,
            design.c.version == version,
            design.c.published_at.is_(None),
        )
        self._scope.execute(frozen.values(published_at=now))
        self._change(programme_id, design_version=version, published_at=now)

    def add_reward(self, new: Reward) -> None:
        """Store a reward.

        Raises:
            Conflict: its slug is taken in this programme.
        """
        values = {"merchant_id": self._scope.merchant, **values_of(new)}
        if not self._scope.insert_new(reward, **values):
            raise Conflict(_("There is a reward %(slug)s already.", slug=new.slug))

    def update_reward(self, changed: Reward) -> None:
        """Store a reward's new facts; its slug and how many were handed over stay."""
        values = values_of(changed)
        for fixed in ("id", "programme_id", "slug", "used", "created_at"):
            values.pop(fixed)
        mine = self._scope.update(reward).where(reward.c.id == changed.id)
        self._scope.execute(mine.values(**values))

    def take_reward(self, reward_id: int) -> bool:
        """Count one handed over; False when none was left in stock."""
        left = or_(reward.c.stock.is_(None), reward.c.used < reward.c.stock)
        mine = self._scope.update(reward).where(reward.c.id == reward_id, left)
        return bool(self._scope.execute(mine.values(used=reward.c.used + 1)).rowcount == 1)

    def give_back_reward(self, reward_id: int) -> None:
        """Count one handed over less."""
        mine = self._scope.update(reward).where(reward.c.id == reward_id, reward.c.used > 0)
        self._scope.execute(mine.values(used=reward.c.used - 1))

    def rewards(self, programme_id: int, *, active_only: bool = False) -> list[Reward]:
        """A programme's rewards, the cheapest first."""
        query = self._rewards().where(reward.c.programme_id == programme_id)
        if active_only:
            query = query.where(reward.c.active)
        rows = self._scope.execute(query.order_by(reward.c.cost, reward.c.id))
        return [record_of(Reward, row) for row in rows]

    def reward(self, reward_id: int) -> Reward:
        """A reward.

        Raises:
            NotFound: there is none with this id.
        """
        row = self._scope.execute(self._rewards().where(reward.c.id == reward_id)).one_or_none()
        if row is None:
            raise NotFound(_("There is no such reward."))
        return record_of(Reward, row)

    def reward_by_slug(self, programme_id: int, slug: str) -> Reward | None:
        """The reward of a slug."""
        query = self._rewards().where(reward.c.programme_id == programme_id, reward.c.slug == slug)
        return maybe_record(Reward, self._scope.execute(query).one_or_none())

    def put_image(self, data: bytes, media_type: str, width: int, height: int) -> str:
        """Keep a picture; returns the SHA-256 of its bytes in lower-case hex."""
        sha256 = hashlib.sha256(data).hexdigest()
        self._scope.insert_new(
            image,
            merchant_id=self._scope.merchant,
            sha256=sha256,
            data=data,
            media_type=media_type,
            width=width,
            height=height,
            created_at=self._scope.clock.now(),
        )
        return sha256

    def image(self, sha256: str) -> StoredImage | None:
        """The picture of a hash."""
        query = self._scope.select(image, *columns(image, StoredImage))
        row = self._scope.execute(query.where(image.c.sha256 == sha256)).one_or_none()
        return maybe_record(StoredImage, row)

    def public_image(self, sha256: str) -> StoredImage | None:
        """The picture of a hash, whichever merchant's: whoever can name it has seen it."""
        # Merchant by merchant, because the key begins with the merchant.
        query = select(*columns(image, StoredImage)).where(
            image.c.merchant_id.in_(select(merchant.c.id)), image.c.sha256 == sha256
        )
        return maybe_record(StoredImage, self._scope.execute(query.limit(1)).one_or_none())

    def _time_zone(self) -> str:
        query = select(merchant.c.time_zone).where(merchant.c.id == self._scope.merchant)
        return str(self._scope.execute(query).scalar_one())

    def _last_design(self, programme_id: int) -> StoredDesign | None:
        highest = self._scope.select(design, func.max(design.c.version)).where(
            design.c.programme_id == programme_id
        )
        query = self._designs(programme_id).where(design.c.version == highest.scalar_subquery())
        row = self._scope.execute(query).one_or_none()
        return None if row is None else _stored(row)

    def _change(self, programme_id: int, **values: Any) -> None:
        mine = self._scope.update(programme).where(programme.c.id == programme_id)
        self._scope.execute(mine.values(**values))

    def _one(self, condition: Any) -> Programme | None:
        row = self._scope.execute(self._programmes().where(condition)).one_or_none()
        return maybe_record(Programme, row)

    def _programmes(self) -> Select[Any]:
        return self._scope.select(programme, *columns(programme, Programme))

    def _rewards(self) -> Select[Any]:
        return self._scope.select(reward, *columns(reward, Reward))

    def _designs(self, programme_id: int) -> Select[Any]:
        wanted = (design.c.version, design.c.document, design.c.published_at)
        return self._scope.select(design, *wanted).where(design.c.programme_id == programme_id)


def _stored(row: Any) -> StoredDesign:
    return StoredDesign(
        version=row.version, design=from_document(row.document), published_at=row.published_at
    )
