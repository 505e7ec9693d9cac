"""Let a team's pushes carry a token (.p8) in place of the client certificate, or no longer.

Rules: certificates stay the default and still sign; the key lies sealed; a team has one key, and a
new one takes the place of the old.
"""

from __future__ import annotations

from typing import Final

from common.actor import Actor
from common.errors import NotFound
from common.i18n import gettext as _
from common.ids import new_id
from loyalty.context import Loyalty
from signing.apns_token import read_push_key
from signing.sealing import seal
from storage.apple_keys import ApplePushKey
from storage.unit_of_work import UnitOfWork, run_work

PUSH_KEY_COLUMN: Final = "apple_push_key.key"


def install_push_key(
    ctx: Loyalty,
    merchant_id: int,
    data: bytes,
    *,
    key_identifier: str,
    team_identifier: str,
    actor: Actor,
) -> None:
    """Push for the team's pass types with this key from now on.

    Raises:
        InvalidInput: the file is no such key, or an identifier cannot be one.
    """
    pem = read_push_key(data, key_identifier=key_identifier, team_identifier=team_identifier)
    key = ApplePushKey(
        id=new_id(),
        team_identifier=team_identifier,
        key_identifier=key_identifier,
        key_sealed=seal(ctx.keyring, pem, merchant_id=merchant_id, column=PUSH_KEY_COLUMN),
        created_at=ctx.clock.now(),
    )

    def action(work: UnitOfWork) -> None:
        work.apple_keys.set_push_key(key)
        work.deliveries.let_flow("apple")
        work.audit.add(
            actor=actor,
            action="apple_push_key.install",
            subject_kind="apple_push_key",
            subject_id=key.id,
            detail={"key": key_identifier, "team": team_identifier},
        )

    run_work(ctx.database, merchant_id, action, clock=ctx.clock)


def remove_push_key(ctx: Loyalty, merchant_id: int, *, team_identifier: str, actor: Actor) -> None:
    """Push with the certificate again.

    Raises:
        NotFound: the team has no push key here.
    """

    def action(work: UnitOfWork) -> None:
        key = work.apple_keys.push_key_of(team_identifier)
        if key is None:
            raise NotFound(_("This team has no push key here."))
        work.apple_keys.drop_push_key(key.id)
        work.audit.add(
            actor=actor,
            action="apple_push_key.remove",
            subject_kind="apple_push_key",
            subject_id=key.id,
        )

    run_work(ctx.database, merchant_id, action, clock=ctx.clock)
