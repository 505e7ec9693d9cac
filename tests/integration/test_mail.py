"""Mails over a real SMTP conversation: at least once, in turns, and a refusal says whose fault it is."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme

from common.clock import ManualClock
from common.ids import new_id
from delivery.desk import Desk
from delivery.mail_lane import MailLane
from delivery.mail_settings import MailSettings, read_mail_settings
from delivery.outbox_lane import outbox_turn
from delivery.settings import DeliverySettings
from loyalty.context import Loyalty
from storage import tables
from storage.breakers import Breakers
from storage.claims import LEASE
from storage.mails import Mail, write_mail
from storage.outbox import OutboxChannel, OutboxKind, OutboxLine, OutboxState
from storage.outbox_claims import OutboxClaim, OutboxClaims
from storage.unit_of_work import UnitOfWork, open_work, run_work
from tests.support.builders import CAFE, GYM, PUBLIC_URL
from tests.support.mailbox import Mailbox, html_of, text_of

MAIL = [OutboxChannel.MAIL]
SENDER = "Regulars <cards@shop.example>"
FACTS = {"shop": "Café Corner", "card": "Stammkarte", "url": "https://shop.example/m/SECRETLINK"}


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with Mailbox() as box:
        yield box


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ssl.SSLContext]:
    """A CA's file, and the context of a server it vouches for."""
    made = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.issue_cert("127.0.0.1").configure_cert(context)
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    made.cert_pem.write_to_path(str(path))
    return path, context


def a_desk(ctx: Loyalty, mail: MailSettings, **settings: Any) -> Desk:
    return Desk(
        settings=DeliverySettings(public_url=PUBLIC_URL, mail=mail, **settings),
        database=ctx.database,
        clock=ctx.clock,
        keyring=ctx.keyring,
        draw=lambda: 0.5,
    )


def settings_of(url: str, **values: Any) -> MailSettings:
    return replace(read_mail_settings(url, SENDER), **values)


def write(ctx: Loyalty, *addresses: str, merchant_id: int = CAFE.id, **values: Any) -> None:
    kind = values.pop("kind", OutboxKind.WELCOME)
    facts = FACTS | values.pop("facts", {})

    def action(work: UnitOfWork) -> None:
        for to in addresses:
            mail = Mail(to=to, language="en", time_zone="Europe/Berlin", facts=facts)
            write_mail(
                work, mail, kind, keyring=ctx.keyring, life=timedelta(days=3), member_id=new_id()
            )

    run_work(ctx.database, merchant_id, action, clock=ctx.clock)


def turn(desk: Desk) -> int:
    return outbox_turn(desk, MailLane(desk), OutboxChannel.MAIL)


def lines(ctx: Loyalty, merchant_id: int = CAFE.id) -> list[OutboxLine]:
    with open_work(ctx.database, merchant_id, clock=ctx.clock, writing=False) as work:
        return work.outbox.lines()


def test_a_mail_arrives_as_text_and_html_in_the_shops_name(ctx: Loyalty, mailbox: Mailbox) -> None:
    write(ctx, "ada@example.com")

    assert turn(a_desk(ctx, settings_of(mailbox.url))) == 1

    (mail,) = mailbox.to("ada@example.com")
    (line,) = lines(ctx)
    assert str(mail["From"]) == "Café Corner <cards@shop.example>"
    assert mail["Subject"] == "Your card at Café Corner"
    assert mail["Message-ID"] == f"<{line.id}@shop.example>"
    assert mail["List-Unsubscribe"] is None
    assert FACTS["url"] in text_of(mail)
    assert FACTS["url"] in html_of(mail)
    assert "1:00\u202fPM CET" in text_of(mail)
    assert line.state == OutboxState.SENT


def test_nothing_in_a_mail_is_loaded_from_anywhere(ctx: Loyalty, mailbox: Mailbox) -> None:
    write(ctx, "ada@example.com")
    turn(a_desk(ctx, settings_of(mailbox.url)))

    page = html_of(mailbox.mails[0])
    assert "<img" not in page
    assert "url(" not in page
    assert page.count("http") == 1


