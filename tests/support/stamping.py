"""Writers that commit in any order, workers that crash, phones that lose answers: in the end every
phone shows the present.

On PostgreSQL writers hold their transactions open over the other steps; SQLite has one writer at a
time. Pushes go to a recording provider; stamps, claims, lists and hand-outs are the product's own.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from common.clock import ManualClock
from common.ids import new_id
from delivery.apns import Push
from delivery.apple_lane import AppleLane
from delivery.desk import Desk
from delivery.outcomes import Answer, Outcome
from delivery.settings import DeliverySettings, PaceSettings
from delivery.slices import move_slice
from loyalty.context import Loyalty
from loyalty.devices import KnownCard, changed_serials, register, unregister
from passes.content import face_digest
from passes.design import Design
from signing.sandbox_chain import SandboxApple, make_sandbox_apple
from signing.sealing import seal
from storage import tables
from storage.claims import LEASE, Claim, Claims
from storage.deliveries import Channel, MassReason
from storage.engine import Database
from storage.faces import load_face
from storage.stamps import Stamps
from storage.unit_of_work import UnitOfWork, open_work, run_work
from storage.wallet_passes import AppleCertificate
from tests.support import builders
from tests.support.builders import CAFE, START

CARDS = 3
NAMES = ("Ada", "Ben")
LOOKS = ("Shop", "Shop & Sons")


class Crash(BaseException):
    """The worker's process is gone."""


@cache
def chain() -> SandboxApple:
    return make_sandbox_apple(START)


@dataclass
class Phone:
    """What a phone keeps."""

    library: str
    token: str
    tag: str | None = None
    shown: dict[str, str] = field(default_factory=dict)
    looks: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, int] = field(default_factory=dict)
    registered: set[str] = field(default_factory=set)
    must_ask: bool = False


class Recorder:
    """Takes pushes, and may die before or after them."""

    def __init__(self, phones: dict[str, Phone]) -> None:
        self._phones = phones
        self.crash = ""
        self.sent = 0

    def send(self, pushes: Sequence[Push], *, stop: threading.Event) -> list[Answer]:
        if self.crash == "before":
            raise Crash
        for push in pushes:
            if push.push_token in self._phones:
                self._phones[push.push_token].must_ask = True
        self.sent += len(pushes)
        if self.crash == "after":
            raise Crash
        return [Answer(outcome=Outcome.DELIVERED) for _push in pushes]

    def close(self) -> None: ...


