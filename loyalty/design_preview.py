"""What a draft of a card would look like on a made-up member, beside the owner's form.

Not done here: keeping anything (design.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final
from zoneinfo import ZoneInfo

from common.errors import InvalidInput, InvalidInputs
from common.i18n import current_language
from common.i18n import gettext as _
from ledger import reasons
from ledger.any_terms import AnyTerms, explain_any, first_unit, goal_of
from ledger.programme_terms import ProgrammeTerms
from ledger.rate import Earned
from ledger.terms import PointsTerms, StampTerms, Terms, check_terms
from loyalty.context import Loyalty
from loyalty.design import shop_zone
from loyalty.design_words import with_words
from passes.content import Content, Place, RewardLine, RuleLines
from passes.design import Design, check_design
from passes.web_card import CardView, card_view
from storage.face_words import next_reward, progress_words
from storage.google_classes import tiers_of
from storage.unit_of_work import open_work

SAMPLE_NUMBER: Final = "7Q4M9KX2WT"


def preview(
    ctx: Loyalty,
    merchant_id: int,
    programme_id: int,
    words: Mapping[str, str],
    *,
    terms: Terms | None = None,
    tier: str = "",
    language: str = "",
) -> CardView:
    """What a made-up member would see with these words; what cannot be used keeps its old value.

    `tier` is the code of the tier that the member stands in. `language` is what their phone speaks:
    its own texts and pictures are shown where the card has any.

    Raises:
        NotFound: not this merchant's.
    """
    with open_work(ctx.database, merchant_id, clock=ctx.clock, writing=False) as work:
        design = _usable(work.programmes.draft(programme_id).design, words, zone=shop_zone(work))
        rule = _usable_terms(terms) or work.programmes.terms(programme_id)
        rewards = work.programmes.rewards(programme_id, active_only=True)
        places = work.places.all()
    lines = tuple((one.name, one.cost) for one in rewards)
    shown_places = tuple(
        Place(name=one.name, latitude=one.latitude, longitude=one.longitude)
        for one in places
        if one.latitude is not None and one.longitude is not None
    )
    content = _sample(rule, lines, places=shown_places, ctx=ctx)
    name = next((one.name for one in tiers_of(rule) if one.code == tier), "")
    if name:
        content = replace(content, rule_lines=RuleLines(tier=name, tier_code=tier))
    if language in design.languages:
        content = replace(content, language=language)
        # The drawing has no phone to put the words of a language in the place of the first ones.
        design = replace(design, **design.texts(language)._asdict())
    return card_view(design.for_tier(content.tier_code), content)


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


def _usable_terms(terms: Terms | None) -> Terms | None:
    try:
        if terms is not None:
            check_terms(terms)
    except InvalidInputs:
        return None
    return terms


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
