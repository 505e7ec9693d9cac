"""Pushes by a team's .p8 key reach the phone, and a key that Apple refuses stops the channel."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from common.actor import SYSTEM
from loyalty.apple_push_key import install_push_key, remove_push_key
from tests.support.world import World
from tests.unit.signing.chains import ec_key, key_pem

KEY = ec_key()


def a_row(world: World, key_id: str, **changes: Any) -> dict[str, Any]:
    public = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return {
        "key_id": key_id,
        "team_id": world.chain.team_identifier,
        "public_key_pem": public.decode(),
        "topics": [world.chain.pass_type_identifier],
    } | changes


def install(world: World, key_id: str) -> None:
    install_push_key(
        world.ctx,
        world.merchant_id,
        key_pem(KEY),
        key_identifier=key_id,
        team_identifier=world.chain.team_identifier,
        actor=SYSTEM,
    )


def test_a_push_by_token_reaches_the_phone(world: World) -> None:
    world.sandbox.trust_push_keys(a_row(world, "KEYGOOD001"))
    install(world, "KEYGOOD001")
    card = world.join()
    world.put_on_iphone(card)
    world.start_worker()
    after = world.sandbox.last_event()

    for _sale in range(3):
        world.spend(card, 300)

    world.sandbox.wait_for_kind("apns.accepted", after=after, by="token")
    told = world.sandbox.wait_for_kind("phone.notified", after=after, phone=world.iphone)
    assert told["text"].startswith("You now have")
    world.settled()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"team_id": "OTHERTEAM1"}, "InvalidProviderToken"),
        ({"environment": "development"}, "BadEnvironmentKeyInToken"),
    ],
)
def test_a_refused_key_stops_the_channel_and_the_certificate_takes_over(
    world: World, changes: dict[str, Any], reason: str
) -> None:
    world.sandbox.trust_push_keys(a_row(world, "KEYBAD0001", **changes))
    install(world, "KEYBAD0001")
    card = world.join()
    world.put_on_iphone(card)
    world.start_worker()
    after = world.sandbox.last_event()

    world.spend(card, 300)

    world.sandbox.wait_for_kind("apns.refused", after=after, reason=reason)
    stopped = world.wait_until(lambda: world._rows("select * from breaker"))
    assert stopped[0]["reason"] == reason
    remove_push_key(
        world.ctx, world.merchant_id, team_identifier=world.chain.team_identifier, actor=SYSTEM
    )
    world.install(world.chain)
    world.sandbox.wait_for_kind("phone.notified", after=after, phone=world.iphone)
