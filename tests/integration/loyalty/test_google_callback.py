"""Google's posts over HTTP: counted once, kept per card in any order, and never a burst."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import TestResponse

from common.clock import ManualClock
from common.ids import new_id
from loyalty.context import Loyalty
from storage.google_accounts import GoogleAccount
from storage.google_callbacks import Holding
from storage.google_keys import StoredKeys
from storage.unit_of_work import open_work, run_work
from tests.support.callback_signer import ISSUER, NOW_MS, Google
from tests.support.house import House, a_house, an_app

DATA = Path(__file__).parents[2] / "data" / "google"
GENUINE = json.loads((DATA / "google-callbacks.json").read_text())
GENUINE_KEYS = json.loads((DATA / "root-keys.json").read_text())["keys"]
ANDROID = {"User-Agent": "Google-Valuables", "Origin": "https://pay.google.com"}


class Counter:
    """A shop with a Google account, one member's card there, and a Google that posts."""

    def __init__(self, ctx: Loyalty, clock: ManualClock) -> None:
        self.ctx, self.clock = ctx, clock
        self.google = Google()
        self.house: House = a_house(ctx, clock)
        self.account_id = self.add_account(ISSUER)
        self.work(lambda work: work.merchants.set_google_account(self.account_id))
        self.object_id, self.pass_id = self.card()
        self.client = an_app(ctx).test_client()
        self._nonces = itertools.count(1)

    def work(self, action: Callable[[Any], Any], merchant_id: int | None = 101) -> Any:
        return run_work(self.ctx.database, merchant_id, action, clock=self.clock)

    def add_account(self, issuer: str) -> int:
        account = GoogleAccount(
            id=new_id(),
            issuer_id=issuer,
            client_email=f"bot@{issuer}.example",
            key_sealed=b"sealed",
            sandbox=False,
            created_at=self.clock.now(),
        )
        self.work(lambda work: work.google_accounts.add(account), None)
        return account.id

    def card(self) -> tuple[str, int]:
        member = self.house.enrol(name="Ada")

        def action(work: Any) -> tuple[str, int]:
            card = work.passes.current_of_member(member.member_id)
            object_id = f"{ISSUER}.{card.serial_number}"
            work.passes.set_google_object(card.id, object_id)
            return object_id, card.id

        found: tuple[str, int] = self.work(action)
        return found

    def know(self, keys: list[dict[str, Any]]) -> None:
        address = self.ctx.settings.google_keys_url
        self.work(lambda work: work.google_keys.put(address, keys), None)

    def stored(self) -> StoredKeys:
        with open_work(self.ctx.database, None, clock=self.clock, writing=False) as work:
            return work.google_keys.get(self.ctx.settings.google_keys_url)

    def post(self, body: Any, account_id: int | None = None) -> TestResponse:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.client.post(
            f"/google/callback/{account_id or self.account_id}",
            data=data,
            headers=ANDROID,
            base_url="http://127.0.0.1:8080",
        )

    def say(self, event: str, *, at_ms: int = 0, **message: Any) -> dict[str, Any]:
        """A genuine message about an event `at_ms` after the start."""
        values = {
            "objectId": self.object_id,
            "eventType": event,
            "expTimeMillis": NOW_MS + 3_600_000 + at_ms,
            "nonce": f"nonce-{next(self._nonces)}",
        }
        return self.google.post(expires_ms=NOW_MS + 10**9, **(values | message))

    def holding(self) -> Holding:
        with open_work(self.ctx.database, 101, clock=self.clock, writing=False) as work:
            return work.google_callbacks.holding(self.pass_id)

    def kept(self, account_id: int | None = None) -> int:
        with open_work(self.ctx.database, None, clock=self.clock, writing=False) as work:
            return work.google_callbacks.count(account_id or self.account_id)


@pytest.fixture
def counter(ctx: Loyalty, clock: ManualClock) -> Counter:
    made = Counter(ctx, clock)
    made.know(made.google.keys(keyExpiration=str(NOW_MS + 10**9)))
    return made


def test_a_save_is_kept_on_its_card(counter):
    assert counter.holding().is_held is None

    answer = counter.post(counter.say("save"))

    assert answer.status_code == 200
    assert counter.holding().is_held is True
    assert counter.holding().saves == 1


def test_the_same_message_again_is_taken_and_counts_once(counter):
    message = counter.say("save")

    answers = [counter.post(message).status_code for _again in range(3)]

    assert answers == [200, 200, 200]
    assert counter.holding().saves == 1
    assert counter.kept() == 1


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_save_del_save_ends_held_in_whatever_order_it_arrives(counter, order):
    messages = [
        counter.say("save", at_ms=0),
        counter.say("del", at_ms=1000),
        counter.say("save", at_ms=2000),
    ]

    for place in order:
        assert counter.post(messages[place]).status_code == 200

    assert counter.holding().is_held is True
    assert (counter.holding().saves, counter.holding().deletes) == (2, 1)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_delete_after_the_save_ends_it_in_whatever_order_it_arrives(counter, order):
    messages = [counter.say("save", at_ms=0), counter.say("del", at_ms=1000)]

    for place in order:
        counter.post(messages[place])

    assert counter.holding().is_held is False


def test_an_object_that_is_no_card_of_ours_is_kept_and_does_nothing(counter):
    answer = counter.post(counter.say("save", objectId=f"{ISSUER}.müller-☕"))

    assert answer.status_code == 200
    assert counter.kept() == 1
    assert counter.holding().is_held is None


