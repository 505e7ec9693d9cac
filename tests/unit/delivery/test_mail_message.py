"""Every kind of mail has its words, and its form is what mail readers expect."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from delivery.mail_letters import MailLetter, write_letter
from delivery.mail_message import as_html, as_text, compose, one_line
from delivery.mail_settings import read_mail_settings
from storage.mails import Mail
from storage.outbox import OutboxKind

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
SETTINGS = read_mail_settings("smtps://mail.example.com", "cards@shop.example")
FACTS = {
    "shop": "Bean & Leaf",
    "card": "Club",
    "url": "https://shop.example/m/X?a=1&b=2",
    "code": "123 456",
    "minutes": "15",
    "channel": "apple",
    "reason": "<b>BadCertificate</b>",
    "count": "3",
    "name": "pass.example",
    "days": "7",
    "day": "2026-12-01",
}


def a_letter(kind: OutboxKind, **facts: str) -> MailLetter:
    mail = Mail(to="ada@example.com", language="en", time_zone="Europe/Dublin", facts=FACTS | facts)
    return write_letter(kind, mail, written_at=NOW)


@pytest.mark.parametrize(
    ("kind", "facts"),
    [
        (OutboxKind.WELCOME, {}),
        (OutboxKind.KNOWN, {}),
        (OutboxKind.NEW_CARD_CODE, {}),
        (OutboxKind.SIGN_IN, {}),
        *(
            (OutboxKind.ALARM, {"alarm": alarm})
            for alarm in ("stopped", "slow", "parked", "dead_mails", "certificate")
        ),
        (OutboxKind.ALARM, {"alarm": "certificate", "days": "0"}),
    ],
)
def test_every_kind_has_its_words_in_both_parts(kind: OutboxKind, facts: dict[str, str]) -> None:
    letter = a_letter(kind, **facts)
    text, page = as_text(letter), as_html(letter)

    assert letter.subject
    assert letter.title in text
    assert "%(" not in text + page
    assert "<b>Bad" not in page
    assert page.count("<h1") == 1
    if letter.button:
        assert FACTS["url"] in text
        assert "X?a=1&amp;b=2" in page


def test_a_missing_fact_is_a_fault_and_no_half_mail() -> None:
    mail = Mail(to="ada@example.com", language="en", time_zone="UTC", facts={})

    with pytest.raises(KeyError):
        write_letter(OutboxKind.WELCOME, mail, written_at=NOW)


def test_a_language_without_words_is_english() -> None:
    mail = Mail(to="ada@example.com", language="xx-YY", time_zone="UTC", facts=FACTS)

    assert write_letter(OutboxKind.WELCOME, mail, written_at=NOW).language == "en"


def test_an_offer_can_be_ended_with_one_press_and_nothing_else_bears_that() -> None:
    letter = a_letter(OutboxKind.WELCOME)
    ends = "https://shop.example/m/X/messages"

    plain = compose(letter, SETTINGS, to="ada@example.com", row_id=7, written_at=NOW)
    offer = compose(
        letter, SETTINGS, to="ada@example.com", row_id=7, written_at=NOW, unsubscribe_url=ends
    )

    assert plain["List-Unsubscribe"] is None
    assert offer["List-Unsubscribe"] == f"<{ends}>"
    assert offer["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert offer["Message-ID"] == "<7@shop.example>"
    assert offer["Auto-Submitted"] == "auto-generated"


@pytest.mark.parametrize("broken", ["a\nb", "a\r\nb", "a\x00b", "a\u2028b", "a\x85b"])
def test_a_header_is_one_line(broken: str) -> None:
    assert one_line(broken) == "a b"