def test_hostile_words_change_neither_headers_nor_page(ctx: Loyalty, mailbox: Mailbox) -> None:
    shop = "Evil\r\nBcc: all@example.com\u2028<script>alert(1)</script>" + "x" * 500
    write(ctx, "ada@example.com", facts={"shop": shop})

    turn(a_desk(ctx, settings_of(mailbox.url)))

    (mail,) = mailbox.mails
    assert mail["Bcc"] is None
    assert mailbox.envelopes[0].rcpt_tos == ["ada@example.com"]
    assert "<script>" not in html_of(mail)
    assert len(mail["Subject"]) <= 150


def test_an_address_beyond_ascii_is_written_to(ctx: Loyalty, mailbox: Mailbox) -> None:
    write(ctx, "günther@example.com", facts={"shop": "Καφέ 喫茶店"})

    turn(a_desk(ctx, settings_of(mailbox.url)))

    assert mailbox.to("günther@example.com")
    assert mailbox.mails[0]["From"].addresses[0].display_name == "Καφέ 喫茶店"


def test_a_receiver_who_is_not_there_ends_that_mail_alone(ctx: Loyalty, mailbox: Mailbox) -> None:
    mailbox.refuse_receiver["gone@example.com"] = "550 5.1.1 <gone@example.com> unknown"
    write(ctx, "gone@example.com", "ada@example.com")

    turn(a_desk(ctx, settings_of(mailbox.url)))

    states = {line.state: line.last_error for line in lines(ctx)}
    assert states == {OutboxState.DEAD: "receiver 550 5.1.1", OutboxState.SENT: None}


def test_a_busy_server_is_tried_again_for_days(
    ctx: Loyalty, clock: ManualClock, mailbox: Mailbox
) -> None:
    mailbox.refuse_receiver["ada@example.com"] = "450 4.7.1 greylisted"
    write(ctx, "ada@example.com")
    desk = a_desk(ctx, settings_of(mailbox.url))

    for _hour in range(30):
        turn(desk)
        clock.advance(hours=1)
    mailbox.refuse_receiver.clear()
    turn(desk)

    assert mailbox.tries == 31
    assert lines(ctx)[0].state == OutboxState.SENT


def test_a_mail_that_is_handed_over_twice_bears_the_same_number_and_date(
    ctx: Loyalty, clock: ManualClock, mailbox: Mailbox
) -> None:
    """A worker that dies after handing over hands it over again: readers show one."""
    write(ctx, "ada@example.com")
    desk = a_desk(ctx, settings_of(mailbox.url))

    def take() -> list[OutboxClaim]:
        return run_work(
            ctx.database,
            None,
            lambda work: OutboxClaims(work.scope).claim(MAIL, lease=f"l{new_id()}", limit=1),
            clock=clock,
        )

    (first,) = take()
    clock.advance(seconds=LEASE.total_seconds())
    take()
    MailLane(desk).deliver([first])
    clock.advance(seconds=LEASE.total_seconds())
    turn(desk)

    one, two = mailbox.mails
    assert (one["Message-ID"], one["Date"]) == (two["Message-ID"], two["Date"])
    assert lines(ctx)[0].state == OutboxState.SENT


@pytest.mark.parametrize(
    ("user", "given"), [("ada", "wrong"), ("nobody", "hunter2")], ids=["password", "user"]
)
def test_a_wrong_login_stops_the_channel_and_burns_no_attempt(
    ctx: Loyalty, clock: ManualClock, authority: Any, user: str, given: str
) -> None:
    path, context = authority
    with Mailbox(user="ada", password="hunter2", tls=context) as box:
        write(ctx, "ada@example.com", "ben@example.com")
        desk = a_desk(ctx, settings_of(box.url, user=user, password=given, ca_file=path))

        turn(desk)
        assert turn(desk) == 0
        assert {line.attempts for line in lines(ctx)} == {0}
        with open_work(ctx.database, CAFE.id, clock=clock, writing=False) as work:
            stopped = Breakers(work.scope).of_channel("mail")
        assert stopped is not None
        assert stopped.reason.startswith("login 535")
        clock.advance(minutes=2)
        right = settings_of(box.url, user="ada", password="hunter2", ca_file=path)
        turn(a_desk(ctx, right))

        assert len(box.mails) == 2
        with open_work(ctx.database, CAFE.id, clock=clock, writing=False) as work:
            assert Breakers(work.scope).of_channel("mail") is None


