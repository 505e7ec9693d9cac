"""A real mail server in the test process: what was handed over, and any reply a test wants."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from email import message_from_string
from email.message import EmailMessage
from email.policy import default
from typing import Any, Self

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, Session

Answers = Callable[[Envelope], str | None]


class Mailbox:
    """Use as a context manager. `answers` may give a reply to a receiver or to the data."""

    def __init__(
        self,
        *,
        user: str = "",
        password: str = "",
        tls: ssl.SSLContext | None = None,
        implicit_tls: bool = False,
    ) -> None:
        self.mails: list[EmailMessage] = []
        self.envelopes: list[Envelope] = []
        self.refuse_receiver: dict[str, str] = {}
        self.refuse_sender = ""
        self.refuse_data = ""
        self.tries = 0
        self._user, self._password = user.encode(), password.encode()
        options: dict[str, Any] = {"enable_SMTPUTF8": True}
        if user:
            options |= {
                "authenticator": self._authenticate,
                "auth_required": True,
                "auth_require_tls": tls is not None,
            }
        if tls is not None and implicit_tls:
            options["ssl_context"] = tls
        elif tls is not None:
            options["tls_context"] = tls
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port, **options)

    def __enter__(self) -> Self:
        self._controller.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._controller.stop()

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    def to(self, address: str) -> list[EmailMessage]:
        """The mails to an address, the first first."""
        return [
            mail
            for mail, envelope in zip(self.mails, self.envelopes, strict=True)
            if address in envelope.rcpt_tos
        ]

    async def handle_MAIL(  # noqa: N802 - the server calls it so
        self, _server: Any, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.refuse_sender:
            return self.refuse_sender
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(  # noqa: N802
        self, _server: Any, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        self.tries += 1
        if address in self.refuse_receiver:
            return self.refuse_receiver[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802
        self, _server: Any, _session: Session, envelope: Envelope
    ) -> str:
        if self.refuse_data:
            return self.refuse_data
        assert isinstance(envelope.content, bytes)
        found = message_from_string(envelope.content.decode(), policy=default)
        assert isinstance(found, EmailMessage)
        self.mails.append(found)
        self.envelopes.append(envelope)
        return "250 OK"

    def _authenticate(
        self, _server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any
    ) -> AuthResult:
        right = data.login == self._user and data.password == self._password
        return AuthResult(success=right, handled=False)


def text_of(mail: EmailMessage) -> str:
    """The plain part of a mail."""
    part = mail.get_body(("plain",))
    assert part is not None
    return str(part.get_content())


def html_of(mail: EmailMessage) -> str:
    """The HTML part of a mail."""
    part = mail.get_body(("html",))
    assert part is not None
    return str(part.get_content())
