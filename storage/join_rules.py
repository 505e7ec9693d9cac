"""Who may join a programme and what they are asked, as one document beside the programme.

A programme without one is open to everyone and asks name, e-mail and phone alone (its own columns).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class ProgrammeState(StrEnum):
    """How far a programme is on its way to the public."""

    DRAFT = "draft"
    ANNOUNCED = "announced"
    PILOT = "pilot"
    LIVE = "live"
    CLOSED = "closed"


class Who(StrEnum):
    """Who may join a programme that is live."""

    EVERYONE = "everyone"
    INVITED = "invited"
    INTEREST = "interest"  # who says yes to a question of the owner's
    PURCHASES = "purchases"  # everyone, as a candidate who redeems nothing before n purchases


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A question of the owner's own. `key` stays the same when the words change."""

    key: str
    text: str
    ask: str
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinRules:
    """The door of a programme.

    `interest` is the question whose yes opens it; `purchases` how many make a candidate a member;
    `pilot_max` how many may join a pilot, None for no end. `ask` maps `address`, `birthday` and
    `brand` to off, optional or required; `why` says per field why it is asked.
    """

    who: Who = Who.EVERYONE
    interest: str = ""
    purchases: int = 0
    pilot_max: int | None = None
    ask: Mapping[str, str] = field(default_factory=dict)
    why: Mapping[str, str] = field(default_factory=dict)
    questions: tuple[Question, ...] = ()

    def asks(self, name: str) -> str:
        """How the join page asks for `address`, `birthday` or `brand`."""
        return self.ask.get(name, "off")


def rules_document(rules: JoinRules) -> dict[str, Any]:
    """The rules as they are stored."""
    return {
        "who": str(rules.who),
        "interest": rules.interest,
        "purchases": rules.purchases,
        "pilot_max": rules.pilot_max,
        "ask": dict(rules.ask),
        "why": dict(rules.why),
        "questions": [
            {"key": one.key, "text": one.text, "ask": one.ask, "why": one.why}
            for one in rules.questions
        ],
    }


def rules_of_document(document: Mapping[str, Any] | None) -> JoinRules:
    """The rules of a stored document; None is open to everyone."""
    if not document:
        return JoinRules()
    return JoinRules(
        who=Who(document["who"]),
        interest=document["interest"],
        purchases=document["purchases"],
        pilot_max=document["pilot_max"],
        ask=dict(document["ask"]),
        why=dict(document["why"]),
        questions=tuple(Question(**one) for one in document["questions"]),
    )
