"""Send one letter to Google: a programme's classes one after another, or a card after its coupons.

What Google took is kept in the letter at once, so that whatever stops it half way is not sent again.
Not here: whose turn it is and what an answer means for the delivery (google_lane.py). Rules:
- a coupon stands at Google before a card names it;
- a coupon that Google refuses is left out, and its card is sent all the same;
- what Google answers that it holds is compared with what was sent, and a difference is told.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from delivery.google_client import GoogleClient
from delivery.google_letters import UNCHANGED, Letter
from delivery.google_offers import REFUSED, OfferLetter
from delivery.outcomes import Answer, Outcome
from passes.google_drift import differences
from passes.google_parts import GoogleKind

_REFUSALS: Final = frozenset({Outcome.PERMANENT, Outcome.GONE, Outcome.EXISTS})

_log = logging.getLogger("regulars.delivery")

Over = Callable[[], bool]


def send_letter(client: GoogleClient, letter: Letter, *, timeout_s: float, over: Over) -> None:
    """Leave Google's answer in the letter; none when the time was over before the end."""
    if not letter.is_object:
        _send_classes(client, letter, timeout_s=timeout_s, over=over)
    elif _send_offers(client, letter, timeout_s=timeout_s, over=over):
        _send_card(client, letter, timeout_s=timeout_s)


def note_differences(letter: Letter, sent: Mapping[str, Any], answer: Answer) -> None:
    """Tell what Google holds otherwise than it was sent; nobody's data is in the message."""
    if answer.outcome is not Outcome.DELIVERED or answer.resource is None:
        return
    found = sorted(differences(sent, answer.resource))
    letter.facts["differs"] = found
    if found:
        _log.warning("delivery.google_differs", extra={"delivery": letter.claim.id, "names": found})


def _send_classes(client: GoogleClient, letter: Letter, *, timeout_s: float, over: Over) -> None:
    known = letter.facts["classes"]
    for one in letter.classes:
        if over():
            letter.answer = None
            return
        answer = client.put_class(
            letter.account_id,
            insert=one.insert,
            patch=one.patch,
            timeout_s=timeout_s,
            exists=one.key in known,
            kind=one.identity.kind,
        )
        letter.answer = replace(answer, resource=None)
        if answer.outcome is not Outcome.DELIVERED:
            return
        note_differences(letter, one.patch, answer)
        known[one.key] = one.digest


def _send_offers(client: GoogleClient, letter: Letter, *, timeout_s: float, over: Over) -> bool:
    """Whether the card's turn has come."""
    for one in letter.offers:
        if over():
            return False
        answer = _send_offer(client, letter, one, timeout_s=timeout_s)
        if answer.outcome is Outcome.DELIVERED:
            letter.keep_offer(one.coupon, "" if one.ends else one.digest)
        elif answer.outcome in _REFUSALS:
            _log.warning(
                "delivery.google_offer_refused",
                extra={"delivery": letter.claim.id, "reason": answer.reason},
            )
            letter.keep_offer(one.coupon, "" if one.ends else REFUSED + one.digest)
            letter.unlink(one.key)
        else:
            letter.answer = answer
            return False
    return True


def _send_offer(
    client: GoogleClient, letter: Letter, one: OfferLetter, *, timeout_s: float
) -> Answer:
    exists = one.coupon in letter.facts["offers"]
    if one.class_patch:
        made = client.put_class(
            letter.account_id,
            insert=one.class_insert,
            patch=one.class_patch,
            timeout_s=timeout_s,
            exists=exists,
            kind=GoogleKind.OFFER,
        )
        if made.outcome is not Outcome.DELIVERED:
            return made
    return client.put_object(
        letter.account_id,
        insert=one.insert,
        patch=one.patch,
        class_document=one.class_insert,
        timeout_s=timeout_s,
        exists=exists,
        kind=GoogleKind.OFFER,
    )


def _send_card(client: GoogleClient, letter: Letter, *, timeout_s: float) -> None:
    if letter.same:
        letter.answer = Answer(outcome=Outcome.DELIVERED, reason=UNCHANGED)
        return
    letter.answer = client.put_object(
        letter.account_id,
        insert=letter.insert,
        patch=letter.patch,
        class_document=letter.class_insert,
        timeout_s=timeout_s,
        exists=letter.claim.delivered_revision > 0,
        kind=letter.kind,
    )
