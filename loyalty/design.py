"""Edit a card's look: words and colours, logo and strip, and what a member would see.

Rules:
- Pictures are judged and drawn before the transaction, because that takes long; inside it the
  draft is read again, and if its pictures were changed meanwhile the save is refused.
- The upload itself is kept, never shown, so that the icon can be drawn anew on another ground.
- A preview stores nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final
from zoneinfo import ZoneInfo

from common.actor import Actor
from common.errors import Conflict, InvalidInput, InvalidInputs
from common.i18n import current_language
from common.i18n import gettext as _
from ledger import reasons
from ledger.any_terms import AnyTerms, explain_any, first_unit, goal_of
from ledger.programme_terms import ProgrammeTerms
from ledger.rate import Earned
from ledger.terms import PointsTerms, StampTerms, Terms, check_terms
from loyalty.context import Loyalty
from loyalty.design_words import with_words, words_of
from passes.big_pictures import (
    POSTER_IMAGES,
    THUMBNAIL_IMAGES,
    render_poster,
    render_thumbnail,
)
from passes.content import Content, Place, RewardLine
from passes.design import Design, ImageName, Upload, check_design
from passes.images import Rendered, default_images, inspect_upload, render_logo, render_strip
from passes.web_card import CardView, card_view
from storage.face_words import next_reward, progress_words
from storage.programmes import StoredDesign
from storage.unit_of_work import UnitOfWork, open_work, run_work

UPLOAD_TYPE: Final = "application/octet-stream"
SHOWN_TYPE: Final = "image/png"
SAMPLE_NUMBER: Final = "7Q4M9KX2WT"
_STRIP_IMAGES: Final = frozenset(
    {ImageName.STRIP_1X, ImageName.STRIP_2X, ImageName.STRIP_3X, ImageName.GOOGLE_HERO}
)
_IMAGES_OF: Final[Mapping[Upload, frozenset[ImageName]]] = {
    Upload.STRIP: _STRIP_IMAGES,
    Upload.THUMBNAIL: THUMBNAIL_IMAGES,
    Upload.POSTER: POSTER_IMAGES,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What the owner edits; `published` when cards show exactly this."""

    version: int
    design: Design
    published: bool
    zone: ZoneInfo

    @property
    def words(self) -> dict[str, str]:
        """The form's texts."""
        return words_of(self.design, zone=self.zone)

    @property
    def has_thumbnail(self) -> bool:
        """Whether a thumbnail was uploaded."""
        return Upload.THUMBNAIL in self.design.source_images

    @property
    def has_poster(self) -> bool:
        """Whether a poster was uploaded."""
        return Upload.POSTER in self.design.source_images

    @property
    def has_logo(self) -> bool:
        """Whether a logo was uploaded; else a letter stands in."""
        return Upload.LOGO in self.design.source_images

    @property
    def has_strip(self) -> bool:
        """Whether a strip was uploaded."""
        return Upload.STRIP in self.design.source_images


def read_draft(ctx: Loyalty, merchant_id: int, programme_id: int) -> Draft:
    """The card as it is being edited.

    Raises:
        NotFound: not this merchant's.
    """
    with open_work(ctx.database, merchant_id, clock=ctx.clock, writing=False) as work:
        return _draft(work.programmes.draft(programme_id), zone=_zone(work))


def save_words(
    ctx: Loyalty, merchant_id: int, programme_id: int, words: Mapping[str, str], *, actor: Actor
) -> Draft:
    """Keep words and colours in the draft; names that no design has are left out.

    Raises:
        InvalidInputs: with the form's field names; nothing is kept.
        Conflict: somebody changed the pictures meanwhile.
    """
    draft = read_draft(ctx, merchant_id, programme_id)
    before = draft.design
    wanted = with_words(before, words, zone=draft.zone)
    check_design(wanted)
    if wanted == before:
        return read_draft(ctx, merchant_id, programme_id)
    sources = _sources(ctx, merchant_id, before)
    fresh = _redrawn(before, wanted, sources)
    return _keep(ctx, merchant_id, programme_id, before, wanted, images=fresh, actor=actor)


