"""Programmes: begin one, change its rule, and say what its join page asks for.

Rules: a rule is never changed in place; a new version counts from the next movement on. A card
that counts points cannot turn to stamps while somebody holds it, because what they saved would
lose its meaning.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from common.actor import Actor
from common.errors import Conflict, InvalidInput, InvalidInputs, NotFound
from common.i18n import gettext as _
from common.ids import new_id
from ledger.any_terms import AnyTerms, explain_any, first_unit, has_stamps, units_of
from ledger.contradictions import check_programme
from ledger.programme_terms import ProgrammeTerms
from ledger.terms import StampTerms, Terms, check_terms
from loyalty.context import Loyalty
from loyalty.slugs import check_slug, slug_for
from loyalty.stamp_pictures import draw_for_cards
from passes.design import Design, ImageName, check_design
from passes.images import Rendered, default_images
from signing.tokens import join_code
from storage.programmes import Programme, Reward
from storage.terms_documents import document_of
from storage.unit_of_work import UnitOfWork, open_work, run_work

FULL_CARD: Final = "full-card"
"""The slug of the reward that a stamp card's rule brings by itself."""


class Ask(StrEnum):
    """How the join page asks for something."""

    OFF = "off"
    OPTIONAL = "optional"
    REQUIRED = "required"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgrammeView:
    """A programme as the console shows it."""

    id: int
    slug: str
    name: str
    unit: str
    terms: AnyTerms
    rules: tuple[str, ...]
    rewards: tuple[Reward, ...]
    join_code: str
    ask: dict[str, str]
    draft_version: int
    design_version: int
    published_at: datetime | None
    next_terms_version: int | None = None
    next_terms_at: datetime | None = None
    join_by_mail: bool = False

    def reward(self, reward_id: int) -> Reward:
        """One of its rewards.

        Raises:
            NotFound: it is another programme's, or nobody's.
        """
        for one in self.rewards:
            if one.id == reward_id:
                return one
        raise NotFound(_("There is no such reward."))

    @property
    def has_changes(self) -> bool:
        """Whether the draft differs from what cards show."""
        return self.draft_version != self.design_version


def add_programme(
    ctx: Loyalty,
    merchant_id: int,
    *,
    slug: str,
    name: str,
    terms: AnyTerms,
    design: Design | None = None,
    also: Callable[[UnitOfWork, int], None] = lambda _work, _programme_id: None,
    actor: Actor,
) -> int:
    """Begin a programme with its rule and a draft card; its id is returned.

    `also` is done in the same transaction: what the programme shall not begin without.

    Raises:
        InvalidInputs: fields that cannot be used.
        Conflict: the slug is taken.
    """
    check_slug(slug)
    _check(terms)
    programme_id = new_id()
    # Pictures are drawn before the transaction: they take long, and only the name shows on them.
    look = design or _first_look(name.strip(), terms)
    check_design(look)
    drawn = default_images(look)
    new = _programme(ctx, programme_id, slug=slug, name=name, unit=first_unit(terms))

    def action(work: UnitOfWork) -> int:
        work.programmes.add(new)
        work.programmes.add_terms(programme_id, terms)
        work.directory.add_name("join", new.join_code, programme_id)
        work.rules.open_programme(programme_id, units_of(terms))
        merchant = work.merchants.get()
        named = design or replace(look, organization_name=merchant.name, language=merchant.language)
        work.programmes.save_draft(programme_id, with_images(work, named, drawn))
        _keep_full_card_reward(work, programme_id, terms)
        _note(work, actor, "programme.add", programme_id)
        also(work, programme_id)
        return programme_id

    return run_work(ctx.database, merchant_id, action, clock=ctx.clock)


def _check(terms: AnyTerms) -> None:
    if isinstance(terms, ProgrammeTerms):
        check_programme(terms)
    else:
        check_terms(terms)


def _first_look(name: str, terms: AnyTerms) -> Design:
    label = _("Stamps") if has_stamps(terms) else _("Points")
    return Design(programme_name=name, organization_name=name, balance_label=label)


def free_slug(ctx: Loyalty, merchant_id: int, name: str) -> str:
    """A short name for a new programme that no other of the merchant has."""
    with open_work(ctx.database, merchant_id, clock=ctx.clock, writing=False) as work:
        return slug_for(name, taken=lambda text: work.programmes.by_slug(text) is not None)


def change_terms(
    ctx: Loyalty, merchant_id: int, programme_id: int, terms: Terms, *, actor: Actor
) -> int:
    """Let another rule count from now on; the version is returned, the present one if equal.

    Raises:
        InvalidInputs: with the form's field names.
        Conflict: points would turn to stamps, or back, while cards are out.
    """
    check_terms(terms)

    def action(work: UnitOfWork) -> int:
        programme = work.programmes.get(programme_id)
        present = work.programmes.terms(programme_id)
        if document_of(present) == document_of(terms):
            return programme.terms_version
        change_unit(work, programme, first_unit(terms))
        version = work.programmes.add_terms(programme_id, terms)
        _keep_full_card_reward(work, programme_id, terms)
        work.deliveries.bump_programme(programme_id, reason="terms")
        _note(work, actor, "terms.change", programme_id, version=version)
        return version

    version = run_work(ctx.database, merchant_id, action, clock=ctx.clock)
    draw_for_cards(ctx, merchant_id, programme_id, actor=actor)
    return version


