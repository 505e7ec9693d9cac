"""Make two cards of one person one, by compensating operations; undone within thirty days.

What the one card holds is taken off it and put on the other, lot by lot with the same dates, as two
adjustments of the ledger; nothing is rewritten. The card that ends becomes another name of the one
that stays: a till that scans it finds the member.

Rules:
- Only within one programme, only of living memberships; a card that owes, or is locked, is settled
  first.
- A contact is taken over where the kept card has none; otherwise each keeps its own, and joining
  again with either finds the kept one.
- Challenges under way stay with the card that began them: only the kept one's go on.
- Undone while nothing of what moved was spent, has run out or was refunded; what was earned since
  stays where it was earned.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from common.actor import Actor
from common.errors import AlreadySpent, Conflict, NotFound
from common.i18n import gettext as _
from common.ids import new_id
from ledger.programme_terms import ProgrammeTerms
from loyalty.context import Loyalty
from loyalty.lost_card import MEMBER_LINKS
from loyalty.merge_units import move_units, take_back
from loyalty.new_card import BARCODE, CARD, card_token
from loyalty.old_codes import OLD_CODE, add_old_code, drop_old_code
from loyalty.rule_sums import settle_tier
from signing.keyring import Keyring
from signing.tokens import barcode_token, token_hash
from storage.member_merges import Merge
from storage.members import Member, MemberState
from storage.unit_of_work import UnitOfWork, open_work, run_work

UNDO_LIFE: Final = timedelta(days=30)
SUGGESTED_MAX: Final = 10


class CannotMerge(Conflict):
    """These two cards cannot be made one."""

    code = "cannot_merge"


class CannotUndoMerge(Conflict):
    """This cannot be taken back any more."""

    code = "cannot_undo_merge"


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeSide:
    """One of the two: what it holds by unit, in the order of the units' names."""

    member: Member
    holds: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MergePreview:
    """What would be: the kept card holds `after`; `trouble` says why it cannot be, empty if it can."""

    kept: MergeSide
    merged: MergeSide
    after: tuple[tuple[str, int], ...]
    trouble: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeLine:
    """A merge that stands; `undo_until` None once it cannot be taken back."""

    id: int
    other: Member
    other_was_merged: bool
    created_at: datetime
    undo_until: datetime | None


def suggestions(ctx: Loyalty, merchant_id: int, member_id: int) -> list[Member]:
    """Other living members of the programme with the same name: perhaps the same person."""
    with open_work(ctx.database, merchant_id, clock=ctx.clock, writing=False) as work:
        return work.members.namesakes(work.members.get(member_id), SUGGESTED_MAX)


def preview_merge(ctx: Loyalty, merchant_id: int, kept_id: int, merged_id: int) -> MergePreview:
    """What merging would do; nothing is changed.

    Raises:
        NotFound: this merchant has no such member.
    """
    with open_work(ctx.database, merchant_id, clock=ctx.clock, writing=False) as work:
        kept, merged = work.members.get(kept_id), work.members.get(merged_id)
        sides = [_side(work, one) for one in (kept, merged)]
        trouble = ""
        try:
            _check(work, kept, merged)
        except CannotMerge as refusal:
            trouble = refusal.message
    units = sorted({unit for side in sides for unit, _held in side.holds})
    after = tuple((unit, sum(dict(side.holds).get(unit, 0) for side in sides)) for unit in units)
    return MergePreview(kept=sides[0], merged=sides[1], after=after, trouble=trouble)


def merge_members(
    ctx: Loyalty, merchant_id: int, kept_id: int, merged_id: int, *, actor: Actor
) -> int:
    """Put everything of `merged_id` on `kept_id`; the merge's id is returned.

    Raises:
        NotFound: this merchant has no such member.
        CannotMerge: other programmes, ended, owing or locked cards, or the same card twice.
        LimitReached: the kept card would hold more than a card may.
    """
    return run_work(
        ctx.database,
        merchant_id,
        lambda work: _Merging(work, ctx.keyring, actor).merge(kept_id, merged_id),
        clock=ctx.clock,
    )


def undo_merge(ctx: Loyalty, merchant_id: int, merge_id: int, *, actor: Actor) -> None:
    """Part the two cards again, each with what it had.

    Raises:
        NotFound: there is no such merge.
        CannotUndoMerge: too late, undone before, or something of it was spent since.
    """
    run_work(
        ctx.database,
        merchant_id,
        lambda work: _Merging(work, ctx.keyring, actor).undo(merge_id),
        clock=ctx.clock,
    )


