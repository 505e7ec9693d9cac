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
from types import MappingProxyType
from typing import Final
from zoneinfo import ZoneInfo

from common.actor import Actor
from common.errors import Conflict, InvalidInput
from common.i18n import gettext as _
from loyalty.context import Loyalty
from loyalty.design_words import with_words, words_of
from loyalty.tier_banners import put_images, redrawn_banners, with_banners
from passes.big_pictures import (
    POSTER_IMAGES,
    THUMBNAIL_IMAGES,
    render_poster,
    render_thumbnail,
)
from passes.design import Design, ImageName, Upload, check_design
from passes.images import Rendered, default_images, inspect_upload, render_logo, render_strip
from storage.programmes import StoredDesign
from storage.unit_of_work import UnitOfWork, open_work, run_work

UPLOAD_TYPE: Final = "application/octet-stream"
SHOWN_TYPE: Final = "image/png"
_STRIP_IMAGES: Final = frozenset(
    {ImageName.STRIP_1X, ImageName.STRIP_2X, ImageName.STRIP_3X, ImageName.GOOGLE_HERO}
)
_IMAGES_OF: Final[Mapping[Upload, frozenset[ImageName]]] = {
    Upload.STRIP: _STRIP_IMAGES,
    Upload.THUMBNAIL: THUMBNAIL_IMAGES,
    Upload.POSTER: POSTER_IMAGES,
}
_LOGO_IMAGES: Final = frozenset(ImageName).difference(*_IMAGES_OF.values())


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
        return _draft(work.programmes.draft(programme_id), zone=shop_zone(work))


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
    localised = _redrawn_localised(ctx, merchant_id, before, wanted)
    banners = redrawn_banners(before, wanted, lambda sha256: _upload(ctx, merchant_id, sha256))
    return _keep(
        ctx,
        merchant_id,
        programme_id,
        before,
        wanted,
        images=fresh,
        localised=localised,
        banners=banners,
        actor=actor,
    )


def save_picture(
    ctx: Loyalty,
    merchant_id: int,
    programme_id: int,
    role: Upload,
    data: bytes,
    *,
    actor: Actor,
    language: str = "",
) -> Draft:
    """Draw an upload in every size the wallets want and keep it in the draft.

    With `language`, one of the design's translations, it is the picture of those members alone.

    Raises:
        InvalidInput: field `logo` or `strip`: no picture, too large, damaged; the sentence says so.
        Conflict: somebody changed the pictures meanwhile.
        Unavailable: too many pictures are being read.
    """
    facts = inspect_upload(data, field=str(role))
    before = read_draft(ctx, merchant_id, programme_id).design
    if language and language not in before.translations:
        raise InvalidInput(_("Name this language under Languages first."), field=str(role))
    drawn = _drawn(role, data, background=before.background_colour)

    def keep_upload(work: UnitOfWork) -> Design:
        sha256 = work.programmes.put_image(data, UPLOAD_TYPE, facts.width, facts.height)
        if not language:
            return replace(before, source_images={**before.source_images, role: sha256})
        roles = {**before.localised_sources.get(language, {}), role: sha256}
        return replace(before, localised_sources={**before.localised_sources, language: roles})

    return _keep(
        ctx,
        merchant_id,
        programme_id,
        before,
        before,
        images={} if language else drawn,
        localised={language: drawn} if language else {},
        actor=actor,
        more=keep_upload,
    )


def remove_picture(
    ctx: Loyalty,
    merchant_id: int,
    programme_id: int,
    role: Upload,
    *,
    actor: Actor,
    language: str = "",
) -> Draft:
    """Take a picture off the draft; the letter comes back for a logo."""
    before = read_draft(ctx, merchant_id, programme_id).design
    if language:
        after = _without(before, role, language)
        return _keep(ctx, merchant_id, programme_id, before, after, images={}, actor=actor)
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


def _without(design: Design, role: Upload, language: str) -> Design:
    """The design without one language's own picture of a role."""
    roles = {
        kept: sha
        for kept, sha in design.localised_sources.get(language, {}).items()
        if kept != role
    }
    others = frozenset[ImageName]().union(*(_IMAGES_OF.get(kept, _LOGO_IMAGES) for kept in roles))
    images = {n: ref for n, ref in design.localised.get(language, {}).items() if n in others}
    sources = {**design.localised_sources, language: roles}
    drawn = {**design.localised, language: images}
    return replace(
        design,
        localised_sources={name: found for name, found in sources.items() if found},
        localised={name: found for name, found in drawn.items() if found},
    )


def shop_zone(work: UnitOfWork) -> ZoneInfo:
    """The clock on the shop's wall."""
    return ZoneInfo(work.merchants.get().time_zone)


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


def _redrawn_localised(
    ctx: Loyalty, merchant_id: int, before: Design, after: Design
) -> dict[str, dict[ImageName, Rendered]]:
    """The pictures of other languages that a change of the background changes."""
    if before.background_colour == after.background_colour:
        return {}
    drawn: dict[str, dict[ImageName, Rendered]] = {}
    for language, roles in after.localised_sources.items():
        sources = _sources(ctx, merchant_id, replace(after, source_images=roles))
        for role, data in sources.items():
            fresh = _drawn(role, data, background=after.background_colour)
            drawn.setdefault(language, {}).update(fresh)
    return drawn


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
    localised: Mapping[str, Mapping[ImageName, Rendered]] = MappingProxyType({}),
    banners: Mapping[str, Mapping[ImageName, Rendered]] = MappingProxyType({}),
) -> Draft:
    def action(work: UnitOfWork) -> Draft:
        present = work.programmes.draft(programme_id).design
        if _uploads(present) != _uploads(before):
            raise Conflict(
                _("Somebody else changed this card's pictures meanwhile. Load the page again.")
            )
        design = more(work) if more else after
        refs = dict(design.images)
        if ImageName.GOOGLE_LOGO in images:  # a new logo may be too narrow for the wide place
            refs.pop(ImageName.GOOGLE_WIDE_LOGO, None)
        refs |= put_images(work, images)
        others = dict(design.localised)
        for language, drawn in localised.items():
            others[language] = {**others.get(language, {}), **put_images(work, drawn)}
        design = with_banners(work, replace(design, images=refs, localised=others), banners)
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
        return _draft(work.programmes.draft(programme_id), zone=shop_zone(work))

    return run_work(ctx.database, merchant_id, action, clock=ctx.clock)


def _uploads(design: Design) -> tuple[object, ...]:
    banners = {code: look.source for code, look in design.tier_looks.items() if look.source}
    return design.source_images, design.localised_sources, banners


def _upload(ctx: Loyalty, merchant_id: int, sha256: str) -> bytes | None:
    with open_work(ctx.database, merchant_id, clock=ctx.clock, writing=False) as work:
        found = work.programmes.image(sha256)
    return None if found is None else found.data