class Stamping(RuleBasedStateMachine):
    """One shop, three cards, phones, writers and workers."""

    ctx: Loyalty
    tills: tuple[Database, ...]

    def __init__(self) -> None:
        super().__init__()
        self.clock = ManualClock(START)
        self.ctx = Loyalty(
            database=type(self).ctx.database,
            clock=self.clock,
            keyring=type(self).ctx.keyring,
            settings=type(self).ctx.settings,
        )
        self.phones: dict[str, Phone] = {}
        self.recorder = Recorder(self.phones)
        self.desk = Desk(
            settings=DeliverySettings(
                public_url="http://127.0.0.1:1",
                pace=PaceSettings(burst_score=1e9),
                slice_cards=2,
            ),
            database=self.ctx.database,
            clock=self.clock,
            keyring=self.ctx.keyring,
            draw=lambda: 0.5,
        )
        self.lane = AppleLane(self.desk, self.recorder)
        self.held: list[list[Claim]] = []
        self.writers: dict[int, tuple[ExitStack, UnitOfWork, str]] = {}
        self.topic = f"pass.machine.n{new_id()}"
        self._furnish()

    def _furnish(self) -> None:
        def action(work: UnitOfWork) -> tuple[int, list[tuple[int, int, str]]]:
            pass_type = builders.a_pass_type(work, identifier=self.topic)
            work.passes.add_certificate(self._certificate(pass_type.id))
            programme = builders.a_programme(work, slug=f"p{new_id()}")
            _give_look(work, programme.id, LOOKS[0])
            members = [builders.a_member(work, programme, name=NAMES[0]) for _ in range(CARDS)]
            cards = [work.passes.current_of_member(member.id) for member in members]
            found = [(m.id, c.id, c.serial_number) for m, c in zip(members, cards, strict=True)]
            return programme.id, found

        self.look = LOOKS[0]
        self.programme_id, self.cards = run_work(
            self.ctx.database, CAFE.id, action, clock=self.clock
        )
        self.names = {serial: NAMES[0] for _member, _card, serial in self.cards}

    def _certificate(self, pass_type_id: int) -> AppleCertificate:
        made = chain()
        return AppleCertificate(
            id=new_id(),
            pass_type_id=pass_type_id,
            certificate_pem=made.certificate_pem.decode(),
            intermediate_pem=made.intermediate_pem.decode(),
            key_sealed=seal(
                self.ctx.keyring,
                made.key_pem,
                merchant_id=CAFE.id,
                column="apple_certificate.key",
            ),
            serial_hex="01",
            not_before=START - timedelta(days=1),
            not_after=START + timedelta(days=365),
            created_at=START,
        )

    # --- writers ---------------------------------------------------------------------------------

    @rule(card=st.integers(0, CARDS - 1), name=st.sampled_from(NAMES))
    def write(self, card: int, name: str) -> None:
        if card in self.writers:
            return
        member_id, _pass_id, _serial = self.cards[card]
        stack = ExitStack()
        work = stack.enter_context(open_work(self.tills[card], CAFE.id, clock=self.clock))
        table = tables.member
        work.scope.execute(
            work.scope.update(table).where(table.c.id == member_id).values(name=name)
        )
        work.deliveries.bump_member(member_id)
        self.writers[card] = (stack, work, name)
        if self.ctx.database.is_sqlite:
            self.finish_write(card, commits=True)

    @precondition(lambda self: self.writers)
    @rule(data=st.data(), commits=st.booleans())
    def end_a_write(self, data: st.DataObject, commits: bool) -> None:
        card = data.draw(st.sampled_from(sorted(self.writers)))
        self.finish_write(card, commits=commits)

    def finish_write(self, card: int, *, commits: bool) -> None:
        stack, work, name = self.writers.pop(card)
        if commits:
            work.commit()
            self.names[self.cards[card][2]] = name
        stack.close()

    # A publication and its slices would wait for the writers, which are this very thread.
    @precondition(lambda self: not self.writers)
    @rule(look=st.sampled_from(LOOKS))
    def publish(self, look: str) -> None:
        """Every card looks different from now on; the worker is told of it by and by."""

        def action(work: UnitOfWork) -> None:
            _give_look(work, self.programme_id, look)
            work.deliveries.bump_programme(self.programme_id, reason=MassReason.DESIGN)

        run_work(self.ctx.database, CAFE.id, action, clock=self.clock)
        self.look = look

    @precondition(lambda self: not self.writers)
    @rule()
    def slice(self) -> None:
        """The next cards of a publication."""
        move_slice(self.desk)

    # --- workers ---------------------------------------------------------------------------------

    def claim(self) -> list[Claim]:
        lease = f"lease-{new_id()}"
        return run_work(
            self.ctx.database,
            None,
            lambda work: Claims(work.scope).claim([Channel.APPLE], lease=lease, limit=50),
            clock=self.clock,
        )

    @rule(crash=st.sampled_from(["", "", "before", "after"]))
    def work(self, crash: str) -> None:
        self.deliver(self.claim(), crash)

    def deliver(self, claims: list[Claim], crash: str = "") -> None:
        self.recorder.crash = crash
        try:
            self.lane.deliver(claims)
        except Crash:
            pass
        finally:
            self.recorder.crash = ""

    @rule()
    def all_flows(self) -> None:
        """A healthy second: workers and phones do what they should."""
        self.clock.advance(seconds=6)
        self.deliver(self.claim())
        for phone in self.phones.values():
            if phone.must_ask:
                self.ask_as(phone, lost=False)

    @rule()
    def freeze_a_worker(self) -> None:
        """Claims are held while the clock and everybody else go on."""
        self.held.append(self.claim())

    # Settling would wait for the writers, which are this very thread.
    @precondition(lambda self: self.held and not self.writers)
    @rule()
    def thaw_a_worker(self) -> None:
        self.deliver(self.held.pop(0))

    @rule(seconds=st.sampled_from([0.2, 1, 30, 61, 300, -1, -90, 172_800, -172_800]))
    def time_passes(self, seconds: float) -> None:
        self.clock.advance(seconds=seconds)

    # --- phones ----------------------------------------------------------------------------------

    def known(self, card: int) -> KnownCard:
        with open_work(self.ctx.database, CAFE.id, clock=self.clock, writing=False) as work:
            found = work.passes.get(self.cards[card][1])
        assert found.pass_type_id is not None
        return KnownCard(merchant_id=CAFE.id, card=found, pass_type_id=found.pass_type_id)

    def fetch(self, phone: Phone, card: int) -> None:
        """GET the pass with If-Modified-Since, as web and read_pass do."""
        serial = self.cards[card][2]
        if self.known(card).unchanged_since(phone.seconds.get(serial)):
            return

        def action(work: UnitOfWork) -> tuple[int, str, str]:
            stamps = Stamps(work.scope)
            handed = stamps.hand_out(self.cards[card][1])
            # As the worker draws it: another address would be another face.
            face = load_face(
                work,
                self.cards[card][1],
                keyring=self.ctx.keyring,
                public_url=self.desk.settings.public_url,
            )
            second = stamps.show(handed, face_digest(face.design, face.content))
            return second, face.content.member_name, face.design.organization_name

        second, name, look = run_work(self.ctx.database, CAFE.id, action, clock=self.clock)
        if second == phone.seconds.get(serial):
            before = phone.shown[serial], phone.looks[serial]
            assert (name, look) == before, "equal seconds must mean equal cards"
        phone.seconds[serial], phone.shown[serial], phone.looks[serial] = second, name, look

    @rule(card=st.integers(0, CARDS - 1), phone=st.integers(0, 1))
    def download(self, card: int, phone: int) -> None:
        """Add the pass, or pull to refresh."""
        if card in self.writers:
            return
        self.fetch(self.phone(phone), card)

    def phone(self, number: int) -> Phone:
        token = f"token-{number}"
        if token not in self.phones:
            self.phones[token] = Phone(library=f"{self.topic}-{number}", token=token)
        return self.phones[token]

    @rule(card=st.integers(0, CARDS - 1), phone=st.integers(0, 1))
    def register(self, card: int, phone: int) -> None:
        owner = self.phone(phone)
        serial = self.cards[card][2]
        if card in self.writers or serial not in owner.shown:
            return
        register(
            self.ctx, self.known(card), library_identifier=owner.library, push_token=owner.token
        )
        owner.registered.add(serial)

    @rule(card=st.integers(0, CARDS - 1), phone=st.integers(0, 1))
    def unregister(self, card: int, phone: int) -> None:
        owner = self.phone(phone)
        if card in self.writers:
            return
        unregister(self.ctx, self.known(card), library_identifier=owner.library)
        serial = self.cards[card][2]
        owner.registered.discard(serial)
        owner.shown.pop(serial, None)
        owner.seconds.pop(serial, None)

    @rule(phone=st.integers(0, 1), lost=st.booleans())
    def ask(self, phone: int, lost: bool) -> None:
        """Ask what changed; a lost answer is asked for again later, as phones do."""
        self.ask_as(self.phone(phone), lost=lost)

    def ask_as(self, phone: Phone, *, lost: bool) -> None:
        if phone.registered & {self.cards[card][2] for card in self.writers}:
            phone.must_ask = True  # the answer would wait for the writer, which is this thread
            return
        changes = changed_serials(
            self.ctx, self.topic, library_identifier=phone.library, tag=phone.tag
        )
        if lost:
            phone.must_ask = True
            return
        phone.must_ask = False
        if changes is None:
            return
        phone.tag = changes.tag
        for card, (_member, _pass, serial) in enumerate(self.cards):
            if serial in changes.serial_numbers:
                self.fetch(phone, card)

    # --- the end ---------------------------------------------------------------------------------

    def teardown(self) -> None:
        for card in list(self.writers):
            self.finish_write(card, commits=True)
        for claims in self.held:
            self.deliver(claims)
        for _round in range(12):
            self.clock.advance(seconds=LEASE.total_seconds() + 1)
            move_slice(self.desk)
            self.deliver(self.claim())
            for phone in self.phones.values():
                if phone.must_ask:
                    self.ask_as(phone, lost=False)
        for phone in self.phones.values():
            for serial in phone.registered:
                assert phone.shown[serial] == self.names[serial], "a phone stayed behind"
                assert phone.looks[serial] == self.look, "a phone shows an old design"
        assert self.claim() == []


def _give_look(work: UnitOfWork, programme_id: int, look: str) -> None:
    design = Design(programme_name="Club", organization_name=look)
    work.programmes.publish(programme_id, work.programmes.save_draft(programme_id, design))
