"""A letter as MIME: plain text and HTML, with the headers a good mail has and no pixel that spies.

Rules: nothing remote is loaded; every value is escaped; a header is one line whatever a person
typed; the Message-ID is made from the row's id, so a mail that is sent twice is shown once by
most readers (RFC 5322 3.6.4).
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from functools import cache
from pathlib import Path
from string import Template
from typing import Final

from delivery.mail_letters import MailLetter
from delivery.mail_settings import MailSettings

FOLDER: Final = Path(__file__).parent.parent / "templates" / "email"
SUBJECT_MAX: Final = 150
_BREAKS: Final = re.compile(r"[\x00-\x1f\x7f\u0085\u2028\u2029]+")
_RTL: Final = frozenset({"ar", "fa", "he", "ur"})


def compose(
    letter: MailLetter,
    settings: MailSettings,
    *,
    to: str,
    row_id: int,
    written_at: datetime,
    unsubscribe_url: str = "",
) -> EmailMessage:
    """The whole message.

    Args:
        letter: what it says.
        settings: whom it comes from.
        to: one address.
        row_id: the outbox row's.
        written_at: aware; the Date header, the same at every try.
        unsubscribe_url: for offers: where one POST ends them (RFC 8058).
    """
    message = EmailMessage(policy=SMTP)
    message["From"] = Address(
        display_name=one_line(letter.shop) or settings.sender_name,
        addr_spec=settings.sender_address,
    )
    # Taken apart by hand: read as one, an address beyond ASCII would be refused.
    username, _at, domain = one_line(to).rpartition("@")
    message["To"] = Address(username=username, domain=domain)
    message["Subject"] = one_line(letter.subject)[:SUBJECT_MAX]
    message["Date"] = format_datetime(written_at)
    message["Message-ID"] = f"<{row_id}@{settings.sender_address.rpartition('@')[2]}>"
    message["Content-Language"] = letter.language
    # Answering machines leave such a mail alone (RFC 3834).
    message["Auto-Submitted"] = "auto-generated"
    if unsubscribe_url:
        message["List-Unsubscribe"] = f"<{unsubscribe_url}>"
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message.set_content(as_text(letter), cte="quoted-printable")
    message.add_alternative(as_html(letter), subtype="html", cte="quoted-printable")
    return message


def one_line(text: str) -> str:
    """A header's value: whatever breaks a line is a space."""
    return _BREAKS.sub(" ", text).strip()


def as_text(letter: MailLetter) -> str:
    """The letter for readers without HTML."""
    parts = [letter.title, *letter.paragraphs[:1]]
    if letter.code:
        parts.append(f"    {letter.code}")
    if letter.button:
        parts.append(f"{letter.button[0]}:\n{letter.button[1]}")
    parts += [*letter.paragraphs[1:], "-- \n" + letter.shop, *letter.footer]
    return (
        "\n\n".join(_BREAKS.sub(" ", part) if part == letter.title else part for part in parts)
        + "\n"
    )


def as_html(letter: MailLetter) -> str:
    """The letter as a page of its own, styles inside, nothing loaded from anywhere."""
    first, *others = [_paragraph(text) for text in letter.paragraphs]
    body = [first]
    if letter.code:
        body.append(
            '<p class="code" style="margin:0 0 16px;padding:16px;border-radius:8px;'
            "background:#f4f5f7;color:#1a1c21;font-size:30px;line-height:36px;letter-spacing:6px;"
            f'text-align:center;font-variant-numeric:tabular-nums;">{html.escape(letter.code)}</p>'
        )
    if letter.button:
        body.append(_button(*letter.button))
    values: Mapping[str, str] = {
        "language": html.escape(letter.language),
        "direction": "rtl" if letter.language.partition("-")[0] in _RTL else "ltr",
        "subject": html.escape(letter.subject),
        "shop": html.escape(letter.shop),
        "title": html.escape(letter.title),
        "body": "\n".join([*body, *others]),
        "footer": "\n".join(
            f'<p class="soft" style="margin:0 0 8px;color:#626873;">{html.escape(text)}</p>'
            for text in letter.footer
        ),
    }
    return _frame().substitute(values)


def _paragraph(text: str) -> str:
    return f'<p class="text" style="margin:0 0 16px;color:#1a1c21;">{html.escape(text)}</p>'


def _button(text: str, url: str) -> str:
    address = html.escape(url, quote=True)
    return (
        f'<p style="margin:8px 0 24px;"><a class="button" href="{address}" style="display:inline-block;'
        "padding:12px 24px;border-radius:8px;background:#1a1c21;color:#ffffff;font-weight:600;"
        f'text-decoration:none;">{html.escape(text)}</a></p>'
    )


@cache
def _frame() -> Template:
    return Template((FOLDER / "letter.html").read_text(encoding="utf-8"))