def set_join_fields(
    ctx: Loyalty,
    merchant_id: int,
    programme_id: int,
    *,
    name: str,
    email: str,
    phone: str,
    by_mail: bool = False,
    actor: Actor,
) -> None:
    """Say what the join page asks for: each `off`, `optional` or `required`.

    `by_mail`: where a mail server is set up, who types an address gets the card by mail alone.

    Raises:
        InvalidInputs: another word.
    """
    wanted = {"ask_name": name, "ask_email": email, "ask_phone": phone}
    complaints = [
        InvalidInput(_("Choose off, optional or required."), field=field)
        for field, value in wanted.items()
        if value not in set(Ask)
    ]
    if complaints:
        raise InvalidInputs(complaints)

    def action(work: UnitOfWork) -> None:
        work.programmes.get(programme_id)
        work.programmes.set_questions(
            programme_id, name=name, email=email, phone=phone, by_mail=by_mail
        )
        _note(work, actor, "programme.questions", programme_id, **wanted, by_mail=by_mail)

    run_work(ctx.database, merchant_id, action, clock=ctx.clock)


def list_programmes(ctx: Loyalty, merchant_id: int) -> list[ProgrammeView]:
    """The merchant's programmes, the oldest first."""
    with open_work(ctx.database, merchant_id, clock=ctx.clock, writing=False) as work:
        return [_view(work, programme) for programme in work.programmes.all()]


def read_programme(ctx: Loyalty, merchant_id: int, programme_id: int) -> ProgrammeView:
    """One programme.

    Raises:
        NotFound: it is not this merchant's.
    """
    with open_work(ctx.database, merchant_id, clock=ctx.clock, writing=False) as work:
        return _view(work, work.programmes.get(programme_id))


def with_images(work: UnitOfWork, design: Design, drawn: Mapping[ImageName, Rendered]) -> Design:
    """The design with drawn pictures where it names none, and the pictures kept."""
    images = dict(design.images)
    for name, rendered in drawn.items():
        if name not in images:
            work.programmes.put_image(rendered.data, "image/png", rendered.width, rendered.height)
            images[name] = rendered.ref
    return replace(design, images=images)


def _view(work: UnitOfWork, programme: Programme) -> ProgrammeView:
    terms = work.programmes.terms(programme.id)
    return ProgrammeView(
        id=programme.id,
        slug=programme.slug,
        name=programme.name,
        unit=programme.unit,
        terms=terms,
        rules=explain_any(terms),
        rewards=tuple(work.programmes.rewards(programme.id)),
        join_code=programme.join_code,
        ask={
            "name": programme.ask_name,
            "email": programme.ask_email,
            "phone": programme.ask_phone,
        },
        draft_version=work.programmes.draft(programme.id).version,
        design_version=programme.design_version,
        published_at=programme.published_at,
        next_terms_version=programme.next_terms_version,
        next_terms_at=programme.next_terms_at,
        join_by_mail=bool(programme.join_by_mail),
    )


def _programme(ctx: Loyalty, programme_id: int, *, slug: str, name: str, unit: str) -> Programme:
    return Programme(
        id=programme_id,
        slug=slug,
        name=name.strip(),
        unit=str(unit),
        join_code=join_code(),
        created_at=ctx.clock.now(),
    )


def change_unit(work: UnitOfWork, programme: Programme, unit: str) -> None:
    """Let the card count something else first, as long as nobody holds one.

    Raises:
        Conflict: cards are out.
    """
    if programme.unit == unit:
        return
    if work.reports.member_count(programme.id):
        raise Conflict(
            _(
                "Cards of this programme are out, so points cannot turn to stamps. "
                "Change the numbers of the rule, or begin a new programme."
            )
        )
    if not work.programmes.has_accounts(programme.id, unit):
        work.books.open_programme(programme.id, unit)
    work.programmes.set_unit(programme.id, unit)


def _keep_full_card_reward(work: UnitOfWork, programme_id: int, terms: AnyTerms) -> None:
    """A stamp card's free one is a reward like any other, so that it is redeemed like any other."""
    known = work.programmes.reward_by_slug(programme_id, FULL_CARD)
    if isinstance(terms, ProgrammeTerms):
        return  # its rewards are the owner's own
    if not isinstance(terms, StampTerms):
        if known is not None and known.active:
            work.programmes.update_reward(replace(known, active=False))
        return
    if known is not None:
        work.programmes.update_reward(replace(known, cost=terms.goal, active=True))
        return
    work.programmes.add_reward(
        Reward(
            id=new_id(),
            programme_id=programme_id,
            slug=FULL_CARD,
            name=_("One on us"),
            cost=terms.goal,
            created_at=work.clock.now(),
        )
    )


def _note(
    work: UnitOfWork, actor: Actor, action: str, programme_id: int, **detail: str | int
) -> None:
    work.audit.add(
        actor=actor,
        action=action,
        subject_kind="programme",
        subject_id=programme_id,
        detail=detail,
    )
