"""The mail server's address: what is taken, what is refused, and that nothing goes in the clear."""

from __future__ import annotations

import pytest

from delivery.mail_settings import MailTls, read_mail_settings

SENDER = "Bean & Leaf <cards@example.com>"


@pytest.mark.parametrize(
    ("url", "port", "tls"),
    [
        ("smtps://mail.example.com", 465, MailTls.FROM_THE_START),
        ("smtp://mail.example.com", 587, MailTls.STARTTLS),
        ("smtp://mail.example.com:25", 25, MailTls.STARTTLS),
        ("smtp://127.0.0.1:1025", 1025, MailTls.IF_OFFERED),
        ("smtp://localhost", 587, MailTls.IF_OFFERED),
        ("smtp://[::1]:25", 25, MailTls.IF_OFFERED),
    ],
)
def test_only_this_machine_itself_may_be_told_in_the_clear(url, port, tls) -> None:
    found = read_mail_settings(url, SENDER)

    assert (found.port, found.tls) == (port, tls)


def test_user_and_password_may_hold_what_an_address_cannot() -> None:
    found = read_mail_settings("smtps://ada%40shop:p%3Aw%2F%40d@mail.example.com", SENDER)

    assert (found.user, found.password) == ("ada@shop", "p:w/@d")
    assert (found.sender_name, found.sender_address) == ("Bean & Leaf", "cards@example.com")


def test_the_password_is_in_no_text_of_the_settings() -> None:
    assert "hunter2" not in repr(read_mail_settings("smtps://ada:hunter2@mail.example.com", SENDER))


@pytest.mark.parametrize(
    "url",
    [
        "",
        "mail.example.com",
        "http://mail.example.com",
        "smtp://",
        "smtp://mail.example.com:99999",
        "smtp://mail.example.com/inbox",
        "smtp://mail.example.com?tls=no",
    ],
)
def test_what_is_no_mail_server_is_refused_without_quoting_it(url) -> None:
    with pytest.raises(ValueError) as refused:
        read_mail_settings(url.replace("//", "//ada:hunter2@"), SENDER)
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    "sender",
    [
        "",
        "nobody",
        "a@b",
        "cards@example.com\nBcc: all@example.com",
        "x" * 400 + "@example.com",
        "a@b@example.com",
    ],
)
def test_a_sender_that_is_no_address_is_refused(sender) -> None:
    with pytest.raises(ValueError):
        read_mail_settings("smtps://mail.example.com", sender)
