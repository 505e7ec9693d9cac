from __future__ import annotations

import pytest

from common.clock import ManualClock
from common.errors import Conflict, NotFound
from storage.engine import Database
from storage.unit_of_work import open_work
from tests.support.builders import Merchants, a_merchant, a_person


def test_both_merchants_stand_in_every_database(
    database: Database, clock: ManualClock, merchants: Merchants
) -> None:
    with open_work(database, None, clock=clock, writing=False) as work:
        assert work.merchants.all() == [merchants.cafe, merchants.gym]
        assert work.merchants.by_slug("gym") == merchants.gym
        assert work.merchants.by_slug("nobody") is None


def test_slug_that_is_taken_is_refused(
    database: Database, clock: ManualClock, merchants: Merchants
) -> None:
    with open_work(database, None, clock=clock) as work, pytest.raises(Conflict, match="cafe"):
        work.merchants.add(a_merchant(slug="cafe"))


def test_merchant_is_its_own_scope_by_default(
    database: Database, clock: ManualClock, merchants: Merchants
) -> None:
    with open_work(database, merchants.gym.id, clock=clock) as work:
        work.merchants.set_status("suspended")
        work.merchants.set_google_account(7)

        assert work.merchants.get().status == "suspended"
        assert work.merchants.get().google_account_id == 7
        assert work.merchants.get(merchants.cafe.id) == merchants.cafe
        with pytest.raises(NotFound):
            work.merchants.get(999)


def test_person_serves_two_merchants_in_two_roles(
    database: Database, clock: ManualClock, merchants: Merchants
) -> None:
    olga = a_person(email="olga@example.com")
    with open_work(database, None, clock=clock) as work:
        work.merchants.add_person(olga)
        work.commit()
    for merchant, role in ((merchants.cafe, "owner"), (merchants.gym, "manager")):
        with open_work(database, merchant.id, clock=clock) as work:
            work.merchants.add_role(olga.id, role)
            work.commit()

    with open_work(database, None, clock=clock, writing=False) as work:
        both = [(merchants.cafe.id, "owner"), (merchants.gym.id, "manager")]
        assert work.merchants.roles_of(olga.id) == both
        assert work.merchants.person_by_email(" Olga@Example.com ") == olga
    with open_work(database, merchants.cafe.id, clock=clock, writing=False) as work:
        assert work.merchants.roles_of(olga.id) == both[:1]
        assert work.merchants.role_of(olga.id) == "owner"
        assert work.merchants.owners() == [olga]
    with open_work(database, merchants.gym.id, clock=clock, writing=False) as work:
        assert work.merchants.owners() == []


def test_role_is_changed_by_giving_another(
    database: Database, clock: ManualClock, merchants: Merchants
) -> None:
    olga = a_person()
    with open_work(database, merchants.cafe.id, clock=clock) as work:
        work.merchants.add_person(olga)
        work.merchants.add_role(olga.id, "manager")
        work.merchants.add_role(olga.id, "owner")

        assert work.merchants.role_of(olga.id) == "owner"


def test_address_of_another_person_is_refused(database: Database, clock: ManualClock) -> None:
    with open_work(database, None, clock=clock) as work:
        work.merchants.add_person(a_person())
        with pytest.raises(Conflict, match="e-mail"):
            work.merchants.add_person(a_person())
