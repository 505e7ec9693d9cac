"""What the console shows of a day, of everyone and of one member. Only reads.

A day begins at midnight by the merchant's own clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from common.clock import Clock
from ledger import reasons
from ledger.programme_terms import ProgrammeTerms
from loyalty.balance import CardState, card_state
from loyalty.contacts import fold_name
from loyalty.context import Loyalty
from loyalty.find_member import members_by_contact
from loyalty.publish import address_complaint
from signing.sealing import unseal
from signing.tokens import check_member_number
from storage.audit import AuditEntry
from storage.deliveries import BehindLine, NextUpdate
from storage.members import Consent, Member
from storage.merchants import Merchant
from storage.reports import ConsolePerson, DayLine, MemberLine, MovementLine, PassLine, PhoneLine
from storage.unit_of_work import UnitOfWork, open_work
from storage.wallet_passes import PassType

LATEST: Final = 8
PAGE: Final = 50
QUERY_MAX: Final = 80
BEHIND_AFTER: Final = timedelta(minutes=1)
SOON: Final = timedelta(days=60)


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstSteps:
    """What is done of setting a shop up, in the order people do it."""

    published: bool
    branch: bool
    staff: bool
    till: bool
    member: bool

    @property
    def complete(self) -> bool:
        """Whether nothing is left."""
        return all((self.published, self.branch, self.staff, self.till, self.member))


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A movement with its reason in words."""

    line: MovementLine
    sentences: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Behind:
    """A phone that does not show the present yet."""

    line: BehindLine
    member_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Today:
    """The first page."""

    day: datetime
    members: int
    joined: int
    newest: tuple[MemberLine, ...]
    places: tuple[DayLine, ...]
    people: tuple[DayLine, ...]
    latest: tuple[Said, ...]
    behind: tuple[Behind, ...]
    steps: FirstSteps

    @property
    def visits(self) -> int:
        """Sales and stamps of the day."""
        return sum(one.visits for one in self.places)

    @property
    def redeemed(self) -> int:
        """Units given out as rewards."""
        return sum(one.redeemed for one in self.places)

    @property
    def earned(self) -> int:
        """Units earned."""
        return sum(one.earned for one in self.places)

    @property
    def sales_minor(self) -> int:
        """What was spent with a card."""
        return sum(one.sales_minor for one in self.places)


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberPage:
    """Everything about one member; contacts are opened for the owner's eyes.

    `google_notices` counts how often Google told a phone in the last 24 hours.
    """

    member: Member
    email: str
    phone: str
    card: CardState
    movements: tuple[Said, ...]
    passes: tuple[PassLine, ...]
    phones: tuple[PhoneLine, ...]
    google_notices: int
    next_update: NextUpdate | None
    consents: tuple[Consent, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SetUp:
    """The facts of certificate, Google account, address and worker."""

    pass_type: PassType | None
    certificate_ends: datetime | None
    certificate_serial: str
    certificate_soon: bool
    google_issuer: str
    google_email: str
    google_sandbox: bool
    public_url: str
    address_complaint: str
    worker_seen_at: datetime | None
    parked: int


def today(ctx: Loyalty, merchant: Merchant) -> Today:
    """Who joined, what each branch and person did today, which phones are behind."""
    since = start_of_day(ctx.clock, merchant.time_zone)
    until = since + timedelta(days=2)
    with open_work(ctx.database, merchant.id, clock=ctx.clock, writing=False) as work:
        latest = work.reports.movements(limit=LATEST)
        return Today(
            day=since,
            members=work.reports.member_count(),
            joined=work.reports.joined(since, until),
            newest=tuple(work.reports.members(limit=5)),
            places=tuple(work.reports.places_of_day(since, until)),
            people=tuple(work.reports.people_of_day(since, until)),
            latest=_said(work, latest),
            behind=behind_now(work),
            steps=_steps(work),
        )


def activity(ctx: Loyalty, merchant_id: int, *, before_id: int | None = None) -> list[Said]:
    """A page of movements, the newest first."""
    with open_work(ctx.database, merchant_id, clock=ctx.clock, writing=False) as work:
        return list(_said(work, work.reports.movements(limit=PAGE, before_id=before_id)))


def audit_trail(
    ctx: Loyalty, merchant_id: int, *, before_id: int | None = None
) -> list[AuditEntry]:
    """A page of who changed what, the newest first."""
    with open_work(ctx.database, merchant_id, clock=ctx.clock, writing=False) as work:
        return work.audit.latest(PAGE, before_id)


def members(
    ctx: Loyalty, merchant_id: int, *, query: str = "", before_id: int | None = None
) -> list[MemberLine]:
    """A page of members, the newest first.

    `query` is a member number, an e-mail address, a phone number, or starts of a name's words.
    """
    text = query.strip()[:QUERY_MAX]
    number = check_member_number(text) or ""
    with open_work(ctx.database, merchant_id, clock=ctx.clock, writing=False) as work:
        merchant = work.merchants.get()
        by_contact = members_by_contact(ctx, work, text, country=merchant.country)
        if by_contact:
            return work.reports.members(
                limit=PAGE, before_id=before_id, ids=[one.id for one in by_contact]
            )
        found = (
            work.reports.members(limit=PAGE, before_id=before_id, number=number) if number else []
        )
        if not found:
            # A number is also ten letters that may be somebody's name.
            found = work.reports.members(limit=PAGE, before_id=before_id, folded=fold_name(text))
    return found


def member_page(
    ctx: Loyalty, merchant_id: int, member_id: int, *, before_id: int | None = None
) -> MemberPage:
    """One member, with a page of movements that begins under `before_id`.

    Raises:
        NotFound: not this merchant's.
    """
    with open_work(ctx.database, merchant_id, clock=ctx.clock, writing=False) as work:
        member = work.members.get(member_id)
        lines = work.reports.movements(limit=PAGE, member_id=member_id, before_id=before_id)
        movements = _said(work, lines)
        passes = work.reports.passes_of(member_id)
        phones = work.reports.phones_of(member_id)
        live = next((one.id for one in passes if one.voided_at is None), None)
        next_update = None if live is None else work.deliveries.next_update(live)
        notices = work.reports.google_notices_of(member_id, ctx.clock.now() - timedelta(days=1))
        consents = work.members.consents(member_id)
    return MemberPage(
        member=member,
        email=_opened(ctx, merchant_id, member.email_sealed, "member.email"),
        phone=_opened(ctx, merchant_id, member.phone_sealed, "member.phone"),
        card=card_state(ctx, merchant_id, member_id),
        movements=movements,
        passes=tuple(passes),
        phones=tuple(phones),
        next_update=next_update,
        google_notices=notices,
        consents=tuple(consents),
    )


def console_people(ctx: Loyalty, merchant_id: int) -> list[ConsolePerson]:
    """Who may sign in for the merchant."""
    with open_work(ctx.database, merchant_id, clock=ctx.clock, writing=False) as work:
        return work.reports.console_people()


def set_up(ctx: Loyalty, merchant: Merchant) -> SetUp:
    """How the wallets are wired, as facts."""
    public_url = merchant.public_url or ctx.settings.public_url
    with open_work(ctx.database, None, clock=ctx.clock, writing=False) as work:
        seen = work.reports.worker_seen_at()
        account_id = merchant.google_account_id
        google = work.google_accounts.get(account_id) if account_id else None
    with open_work(ctx.database, merchant.id, clock=ctx.clock, writing=False) as work:
        pass_type = work.passes.current_pass_type()
        newest = work.passes.newest_certificate(pass_type.id) if pass_type else None
        parked = sum(1 for line in work.deliveries.behind() if line.parked)
    ends = newest.not_after if newest else None
    return SetUp(
        pass_type=pass_type,
        certificate_ends=ends,
        certificate_serial=newest.serial_hex if newest else "",
        certificate_soon=ends is not None and ends - ctx.clock.now() < SOON,
        google_issuer=google.issuer_id if google else "",
        google_email=google.client_email if google else "",
        google_sandbox=google.sandbox if google else False,
        public_url=public_url,
        address_complaint=address_complaint(public_url) or "",
        worker_seen_at=seen,
        parked=parked,
    )


def start_of_day(clock: Clock, time_zone: str) -> datetime:
    """The last midnight by a place's own clock."""
    zone = ZoneInfo(time_zone)
    return datetime.combine(clock.now().astimezone(zone).date(), time(), zone)


def _said(work: UnitOfWork, lines: Sequence[MovementLine]) -> tuple[Said, ...]:
    """The movements in words; the rules that count now lend the names of units and tiers."""
    names = {its: work.programmes.terms(its) for its in {line.programme_id for line in lines}}

    def say(line: MovementLine) -> tuple[str, ...]:
        terms = names[line.programme_id]
        return reasons.sentences(
            line.reason,
            reward_name=line.reward_name or "",
            terms=terms if isinstance(terms, ProgrammeTerms) else None,
        )

    return tuple(Said(line=line, sentences=say(line)) for line in lines)


def behind_now(work: UnitOfWork) -> tuple[Behind, ...]:
    """Phones that do not show the present and ought to by now."""
    # A phone that was told a moment ago is not behind; one that waits, is tried again or parked is.
    late = work.clock.now() - BEHIND_AFTER
    lines = [one for one in work.deliveries.behind() if one.parked or one.why or one.since <= late]
    names = work.reports.member_names({one.member_id for one in lines if one.member_id})
    return tuple(Behind(line=one, member_name=names.get(one.member_id or 0, "")) for one in lines)


def _steps(work: UnitOfWork) -> FirstSteps:
    return FirstSteps(
        published=any(one.design_version for one in work.programmes.all()),
        branch=bool(work.places.all()),
        staff=any(one.pin_hash and not one.disabled_at for one in work.places.all_staff()),
        till=any(one.paired_at for one in work.places.tills()),
        member=work.reports.member_count() > 0,
    )


def _opened(ctx: Loyalty, merchant_id: int, sealed: bytes | None, column: str) -> str:
    if sealed is None:
        return ""
    return unseal(ctx.keyring, sealed, merchant_id=merchant_id, column=column).decode()
