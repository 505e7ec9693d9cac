"""The banner of a tier: drawn from an upload for both wallets, and drawn anew on another ground.

Not done here: the look's colours and name (design.py keeps them with the other words). Rules: as for
every picture of a card, drawing happens outside the transaction, and what somebody else changed
meanwhile is not written over.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from common.actor import Actor
from common.errors import Conflict, InvalidInput, NotFound
from common.i18n import gettext as _
from loyalty.context import Loyalty
from passes.design import Design, ImageRef
from passes.images import Rendered, inspect_upload, render_strip
from passes.picture_names import ImageName
from passes.tier_look import Tier, TierLook
from storage.google_classes import tiers_of
from storage.unit_of_work import UnitOfWork, open_work, run_work

FIELD: Final = "tier_banner"
UPLOAD_TYPE: Final = "application/octet-stream"
SHOWN_TYPE: Final = "image/png"


def read_tiers(ctx: Loyalty, merchant_id: int, programme_id: int) -> tuple[Tier, ...]:
    """The tiers that a card's rules have now, from low to high.

    Raises:
        NotFound: not this merchant's.
    """
    with open_work(ctx.database, merchant_id, clock=ctx.clock, writing=False) as work:
        return tiers_of(work.programmes.terms(programme_id))


def save_tier_banner(
    ctx: Loyalty, merchant_id: int, programme_id: int, code: str, data: bytes, *, actor: Actor
) -> None:
    """Draw an upload in every size the wallets want and keep it in the tier's look.

    Raises:
        InvalidInput: field `tier_banner.<code>`: no picture, too large, damaged.
        NotFound: the card's rules have no such tier.
        Conflict: somebody changed this tier's look meanwhile.
        Unavailable: too many pictures are being read.
    """
    if code not in {tier.code for tier in read_tiers(ctx, merchant_id, programme_id)}:
        raise NotFound(_("There is no such tier."))
    before = _draft(ctx, merchant_id, programme_id)
    look = before.tier_looks.get(code, TierLook())
    try:
        facts = inspect_upload(data, field=FIELD)
        drawn = _drawn(before, look, data)
    except InvalidInput as error:
        raise InvalidInput(error.message, field=f"{FIELD}.{code}") from error

    def change(work: UnitOfWork, present: TierLook) -> TierLook:
        source = work.programmes.put_image(data, UPLOAD_TYPE, facts.width, facts.height)
        return replace(present, source=source, images=put_images(work, drawn))

    _keep(ctx, merchant_id, programme_id, code, look, change=change, actor=actor)


def remove_tier_banner(
    ctx: Loyalty, merchant_id: int, programme_id: int, code: str, *, actor: Actor
) -> None:
    """Take a tier's own banner off; the card's shows again. Twice is no error.

    Raises:
        NotFound: not this merchant's.
        Conflict: somebody changed this tier's look meanwhile.
    """
    look = _draft(ctx, merchant_id, programme_id).tier_looks.get(code)
    if look is None or not look.source:
        return

    def change(_work: UnitOfWork, present: TierLook) -> TierLook:
        return replace(present, source="", images={})

    _keep(ctx, merchant_id, programme_id, code, look, change=change, actor=actor)


def redrawn_banners(
    before: Design, after: Design, source: Callable[[str], bytes | None]
) -> dict[str, dict[ImageName, Rendered]]:
    """The banners that a change of colours changes, by tier; `source` finds an upload."""
    drawn = {}
    for code, look in after.tier_looks.items():
        if not look.source or _ground(before, code) == _ground(after, code):
            continue
        data = source(look.source)
        if data is not None:
            drawn[code] = _drawn(after, look, data)
    return drawn


def with_banners(
    work: UnitOfWork, design: Design, drawn: Mapping[str, Mapping[ImageName, Rendered]]
) -> Design:
    """The design with the tiers' banners drawn anew and kept."""
    looks = dict(design.tier_looks)
    for code, images in drawn.items():
        looks[code] = replace(looks[code], images=put_images(work, images))
    return replace(design, tier_looks=looks)


def put_images(work: UnitOfWork, images: Mapping[ImageName, Rendered]) -> dict[ImageName, ImageRef]:
    """Keep drawn pictures; they are never deleted, because a class may name them."""
    for picture in images.values():
        work.programmes.put_image(picture.data, SHOWN_TYPE, picture.width, picture.height)
    return {name: picture.ref for name, picture in images.items()}


def _draft(ctx: Loyalty, merchant_id: int, programme_id: int) -> Design:
    with open_work(ctx.database, merchant_id, clock=ctx.clock, writing=False) as work:
        return work.programmes.draft(programme_id).design


def _ground(design: Design, code: str) -> str:
    return design.for_tier(code).background_colour


def _drawn(design: Design, look: TierLook, data: bytes) -> dict[ImageName, Rendered]:
    ground = look.background_colour or design.background_colour
    return render_strip(data, background_colour=ground, field=FIELD)


def _keep(
    ctx: Loyalty,
    merchant_id: int,
    programme_id: int,
    code: str,
    before: TierLook,
    *,
    change: Callable[[UnitOfWork, TierLook], TierLook],
    actor: Actor,
) -> None:
    def action(work: UnitOfWork) -> None:
        design = work.programmes.draft(programme_id).design
        present = design.tier_looks.get(code, TierLook())
        if present != before:
            raise Conflict(_("Somebody else changed this tier meanwhile. Load the page again."))
        looks = {**design.tier_looks, code: change(work, present)}
        kept = {its: look for its, look in looks.items() if look != TierLook()}
        version = work.programmes.save_draft(programme_id, replace(design, tier_looks=kept))
        work.audit.add(
            actor=actor,
            action="design.save",
            subject_kind="programme",
            subject_id=programme_id,
            detail={"version": version, "tier": code},
        )

    run_work(ctx.database, merchant_id, action, clock=ctx.clock)
