"""Where e-mails leave, read from one address: `smtps://user:password@mail.example.com`.

Rules: TLS always, but to this machine itself; `smtp://` begins in the clear and asks for STARTTLS
(port 587), `smtps://` is encrypted from the first byte (port 465). The operator's alone: a merchant
who could name a mail server could make this machine call it.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from email.headerregistry import Address
from email.utils import parseaddr
from enum import StrEnum
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

PORTS: Final = {"smtp": 587, "smtps": 465}
SENDER_MAX: Final = 320


class MailTls(StrEnum):
    """How a connection is encrypted."""

    FROM_THE_START = "from_the_start"
    STARTTLS = "starttls"
    IF_OFFERED = "if_offered"  # to this machine alone


@dataclass(frozen=True, slots=True, kw_only=True)
class MailSettings:
    """The mail server and whom mails come from.

    `ca_file` names the certificates that vouch for the server when the system's do not.
    `merchant_burst` mails of one merchant leave at once, then `merchant_per_hour`.
    """

    host: str
    port: int
    tls: MailTls
    sender_address: str
    sender_name: str = ""
    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    ca_file: Path | None = None
    timeout_s: float = 15.0
    merchant_burst: int = 200
    merchant_per_hour: int = 1000


def read_mail_settings(url: str, sender: str, *, ca_file: Path | None = None) -> MailSettings:
    """The settings of an address and a sender.

    Raises:
        ValueError: a sentence that says what is wrong; it never quotes the password.
    """
    parts = urlsplit(url.strip())
    if parts.scheme not in PORTS or not parts.hostname:
        raise ValueError("it is not an address like smtps://user:password@mail.example.com")
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError("after host and port nothing follows")
    try:
        port = parts.port or PORTS[parts.scheme]
    except ValueError as error:
        raise ValueError("the port is not a number from 1 to 65535") from error
    name, address = read_sender(sender)
    return MailSettings(
        host=parts.hostname,
        port=port,
        tls=_tls(parts.scheme, parts.hostname),
        sender_address=address,
        sender_name=name,
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        ca_file=ca_file,
    )


def read_sender(text: str) -> tuple[str, str]:
    """Name and address of `Bean & Leaf <cards@example.com>` or of an address alone.

    Raises:
        ValueError: it is neither.
    """
    name, address = parseaddr(text.strip())
    complaint = "it is not an address like cards@example.com or Shop <cards@example.com>"
    if len(text) > SENDER_MAX or not text.isprintable() or "@" not in address:
        raise ValueError(complaint)
    try:
        found = Address(display_name=name, addr_spec=address)
    except (ValueError, IndexError) as error:
        raise ValueError(complaint) from error
    if "." not in found.domain and found.domain != "localhost":
        raise ValueError(complaint)
    return name, found.addr_spec


def _tls(scheme: str, host: str) -> MailTls:
    if scheme == "smtps":
        return MailTls.FROM_THE_START
    return MailTls.IF_OFFERED if _is_this_machine(host) else MailTls.STARTTLS


def _is_this_machine(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