def test_a_sender_who_is_refused_is_our_fault_and_not_the_receivers(
    ctx: Loyalty, mailbox: Mailbox
) -> None:
    mailbox.refuse_sender = "553 5.7.1 not your address"
    write(ctx, "ada@example.com")

    turn(a_desk(ctx, settings_of(mailbox.url)))

    (line,) = lines(ctx)
    assert (line.state, line.attempts) == (OutboxState.OPEN, 0)
    with open_work(ctx.database, CAFE.id, clock=ctx.clock, writing=False) as work:
        assert Breakers(work.scope).of_channel("mail") is not None


def test_a_server_that_is_away_costs_a_try_and_no_mail(ctx: Loyalty) -> None:
    with Mailbox() as gone:
        url = gone.url
    write(ctx, "ada@example.com")

    turn(a_desk(ctx, settings_of(url)))

    (line,) = lines(ctx)
    assert (line.state, line.attempts, line.last_error) == (OutboxState.OPEN, 1, "connect broken")


def test_one_merchants_flood_leaves_room_for_anothers_code(ctx: Loyalty, mailbox: Mailbox) -> None:
    write(ctx, *(f"m{number}@example.com" for number in range(6)))
    write(
        ctx,
        "ada@example.com",
        merchant_id=GYM.id,
        kind=OutboxKind.NEW_CARD_CODE,
        facts={"code": "123 456", "minutes": "15"},
    )
    desk = a_desk(ctx, settings_of(mailbox.url, merchant_burst=3, merchant_per_hour=1))

    turn(desk)

    assert len(mailbox.mails) == 4
    assert mailbox.to("ada@example.com")
    assert {line.attempts for line in lines(ctx)} == {0}


def test_a_row_that_cannot_be_read_is_dead_and_others_flow(ctx: Loyalty, mailbox: Mailbox) -> None:
    write(ctx, "ada@example.com")
    with open_work(ctx.database, CAFE.id, clock=ctx.clock) as work:
        work.scope.execute(work.scope.update(tables.outbox).values(payload_sealed=b"nonsense"))
        work.commit()
    write(ctx, "ben@example.com")

    turn(a_desk(ctx, settings_of(mailbox.url)))

    assert mailbox.to("ben@example.com")
    assert {line.last_error for line in lines(ctx)} == {"unreadable", None}


def test_starttls_is_used_where_it_is_offered(ctx: Loyalty, authority: Any) -> None:
    path, context = authority
    with Mailbox(user="ada", password="hunter2", tls=context) as box:
        write(ctx, "ada@example.com")
        settings = settings_of(box.url, user="ada", password="hunter2", ca_file=path)

        turn(a_desk(ctx, settings))

        assert len(box.mails) == 1


def test_smtps_is_encrypted_from_the_start(ctx: Loyalty, authority: Any) -> None:
    path, context = authority
    with Mailbox(tls=context, implicit_tls=True) as box:
        write(ctx, "ada@example.com")

        turn(a_desk(ctx, settings_of(box.url.replace("smtp:", "smtps:"), ca_file=path)))

        assert len(box.mails) == 1


def test_a_certificate_nobody_vouches_for_stops_the_channel(ctx: Loyalty, authority: Any) -> None:
    _path, context = authority
    with Mailbox(tls=context, implicit_tls=True) as box:
        write(ctx, "ada@example.com")

        turn(a_desk(ctx, settings_of(box.url.replace("smtp:", "smtps:"))))

        assert box.mails == []
    (line,) = lines(ctx)
    assert line.attempts == 0
    assert (line.last_error or "").startswith("tls certificate")


def test_neither_address_nor_link_is_logged(
    ctx: Loyalty, mailbox: Mailbox, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    mailbox.refuse_receiver["gone@example.com"] = "550 5.1.1 <gone@example.com> unknown"
    write(ctx, "gone@example.com", "ada@example.com")

    turn(a_desk(ctx, settings_of(mailbox.url)))

    said = "\n".join(
        f"{record.getMessage()} {record.__dict__}"
        for record in caplog.records
        if record.name.startswith("regulars")
    )
    assert "delivery.mail" in said
    for secret in ("gone@example.com", "ada@example.com", "SECRETLINK"):
        assert secret not in said
