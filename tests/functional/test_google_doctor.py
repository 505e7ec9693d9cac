"""The doctor asks Google and names the exact next step; publishing is rehearsed first."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from common.actor import SYSTEM
from loyalty.google_rehearsal import RefusedByGoogle
from loyalty.publish import publish
from regulars.doctor import Check, Health
from regulars.google_doctor import online
from storage.unit_of_work import UnitOfWork, open_work, run_work
from tests.functional.test_google_loop import redesign, save
from tests.support.world import World, service_account


def every_check(world: World, ctx: Any = None) -> list[Check]:
    with open_work(world.database, world.merchant_id, clock=world.clock, writing=False) as work:
        merchant = work.merchants.get()
    return online(SimpleNamespace(loyalty=ctx or world.ctx), merchant)  # type: ignore[arg-type]


def ask(world: World, ctx: Any = None) -> dict[str, Check]:
    return {check.name: check for check in every_check(world, ctx)}


def faults(checks: dict[str, Check]) -> set[str]:
    return {name for name, check in checks.items() if check.health is Health.FAULT}


def test_a_well_shop_has_no_fault(world: World) -> None:
    save(world, world.join())

    checks = ask(world)

    assert set(checks) == {
        "google key",
        "google clock",
        "google issuer",
        "google class",
        "google dry run",
        "google picture",
        "google callback",
    }
    assert not faults(checks), [checks[name] for name in faults(checks)]
    assert "1800" in checks["google key"].text


def test_a_class_before_the_first_card_is_no_fault(world: World) -> None:
    checks = ask(world)

    assert not faults(checks)
    assert "first customer" in checks["google class"].mend


def test_a_missing_invitation_names_the_address_to_invite(world: World) -> None:
    world.sandbox.faults(google={"status": 403, "reason": "permissionDenied", "count": 1})

    check = ask(world)["google issuer"]

    assert check.health is Health.FAULT
    assert service_account().client_email in check.mend
    assert "invite" in check.mend


def test_a_wrong_issuer_id_is_told_apart(world: World) -> None:
    world.sandbox.faults(google={"status": 400, "reason": "invalidResource", "count": 1})

    check = ask(world)["google issuer"]

    assert service_account().issuer_id in check.text
    assert "Copy the issuer id" in check.mend


def test_a_project_without_the_api_is_told_apart(world: World) -> None:
    world.sandbox.faults(google={"status": 403, "reason": "accessNotConfigured", "count": 1})

    assert "Enable the Google Wallet API" in ask(world)["google issuer"].mend


def test_google_away_asks_for_patience_and_not_for_a_new_key(world: World) -> None:
    world.sandbox.faults(google={"status": 503, "count": 1})

    assert "internet" in ask(world)["google issuer"].mend


def test_an_unreachable_key_address_is_a_fault(world: World) -> None:
    settings = replace(world.ctx.settings, google_keys_url="http://127.0.0.1:9/keys")

    check = ask(world, replace(world.ctx, settings=settings))["google clock"]

    assert check.health is Health.FAULT
    assert "http://127.0.0.1:9/keys" in check.mend


def test_a_wrong_public_address_is_found_at_pictures_and_callback(world: World) -> None:
    settings = replace(world.ctx.settings, public_url="http://127.0.0.1:9")

    checks = ask(world, replace(world.ctx, settings=settings))

    assert faults(checks) == {"google picture", "google callback"}


def test_an_address_google_never_calls_says_so(world: World) -> None:
    settings = replace(world.ctx.settings, public_url="http://shop.example")

    checks = ask(world, replace(world.ctx, settings=settings))

    assert faults(checks) == {"google key"}
    assert "https" in checks["google key"].text


def draft_version(world: World) -> tuple[int, int]:
    def action(work: UnitOfWork) -> tuple[int, int]:
        programme = work.programmes.get(world.programme_id)
        return programme.design_version, work.programmes.draft(world.programme_id).version

    return run_work(world.database, world.merchant_id, action, clock=world.clock)


def test_what_google_would_refuse_is_not_published(world: World) -> None:
    before, _draft = draft_version(world)
    world.sandbox.faults(google={"status": 400, "reason": "badRequest", "count": 1})

    with pytest.raises(RefusedByGoogle) as refused:
        redesign(world, background_colour="#112233")

    assert refused.value.field == "card"
    published, draft = draft_version(world)
    assert published == before
    assert draft > before


@pytest.mark.parametrize("status", [503, 429, 403])
def test_a_google_that_is_away_does_not_stop_a_publishing(world: World, status: int) -> None:
    world.sandbox.faults(google={"status": status, "count": 1})

    redesign(world, background_colour="#112233")

    published, draft = draft_version(world)
    assert published == draft


def test_publishing_asks_google_once_and_the_same_card_not_again(world: World) -> None:
    redesign(world, background_colour="#112233")
    after = world.sandbox.last_event()

    publish(world.ctx, world.merchant_id, world.programme_id, actor=SYSTEM)

    kinds = [event["kind"] for event in world.sandbox.events(after)]
    assert not [kind for kind in kinds if kind.startswith("google")]
