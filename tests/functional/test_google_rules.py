"""Rules of Google that only show against a Google: drift, fair turns, no batch, its own count."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

from sqlalchemy import update

from common.actor import SYSTEM
from common.clock import ManualClock
from delivery.google_checkup import CLOCK_SKEW_MAX
from ledger.terms import PointsTerms
from loyalty.design import save_words
from loyalty.earn import EarnRequest, earn
from loyalty.enrol import EnrolRequest, enrol
from loyalty.google_account import install_google_account
from loyalty.merchants import NewMerchant, add_merchant
from loyalty.overview import member_page
from loyalty.programmes import add_programme
from loyalty.publish import publish
from loyalty.save_to_google import google_save_link
from passes.google_options import GoogleOptions
from regulars.doctor import Health
from storage import tables
from storage.unit_of_work import UnitOfWork, open_work, run_work
from tests.functional.test_google_doctor import ask
from tests.functional.test_google_loop import balance_on, redesign, save
from tests.support.world import Card, World, service_account


def facts_of(world: World, card: Card) -> dict[str, Any]:
    rows = [row for row in world.deliveries() if row["channel"] == "google_object"]
    found = next(row for row in rows if row["pass_id"] == card.pass_id)["facts"]
    return json.loads(found) if isinstance(found, str) else found


def test_what_google_shows_otherwise_is_found_and_named(world: World) -> None:
    card = world.join()
    save(world, card)
    world.start_worker()
    world.settled()
    other = json.dumps({"accountName": "Somebody else"})
    world.sandbox.faults(
        google={"kind": "alter", "message": other, "path": "loyaltyObject", "count": 1}
    )

    world.spend(card, 300)
    world.wait_until(lambda: facts_of(world, card).get("differs") == ["accountName"])
    world.spend(card, 300)

    # The next change brings the whole state again, and then both agree.
    world.wait_until(lambda: facts_of(world, card).get("differs") == [])


def test_where_no_batch_is_offered_a_mass_change_goes_one_by_one(world: World) -> None:
    cards = [world.join(f"Guest {number}") for number in range(4)]
    for card in cards:
        save(world, card)
    world.start_worker()
    world.settled()
    world.sandbox.faults(google={"kind": "no_batch", "count": 100})
    after = world.sandbox.last_event()

    redesign(world, balance_label="Beans")

    def changed() -> set[str]:
        found = world.sandbox.events(after)
        kinds = [one for one in found if one["kind"] == "google.changed.loyaltyObject"]
        return {one["resource"].split(".")[1] for one in kinds}

    world.wait_until(lambda: changed() == {card.serial_number for card in cards}, timeout_s=40)
    world.settled()


def test_a_notification_over_googles_own_count_goes_out_silently(world: World) -> None:
    redesign(world, google=GoogleOptions(notify_balance=True))
    card = world.join()
    save(world, card)
    world.start_worker()
    world.settled()
    world.sandbox.faults(
        google={"status": 403, "reason": "quotaExceeded", "path": "loyaltyObject", "count": 1}
    )

    world.spend(card, 300)
    world.wait_until(lambda: balance_on(world, card) == 3)
    world.settled()
    world.spend(card, 300)
    world.wait_until(lambda: balance_on(world, card) == 6)
    world.settled()

    # The day's budget counts as spent: the second change does not even ask.
    assert world.sandbox.android(world.android)["notices"] == []
    assert not world._rows("select 1 from breaker")
    assert member_page(world.ctx, world.merchant_id, card.member_id).google_notices == 3


def test_the_changing_code_is_chosen_in_the_form(world: World) -> None:
    save_words(
        world.ctx,
        world.merchant_id,
        world.programme_id,
        {"google_rotating_code": "beside"},
        actor=SYSTEM,
    )
    publish(world.ctx, world.merchant_id, world.programme_id, actor=SYSTEM)
    card = world.join()

    save(world, card)

    shown = world.sandbox.android(world.android)["cards"][0]
    assert shown["rotatingBarcode"]["totpDetails"]["algorithm"] == "TOTP_SHA1"


def another_shop(world: World) -> tuple[int, int]:
    """A second merchant on the same account: its id and a member's."""
    new = NewMerchant(slug="tea", name="Tea Co", sandbox=True)
    merchant_id = add_merchant(world.ctx, new, actor=SYSTEM)
    account = service_account()
    install_google_account(
        world.ctx,
        merchant_id,
        json.dumps(account.key_file(world.sandbox.urls["token_uri"])).encode(),
        issuer_id=account.issuer_id,
        actor=SYSTEM,
        sandbox_token_uri=world.sandbox.urls["token_uri"],
    )
    terms = PointsTerms(version=1, currency="EUR", spend_minor=100, points=1)
    programme_id = add_programme(
        world.ctx, merchant_id, slug="tea", name="Tea Club", terms=terms, actor=SYSTEM
    )
    publish(world.ctx, merchant_id, programme_id, actor=SYSTEM)
    request = EnrolRequest(programme_id=programme_id, name="Tess", actor=SYSTEM, source="command")
    member_id = enrol(world.ctx, merchant_id, request).member_id
    google_save_link(world.ctx, merchant_id, member_id)
    return merchant_id, member_id


