"""Take over cards that another system put into phones: members, balances, codes, and the passes.

Not done here: reading the list (kept_rows.py), which way there is (kept_case.py).
Rules:
- A card is taken over whole or not at all, in a transaction of its own; a list that was interrupted
  is simply run again, and what is here already is left alone.
- Serial number, pass type and authentication token stay as the phone has them; the token lies
  sealed. Where the old host leads here the address stays too.
- The balance is credited once for each card, as an adjustment that no sale stands behind; what an
  old card collected does not run out by rules it was not collected under.
- A second list with another balance for a card is refused for that card.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from common.actor import Actor
from common.errors import Conflict, InvalidInput, WalletError
from common.i18n import gettext as _
from loyalty.brought_units import SOURCE, Brought, bring_units
from loyalty.context import Loyalty
from loyalty.devices import REGISTRATION_GRACE
from loyalty.enrol import EnrolRequest, enrol_in, refuse_closed
from loyalty.kept_addresses import add_address, check_address
from loyalty.kept_case import KeepCase
from loyalty.kept_rows import KeptCard
from loyalty.kept_tokens import kept_token, seal_token
from loyalty.new_card import card_token
from loyalty.old_codes import add_old_code, pass_of_old_code
from signing.tokens import check_member_number, equal
from storage.devices import Devices
from storage.kept_passes import KeptPass
from storage.members import Member, MemberExists, MemberState
from storage.unit_of_work import UnitOfWork, run_work
from storage.wallet_passes import WalletPass

TRIES_MAX: Final = 3
COMPLAINTS_MAX: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepRequest:
    """What to take over and how. `old_url` is needed where the old host leads here."""

    programme_id: int
    cards: Sequence[KeptCard]
    case: KeepCase
    pass_type: str | None = None
    old_url: str | None = None
    actor: Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptResult:
    """What became of the list: `links` are line and personal link of every card without proof."""

    new: int
    again: int
    phones: int
    credited: int
    refused: tuple[InvalidInput, ...]
    links: tuple[tuple[int, str], ...] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """What holds for every card of the list."""

    ctx: Loyalty
    merchant_id: int
    request: KeepRequest
    pass_type_id: int | None
    old_url: str | None

    def takes_pass(self, card: KeptCard) -> bool:
        """Whether the card in the phone goes on; else the member gets a new one."""
        return self.pass_type_id is not None and card.has_proof


@dataclass(frozen=True, slots=True, kw_only=True)
class _Done:
    new: bool
    phones: int
    credited: int
    link: str = field(repr=False)


def keep_passes(
    ctx: Loyalty,
    merchant_id: int,
    request: KeepRequest,
    *,
    progress: Callable[[int], None] = lambda _done: None,
) -> KeptResult:
    """Take the cards over, one by one; a card that cannot be is told and does not stop the others.

    Raises:
        InvalidInput: the case needs what was not given.
        NotOpen, MerchantSuspended, NotFound: the programme takes nobody.
    """
    plan = _plan(ctx, merchant_id, request)
    done: list[_Done] = []
    refused: list[InvalidInput] = []
    links: list[tuple[int, str]] = []
    for number, card in enumerate(request.cards, start=1):
        try:
            one = _keep_whole(plan, card)
        except WalletError as error:
            refused.append(InvalidInput(error.message, field=f"line {card.line}"))
            if len(refused) >= COMPLAINTS_MAX:
                break
            continue
        done.append(one)
        if one.link:
            links.append((card.line, one.link))
        progress(number)
    result = KeptResult(
        new=sum(one.new for one in done),
        again=sum(not one.new for one in done),
        phones=sum(one.phones for one in done),
        credited=sum(one.credited for one in done),
        refused=tuple(refused),
        links=tuple(links),
    )
    _note(plan, result)
    return result


def _plan(ctx: Loyalty, merchant_id: int, request: KeepRequest) -> _Plan:
    old_url = check_address(request.old_url) if request.old_url else None
    if request.case is KeepCase.MOVED and old_url is None:
        raise InvalidInput(_("Give the webServiceURL of the old passes."), field="old_url")

    def action(work: UnitOfWork) -> int | None:
        refuse_closed(work.merchants.get(), work.programmes.get(request.programme_id))
        if request.case is KeepCase.NEW_CARD:
            return None
        found = work.passes.pass_type_by_identifier(request.pass_type or "")
        if found is None:
            raise InvalidInput(
                _("Install a certificate of the old cards' Pass Type ID first."), field="pass_type"
            )
        if request.case is KeepCase.MOVED and old_url is not None:
            add_address(work, old_url)
        return found.id

    pass_type_id = run_work(ctx.database, merchant_id, action, clock=ctx.clock)
    return _Plan(
        ctx=ctx,
        merchant_id=merchant_id,
        request=request,
        pass_type_id=pass_type_id,
        old_url=old_url if request.case is KeepCase.MOVED else None,
    )


def _keep_whole(plan: _Plan, card: KeptCard) -> _Done:
    for attempt in range(TRIES_MAX):
        try:
            return run_work(
                plan.ctx.database,
                plan.merchant_id,
                lambda work: _keep(plan, work, card),
                clock=plan.ctx.clock,
            )
        except MemberExists:
            # Somebody took the number or the contact in between; now the look-up will see it.
            if attempt == TRIES_MAX - 1:
                raise
    raise AssertionError("the loop returns or raises")


def _keep(plan: _Plan, work: UnitOfWork, card: KeptCard) -> _Done:
    known = _known(plan, work, card)
    wallet_pass = known or _new(plan, work, card)
    for code in card.codes:
        # Our own number finds its member already.
        if check_member_number(code) is None or work.members.by_number(code) is None:
            add_old_code(work, wallet_pass.id, code)
    phones = _register(plan, work, card, wallet_pass)
    credited = _credit(plan, work, card, wallet_pass.member_id)
    link = "" if plan.takes_pass(card) else _link(plan, work, wallet_pass)
    return _Done(new=known is None, phones=phones, credited=credited, link=link)


def _known(plan: _Plan, work: UnitOfWork, card: KeptCard) -> WalletPass | None:
    """The card as an earlier run of the list left it."""
    if plan.takes_pass(card):
        found = work.passes.by_serial(card.serial_number)
        if found is None:
            return None
        kept = work.kept_passes.get(found.id)
        if kept is None or not _shows_token(plan, kept, card):
            raise Conflict(_("A card with this serial number is here already, and is another one."))
        return found
    for code in card.codes:
        pass_id = pass_of_old_code(work, code)
        if pass_id is not None:
            return work.passes.get(pass_id)
    return None


def _shows_token(plan: _Plan, kept: KeptPass, card: KeptCard) -> bool:
    token = kept_token(plan.ctx.keyring, plan.merchant_id, kept)
    return equal(token, card.authentication_token)


def _new(plan: _Plan, work: UnitOfWork, card: KeptCard) -> WalletPass:
    member = _member(plan, work, card)
    wallet_pass = work.passes.current_of_member(member.id)
    if not plan.takes_pass(card) or plan.pass_type_id is None:
        return wallet_pass
    used = wallet_pass.fetched_revision or wallet_pass.google_object_id
    if used or work.passes.devices_of_pass(wallet_pass.id):
        raise Conflict(
            _("This person has a card from here already. Take the old one over as new-card.")
        )
    sealed = seal_token(plan.ctx.keyring, plan.merchant_id, card.authentication_token)
    work.kept_passes.take_over(
        KeptPass(id=wallet_pass.id, token_sealed=sealed, web_service_url=plan.old_url),
        serial_number=card.serial_number,
        pass_type_id=plan.pass_type_id,
    )
    return work.passes.get(wallet_pass.id)


def _member(plan: _Plan, work: UnitOfWork, card: KeptCard) -> Member:
    """The member of one of our own numbers, of a known contact, or a new one."""
    number = check_member_number(card.member)
    member = work.members.by_number(number) if number else None
    if member is None:
        request = EnrolRequest(
            programme_id=plan.request.programme_id,
            name=card.name,
            email=card.email,
            phone=card.phone,
            language=card.language or work.merchants.get().language,
            source=SOURCE,
            actor=plan.request.actor,
        )
        enrolled = enrol_in(work, request, merchant_id=plan.merchant_id, keyring=plan.ctx.keyring)
        member = work.members.get(enrolled.member_id)
    if member.state != MemberState.ACTIVE:
        raise Conflict(_("This membership has ended."))
    if member.programme_id != plan.request.programme_id:
        raise Conflict(_("This member belongs to another programme."))
    return member


def _register(plan: _Plan, work: UnitOfWork, card: KeptCard, wallet_pass: WalletPass) -> int:
    """The phones, where they go on calling the address they know; else they come by themselves."""
    if plan.old_url is None or plan.pass_type_id is None or not card.has_proof:
        return 0
    for phone in card.phones:
        Devices(work.scope).register(
            wallet_pass,
            pass_type_id=plan.pass_type_id,
            library_identifier=phone.device_id,
            push_token=phone.push_token,
            due_at=plan.ctx.clock.now() + REGISTRATION_GRACE,
        )
    return len(card.phones)


def _credit(plan: _Plan, work: UnitOfWork, card: KeptCard, member_id: int) -> int:
    brought = Brought(identity=card.identity, units=card.balance)
    return bring_units(work, member_id, brought, actor=plan.request.actor)


def _link(plan: _Plan, work: UnitOfWork, wallet_pass: WalletPass) -> str:
    public_url = work.merchants.get().public_url or plan.ctx.settings.public_url
    token = card_token(
        plan.ctx.keyring,
        wallet_pass.member_id,
        merchant_id=plan.merchant_id,
        generation=wallet_pass.generation,
    )
    return f"{public_url.rstrip('/')}/m/{token}"


def _note(plan: _Plan, result: KeptResult) -> None:
    run_work(
        plan.ctx.database,
        plan.merchant_id,
        lambda work: work.audit.add(
            actor=plan.request.actor,
            action="passes.import",
            subject_kind="programme",
            subject_id=plan.request.programme_id,
            detail={
                "case": str(plan.request.case),
                "new": result.new,
                "again": result.again,
                "phones": result.phones,
                "credited": result.credited,
                "refused": len(result.refused),
            },
        ),
        clock=plan.ctx.clock,
    )
