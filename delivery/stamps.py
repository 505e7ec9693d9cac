"""Stamp the cards that changed, in commit order, and tell which phones need a push for it.

The order itself is SQL (storage/stamps.py); here a face is built and compared: a change that no
phone would show wakes no phone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice

from delivery.desk import Desk
from passes.content import face_digest
from storage.faces import Face, load_faces
from storage.stamps import STAMPS_MAX, Stamps, Unstamped
from storage.unit_of_work import UnitOfWork, open_work, run_work


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamped:
    """A card after stamping: phones told `known_revision` or later know `revision` too."""

    revision: int
    known_revision: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Drawn:
    """What a card said at a revision; no digest when it has no face yet."""

    revision: int
    digest: bytes | None


def stamp_cards(desk: Desk, merchant_id: int, pass_ids: Sequence[int]) -> dict[int, Stamped]:
    """Stamp those of the merchant's cards that changed; all of them are in the answer."""
    with open_work(desk.database, merchant_id, clock=desk.clock, writing=False) as work:
        behind = Stamps(work.scope).pass_types_of(pass_ids)
        present = Stamps(work.scope).stamped_revisions(pass_ids)
    found = {
        pass_id: Stamped(revision=revision, known_revision=revision)
        for pass_id, revision in present.items()
    }
    for pass_type_id, changed in behind.items():
        for chunk in _chunks(changed):
            drawn = _draw(desk, merchant_id, chunk)
            stamp = partial(_stamp, pass_type_id=pass_type_id, drawn=drawn)
            found |= run_work(desk.database, merchant_id, stamp, clock=desk.clock)
    return found


def _chunks(pass_ids: Sequence[int]) -> list[list[int]]:
    rest = iter(sorted(set(pass_ids)))
    return list(iter(lambda: list(islice(rest, STAMPS_MAX)), []))


def _draw(desk: Desk, merchant_id: int, pass_ids: Sequence[int]) -> dict[int, _Drawn]:
    """The faces and the revisions they stand for, before anybody has to wait for a stamp.

    The revision is read first: a face that is newer belongs to a revision that is newer as well.
    """
    with open_work(desk.database, merchant_id, clock=desk.clock, writing=False) as work:
        revisions = Stamps(work.scope).revisions(pass_ids)
        faces = load_faces(
            work, pass_ids, keyring=desk.keyring, public_url=desk.settings.public_url
        )
        return {
            pass_id: _Drawn(revision=revision, digest=_digest(faces.get(pass_id)))
            for pass_id, revision in revisions.items()
        }


def _stamp(
    work: UnitOfWork, *, pass_type_id: int, drawn: Mapping[int, _Drawn]
) -> dict[int, Stamped]:
    """One transaction: the lock first, then what changed, then the numbers.

    A card that changed again since it was drawn is left for the next turn.
    """
    stamps = Stamps(work.scope)
    number = stamps.lock(pass_type_id)
    found = {}
    for card in stamps.changed(list(drawn)):
        face = drawn[card.id]
        if face.revision != card.revision:
            continue
        if face.digest is not None and card.shows(face.digest):
            stamps.skip(card)
            found[card.id] = Stamped(revision=card.revision, known_revision=card.stamped_revision)
        else:
            number += 1
            stamps.stamp(card, number, face=face.digest)
            found[card.id] = _moved(card)
    stamps.close(pass_type_id, number)
    return found


def _digest(face: Face | None) -> bytes | None:
    return None if face is None else face_digest(face.design, face.content)


def _moved(card: Unstamped) -> Stamped:
    return Stamped(revision=card.revision, known_revision=card.revision)