def test_two_shops_on_one_account_take_turns(world: World) -> None:
    merchant_id, member_id = another_shop(world)
    cards = [world.join(f"Guest {number}") for number in range(24)]
    for card in cards:
        save(world, card)
    world.start_worker()
    world.settled()
    world.stop_workers()
    after = world.sandbox.last_event()
    for number, card in enumerate(cards):
        world.spend(card, 100 * (number + 1))
    request = EarnRequest(
        member_id=member_id,
        amount_minor=900,
        visits=None,
        actor=SYSTEM,
        idempotency_key="tea-1",
    )
    earn(world.ctx, merchant_id, request)

    world.start_worker(google_requests_per_s=2.0, google_batch=1)
    with open_work(world.database, merchant_id, clock=world.clock, writing=False) as work:
        serial = work.passes.current_of_member(member_id).serial_number
    world.sandbox.wait_for(
        lambda event: (
            event["kind"] == "google.changed.loyaltyObject" and serial in event["resource"]
        ),
        60,
        after=after,
    )

    # The last one to come, and it did not wait for half of those before it: some are on their way
    # when it comes, and the account's bucket had a few turns left for them.
    before = [e for e in world.sandbox.events(after) if e["kind"] == "google.changed.loyaltyObject"]
    place = [e["resource"] for e in before].index(
        next(e["resource"] for e in before if serial in e["resource"])
    )
    assert place <= len(cards) // 2, [e["resource"] for e in before]


def test_the_doctor_says_why_google_rejected_a_class(world: World) -> None:
    save(world, world.join())
    rejected = {"reviewStatus": "REJECTED", "review": {"comments": "The logo is blurred."}}
    world.sandbox.faults(
        google={"kind": "alter", "message": json.dumps(rejected), "path": "loyaltyClass/"}
    )

    found = ask(world)["google class"]

    assert found.health is Health.FAULT
    assert "The logo is blurred." in found.text
    assert "publish again" in found.mend


def test_the_doctor_finds_a_clock_that_is_off(world: World) -> None:
    clock = ManualClock(world.clock.now() + CLOCK_SKEW_MAX + timedelta(minutes=5))

    found = ask(world, replace(world.ctx, clock=clock))["google clock"]

    assert found.health is Health.FAULT
    assert "timedatectl" in found.mend


def test_the_doctor_reminds_a_real_issuer_of_demo_mode(world: World) -> None:
    def make_real(work: UnitOfWork) -> None:
        work.scope.execute(update(tables.google_account).values(sandbox=False))

    run_work(world.database, None, make_real, clock=world.clock)

    found = ask(world)["google demo mode"]

    assert found.health is Health.WARNING
    assert "publishing access" in found.mend
