"""What must hold in a simulated shop, asked of the database, the phones and Google.

L1 to L7 of the ledger and P1 to P8 of passes and phones are the invariants that
docs/explanation/faults.md names.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from loyalty.read_pass import apple_pass
from storage.engine import Database, DatabaseSettings
from storage.unit_of_work import UnitOfWork, open_work
from storage.verify import verify
from tests.simulation.floor import SimulatedClock
from tests.simulation.passes import balance_of, read_pass
from tests.support.builders import CAFE, a_context
from tests.support.ledger_proof import broken_rules

if TYPE_CHECKING:
    from tests.simulation.phones import IPhone, PhoneCard
    from tests.simulation.shop import SimulatedShop

BEHIND = """
select d.channel, d.pass_id, d.state, d.attempts, d.last_error, v.library_identifier, v.push_token
from delivery d left join device v on v.merchant_id = d.merchant_id and v.id = d.device_id
where d.wanted_revision > d.delivered_revision"""


class Oracle:
    """Reads beside the actors, over a database of its own."""

    def __init__(self, shop: SimulatedShop) -> None:
        self._shop = shop
        self._database = Database(DatabaseSettings(url=shop.template.disk.url))

    def close(self) -> None:
        self._database.close()

    # --- asked all the time ----------------------------------------------------------------------

    def reading(self) -> AbstractContextManager[UnitOfWork]:
        """The shop's tables, to look at."""
        clock = SimulatedClock(self._shop.floor)
        return open_work(self._database, CAFE.id, clock=clock, writing=False)

    def pass_ids(self) -> list[int]:
        return [row[0] for row in self._rows("select id from wallet_pass order by id")]

    def revision_of(self, pass_id: int) -> int:
        """How many movements the card's account has seen by now."""
        ((revision,),) = self._rows(
            "select a.revision from account a join wallet_pass w on w.member_id = a.member_id "
            "and w.merchant_id = a.merchant_id where w.id = ?",
            pass_id,
        )
        return int(revision)

    def demand_fresh(self, pass_id: int, least: int, document: dict[str, Any]) -> None:
        """P7: a pass that is fetched shows what held when it was asked for, or something newer."""
        if document.get("voided"):
            return
        rows = self._rows(
            "select o.balance_after from operation o join wallet_pass w "
            "on w.merchant_id = o.merchant_id and w.member_id = o.member_id "
            "where w.id = ? and o.account_revision >= ? order by o.account_revision",
            pass_id,
            least,
        )
        allowed = {row[0] for row in rows} | (set() if least else {0})
        shown = balance_of(document)
        assert shown in allowed, f"P7: the pass shows {shown}, the books have said {allowed}"

    def demand_later(self, before: str, after: str) -> None:
        """P8: Last-Modified never goes back, even when the clock does."""
        assert parsedate_to_datetime(after) >= parsedate_to_datetime(before), (
            f"P8: Last-Modified went back from {before} to {after}"
        )

    # --- asked now and then ----------------------------------------------------------------------

    def check_books(self) -> None:
        """L1 to L6 and the cards' own rules, in the middle of everything."""
        assert broken_rules(self._database) == []
        found = verify(self._database)
        assert found == [], found

    def behind(self) -> list[str]:
        """Who does not show the present yet."""
        found = [f"{phone.name} asks" for phone in self._shop.phones if _is_busy(phone)]
        frozen = (one.place for one in [self._shop.web, *self._shop.workers] if one is not None)
        now_s = self._shop.floor.now_s
        found += [f"{place.name} is frozen" for place in frozen if place.frozen_until_s > now_s]
        found += [f"{till.name} waits" for till in self._shop.tills if till.is_busy]
        found += [
            "a mass change"
            for _ in self._rows(
                "select 1 from mass_change where done_at is null and paused_at is null"
            )
        ]
        for channel, pass_id, state, attempts, error, library, token in self._rows(BEHIND):
            # A card on a phone that took another token since waits for nobody.
            if channel != "apple" or self._is_alive(library, token):
                found.append(f"{channel} {pass_id} {state} after {attempts}: {error}")
        return found

    # --- asked at the end ------------------------------------------------------------------------

    def check_everything(self) -> None:
        self.check_books()
        self._check_answers()
        self._check_phones()
        self._check_google()
        leased = self._rows(
            "select id from delivery where lease is not null and wanted_revision > delivered_revision"
        )
        assert leased == [], f"P4: leases are left: {leased}"

    def _check_answers(self) -> None:
        """L4 and L7: what was answered is there, once; what was refused is not."""
        stored = {
            key: (operation_id, units, balance)
            for key, operation_id, units, balance in self._rows(
                "select idempotency_key, id, units, balance_after from operation"
            )
        }
        answered: dict[str, Any] = {}
        refused: set[str] = set()
        for till in self._shop.tills:
            refused |= till.refused.keys()
            answered |= {
                key: (result.operation_id, result.units, result.balance)
                for key, (_order, result) in till.answered.items()
            }
        for key, told in answered.items():
            assert stored.get(key) == told, (
                f"L7: {key} was answered {told}, stored {stored.get(key)}"
            )
        assert not refused & stored.keys(), f"L7: refused, and yet there: {refused & stored.keys()}"
        # A key that is on its way is there at most once: the table's own constraint, asked above.

    def _check_phones(self) -> None:
        """P1 and P5: whoever holds a card is registered, and shows exactly the present pass."""
        registered = {
            (library, pass_id)
            for library, pass_id in self._rows(
                "select v.library_identifier, r.pass_id from registration r "
                "join device v on v.merchant_id = r.merchant_id and v.id = r.device_id"
            )
        }
        clock = SimulatedClock(self._shop.floor)
        ctx = a_context(self._database, clock, self._shop.template.keyring)
        url = self._shop.google.settings.public_url
        ctx = replace(ctx, settings=replace(ctx.settings, public_url=url))
        for phone in self._shop.phones:
            for card in phone.cards.values():
                assert (phone.library, card.pass_id) in registered, f"P5: {phone.name} is forgotten"
                present = read_pass(apple_pass(ctx, CAFE.id, card.pass_id).data)
                # A void card is told that it is void, and after that nothing.
                same = card.document.get("voided") if present.get("voided") else False
                assert same or card.document == present, _difference(phone, card, present)

    def _check_google(self) -> None:
        """P1: Google holds the balance of the books, and a void card as void."""
        rows = self._rows(
            "select w.google_object_id, w.voided_at, a.balance, d.delivered_revision from delivery d "
            "join wallet_pass w on w.merchant_id = d.merchant_id and w.id = d.pass_id "
            "join account a on a.merchant_id = w.merchant_id and a.member_id = w.member_id "
            "where d.channel = 'google_object'"
        )
        for object_id, voided_at, balance, _revision in rows:
            held = self._shop.google.card(object_id)
            assert held is not None, f"P1: Google does not have {object_id}"
            if voided_at is None:
                shown = held["loyaltyPoints"]["balance"]["int"]
                assert shown == balance, f"P1: Google shows {shown}, the books say {balance}"
            else:
                assert held["state"] in {"INACTIVE", "EXPIRED"}, held["state"]

    def _is_alive(self, library: str, token: str) -> bool:
        return any(
            phone.library == library and phone.push_token == token for phone in self._shop.phones
        )

    def _rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        with self._database.connection(writing=False) as connection:
            return [tuple(row) for row in connection.exec_driver_sql(query, values)]


def _is_busy(phone: IPhone) -> bool:
    return phone.must_ask or phone.must_register


def _difference(phone: IPhone, card: PhoneCard, present: dict[str, Any]) -> str:
    mine, theirs = dict(_leaves("", card.document)), dict(_leaves("", present))
    names = sorted(n for n in mine.keys() | theirs.keys() if mine.get(n) != theirs.get(n))
    pairs = [f"{name}: {mine.get(name)!r}, not {theirs.get(name)!r}" for name in names]
    return f"P1: {phone.name} with {card.pass_id % 10_000} stayed behind: " + "; ".join(pairs)


def _leaves(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Every value of a document by the way to it; fields go by their keys."""
    if isinstance(value, dict):
        for name, each in value.items():
            yield from _leaves(f"{path}/{name}", each)
    elif isinstance(value, list):
        for number, each in enumerate(value):
            key = each.get("key", number) if isinstance(each, dict) else number
            yield from _leaves(f"{path}/{key}", each)
    else:
        yield path, value