def save_picture(
    ctx: Loyalty, merchant_id: int, programme_id: int, role: Upload, data: bytes, *, actor: Actor
) -> Draft:
    """Draw an upload in every size the wallets want and keep it in the draft.

    Raises:
        InvalidInput: field `logo` or `strip`: no picture, too large, damaged; the sentence says so.
        Conflict: somebody changed the pictures meanwhile.
        Unavailable: too many pictures are being read.
    """
    facts = inspect_upload(data, field=str(role))
    before = read_draft(ctx, merchant_id, programme_id).design
    drawn = _drawn(role, data, background=before.background_colour)

    def keep_upload(work: UnitOfWork) -> Design:
        sha256 = work.programmes.put_image(data, UPLOAD_TYPE, facts.width, facts.height)
        return replace(before, source_images={**before.source_images, role: sha256})

    return _keep(
        ctx, merchant_id, programme_id, before, before, images=drawn, actor=actor, more=keep_upload
    )


def remove_picture(
    ctx: Loyalty, merchant_id: int, programme_id: int, role: Upload, *, actor: Actor
) -> Draft:
    """Take logo or strip off the draft; the letter comes back for a logo."""
    before = read_draft(ctx, merchant_id, programme_id).design
    if role not in before.source_images:
        return read_draft(ctx, merchant_id, programme_id)
    dropped = _IMAGES_OF.get(role, frozenset())
    after = replace(
        before,
        images={name: ref for name, ref in before.images.items() if name not in dropped},
        source_images={kept: sha for kept, sha in before.source_images.items() if kept != role},
    )
    drawn = default_images(after) if role is Upload.LOGO else {}
    return _keep(ctx, merchant_id, programme_id, before, after, images=drawn, actor=actor)


def preview(
    ctx: Loyalty,
    merchant_id: int,
    programme_id: int,
    words: Mapping[str, str],
    *,
    terms: Terms | None = None,
) -> CardView:
    """What a made-up member would see with these words; what cannot be used keeps its old value.

    Raises:
        NotFound: not this merchant's.
    """
    with open_work(ctx.database, merchant_id, clock=ctx.clock, writing=False) as work:
        design = _usable(work.programmes.draft(programme_id).design, words, zone=_zone(work))
        rule = _usable_terms(terms) or work.programmes.terms(programme_id)
        rewards = work.programmes.rewards(programme_id, active_only=True)
        places = work.places.all()
    lines = tuple((one.name, one.cost) for one in rewards)
    shown_places = tuple(
        Place(name=one.name, latitude=one.latitude, longitude=one.longitude)
        for one in places
        if one.latitude is not None and one.longitude is not None
    )
    return card_view(design, _sample(rule, lines, places=shown_places, ctx=ctx))


def _usable(design: Design, words: Mapping[str, str], *, zone: ZoneInfo) -> Design:
    """The design with those of the words that can be used."""
    usable = dict(words)
    for _round in range(2):
        # A date that is none hides complaints about what it would have said.
        try:
            wanted = with_words(design, usable, zone=zone)
            check_design(wanted)
        except InvalidInput as error:
            bad = {one["field"] for one in error.errors}
            usable = {name: text for name, text in usable.items() if name not in bad}
        else:
            return wanted
    return design


def _zone(work: UnitOfWork) -> ZoneInfo:
    return ZoneInfo(work.merchants.get().time_zone)


def _usable_terms(terms: Terms | None) -> Terms | None:
    try:
        if terms is not None:
            check_terms(terms)
    except InvalidInputs:
        return None
    return terms


def _draft(stored: StoredDesign, *, zone: ZoneInfo) -> Draft:
    return Draft(
        version=stored.version,
        design=stored.design,
        published=stored.published_at is not None,
        zone=zone,
    )


def _drawn(role: Upload, data: bytes, *, background: str) -> dict[ImageName, Rendered]:
    return _RENDER[role](data, background_colour=background)


_RENDER: Final[Mapping[Upload, Callable[..., dict[ImageName, Rendered]]]] = {
    Upload.LOGO: render_logo,
    Upload.STRIP: render_strip,
    Upload.THUMBNAIL: render_thumbnail,
    Upload.POSTER: render_poster,
}