def merges_of(ctx: Loyalty, merchant_id: int, member_id: int) -> list[MergeLine]:
    """The merges a member was part of and that stand, the newest first."""
    with open_work(ctx.database, merchant_id, clock=ctx.clock, writing=False) as work:
        return [_line(work, one, member_id) for one in work.merges.of_member(member_id)]


def _line(work: UnitOfWork, merge: Merge, member_id: int) -> MergeLine:
    was_merged = merge.kept_id == member_id
    until = merge.created_at + UNDO_LIFE
    operations = [int(one) for one in merge.document["in"]]
    can = until > work.clock.now() and not work.merges.is_spent(operations)
    return MergeLine(
        id=merge.id,
        other=work.members.get(merge.merged_id if was_merged else merge.kept_id),
        other_was_merged=was_merged,
        created_at=merge.created_at,
        undo_until=until if can else None,
    )


def _side(work: UnitOfWork, member: Member) -> MergeSide:
    accounts = work.rules.accounts(member.id, member.programme_id)
    holds = tuple(sorted((unit, found.account.balance) for unit, found in accounts.items()))
    return MergeSide(member=member, holds=holds)


def _check(work: UnitOfWork, kept: Member, merged: Member) -> None:
    if kept.id == merged.id:
        raise CannotMerge(_("This is one card already. Choose the other one."))
    if work.programmes.get(kept.programme_id).kind != "card":
        raise CannotMerge(_("Gift cards stay what they are: each holds its own money."))
    if kept.programme_id != merged.programme_id:
        raise CannotMerge(_("These are cards of two programmes."))
    if {kept.state, merged.state} != {MemberState.ACTIVE}:
        raise CannotMerge(_("One of these memberships has ended."))
    for found in work.rules.accounts(merged.id, merged.programme_id).values():
        if found.debt:
            raise CannotMerge(_("The card that would end owes something from a refund."))
        if found.locked:
            raise CannotMerge(_("The card that would end is locked. Unlock it first."))


