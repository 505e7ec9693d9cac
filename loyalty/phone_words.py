"""What a phone's complaint means, and what to do about it, in the owner's words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from common.i18n import gettext as _
from common.i18n import mark
from loyalty.phone_log import Complaint, ComplaintGroup, Task

_DOING: Final[Mapping[Task, str]] = {
    Task.REGISTER: mark("while registering a card"),
    Task.UNREGISTER: mark("while removing a card"),
    Task.LIST: mark("while asking what changed"),
    Task.FETCH: mark("while fetching a card"),
    Task.NONE: "",
}

_TITLES: Final[Mapping[Complaint, str]] = {
    Complaint.WRONG_TOKEN: mark("We did not accept a card's token"),
    Complaint.REFUSED: mark("Our answer was not one the phone expects"),
    Complaint.NO_CONNECTION: mark("The phone could not reach us"),
    Complaint.INVALID_PASS: mark("The phone refused a card we sent"),
    Complaint.OTHER_SERIAL: mark("The phone was sent another card than it asked for"),
    Complaint.MALFORMED: mark("Our answer could not be read"),
    Complaint.UNCHANGED: mark("A phone was woken, and its card was the same"),
    Complaint.IGNORED_SINCE: mark("A card was sent whole although it had not changed"),
    Complaint.NO_LAST_MODIFIED: mark("A card was sent without its date"),
    Complaint.SAME_TAG: mark("Changes were told without moving on"),
    Complaint.NO_TAG: mark("Changes were told without a tag"),
    Complaint.SPURIOUS_PUSH: mark("A phone was woken for nothing"),
    Complaint.NOT_REGISTERED: mark("A phone was told of a card it had removed"),
    Complaint.OTHER: mark("Something we do not know yet"),
}

_MEANINGS: Final[Mapping[Complaint, str]] = {
    Complaint.WRONG_TOKEN: mark(
        "One card: it was made elsewhere or copied; give the member a new card. Many at once: the "
        "derivation keys changed. Put the old line of derivation.key back."
    ),
    Complaint.REFUSED: mark(
        "429 and 503 pass by themselves. 3xx, 403 or an HTML page mean that something in front of "
        "us (a proxy, a content network, a bot check) answers in our place: let /apple/ through "
        "untouched. 5xx: see the server's log."
    ),
    Complaint.NO_CONNECTION: mark(
        "Mostly the phone's own network. When it comes from many phones, check the public address, "
        "its https certificate and the firewall."
    ),
    Complaint.INVALID_PASS: mark(
        "The signature, its certificate or the card's file is wrong, or something on the way "
        "changed the file. Run “regulars doctor” and look at the Apple certificate."
    ),
    Complaint.OTHER_SERIAL: mark(
        "A cache between us and the phone mixes answers up. Switch caching off for /apple/."
    ),
    Complaint.MALFORMED: mark(
        "Something between us and the phone changes our answers. Let /apple/ through untouched."
    ),
    Complaint.UNCHANGED: mark(
        "Harmless now and then, for example after a phone was restarted. Often: every needless "
        "push makes phones slower to listen."
    ),
    Complaint.IGNORED_SINCE: mark(
        "A proxy removes the If-Modified-Since header, or a backup was restored. Let headers of "
        "/apple/ through."
    ),
    Complaint.NO_LAST_MODIFIED: mark(
        "A proxy removes the Last-Modified header. Let headers of /apple/ through."
    ),
    Complaint.SAME_TAG: mark("A cache answers with an old list. Switch caching off for /apple/."),
    Complaint.NO_TAG: mark("Something on the way cuts our answers. Let /apple/ through untouched."),
    Complaint.SPURIOUS_PUSH: mark(
        "Harmless now and then: the phone had asked by itself a moment before. Often: pushes are "
        "repeated somewhere; see which worker runs twice."
    ),
    Complaint.NOT_REGISTERED: mark(
        "The member removed the card and the phone could not tell us in time. Nothing to do."
    ),
    Complaint.OTHER: mark("Read the example; newer phones may use new words."),
}

_SERIOUS: Final = frozenset(
    {
        Complaint.WRONG_TOKEN,
        Complaint.INVALID_PASS,
        Complaint.OTHER_SERIAL,
        Complaint.MALFORMED,
        Complaint.IGNORED_SINCE,
        Complaint.NO_LAST_MODIFIED,
        Complaint.SAME_TAG,
        Complaint.NO_TAG,
    }
)
_OFTEN: Final = 20
_PASSING: Final = frozenset({429, 503})


def title(group: ComplaintGroup) -> str:
    """The complaint in one line, with what the phone was doing."""
    doing = _DOING[group.task]
    said = _(_TITLES[group.complaint])
    if group.status is not None:
        said = f"{said} ({group.status})"
    return f"{said} {_(doing)}" if doing else said


def meaning(group: ComplaintGroup) -> str:
    """What it means and what to do."""
    return _(_MEANINGS[group.complaint])


def is_serious(group: ComplaintGroup) -> bool:
    """Whether the owner should look: what never happens in good order, or happens often."""
    if group.complaint is Complaint.REFUSED:
        return group.status not in _PASSING or group.count >= _OFTEN
    return group.complaint in _SERIOUS or group.count >= _OFTEN
