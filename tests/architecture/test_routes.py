"""The route × role × merchant matrix: a route without a row here fails the build.

To add a route, add its row: `"<endpoint>": Row(roles=...)`, with the form it needs to pass its
first check. The tests below then hold it to the house's rules: who may pass, nobody reaches
another shop by its ids, nothing changes without a form's token, nothing changes by looking, and
every answer carries the headers.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from common.clock import ManualClock
from loyalty.context import Loyalty, LoyaltySettings
from signing.keyring import Keyring
from storage.engine import Database, DatabaseSettings
from tests.support.builders import START
from tests.support.database import SqliteTemplates
from tests.support.doors import (
    CONSOLE,
    EVERYBODY,
    MEMBER,
    NOBODY,
    OWNER,
    ROLES,
    STAFF,
    STRANGER,
    Row,
    Town,
    unchanged,
)
from web.app import WebSettings, create_app

OPEN = Row(roles=EVERYBODY)
CONSOLE_PAGE = Row(roles=CONSOLE)
OWNERS_PAGE = Row(roles=frozenset({OWNER}))
AT_THE_TILL = Row(roles=frozenset({STAFF}))
OWN_CARD = Row(roles=frozenset({MEMBER}))
# A phone proves itself by the pass's token; none of these roles has it, so all get Apple's 401.
PHONE = Row(roles=NOBODY, without_token=True)
# Apple's specification gives these two no proof at all: they tell and keep nothing personal.
PHONE_OPEN = Row(roles=EVERYBODY, without_token=True)

ROWS: dict[str, Row] = {
    "static": OPEN,
    "health.root": OPEN,
    "health.live": OPEN,
    "health.ready": OPEN,
    "metrics.metrics": OPEN,  # the town's people sit at the machine itself
    "google.image": OPEN,
    "google.robots": OPEN,
    "google.callback": Row(roles=NOBODY, without_token=True),  # opens by Google's signature
    "join.show": OPEN,
    "join.join": OPEN,
    "join.welcome": OPEN,
    "join.tell_me": OPEN,  # this town's card is open: nobody can wait for it (409)
    "friends.show": OWN_CARD,
    "friends.make_link": OWN_CARD,
    "activities.show": OWN_CARD,
    "activities.send": OWN_CARD,
    "activities.landing": OPEN,  # another code than a card's: it leads nowhere (404)
    "activities.follow": OPEN,
    "activities.embed": OPEN,
    "activities.check_in": OPEN,
    "activities.count_visit": OPEN,
    "gift.show": OPEN,
    "gift.order": OPEN,
    "gift.order_page": OPEN,  # an order's page opens by its own signed link
    "gift.pay_by_card": OPEN,
    "gift.paper_page": OPEN,
    "gift.open_paper": OPEN,
    "gift.balance_page": OPEN,
    "gift.balance": OPEN,
    "hooks.stripe": Row(roles=NOBODY, without_token=True),  # opens by Stripe's signature
    "card.show": OWN_CARD,
    "card.apple": Row(roles=NOBODY),  # no certificate in this town: nobody gets a pass
    "card.google": OWN_CARD,  # without a Google account it says so (503)
    "card.code_page": OWN_CARD,
    "card.mail_code": OWN_CARD,  # no mail server in this town: it says so
    "card.new_card": OWN_CARD,  # with a wrong code it says so
    "card.messages": OWN_CARD,
    "profile.show": OWN_CARD,
    "profile.mail_code": OWN_CARD,  # no mail server in this town: it says so
    "profile.type_code": OWN_CARD,  # with a wrong code it says so
    "profile.save": OWN_CARD,  # without a proof all of these lead to the way to a code
    "profile.data": OWN_CARD,
    "profile.leave": OWN_CARD,
    "webcard.manifest": OWN_CARD,
    "webcard.version": OWN_CARD,
    "webcard.worker": OPEN,  # the same text for every address
    "card.again": Row(roles=NOBODY),  # the link of a new phone is another token
    "card.spend_again": Row(roles=NOBODY),
    "till.home": OPEN,
    "till.pair": OPEN,
    "till.pin": Row(roles=frozenset({STAFF}), form={"pin": "5937"}),
    "till.pin_link": Row(roles=NOBODY),  # opens by its own one-time token
    "till.set_own_pin": Row(roles=NOBODY),
    "till.lock_now": Row(roles=frozenset({STAFF}), ends_session=True),
    "till.find": AT_THE_TILL,
    "till.check_in_screen": AT_THE_TILL,
    "till.paper_desk": AT_THE_TILL,
    "till.look_at_paper": AT_THE_TILL,
    "till.use_one_paper": AT_THE_TILL,
    "till.gift_desk": AT_THE_TILL,
    "till.sell_one_gift": AT_THE_TILL,
    "till.look_at_order": AT_THE_TILL,
    "till.take_money": AT_THE_TILL,
    "till.pay_with_gift": AT_THE_TILL,
    "till.reload_one_gift": AT_THE_TILL,
    "till.freeze_one_gift": AT_THE_TILL,
    "till.replace_one_gift": AT_THE_TILL,
    "till.earn_now": AT_THE_TILL,
    "till.redeem_now": AT_THE_TILL,
    "till.undo_now": AT_THE_TILL,
    "till.look_at_sale": AT_THE_TILL,
    "till.use_coupon_now": AT_THE_TILL,
    "till.use_promise_now": AT_THE_TILL,
    "till.pay_now": AT_THE_TILL,
    "till.attend_now": AT_THE_TILL,
    "till.show_return": AT_THE_TILL,
    "till.refund_now": AT_THE_TILL,
    "till.new_phone": AT_THE_TILL,
    "till.lost_card": AT_THE_TILL,
    "till.new_customer": AT_THE_TILL,
    "till.enrol_customer": AT_THE_TILL,
    "till.print_customer_card": AT_THE_TILL,
    "apple.changed": PHONE_OPEN,
    "apple.changed_doubled": PHONE_OPEN,
    "apple.log": PHONE_OPEN,
    "apple.log_doubled": PHONE_OPEN,
    "apple.nothing_here": PHONE_OPEN,
    "apple.nothing_here_doubled": PHONE_OPEN,
    "apple.register": PHONE,
    "apple.register_doubled": PHONE,
    "apple.unregister": PHONE,
    "apple.unregister_doubled": PHONE,
    "apple.send_pass": PHONE,
    "apple.send_pass_doubled": PHONE,
    # This town keeps no address of an older service.
    "apple.changed_kept": Row(roles=NOBODY, without_token=True),
    "apple.changed_root": Row(roles=NOBODY, without_token=True),
    "apple.log_kept": Row(roles=NOBODY, without_token=True),
    "apple.log_root": Row(roles=NOBODY, without_token=True),
    "apple.register_kept": Row(roles=NOBODY, without_token=True),
    "apple.register_root": Row(roles=NOBODY, without_token=True),
    "apple.unregister_kept": Row(roles=NOBODY, without_token=True),
    "apple.unregister_root": Row(roles=NOBODY, without_token=True),
    "apple.send_pass_kept": Row(roles=NOBODY, without_token=True),
    "apple.send_pass_root": Row(roles=NOBODY, without_token=True),
    "console.sign_in_page": OPEN,
    "console.sign_in_by_password": OPEN,
    "console.link_page": Row(roles=NOBODY),  # opens by its own one-time token
    "console.sign_in_by_link": Row(roles=NOBODY),
    "console.code_page": OPEN,
    "console.mail_link_page": OPEN,
    "console.mail_link": OPEN,
    "console.show_the_code": Row(roles=NOBODY),  # opens only where a password was right just now
    "console.second_factor_page": CONSOLE_PAGE,
    "console.turn_second_factor_on": Row(roles=CONSOLE, form={"proposal": "x", "code": "1"}),
    "console.turn_second_factor_off": CONSOLE_PAGE,
    "console.leave": Row(roles=CONSOLE, ends_session=True),
    "console.home": CONSOLE_PAGE,
    "console.retry": CONSOLE_PAGE,
    "console.deliveries": CONSOLE_PAGE,
    "console.pause_change": CONSOLE_PAGE,
    "console.resume_change": CONSOLE_PAGE,
    "console.cancel_change": CONSOLE_PAGE,
    "console.cards": CONSOLE_PAGE,
    "console.new_card": CONSOLE_PAGE,
    "console.add_card": CONSOLE_PAGE,
    "console.card": CONSOLE_PAGE,
    "console.save_card": CONSOLE_PAGE,
    "console.preview_card": CONSOLE_PAGE,
    "console.upload": CONSOLE_PAGE,
    "console.remove": CONSOLE_PAGE,
    "console.rule": CONSOLE_PAGE,
    "console.save_rule": OWNERS_PAGE,
    "console.rewards": CONSOLE_PAGE,
    "console.add_one_reward": CONSOLE_PAGE,
    "console.reward": CONSOLE_PAGE,
    "console.change_one_reward": CONSOLE_PAGE,
    "console.rules": CONSOLE_PAGE,
    "console.rule_choice": CONSOLE_PAGE,
    "console.new_rule": CONSOLE_PAGE,
    "console.add_rule": OWNERS_PAGE,
    "console.one_rule": CONSOLE_PAGE,
    "console.save_one_rule": OWNERS_PAGE,
    "console.remove_rule": OWNERS_PAGE,
    "console.say_rule": CONSOLE_PAGE,
    "console.check_rules": CONSOLE_PAGE,
    "console.publish_the_rules": OWNERS_PAGE,
    "console.discard_rules": OWNERS_PAGE,
    "console.withdraw_rules": OWNERS_PAGE,
    "console.rehearsal": CONSOLE_PAGE,
    "console.rehearse_now": CONSOLE_PAGE,
    "console.statement_page": CONSOLE_PAGE,
    "console.statement_table": CONSOLE_PAGE,
    "console.coupons": CONSOLE_PAGE,
    "console.add_one_coupon": CONSOLE_PAGE,
    "console.coupon": CONSOLE_PAGE,
    "console.change_one_coupon": CONSOLE_PAGE,
    "console.items": CONSOLE_PAGE,
    "console.add_one_item": CONSOLE_PAGE,
    "console.item": CONSOLE_PAGE,
    "console.change_one_item": CONSOLE_PAGE,
    "console.archive_one_item": CONSOLE_PAGE,
    "console.questions": CONSOLE_PAGE,
    "console.save_questions": CONSOLE_PAGE,
    "console.door": CONSOLE_PAGE,
    "console.save_state": Row(roles=frozenset({OWNER}), form={"state": "live"}),
    "console.save_door": OWNERS_PAGE,
    "console.add_door_source": CONSOLE_PAGE,
    "console.archive_door_source": CONSOLE_PAGE,
    "console.add_invitations": CONSOLE_PAGE,
    "console.withdraw_door_invitation": CONSOLE_PAGE,
    "console.add_door_pilots": CONSOLE_PAGE,
    "console.clear_door_pilots": CONSOLE_PAGE,
    "console.publishing": CONSOLE_PAGE,
    "console.publish_card": OWNERS_PAGE,
    "console.poster": CONSOLE_PAGE,
    "console.join_code_picture": CONSOLE_PAGE,
    "console.members": CONSOLE_PAGE,
    "console.member": CONSOLE_PAGE,
    # The town's cards are of one rate: they have no unit that could rest or be locked.
    "console.rest_pack": CONSOLE_PAGE,
    "console.member_coupon": CONSOLE_PAGE,
    "console.give_member_coupon": CONSOLE_PAGE,
    "console.lock_one_unit": CONSOLE_PAGE,
    "console.member_new_phone": CONSOLE_PAGE,
    "console.erase": Row(roles=frozenset({OWNER}), ends_member=True),
    "console.member_details": CONSOLE_PAGE,
    "console.save_member_details": CONSOLE_PAGE,
    "console.add_member_note": Row(roles=CONSOLE, form={"note": "Likes oat milk"}),
    "console.remove_member_note": CONSOLE_PAGE,
    "console.export_member_data": OWNERS_PAGE,
    "console.merge_page": CONSOLE_PAGE,
    "console.merge_now": Row(roles=frozenset({OWNER}), form={"other": "1"}),
    "console.undo_merge_now": OWNERS_PAGE,
    "console.member_lost_card": Row(roles=CONSOLE, form={"generation": "1"}),
    "console.mails": CONSOLE_PAGE,
    "console.replay": CONSOLE_PAGE,
    "console.messages": CONSOLE_PAGE,
    "console.new_message": CONSOLE_PAGE,
    "console.check_one_message": CONSOLE_PAGE,
    "console.send_one_message": CONSOLE_PAGE,
    "console.message": CONSOLE_PAGE,
    "console.stop_one_message": CONSOLE_PAGE,
    "console.withdraw_one_message": CONSOLE_PAGE,
    "console.movements": CONSOLE_PAGE,
    "console.changes": CONSOLE_PAGE,
    "console.branches": CONSOLE_PAGE,
    "console.new_branch": CONSOLE_PAGE,
    "console.add_branch": CONSOLE_PAGE,
    "console.branch": CONSOLE_PAGE,
    "console.change_branch": CONSOLE_PAGE,
    "console.close_branch": CONSOLE_PAGE,
    "console.staff": CONSOLE_PAGE,
    "console.new_staff": CONSOLE_PAGE,
    "console.add_one": CONSOLE_PAGE,
    "console.pin_link": CONSOLE_PAGE,
    "console.set_role": Row(roles=CONSOLE, form={"role": "staff"}),
    "console.stop": CONSOLE_PAGE,
    "console.come_back": CONSOLE_PAGE,
    "console.tills": CONSOLE_PAGE,
    "console.new_till": CONSOLE_PAGE,
    "console.add_one_till": CONSOLE_PAGE,
    "console.till": CONSOLE_PAGE,
    "console.pairing_code": CONSOLE_PAGE,
    "console.this_device": CONSOLE_PAGE,
    "console.remove_till": CONSOLE_PAGE,
    "console.setup": CONSOLE_PAGE,
    "console.complaints": CONSOLE_PAGE,
    "console.check": CONSOLE_PAGE,
    "console.check_upload": CONSOLE_PAGE,
    "console.import_members_page": OWNERS_PAGE,
    "console.look_at_members": OWNERS_PAGE,
    "console.take_members": OWNERS_PAGE,
    "console.kept_cards": OWNERS_PAGE,
    "console.keep_cards": OWNERS_PAGE,  # without a list it says so
    "console.export_cards": OWNERS_PAGE,  # without a second factor it says so
    "console.apple_setup": CONSOLE_PAGE,
    "console.install_apple": OWNERS_PAGE,
    "console.ask_for_certificate": OWNERS_PAGE,
    "console.certificate_request": CONSOLE_PAGE,
    "console.remove_request": OWNERS_PAGE,
    "console.take_back": OWNERS_PAGE,
    "console.paper": CONSOLE_PAGE,
    "console.print_one_paper": CONSOLE_PAGE,
    "console.referrals": CONSOLE_PAGE,
    "console.save_referrals": CONSOLE_PAGE,
    "console.card_activities": CONSOLE_PAGE,
    "console.add_card_activity": CONSOLE_PAGE,
    "console.stop_one_activity": CONSOLE_PAGE,
    "console.claims": CONSOLE_PAGE,
    "console.approve": CONSOLE_PAGE,
    "console.refuse": CONSOLE_PAGE,
    "console.photo": CONSOLE_PAGE,
    "console.gifts": CONSOLE_PAGE,
    "console.open_gift_cards": CONSOLE_PAGE,
    "console.change_gift_cards": CONSOLE_PAGE,
    "console.connect_to_stripe": OWNERS_PAGE,
    "console.remove_stripe": OWNERS_PAGE,
    "console.gift": CONSOLE_PAGE,
    "console.freeze": CONSOLE_PAGE,
    "console.replace_gift_card": CONSOLE_PAGE,
    "console.send_gift": CONSOLE_PAGE,
    "console.settings": CONSOLE_PAGE,
    "console.shop": CONSOLE_PAGE,
    "console.change_the_shop": OWNERS_PAGE,
    "console.password_page": CONSOLE_PAGE,
    "console.change_password": CONSOLE_PAGE,
    "console.end_one_session": CONSOLE_PAGE,
    "console.choose_merchant": CONSOLE_PAGE,
    "console.new_person": OWNERS_PAGE,
    "console.add_person": OWNERS_PAGE,
    "console.remove_person": OWNERS_PAGE,
}
# Variables of an address that name a row of one merchant.
MERCHANTS_IDS = frozenset(
    {
        "programme_id",
        "reward_id",
        "coupon_id",
        "item_id",
        "location_id",
        "staff_id",
        "till_id",
        "member_id",
        "request_id",
        "change_id",
        "message_id",
        "gift_id",
        "activity_id",
        "claim_id",
    }
)
# "Not you": to the sign-in page, or Apple's and HTTP's own refusals.
REFUSED = frozenset({401, 403})
SAFE = frozenset({"GET"})


def _map() -> list[tuple[str, str, frozenset[str]]]:
    """(endpoint, method, variables) of every route of the application."""
    settings = WebSettings(public_url="http://127.0.0.1:8080", secret_key="tests")
    app = create_app(SimpleNamespace(), settings)  # type: ignore[arg-type]
    return sorted(
        (rule.endpoint, method, frozenset(rule.arguments))
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    )


ROUTES = _map()
NAMES = [f"{method} {endpoint}" for endpoint, method, _variables in ROUTES]


@pytest.fixture(scope="module")
def town(sqlite_templates: SqliteTemplates, keyring: Keyring) -> Iterator[Town]:
    """Both shops on one database: rows are judged one by one, the town stands."""
    clock = ManualClock(START)
    database = Database(DatabaseSettings(url=sqlite_templates.filled()))
    settings = LoyaltySettings(
        public_url="http://127.0.0.1:8080",
        google_save_url="https://pay.google.com/gp/v/save/",
        sandbox=True,
    )
    yield Town(Loyalty(database=database, clock=clock, keyring=keyring, settings=settings), clock)
    database.close()


def test_every_route_has_a_row_and_every_row_a_route() -> None:
    assert {endpoint for endpoint, _method, _variables in ROUTES} == set(ROWS)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(("endpoint", "method", "variables"), ROUTES, ids=NAMES)
def test_only_the_right_people_pass(town, endpoint, method, variables, role) -> None:
    row = ROWS[endpoint]
    if row.ends_session and role != STRANGER:
        pytest.skip("would sign the town's people out; functional tests do")

    if role in row.roles:
        with town.knock(endpoint, method, row, role=role) as answer:
            assert not _is_refused(answer), answer.text[:500]
            assert answer.status_code in {502, 503} or answer.status_code < 500
    else:
        with unchanged(town.ctx), town.knock(endpoint, method, row, role=role) as answer:
            assert _is_refused(answer) or answer.status_code == 404, answer.status


@pytest.mark.parametrize(
    ("endpoint", "method", "variables"),
    [route for route in ROUTES if route[2] & MERCHANTS_IDS],
    ids=[name for name, route in zip(NAMES, ROUTES, strict=True) if route[2] & MERCHANTS_IDS],
)
def test_another_shops_ids_are_nobodys(town, endpoint, method, variables) -> None:
    with (
        unchanged(town.ctx),
        town.knock(endpoint, method, ROWS[endpoint], role=OWNER, shop="B") as answer,
    ):
        assert answer.status_code == 404, answer.status


@pytest.mark.parametrize(
    ("endpoint", "method", "variables"),
    [route for route in ROUTES if route[1] not in SAFE],
    ids=[name for name, route in zip(NAMES, ROUTES, strict=True) if route[1] not in SAFE],
)
def test_nothing_changes_without_a_form_token(town, endpoint, method, variables) -> None:
    row = ROWS[endpoint]
    if row.without_token:
        machines = endpoint.startswith("apple.") or endpoint in {"google.callback", "hooks.stripe"}
        assert machines, "only phones, Google and Stripe may come without a form"
        return
    role = next((one for one in ROLES if one in row.roles), OWNER)

    with unchanged(town.ctx), town.knock(endpoint, method, row, role=role, token=False) as answer:
        assert answer.status_code == 400
        assert "open too long" in answer.text


@pytest.mark.parametrize(
    ("endpoint", "method", "variables"),
    [route for route in ROUTES if route[1] in SAFE],
    ids=[name for name, route in zip(NAMES, ROUTES, strict=True) if route[1] in SAFE],
)
def test_nothing_changes_by_looking(town, endpoint, method, variables) -> None:
    row = ROWS[endpoint]
    for role in ROLES:
        with unchanged(town.ctx, but=row.leaves):
            town.knock(endpoint, method, row, role=role).close()


@pytest.mark.parametrize(("endpoint", "method", "variables"), ROUTES, ids=NAMES)
def test_every_answer_carries_the_headers(town, endpoint, method, variables) -> None:
    with town.knock(endpoint, method, ROWS[endpoint], role=STRANGER) as answer:
        policy = answer.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'")
        assert "unsafe-inline" not in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] in {"same-origin", "no-referrer"}
        assert answer.headers["X-Request-Id"]


@pytest.mark.parametrize(
    "number", ["0", "-1", "9223372036854775808", "1e3", "99999999999999999999"]
)
def test_an_id_that_no_row_can_have_is_no_page(town, number) -> None:
    browser = town.browsers[OWNER]

    assert browser.get(f"/console/members/{number}").status_code == 404


def _is_refused(answer) -> bool:
    to_sign_in = answer.status_code == 303 and "/console/sign-in" in answer.headers["Location"]
    return to_sign_in or answer.status_code in REFUSED