class _Merging:
    """One merge, or its undoing, in one transaction."""

    def __init__(self, work: UnitOfWork, keyring: Keyring, actor: Actor) -> None:
        self._work = work
        self._keyring = keyring
        self._actor = actor

    def merge(self, kept_id: int, merged_id: int) -> int:
        work = self._work
        work.rules.hold([kept_id, merged_id])
        kept, merged = work.members.get(kept_id), work.members.get(merged_id)
        _check(work, kept, merged)
        merge_id = new_id()
        moved_out, moved_in = move_units(work, kept, merged, merge_id=merge_id, actor=self._actor)
        document = {
            "out": [str(one) for one in moved_out],
            "in": [str(one) for one in moved_in],
            "contacts": self._move_contacts(kept, merged),
            **work.merges.move_offers(merged_id, kept_id),
            "codes": self._alias(kept, merged),
        }
        self._add_sums(kept, merged, sign=1)
        work.members.set_merged(merged_id, kept_id)
        new = Merge(
            id=merge_id,
            kept_id=kept_id,
            merged_id=merged_id,
            document=document,
            created_at=work.clock.now(),
        )
        work.merges.add(new)
        self._finish(kept, "member.merge", merge_id)
        return merge_id

    def undo(self, merge_id: int) -> None:
        work = self._work
        found = work.merges.get(merge_id)
        if found is None:
            raise NotFound(_("There is no such merge."))
        work.rules.hold([found.kept_id, found.merged_id])
        kept, merged = work.members.get(found.kept_id), work.members.get(found.merged_id)
        self._check_undo(found, kept, merged)
        try:
            self._take_back(kept, found.document["in"], f"{merge_id} back-in")
        except AlreadySpent as error:
            raise CannotUndoMerge(
                _("Something of what moved was spent since. Undo that first.")
            ) from error
        self._take_back(merged, found.document["out"], f"{merge_id} back-out")
        self._add_sums(kept, merged, sign=-1)
        work.members.set_merged(merged.id, None)
        self._give_back_contacts(kept, merged, found.document["contacts"])
        work.merges.give_back_offers(found.document, kept_id=kept.id, merged_id=merged.id)
        self._unalias(merged, found.document["codes"])
        self._finish(kept, "member.unmerge", merge_id)

    def _take_back(self, member: Member, operations: list[str], reference: str) -> None:
        take_back(
            self._work,
            member,
            [int(one) for one in operations],
            reference=reference,
            actor=self._actor,
        )

    def _check_undo(self, merge: Merge, kept: Member, merged: Member) -> None:
        if merge.created_at + UNDO_LIFE <= self._work.clock.now():
            raise CannotUndoMerge(_("This was merged more than thirty days ago."))
        if not self._work.merges.set_undone(merge.id):
            raise CannotUndoMerge(_("This was taken back already."))
        if merged.merged_into_id != kept.id or kept.state != MemberState.ACTIVE:
            raise CannotUndoMerge(_("One of these memberships has ended."))

    def _finish(self, kept: Member, action: str, merge_id: int) -> None:
        work = self._work
        terms = work.programmes.terms(kept.programme_id)
        if isinstance(terms, ProgrammeTerms):
            settle_tier(work, terms, kept.id, kept.programme_id)
        work.deliveries.bump_member(kept.id)
        work.audit.add(
            actor=self._actor,
            action=action,
            subject_kind="member",
            subject_id=kept.id,
            detail={"merge": str(merge_id)},
        )

    # --- what stands beside the books ---

    def _add_sums(self, kept: Member, merged: Member, *, sign: int) -> None:
        """Purchases and money of the one count for the other, and again do not."""
        work = self._work
        theirs, mine = work.rules.sums(merged.id), work.rules.sums(kept.id)
        summed = replace(
            mine,
            purchases=max(0, mine.purchases + sign * theirs.purchases),
            net_minor=mine.net_minor + sign * theirs.net_minor,
        )
        if theirs.purchases or theirs.net_minor:
            work.rules.put_sums(kept.id, kept.programme_id, summed)
        work.rules.add_days(kept.id, work.merges.days(merged.id, sign=sign))
        work.members.add_purchases_before(kept.id, sign * merged.purchases_before)

    def _move_contacts(self, kept: Member, merged: Member) -> list[str]:
        """Contacts that the kept card lacks; which were taken over."""
        moved = [
            name
            for name in ("email", "phone")
            if getattr(kept, f"{name}_index") is None
            and getattr(merged, f"{name}_index") is not None
        ]
        self._hand_over(merged, kept, moved)
        return moved

    def _give_back_contacts(self, kept: Member, merged: Member, names: list[str]) -> None:
        self._hand_over(kept, merged, names)

    def _hand_over(self, giver: Member, taker: Member, names: list[str]) -> None:
        columns = [f"{name}_{part}" for name in names for part in ("sealed", "index")]
        if not columns:
            return
        nothing = dict.fromkeys(columns)
        values = {column: getattr(giver, column) for column in columns}
        # The giver first: a contact belongs to one card of a programme at a time.
        self._work.members.change(replace(giver, **nothing))  # type: ignore[arg-type]
        self._work.members.change(replace(taker, **values))

    def _alias(self, kept: Member, merged: Member) -> list[str]:
        """The ended card's codes lead to the kept one; those it had from before, by their hashes."""
        work = self._work
        target = work.passes.current_of_member(kept.id)
        card = work.passes.current_of_member(merged.id)
        work.directory.remove_tokens(BARCODE, card.id)
        work.directory.remove_tokens(CARD, merged.id)
        for purpose in MEMBER_LINKS:
            work.sessions.drop_links(purpose, merged.id)
        moved = work.merges.move_tokens(OLD_CODE, card.id, target.id)
        add_old_code(work, target.id, self._barcode(card.id, card.generation))
        work.passes.void(card.id)
        return [one.hex() for one in moved]

    def _unalias(self, merged: Member, codes: list[str]) -> None:
        work = self._work
        card = work.passes.current_of_member(merged.id)
        barcode = self._barcode(card.id, card.generation)
        drop_old_code(work, barcode)
        work.merges.give_back_tokens(OLD_CODE, [bytes.fromhex(one) for one in codes], card.id)
        work.passes.revive(card.id)
        work.directory.add_token(BARCODE, token_hash(barcode), card.id)
        link = card_token(
            self._keyring,
            merged.id,
            merchant_id=work.scope.merchant,
            generation=merged.generation,
        )
        work.directory.add_token(CARD, token_hash(link), merged.id)

    def _barcode(self, pass_id: int, generation: int) -> str:
        return barcode_token(
            self._keyring,
            merchant_id=self._work.scope.merchant,
            pass_id=pass_id,
            generation=generation,
        )
