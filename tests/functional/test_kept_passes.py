"""A shop comes from another system, and its customers keep their cards: three ways; both engines."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

import pyotp
import pytest

from common.actor import SYSTEM
from common.errors import InvalidInput, NotAllowed
from loyalty.export_passes import export_passes, open_export
from loyalty.find_member import FoundBy, find_by_code
from loyalty.keep_passes import KeepRequest, KeptResult, keep_passes
from loyalty.kept_case import KeepCase, which_case
from loyalty.kept_rows import KeptList, read_kept_cards
from loyalty.lost_card import replace_lost_card
from loyalty.rotating_code import UnknownCard
from signing.sealing import seal
from storage.merchants import Person
from storage.unit_of_work import open_work, run_work
from tests.support.old_service import OldService
from tests.support.sandbox import build_pass
from tests.support.world import World

TOKEN = "vxwxd7J8AlNNFPS8k0a0FfUFtq0ewzFdc"
SERIAL = "gT6zrHkaW 17"
PATH = "/loyalty/passes"


@pytest.fixture
def old() -> Iterator[OldService]:
    with OldService() as service:
        yield service


def a_pass(world: World, address: str, points: int = 7) -> bytes:
    header = [{"key": "points", "label": "POINTS", "value": points, "changeMessage": "You have %@"}]
    return build_pass(
        world.chain,
        serialNumber=SERIAL,
        authenticationToken=TOKEN,
        webServiceURL=address,
        storeCard={"headerFields": header},
    )


def on_the_phone(world: World, old: OldService) -> str:
    """The old vendor's card, installed and registered with it; the phone's id."""
    old.card = a_pass(world, old.url + PATH)
    phone = world.sandbox.create_phone("iphone")
    after = world.sandbox.last_event()
    world.sandbox.do(phone, "add", url=f"{old.url}/card.pkpass")
    world.sandbox.wait_for_kind("registered", after=after, phone=phone)
    return phone


def a_list(world: World, old: OldService, *, balance: int = 7, **more: str) -> KeptList:
    head = {
        "serial_number": SERIAL,
        "authentication_token": TOKEN,
        "device_id": "",
        "push_token": "",
        "member": "M-0017",
        "balance": str(balance),
        "name": "Ada",
        "code": "4006381333931",
        "pass_type": world.chain.pass_type_identifier,
        "web_service_url": old.url + PATH,
    } | more
    out = io.StringIO()
    writer = csv.DictWriter(out, fieldnames=list(head))
    writer.writeheader()
    for device, token in (old.phones or {"": ""}).items():
        writer.writerow(head | {"device_id": device, "push_token": token})
    return read_kept_cards(out.getvalue().encode())[0]


def keep(world: World, listed: KeptList, case: KeepCase) -> KeptResult:
    request = KeepRequest(
        programme_id=world.programme_id,
        cards=listed.cards,
        case=case,
        pass_type=listed.pass_type,
        old_url=listed.web_service_url,
        actor=SYSTEM,
    )
    return keep_passes(world.ctx, world.merchant_id, request)


def the_card(world: World, phone: str) -> dict:
    return next(c for c in world.sandbox.iphone(phone)["cards"] if c["serial_number"] == SERIAL)


def test_a_moved_name_serves_installed_cards_as_if_nothing_happened(
    world: World, old: OldService
) -> None:
    phone = on_the_phone(world, old)
    listed = a_list(world, old)
    report = which_case(
        world.ctx,
        world.merchant_id,
        listed.cards,
        pass_type=listed.pass_type,
        old_url=listed.web_service_url,
    )
    assert report.case is KeepCase.MOVED
    assert (report.cards, report.with_proof, report.phones, report.balance) == (1, 1, 1, 7)

    done = keep(world, listed, KeepCase.MOVED)
    assert (done.new, done.phones, done.credited, done.refused) == (1, 1, 7, ())
    old.moved_to = world.url
    after = world.sandbox.last_event()
    world.start_worker()

    fetched = world.sandbox.wait_for_kind("fetched", after=after, phone=phone)
    assert fetched["changed"]
    card = the_card(world, phone)
    assert card["pass"]["webServiceURL"] == old.url + PATH
    assert "7" in {str(value) for value in card["values"].values()}
    member = find_by_code(world.ctx, world.merchant_id, card["pass"]["barcodes"][0]["message"])
    after = world.sandbox.last_event()
    world.spend_of(member.member_id, 500)
    told = world.sandbox.wait_for_kind("phone.notified", after=after, phone=phone)
    assert told["text"] == "You now have 12 points"


def test_one_last_update_of_the_vendor_brings_the_phones_here(
    world: World, old: OldService
) -> None:
    phone = on_the_phone(world, old)
    listed = a_list(world, old, web_service_url="https://cards.old.example/passes")
    report = which_case(
        world.ctx,
        world.merchant_id,
        listed.cards,
        pass_type=listed.pass_type,
        old_url=listed.web_service_url,
    )
    assert report.case is KeepCase.LAST_UPDATE
    assert any(f"{world.url}/apple" in step for step in report.next_steps)

    assert keep(world, listed, KeepCase.LAST_UPDATE).new == 1
    world.start_worker()
    old.card, old.version = a_pass(world, f"{world.url}/apple"), 2
    after = world.sandbox.last_event()
    world.sandbox.do(phone, "refresh")

    world.sandbox.wait_for_kind("registered", after=after, phone=phone)
    world.sandbox.wait_for_kind("fetched", after=after, phone=phone, cause="registration")
    card = the_card(world, phone)
    assert card["pass"]["webServiceURL"] == f"{world.url}/apple"
    assert card["pass"]["storeCard"]["headerFields"][0]["value"] == 7


def test_with_neither_the_old_code_finds_the_balance_and_a_new_card_is_offered(
    world: World, old: OldService
) -> None:
    listed = a_list(
        world, old, pass_type="pass.of.a.vendor", code="VENDOR-CODE-OF-32-CHARACTERS-XYZ"
    )
    report = which_case(
        world.ctx,
        world.merchant_id,
        listed.cards,
        pass_type=listed.pass_type,
        old_url=listed.web_service_url,
    )
    assert (report.case, report.possible) == (KeepCase.NEW_CARD, (KeepCase.NEW_CARD,))

    done = keep(world, listed, KeepCase.NEW_CARD)

    assert done.links[0][1].startswith(f"{world.url}/m/")
    by_code = find_by_code(world.ctx, world.merchant_id, "VENDOR-CODE-OF-32-CHARACTERS-XYZ")
    by_number = find_by_code(world.ctx, world.merchant_id, "M-0017")
    assert by_code.member_id == by_number.member_id
    # A long code proves the card; a number that can be guessed only finds it.
    assert (by_code.by, by_code.may_redeem) == (FoundBy.OLD_CARD, True)
    assert (by_number.by, by_number.may_redeem) == (FoundBy.OLD_CODE, False)


def test_the_same_list_again_changes_nothing_and_another_balance_is_refused(
    world: World, old: OldService
) -> None:
    first = keep(world, a_list(world, old), KeepCase.MOVED)
    again = keep(world, a_list(world, old), KeepCase.MOVED)
    other = keep(world, a_list(world, old, balance=9), KeepCase.MOVED)

    assert (first.new, first.credited) == (1, 7)
    assert (again.new, again.again, again.credited) == (0, 1, 0)
    assert [one.field for one in other.refused] == ["line 2"]


def test_another_token_for_a_serial_number_that_is_here_is_refused(
    world: World, old: OldService
) -> None:
    keep(world, a_list(world, old), KeepCase.MOVED)

    done = keep(world, a_list(world, old, authentication_token="x" * 20), KeepCase.MOVED)

    assert "another one" in done.refused[0].message


def test_the_way_that_does_not_hold_cannot_be_taken(world: World, old: OldService) -> None:
    with pytest.raises(InvalidInput, match="Pass Type ID"):
        keep(world, a_list(world, old, pass_type="pass.of.a.vendor"), KeepCase.MOVED)


def test_an_old_code_dies_with_the_lost_card(world: World, old: OldService) -> None:
    keep(world, a_list(world, old), KeepCase.MOVED)
    member = find_by_code(world.ctx, world.merchant_id, "4006381333931")

    replace_lost_card(world.ctx, world.merchant_id, member.member_id, actor=SYSTEM)

    with pytest.raises(UnknownCard):
        find_by_code(world.ctx, world.merchant_id, "4006381333931")


def test_an_address_that_nobody_kept_answers_nothing(world: World, old: OldService) -> None:
    with OldService() as front:
        front.moved_to = world.url
        phone = world.sandbox.create_phone("iphone")
        front_pass = a_pass(world, front.url + "/elsewhere")
        old.card = front_pass
        after = world.sandbox.last_event()
        world.sandbox.do(phone, "add", url=f"{old.url}/card.pkpass")

        told = world.sandbox.wait_for_kind("gave_up", after=after, phone=phone)

    assert told["task"].startswith("Register task")


def an_owner(world: World, *, secret: str | None) -> int:
    person_id = 9001
    sealed = None
    if secret:
        sealed = seal(world.keyring, secret.encode(), merchant_id=0, column="person.totp")

    def add(work) -> None:
        work.merchants.add_person(
            Person(
                id=person_id,
                email="olga@example.com",
                name="Olga",
                created_at=work.clock.now(),
            )
        )
        work.merchants.add_role(person_id, "owner")
        work.merchants.set_second_factor(person_id, sealed, last_step=None)

    run_work(world.database, world.merchant_id, add, clock=world.clock)
    return person_id


def test_the_list_of_cards_leaves_sealed_by_second_factor_and_comes_back(
    world: World, old: OldService
) -> None:
    phone = on_the_phone(world, old)
    keep(world, a_list(world, old), KeepCase.MOVED)
    world.put_on_iphone(world.join("Grace"))
    secret = pyotp.random_base32()
    owner = an_owner(world, secret=secret)
    arguments = {"person_id": owner, "passphrase": "a long passphrase", "actor": SYSTEM}
    with pytest.raises(InvalidInput, match="not right"):
        export_passes(world.ctx, world.merchant_id, code="000000", **arguments)

    code = pyotp.TOTP(secret).at(world.clock.now())
    done = export_passes(world.ctx, world.merchant_id, code=code, **arguments)

    assert (done.cards, done.phones) == (2, 2)
    assert TOKEN.encode() not in done.sealed
    with pytest.raises(InvalidInput, match="Wrong passphrase"):
        open_export(done.sealed, "another passphrase")
    ours, listed = read_kept_cards(open_export(done.sealed, "a long passphrase"))[::-1]
    assert (ours.web_service_url, len(ours.cards)) == (f"{world.url}/apple", 1)
    (kept,) = listed.cards
    assert (kept.authentication_token, kept.balance) == (TOKEN, 7)
    assert kept.phones[0].device_id in old.phones
    assert world.sandbox.iphone(phone)["services"]
    with open_work(world.database, world.merchant_id, clock=world.clock, writing=False) as work:
        entry = next(one for one in work.audit.latest(5) if one.action == "passes.export")
    assert entry.detail == {"cards": 2, "phones": 2}


def test_without_a_second_factor_nothing_leaves(world: World) -> None:
    owner = an_owner(world, secret=None)

    with pytest.raises(NotAllowed, match="second factor"):
        export_passes(
            world.ctx,
            world.merchant_id,
            person_id=owner,
            code="123456",
            passphrase="a long passphrase",
            actor=SYSTEM,
        )
