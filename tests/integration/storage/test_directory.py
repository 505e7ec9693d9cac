from __future__ import annotations

import pytest

from common.clock import ManualClock
from common.errors import Conflict, NotFound
from storage.directory import DirectoryEntry, TokenEntry
from storage.engine import Database
from storage.google_accounts import GoogleAccount
from storage.unit_of_work import open_work
from tests.support.builders import START, Merchants


def test_name_gives_its_merchant_to_whoever_asks(
    database: Database, clock: ManualClock, merchants: Merchants
) -> None:
    with open_work(database, merchants.cafe.id, clock=clock) as work:
        work.directory.add_name("join", "K7M2", 11)
        work.directory.add_name("join", "K7M2", 11)
        work.commit()

    with open_work(database, None, clock=clock, writing=False) as work:
        entry = DirectoryEntry(merchant_id=merchants.cafe.id, subject_id=11)
        assert work.directory.name("join", "K7M2") == entry
        assert work.directory.name("host", "K7M2") is None


def test_name_of_another_merchant_is_refused_and_cannot_be_removed(
    database: Database, clock: ManualClock, merchants: Merchants
) -> None:
    with open_work(database, merchants.cafe.id, clock=clock) as work:
        work.directory.add_name("pass_type", "pass.example", 1)
        work.commit()

    with open_work(database, merchants.gym.id, clock=clock) as work:
        work.directory.remove_name("pass_type", "pass.example")
        with pytest.raises(Conflict):
            work.directory.add_name("pass_type", "pass.example", 1)


def test_removed_name_is_free(database: Database, clock: ManualClock, merchants: Merchants) -> None:
    with open_work(database, merchants.cafe.id, clock=clock) as work:
        work.directory.add_name("join", "K7M2", 11)
        work.directory.remove_name("join", "K7M2")
        work.directory.add_name("join", "K7M2", 12)

        assert work.directory.name("join", "K7M2") is not None


def test_tokens_of_a_subject_die_together(
    database: Database, clock: ManualClock, merchants: Merchants
) -> None:
    with open_work(database, merchants.cafe.id, clock=clock) as work:
        work.directory.add_token("barcode", b"old", 21)
        work.directory.add_token("barcode", b"new", 21)
        work.directory.add_token("card", b"card", 21)
        entry = TokenEntry(kind="barcode", merchant_id=merchants.cafe.id, subject_id=21)
        assert work.directory.token(b"old") == entry

        work.directory.remove_tokens("barcode", 21)

        assert work.directory.token(b"old") is None
        assert work.directory.token(b"new") is None
        assert work.directory.token(b"card") is not None


def test_token_of_another_card_is_refused(
    database: Database, clock: ManualClock, merchants: Merchants
) -> None:
    with open_work(database, merchants.cafe.id, clock=clock) as work:
        work.directory.add_token("barcode", b"same", 1)
        with pytest.raises(Conflict):
            work.directory.add_token("barcode", b"same", 2)


def test_google_account_is_found_by_issuer_and_takes_a_new_key(
    database: Database, clock: ManualClock
) -> None:
    account = GoogleAccount(
        id=1,
        issuer_id="3388",
        client_email="a@b.iam.gserviceaccount.com",
        key_sealed=b"sealed",
        sandbox=True,
        created_at=START,
    )
    with open_work(database, None, clock=clock) as work:
        work.google_accounts.add(account)
        assert work.google_accounts.by_issuer("3388", account.client_email) == account
        assert work.google_accounts.by_issuer("1", account.client_email) is None

        work.google_accounts.set_key(1, b"newer", "c@d.iam.gserviceaccount.com")

        assert work.google_accounts.get(1).key_sealed == b"newer"
        assert "newer" not in repr(work.google_accounts.get(1))
        with pytest.raises(NotFound):
            work.google_accounts.get(2)