def _sources(ctx: Loyalty, merchant_id: int, design: Design) -> dict[Upload, bytes]:
    with open_work(ctx.database, merchant_id, clock=ctx.clock, writing=False) as work:
        found = {role: work.programmes.image(sha) for role, sha in design.source_images.items()}
    return {role: image.data for role, image in found.items() if image is not None}


def _redrawn(
    before: Design, after: Design, sources: Mapping[Upload, bytes]
) -> dict[ImageName, Rendered]:
    """The pictures that a change of words or colours changes."""
    images: dict[ImageName, Rendered] = {}
    if Upload.LOGO not in sources:
        images |= default_images(after)
    if before.background_colour != after.background_colour:
        for role, data in sources.items():
            images |= _drawn(role, data, background=after.background_colour)
    return images


def _keep(
    ctx: Loyalty,
    merchant_id: int,
    programme_id: int,
    before: Design,
    after: Design,
    *,
    images: Mapping[ImageName, Rendered],
    actor: Actor,
    more: Callable[[UnitOfWork], Design] | None = None,
) -> Draft:
    def action(work: UnitOfWork) -> Draft:
        present = work.programmes.draft(programme_id).design
        if present.source_images != before.source_images:
            raise Conflict(
                _("Somebody else changed this card's pictures meanwhile. Load the page again.")
            )
        design = more(work) if more else after
        refs = dict(design.images)
        if ImageName.GOOGLE_LOGO in images:  # a new logo may be too narrow for the wide place
            refs.pop(ImageName.GOOGLE_WIDE_LOGO, None)
        for name, picture in images.items():
            work.programmes.put_image(picture.data, SHOWN_TYPE, picture.width, picture.height)
            refs[name] = picture.ref
        design = replace(design, images=refs)
        if design != present:
            version = work.programmes.save_draft(programme_id, design)
            work.programmes.rename(programme_id, design.programme_name)
            work.audit.add(
                actor=actor,
                action="design.save",
                subject_kind="programme",
                subject_id=programme_id,
                detail={"version": version},
            )
        return _draft(work.programmes.draft(programme_id), zone=_zone(work))

    return run_work(ctx.database, merchant_id, action, clock=ctx.clock)


def _sample(
    terms: AnyTerms,
    rewards: tuple[tuple[str, int], ...],
    *,
    places: tuple[Place, ...],
    ctx: Loyalty,
) -> Content:
    """A member who has collected a little, so that every part of the card shows something."""
    balance = _sample_balance(terms, rewards)
    carry = terms.spend_minor * 2 // 5 if isinstance(terms, PointsTerms) else 0
    lines = tuple(RewardLine(name=n, cost=c, due=c <= balance) for n, c in rewards)
    return Content(
        serial_number="SAMPLE",
        language=current_language(),
        member_number=SAMPLE_NUMBER,
        member_name=_("Ada Lovelace"),
        barcode="SAMPLE0000000000000000CARD",
        unit=first_unit(terms),
        balance=balance,
        goal=goal_of(terms),
        progress=progress_words(terms, lines, balance=balance, carry=carry),
        next_reward=next_reward(lines),
        rewards=lines,
        rules=explain_any(terms),
        history=_sample_history(terms),
        places=places,
        card_link=f"{ctx.settings.public_url}/m/…",
    )


def _sample_balance(terms: AnyTerms, rewards: tuple[tuple[str, int], ...]) -> int:
    goal = goal_of(terms)
    if goal is not None:
        return max(1, goal * 2 // 3)
    if rewards:
        return max(1, rewards[0][1] * 7 // 10)
    return 12 * terms.points if isinstance(terms, PointsTerms) else 12


def _sample_history(terms: AnyTerms) -> tuple[str, ...]:
    if isinstance(terms, ProgrammeTerms):
        return ()
    if isinstance(terms, StampTerms):
        return reasons.sentences(
            reasons.visit_reason(terms, visits=1, balance=_sample_balance(terms, ()))
        )[:1]
    earned = Earned(units=12 * terms.points, carry_minor=0)
    reason = reasons.spend_reason(terms, earned, counted_minor=12 * terms.spend_minor)
    return reasons.sentences(reason)[:1]
