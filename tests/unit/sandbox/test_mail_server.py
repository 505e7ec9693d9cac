"""The sandbox's mail server takes what a mail program sends, and shows it without running it."""

from __future__ import annotations

import smtplib
import socket
from collections.abc import Iterator
from email.message import EmailMessage

import pytest
from flask import Flask

from sandbox.clock import SandboxClock
from sandbox.events import EventLog
from sandbox.mail_page import mail_blueprint
from sandbox.mail_server import MAIL_BYTES_MAX, MailServer


@pytest.fixture
def mails() -> Iterator[MailServer]:
    clock = SandboxClock()
    server = MailServer(clock=clock, events=EventLog(clock))
    server.start("127.0.0.1", 0)
    yield server
    server.close()


def a_mail(text: str = "Hello.\n.\n.dot", html: str = "<p>Hello</p>") -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "shop@example.com", "ada@example.com", "Grüße"
    mail.set_content(text)
    mail.add_alternative(html, subtype="html")
    return mail


def send(mails: MailServer, mail: EmailMessage) -> None:
    with smtplib.SMTP("127.0.0.1", mails.port, timeout=5) as program:
        program.send_message(mail)


def test_a_mail_is_kept_with_its_parts(mails: MailServer) -> None:
    send(mails, a_mail())

    (found,) = mails.mails()
    assert (found.receivers, found.subject) == (("ada@example.com",), "Grüße")
    assert found.text.splitlines() == ["Hello.", ".", ".dot"]
    assert found.html.strip() == "<p>Hello</p>"


def test_what_is_too_large_or_no_smtp_is_refused(mails: MailServer) -> None:
    with pytest.raises(smtplib.SMTPException):
        send(mails, a_mail("x" * (MAIL_BYTES_MAX + 1)))
    with socket.create_connection(("127.0.0.1", mails.port), timeout=5) as line:
        line.sendall(b"GET / HTTP/1.1\r\nDATA\r\nRCPT TO:<a@b>\r\nQUIT\r\n")
        said = b"".join(iter(lambda: line.recv(4096), b""))
    assert [part[:3] for part in said.splitlines()] == [b"220", b"502", b"503", b"503", b"221"]
    assert mails.mails() == []


def test_the_page_shows_a_mail_and_runs_nothing_of_it(mails: MailServer) -> None:
    app = Flask("sandbox", template_folder="pages", root_path="sandbox")
    app.register_blueprint(mail_blueprint(mails))
    send(mails, a_mail("See https://shop.example/m/X <script>alert(1)</script>", "<b>Hi</b>"))

    page = app.test_client().get("/mail").text
    own = app.test_client().get("/mail/1")

    assert '<a href="https://shop.example/m/X">' in page
    assert "<script>alert" not in page
    assert own.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert app.test_client().get("/mail/2").status_code == 404
