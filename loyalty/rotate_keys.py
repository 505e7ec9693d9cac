"""Seal every secret and contact anew under the newest master key, batch by batch.

Not here: making the key and stopping what runs (regulars). Rules: the derivation keys are never
touched, as codes and tokens of cards that are out are made of them; a stopped run goes on where it
was, since what is sealed anew already is left alone; a value that cannot be opened is counted and
left as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from common.actor import Actor
from common.errors import SealBroken
from loyalty.context import Loyalty
from signing.keyring import Keyring
from signing.sealing import seal, sealed_version, unseal
from storage.sealed import SEALED, START, Batch, SealedColumn, change_batch, pin_versions
from storage.unit_of_work import UnitOfWork, open_work, run_work

BATCH: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Resealed:
    """What was done; `still_needed` are the older master keys that something stands under yet."""

    version: int
    seen: int
    changed: int
    broken: int
    still_needed: tuple[int, ...]


@dataclass(slots=True, kw_only=True)
class _Count:
    broken: int = 0


def is_unfinished(ctx: Loyalty) -> bool:
    """Whether some value is not under the newest master key: a run was stopped in the middle."""
    return any(version != ctx.keyring.master_version for version in _versions(ctx))


def reseal(ctx: Loyalty, *, actor: Actor) -> Resealed:
    """Seal everything under the newest master key; each batch is a transaction of its own."""
    seen = changed = 0
    count = _Count()
    for sealed in SEALED:
        after = START
        while True:
            batch = _change(ctx, sealed, after, count)
            seen, changed = seen + batch.seen, changed + batch.changed
            if batch.last is None:
                break
            after = batch.last
    newest = ctx.keyring.master_version
    _note(ctx, newest, actor=actor)
    needed = (_versions(ctx) | _pins(ctx)) - {newest}
    return Resealed(
        version=newest,
        seen=seen,
        changed=changed,
        broken=count.broken,
        still_needed=tuple(sorted(needed)),
    )


def _change(ctx: Loyalty, sealed: SealedColumn, after: tuple[int, int], count: _Count) -> Batch:
    def action(work: UnitOfWork) -> Batch:
        count_here = _Count()

        def anew(merchant_id: int, blob: bytes) -> bytes | None:
            return _anew(ctx.keyring, sealed, merchant_id, blob=blob, count=count_here)

        batch = change_batch(work.scope, sealed, anew, after=after, limit=BATCH)
        count.broken += count_here.broken
        return batch

    return run_work(ctx.database, None, action, clock=ctx.clock)


def _anew(
    keyring: Keyring, sealed: SealedColumn, merchant_id: int, *, blob: bytes, count: _Count
) -> bytes | None:
    if sealed_version(blob) == keyring.master_version:
        return None
    try:
        plain = unseal(keyring, blob, merchant_id=merchant_id, column=sealed.bound_to)
    except SealBroken:
        count.broken += 1
        return None
    return seal(keyring, plain, merchant_id=merchant_id, column=sealed.bound_to)


def _versions(ctx: Loyalty) -> set[int]:
    """Every master key that a sealed value stands under."""
    found: set[int] = set()

    def look(_merchant_id: int, blob: bytes) -> None:
        found.add(sealed_version(blob))

    with open_work(ctx.database, None, clock=ctx.clock, writing=False) as work:
        for sealed in SEALED:
            after: tuple[int, int] | None = START
            while after is not None:
                after = change_batch(work.scope, sealed, look, after=after, limit=BATCH).last
    return found


def _pins(ctx: Loyalty) -> set[int]:
    with open_work(ctx.database, None, clock=ctx.clock, writing=False) as work:
        return pin_versions(work.scope)


def _note(ctx: Loyalty, version: int, *, actor: Actor) -> None:
    """An audit entry at every merchant."""
    with open_work(ctx.database, None, clock=ctx.clock, writing=False) as work:
        merchants = work.merchants.all()
    for merchant in merchants:
        run_work(
            ctx.database,
            merchant.id,
            lambda work: work.audit.add(
                actor=actor,
                action="keys.rotate",
                subject_kind="master_key",
                detail={"version": version},
            ),
            clock=ctx.clock,
        )