def test_an_unknown_event_is_kept_and_does_nothing(counter):
    assert counter.post(counter.say("renamed")).status_code == 200
    assert counter.kept() == 1
    assert counter.holding().is_held is None


def test_a_card_of_a_merchant_with_another_issuer_is_not_touched(counter):
    other = counter.add_account("3388000000000000002")

    refused = counter.post(counter.say("save"), other)

    assert refused.status_code == 403
    assert counter.holding().is_held is None
    assert counter.kept(other) == 0


def test_a_nonce_counts_once_for_each_account(counter):
    def two_accounts(work: Any) -> bool:
        facts = {
            "class_id": "1.a",
            "object_id": "1.b",
            "event": "save",
            "known": False,
            "signed_until": counter.clock.now(),
        }
        return bool(work.google_callbacks.add(second, "nonce-1", **facts))

    second = counter.add_account("3388000000000000003")
    counter.post(counter.say("save", nonce="nonce-1"))

    assert counter.work(two_accounts, None)


@pytest.mark.parametrize("known", GENUINE, ids=[one["event"] for one in GENUINE])
def test_what_google_really_signed_is_taken_and_replayed_once(counter, known):
    expires = datetime.fromtimestamp(known["expTimeMillis"] / 1000, tz=UTC)
    counter.clock.advance(seconds=(expires - counter.clock.now()).total_seconds() - 3600)
    account_id = counter.add_account(known["issuer"])
    counter.know(GENUINE_KEYS)

    answers = [counter.post(known["body"], account_id).status_code for _again in range(2)]

    assert answers == [200, 200]
    assert counter.kept(account_id) == 1


def test_an_account_nobody_has_is_no_page(counter):
    assert counter.post(counter.say("save"), 7).status_code == 404
    assert counter.post(counter.say("save"), 2**63 - 1).status_code == 404


def test_without_keys_the_post_is_asked_for_again_and_newer_keys_are_wanted(ctx, clock):
    counter = Counter(ctx, clock)

    answer = counter.post(counter.say("save"))

    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert counter.stored().wanted_at == clock.now()
    assert counter.kept() == 0


def test_a_burst_of_forged_posts_wants_keys_once(counter):
    counter.clock.advance(hours=1)
    forged = Google().post(expires_ms=NOW_MS + 10**9, expTimeMillis=NOW_MS + 10**9)
    first = counter.clock.now()

    for _again in range(30):
        assert counter.post(forged).status_code == 503
        counter.clock.advance(seconds=1)

    assert counter.stored().wanted_at == first


def test_right_after_a_fetch_a_forged_post_is_refused_and_wants_nothing(counter):
    assert counter.post(Google().post()).status_code == 403
    assert counter.stored().wanted_at is None


def test_keys_from_before_serve_until_their_own_end_and_then_nothing_is_believed(counter):
    counter.know(counter.google.keys(keyExpiration=str(NOW_MS + 7200_000)))
    long = NOW_MS + 10**9
    counter.clock.advance(seconds=7199)
    assert counter.post(counter.say("save", expTimeMillis=long)).status_code == 200
    counter.clock.advance(seconds=1)

    assert counter.post(counter.say("del", expTimeMillis=long)).status_code == 503
    assert counter.holding().is_held is True


def test_keys_of_another_address_vouch_for_nothing(ctx, clock):
    counter = Counter(ctx, clock)
    keys = counter.google.keys()
    counter.work(lambda work: work.google_keys.put("http://127.0.0.1:1/keys", keys), None)

    assert counter.post(counter.say("save")).status_code == 503


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 403),
        (b"not json", 403),
        (b"[" * 16_000, 403),
        (b"{" + b" " * 16 * 1024 + b"}", 413),
        (b"\xff" * 100_000, 413),
    ],
)
def test_a_hostile_body_changes_nothing(counter, body, status):
    assert counter.post(body).status_code == status
    assert counter.kept() == 0


def test_a_late_message_is_refused(counter):
    assert counter.post(counter.say("save", expTimeMillis=NOW_MS)).status_code == 403


def test_looking_at_the_address_does_nothing(counter):
    answer = counter.client.get(
        f"/google/callback/{counter.account_id}", base_url="http://127.0.0.1:8080"
    )

    assert answer.status_code == 405


def test_robots_txt_lets_google_reach_the_address(counter):
    from urllib.robotparser import RobotFileParser

    text = counter.client.get("/robots.txt", base_url="http://127.0.0.1:8080").text
    rules = RobotFileParser()
    rules.parse(text.splitlines())

    assert rules.can_fetch("Googlebot", f"/google/callback/{counter.account_id}")
    assert not rules.can_fetch("Googlebot", "/console")


def test_old_messages_are_forgotten_and_new_ones_kept(counter):
    counter.post(counter.say("save"))
    counter.clock.advance(days=31)

    assert counter.work(lambda work: work.google_callbacks.drop_old(), None) == 1
    assert counter.holding().saves == 1


def test_googles_list_wins_over_messages_from_before(counter):
    counter.post(counter.say("save"))
    counter.clock.advance(seconds=60)
    counter.work(lambda work: work.google_callbacks.note_listed(counter.pass_id, has_users=False))

    assert counter.holding().is_held is False
    counter.clock.advance(seconds=60)
    counter.post(counter.say("save", at_ms=120_000))
    assert counter.holding().is_held is True
