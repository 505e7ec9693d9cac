"""All parts of a running sandbox, put together in one place."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sandbox.agenda import Agenda
from sandbox.androids import Androids
from sandbox.apns import ApnsServer
from sandbox.apns_answers import PushDesk
from sandbox.apns_tokens import TokenDesk
from sandbox.clock import SandboxClock
from sandbox.events import EventLog
from sandbox.faults import Faults
from sandbox.google_callbacks import Callbacks
from sandbox.google_http import GoogleDoor
from sandbox.google_issuers import Issuers
from sandbox.google_oauth import Accounts
from sandbox.google_save import SaveDoor
from sandbox.google_wallet import GoogleWallet
from sandbox.home import Home
from sandbox.iphones import IPhones
from sandbox.mail_server import MailServer
from sandbox.store import Store
from sandbox.stripe import StripeDoor


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    home: Home
    store: Store
    clock: SandboxClock
    events: EventLog
    faults: Faults
    agenda: Agenda
    iphones: IPhones
    androids: Androids
    apns: ApnsServer
    accounts: Accounts
    wallet: GoogleWallet
    google: GoogleDoor
    save: SaveDoor
    mails: MailServer
    stripe: StripeDoor

    def close(self) -> None:
        self.apns.close()
        self.mails.close()
        self.agenda.close()
        self.store.close()
        self.home.close()


def assemble(folder: Path) -> Parts:
    """Open the folder and build every part; the first start makes one phone of each make."""
    home = Home(folder)
    home.open()
    store = Store(home.folder / "sandbox.sqlite3")
    clock = SandboxClock()
    events, faults, agenda = EventLog(clock), Faults(), Agenda(clock)
    iphones = IPhones(home=home, store=store, clock=clock, events=events, agenda=agenda)
    desk = PushDesk(phones=iphones, faults=faults, events=events, tokens=TokenDesk(home))
    accounts = Accounts(home)
    wallet = GoogleWallet(
        store=store, clock=clock, events=events, known_issuers=accounts.known_issuers
    )
    callbacks = Callbacks(home=home, clock=clock, events=events, agenda=agenda, faults=faults)
    androids = Androids(store=store, clock=clock, events=events, wallet=wallet, callbacks=callbacks)
    for phones in (iphones, androids):
        if not phones.all():
            phones.create()
    return Parts(
        home=home, store=store, clock=clock, events=events, faults=faults, agenda=agenda,
        iphones=iphones, androids=androids, accounts=accounts, wallet=wallet,
        apns=ApnsServer(home=home, desk=desk, events=events),
        google=GoogleDoor(accounts=accounts, wallet=wallet, callbacks=callbacks,
                          issuers=Issuers(store=store, accounts=accounts),
                          faults=faults, events=events),
        save=SaveDoor(accounts=accounts, wallet=wallet, androids=androids, events=events),
        mails=MailServer(clock=clock, events=events),
        stripe=StripeDoor(clock=clock, events=events, faults=faults),
    )  # fmt: skip
