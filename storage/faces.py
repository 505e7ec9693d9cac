"""What cards say now: design and content from the tables, one card or a slice, in seven statements.

`loyalty` and `delivery` both load a face here, so that what is pushed and what is fetched never
differ. Not here: how a wallet spells it (passes), signing it. Rules:
- everything is read in the caller's transaction, the card's row first: what follows is as new as
  its revision or newer;
- sentences are in the member's language; moments in the merchant's time zone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import Row, and_, select

from common.errors import NotFound
from common.i18n import gettext as _
from common.i18n import use_language
from ledger.any_terms import AnyTerms, explain_any, goal_of
from passes.content import Content, Place, RewardLine
from passes.design import Design, ImageName, from_document
from signing.keyring import Keyring
from signing.tokens import barcode_token, card_link_token, rotating_secret
from storage import tables
from storage.face_history import history_of
from storage.face_rules import rules_of
from storage.face_words import movement, next_reward, progress_words
from storage.messages import present_texts, said_by
from storage.records import columns, record_of
from storage.terms_documents import terms_of_document
from storage.unit_of_work import UnitOfWork
from storage.wallet_passes import WalletPass

PLACES_MAX: Final = 10
REWARDS_MAX: Final = 20
FACES_MAX: Final = 1000
CARD: Final = "card"
GIFT: Final = "gift"
"""The kinds of programmes: a member's card, and gift cards."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Face:
    """A card as it is now, in the look of its member's tier.

    `design_version` and the tier name the pixels: images change only with them.

    `public_url` is the merchant's own public address, without a trailing slash. `kind` is the
    programme's, `card` or `gift`.
    """

    design: Design
    design_version: int
    content: Content
    wallet_pass: WalletPass
    public_url: str
    kind: str = CARD


@dataclass(frozen=True, slots=True, kw_only=True)
class _Programme:
    design: Design
    design_version: int
    terms: AnyTerms
    unit: str
    kind: str
    rewards: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Holder:
    card: WalletPass
    number: str
    name: str
    language: str
    since: datetime
    balance: int
    carry: int
    erased: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shop:
    merchant_id: int
    time_zone: ZoneInfo
    public_url: str
    places: tuple[Place, ...]


def load_face(work: UnitOfWork, pass_id: int, *, keyring: Keyring, public_url: str) -> Face:
    """The card's face.

    Raises:
        NotFound: this merchant has no such card, or its programme was never given a design.
    """
    found = load_faces(work, [pass_id], keyring=keyring, public_url=public_url)
    if pass_id not in found:
        raise NotFound(_("There is no such card."))
    return found[pass_id]


def load_faces(
    work: UnitOfWork, pass_ids: Sequence[int], *, keyring: Keyring, public_url: str
) -> dict[int, Face]:
    """The faces of up to `FACES_MAX` cards of one merchant, by pass id; unknown ones are left out."""
    if len(pass_ids) > FACES_MAX:
        raise ValueError(f"at most {FACES_MAX} faces at once")
    holders = _holders(work, pass_ids)
    if not holders:
        return {}
    shop = _shop(work, public_url)
    programmes = _programmes(
        work, sorted({one.card.programme_id for one in holders}), time_zone=shop.time_zone
    )
    add_rules = rules_of(
        work,
        {its: one.terms for its, one in programmes.items()},
        {one.card.member_id: one.card.programme_id for one in holders if not one.erased},
    )
    history = history_of(work.scope, [one.card.member_id for one in holders])
    messages = present_texts(work.scope, [one.card.id for one in holders])

    def face(one: _Holder, programme: _Programme) -> Face:
        movements = history.get(one.card.member_id, [])
        own = _content(one, programme, shop=shop, movements=movements, keyring=keyring)
        content = said_by(messages.get(one.card.id), add_rules(one.card.member_id, own))
        return Face(
            design=programme.design.for_tier(content.tier_code),
            design_version=programme.design_version,
            content=content,
            wallet_pass=one.card,
            public_url=shop.public_url,
            kind=programme.kind,
        )

    return {
        one.card.id: face(one, programme)
        for one in holders
        if (programme := programmes.get(one.card.programme_id)) is not None
    }


def load_images(
    work: UnitOfWork,
    design: Design,
    *,
    goal: int | None = None,
    balance: int = 0,
    language: str = "",
) -> dict[str, bytes]:
    """A card's images for Apple, PNG bytes by file name; the caller keeps them per version.

    A stamp card has a set for each number of filled stamps, from 0 to `goal`.
    """
    pictures = design.pictures(goal=goal, balance=balance, language=language)
    wanted = {name: ref.sha256 for name, ref in pictures.items() if not name.startswith("google-")}
    table = tables.image
    rows = work.scope.execute(
        work.scope.select(table, table.c.sha256, table.c.data).where(
            table.c.sha256.in_(sorted(set(wanted.values())))
        )
    )
    data = {row.sha256: bytes(row.data) for row in rows}
    return {str(ImageName(name)): data[sha] for name, sha in wanted.items() if sha in data}


