"""The face of a card of many rules: its units, tier, ways and rewards, in words.

Not here: reading the states (rule_faces.py), what every card says (faces.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from zoneinfo import ZoneInfo

from babel.dates import format_date

from common.i18n import current_language, use_language
from common.i18n import gettext as _
from common.money import format_money
from ledger.any_terms import AnyTerms
from ledger.card_view import CardView, UnitState, card_view_of
from ledger.expiry import local_day
from ledger.member_state import MemberState
from ledger.offers import Due, Refusal, RewardKind, RewardOffer
from ledger.programme_terms import ProgrammeTerms
from ledger.redeeming import may_redeem
from ledger.unit_words import count_words, unit_of
from passes.content import Content, RewardLine, RuleLines, UnitLine
from storage.face_words import next_reward
from storage.offers import reward_offer
from storage.programmes import Reward
from storage.rule_faces import load_states, times_redeemed
from storage.unit_of_work import UnitOfWork

# What stands against a reward only for want of a sale, or for want of units.
_WITH_A_SALE = frozenset({Refusal.NO_SALE, Refusal.NO_AVERAGE})
_LATER = frozenset({Refusal.NOT_ENOUGH, Refusal.PENDING, Refusal.PAUSED, Refusal.LOCKED})


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleFace:
    """What rules put on the faces of one programme: its rewards, and rules to come."""

    terms: ProgrammeTerms
    rewards: tuple[Reward, ...]
    coming_at: datetime | None


def rules_of(
    work: UnitOfWork, programmes: Mapping[int, AnyTerms], members: Mapping[int, int]
) -> Callable[[int, Content], Content]:
    """What adds the rules' part to a member's content; most shops have none, and nothing is read.

    `members` name their programme; whoever is not among them gets nothing added.
    """
    of_rules = {
        programme_id: terms
        for programme_id, terms in programmes.items()
        if isinstance(terms, ProgrammeTerms)
    }
    if not of_rules:
        return lambda _member_id, content: content
    faces = {its: _face(work, its, terms) for its, terms in of_rules.items()}
    mine = {member: its for member, its in members.items() if its in of_rules}
    states = load_states(work.scope, of_rules, mine)
    limited = [one.id for face in faces.values() for one in face.rewards if one.per_member]
    used = times_redeemed(work.scope, limited, list(mine)) if limited else {}

    def add(member_id: int, content: Content) -> Content:
        if member_id not in states:
            return content
        with use_language(content.language):
            face = faces[mine[member_id]]
            return with_rules(
                content,
                face,
                states[member_id],
                work.clock.now(),
                used=used.get(member_id, {}),
            )

    return add


def _face(work: UnitOfWork, programme_id: int, terms: ProgrammeTerms) -> RuleFace:
    return RuleFace(
        terms=terms,
        rewards=tuple(work.programmes.rewards(programme_id, active_only=True)),
        coming_at=work.programmes.get(programme_id).next_terms_at,
    )


def with_rules(
    content: Content,
    face: RuleFace,
    state: MemberState,
    now: datetime,
    *,
    used: Mapping[int, int],
) -> Content:
    """The content with what the rules say of its member, in the current language.

    `used` is how often the member had each reward of which a member has only so many.
    """
    view = card_view_of(face.terms, state, now)
    lines = tuple(_rewards(face, state, now, used))
    return replace(
        content,
        rewards=lines,
        next_reward=next_reward(lines),
        progress=_progress(view, lines, face.terms),
        rule_lines=_rule_lines(view, face, now),
    )


def _rewards(
    face: RuleFace, state: MemberState, now: datetime, used: Mapping[int, int]
) -> Iterator[RewardLine]:
    terms = face.terms
    for stored in face.rewards:
        offer = reward_offer(stored, first_unit=terms.units[0].code)
        times = used.get(stored.id, 0)
        answer = may_redeem(offer, terms, state, used=times, activity=None, now=now)
        due = isinstance(answer, Due) or (answer.why in _WITH_A_SALE and _covers(offer, state))
        if not due and not isinstance(answer, Due) and answer.why not in _LATER | _WITH_A_SALE:
            continue  # gone, over, or another tier's: the card does not tempt with it
        words = ", ".join(
            count_words(cost.amount, unit_of(cost.unit, "points", terms), terms.currency)
            for cost in offer.costs
        )
        yield RewardLine(name=stored.name, cost=stored.cost, due=due, cost_words=words)


def _covers(offer: RewardOffer, state: MemberState) -> bool:
    return all(state.holding(cost.unit).balance >= cost.amount for cost in offer.costs)


def _progress(view: CardView, lines: Sequence[RewardLine], terms: ProgrammeTerms) -> str:
    parts = []
    first = view.units[0]
    ahead = next((line for line in lines if not line.due), None)
    if ahead is not None and ahead.cost > first.balance and "," not in ahead.cost_words:
        missing = count_words(ahead.cost - first.balance, terms.units[0], terms.currency)
        parts.append(_("%(units)s more: %(reward)s", units=missing, reward=ahead.name))
    elif first.goal is not None and ahead is None:
        missing = count_words(first.goal - first.balance % first.goal, terms.units[0], "")
        parts.append(_("%(units)s more until the next is free", units=missing))
    if first.carried:
        parts.append(first.carried)
    return "\n".join(parts)


def _rule_lines(view: CardView, face: RuleFace, now: datetime) -> RuleLines:
    tier = view.tier
    return RuleLines(
        units=tuple(_unit_line(unit) for unit in view.units),
        tier=tier.name if tier else "",
        benefit=tier.benefit if tier else "",
        way=tier.way if tier else "",
        challenges=tuple(f"{one.sentence} {one.words}" for one in view.challenges),
        promises=tuple(one.sentence for one in view.promises),
        expiring=tuple(text for unit in view.units for text in unit.deadline_words),
        donated=tuple(_donated(face)),
        coming=_coming(face, now),
        tier_code=tier.code if tier else "",
    )


def _unit_line(unit: UnitState) -> UnitLine:
    resting = ""
    if unit.resting_until is not None:
        resting = _("Rests until %(day)s", day=_day(unit.resting_until))
    extra = (
        unit.carried,
        unit.debt_words,
        *unit.pending_words,
        resting,
        _("Locked") if unit.locked else "",
    )
    return UnitLine(
        code=unit.code,
        name=unit.name,
        words=unit.words,
        balance=unit.balance,
        goal=unit.goal,
        extra=tuple(text for text in extra if text),
    )


def _donated(face: RuleFace) -> Iterator[str]:
    for reward in face.rewards:
        if reward.kind == RewardKind.DONATION and reward.used and reward.value:
            amount = format_money(
                reward.used * reward.value, face.terms.currency, language=current_language()
            )
            yield _("Together %(amount)s: %(reward)s", amount=amount, reward=reward.name)


def _coming(face: RuleFace, now: datetime) -> str:
    if face.coming_at is None or face.coming_at <= now:
        return ""
    day = local_day(face.coming_at, ZoneInfo(face.terms.time_zone))
    return _("New rules from %(day)s; see the shop's page.", day=_day(day))


def _day(day: date) -> str:
    return format_date(day, format="medium", locale=current_language().replace("-", "_"))