def _holders(work: UnitOfWork, pass_ids: Sequence[int]) -> list[_Holder]:
    card, member, account = tables.wallet_pass, tables.member, tables.account
    programme = tables.programme
    rows = work.scope.execute(
        work.scope.select(
            card,
            *columns(card, WalletPass),
            member.c.number,
            member.c.name,
            member.c.state,
            member.c.language,
            member.c.joined_at.label("member_since"),
            account.c.balance,
            account.c.carry,
        )
        .join(
            member,
            and_(member.c.merchant_id == card.c.merchant_id, member.c.id == card.c.member_id),
        )
        .join(
            programme,
            and_(
                programme.c.merchant_id == card.c.merchant_id,
                programme.c.id == card.c.programme_id,
            ),
        )
        .outerjoin(
            account,
            and_(
                account.c.merchant_id == card.c.merchant_id,
                account.c.member_id == card.c.member_id,
                account.c.unit == programme.c.unit,
            ),
        )
        .where(card.c.id.in_(pass_ids))
    )
    return [
        _Holder(
            card=record_of(WalletPass, row),
            number="" if row.state == "erased" else row.number,
            name=row.name,
            erased=row.state == "erased",
            language=row.language,
            since=row.member_since,
            balance=0 if row.state == "erased" else row.balance or 0,
            carry=0 if row.state == "erased" else row.carry or 0,
        )
        for row in rows
    ]


def _shop(work: UnitOfWork, public_url: str) -> _Shop:
    merchant, location = tables.merchant, tables.location
    facts = work.scope.execute(
        select(merchant.c.time_zone, merchant.c.public_url).where(
            merchant.c.id == work.scope.merchant
        )
    ).one()
    rows = work.scope.execute(
        work.scope.select(location, location.c.name, location.c.latitude, location.c.longitude)
        .where(location.c.archived_at.is_(None), location.c.latitude.is_not(None))
        .where(location.c.longitude.is_not(None))
        .order_by(location.c.id)
        .limit(PLACES_MAX)
    )
    return _Shop(
        merchant_id=work.scope.merchant,
        time_zone=ZoneInfo(facts.time_zone),
        public_url=(facts.public_url or public_url).rstrip("/"),
        places=tuple(
            Place(name=row.name, latitude=row.latitude, longitude=row.longitude) for row in rows
        ),
    )


def _programmes(
    work: UnitOfWork, programme_ids: Sequence[int], *, time_zone: ZoneInfo
) -> dict[int, _Programme]:
    programme, design, terms = tables.programme, tables.design, tables.terms
    rows = work.scope.execute(
        work.scope.select(
            programme,
            programme.c.id,
            programme.c.unit,
            programme.c.kind,
            design.c.version.label("design_version"),
            design.c.document.label("design_document"),
            terms.c.version.label("terms_version"),
            terms.c.document.label("terms_document"),
        )
        .join(
            design,
            and_(
                design.c.merchant_id == programme.c.merchant_id,
                design.c.programme_id == programme.c.id,
                design.c.version == programme.c.design_version,
            ),
        )
        .join(
            terms,
            and_(
                terms.c.merchant_id == programme.c.merchant_id,
                terms.c.programme_id == programme.c.id,
                terms.c.version == programme.c.terms_version,
            ),
        )
        .where(programme.c.id.in_(programme_ids))
    ).all()
    rewards = _rewards(work, programme_ids)
    return {
        row.id: _Programme(
            design=from_document(row.design_document),
            design_version=row.design_version,
            terms=terms_of_document(row.terms_document, row.terms_version, time_zone=time_zone.key),
            unit=row.unit,
            kind=row.kind,
            rewards=tuple(rewards.get(row.id, ())),
        )
        for row in rows
    }


def _rewards(work: UnitOfWork, programme_ids: Sequence[int]) -> dict[int, list[tuple[str, int]]]:
    table = tables.reward
    rows = work.scope.execute(
        work.scope.select(table, table.c.programme_id, table.c.name, table.c.cost)
        .where(table.c.programme_id.in_(programme_ids), table.c.active)
        .order_by(table.c.cost, table.c.id)
    )
    found: dict[int, list[tuple[str, int]]] = {}
    for row in rows:
        found.setdefault(row.programme_id, []).append((row.name, row.cost))
    return found


def _content(
    holder: _Holder,
    programme: _Programme,
    *,
    shop: _Shop,
    movements: Sequence[Row[Any]],
    keyring: Keyring,
) -> Content:
    card = holder.card
    lines = _reward_lines(programme.rewards, holder.balance)
    link = card_link_token(
        keyring,
        merchant_id=shop.merchant_id,
        member_id=card.member_id,
        generation=card.generation,
    )
    with use_language(holder.language):
        return Content(
            serial_number=card.serial_number,
            language=holder.language,
            member_number=holder.number,
            member_name=holder.name,
            barcode=barcode_token(
                keyring,
                merchant_id=shop.merchant_id,
                pass_id=card.id,
                generation=card.generation,
            ),
            unit=programme.unit,
            balance=holder.balance,
            goal=goal_of(programme.terms),
            progress=progress_words(
                programme.terms, lines, balance=holder.balance, carry=holder.carry
            ),
            next_reward=next_reward(lines),
            rewards=lines[:REWARDS_MAX],
            rules=explain_any(programme.terms),
            history=tuple(
                movement(row, shop.time_zone, holder.language, terms=programme.terms)
                for row in movements
                if not holder.erased
            ),
            places=shop.places,
            message="",
            card_link="" if holder.erased else f"{shop.public_url}/m/{link}",
            voided=card.voided_at is not None,
            erased=holder.erased,
            rotating_key=rotating_secret(
                keyring,
                merchant_id=shop.merchant_id,
                pass_id=card.id,
                generation=card.generation,
            ).hex(),
            expires_at=programme.design.expires_at,
            member_since=holder.since.astimezone(shop.time_zone),
        )


def _reward_lines(rewards: Sequence[tuple[str, int]], balance: int) -> tuple[RewardLine, ...]:
    return tuple(RewardLine(name=name, cost=cost, due=cost <= balance) for name, cost in rewards)
