"""One conversation with the mail server: connect, say who we are, hand mails over one by one.

Not done here: what a mail says, when it is tried again (mail_lane.py). Rules: never without TLS but
to this machine; a reply is judged by literal tables; a server's sentence is neither kept nor
logged, because it quotes the receiver.
"""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Callable
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from types import TracebackType
from typing import Final, Self

from delivery.mail_outcomes import Step, mail_outcome, mail_reason
from delivery.mail_settings import MailSettings, MailTls
from delivery.outcomes import Answer, Outcome

_OK: Final = frozenset({250, 251, 252})
# What a conversation may break with: the network, the server's hanging up, or its bad grammar.
BROKEN: Final = (OSError, smtplib.SMTPException, EOFError, ValueError)


class MailRefused(Exception):
    """The conversation did not begin; `answer` says what that means."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.reason)
        self.answer = answer


class MailServer:
    """Use as a context manager; `hand_over` as often as there are mails."""

    def __init__(self, settings: MailSettings) -> None:
        self._settings = settings
        self._server: smtplib.SMTP | None = None

    def __enter__(self) -> Self:
        """Connect.

        Raises:
            MailRefused: no connection, no TLS, or no login.
        """
        self._server = self._connected()
        try:
            self._encrypt(self._server)
            self._log_in(self._server)
        except MailRefused:
            self._server.close()
            raise
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        if self._server is not None:
            try:
                self._server.quit()
            except BROKEN:
                self._server.close()

    def hand_over(self, message: EmailMessage, *, to: str) -> Answer:
        """Hand one mail over; every refusal is an answer."""
        server = self._server
        if server is None:
            return _answer(Step.CONNECT, 0)
        options = ["smtputf8"] if self._needs_utf8(to) else []
        if options and not server.has_extn("smtputf8"):
            return Answer(outcome=Outcome.PERMANENT, reason="receiver smtputf8")
        policy = SMTPUTF8 if options else SMTP
        commands: list[tuple[Step, Callable[[], tuple[int, bytes]]]] = [
            (Step.SENDER, lambda: server.mail(self._settings.sender_address, options)),
            (Step.RECEIVER, lambda: server.rcpt(to)),
            (Step.DATA, lambda: server.data(message.as_bytes(policy=policy))),
        ]
        for step, command in commands:
            code, text = self._said(command)
            if code not in _OK:
                return self._refused(step, code, text)
        return Answer(outcome=Outcome.DELIVERED)

    def _said(self, command: Callable[[], tuple[int, bytes]]) -> tuple[int, bytes]:
        """The reply to a command; 0 when the conversation broke."""
        try:
            return command()
        except smtplib.SMTPDataError as error:
            return error.smtp_code, _bytes(error.smtp_error)
        except BROKEN:
            self._hang_up()
            return 0, b""

    def _connected(self) -> smtplib.SMTP:
        settings = self._settings
        try:
            if settings.tls is MailTls.FROM_THE_START:
                return smtplib.SMTP_SSL(
                    settings.host,
                    settings.port,
                    timeout=settings.timeout_s,
                    context=self._context(),
                )
            return smtplib.SMTP(settings.host, settings.port, timeout=settings.timeout_s)
        except ssl.SSLError as error:
            raise MailRefused(Answer(outcome=Outcome.BREAKER, reason=_tls_word(error))) from error
        except smtplib.SMTPConnectError as error:
            raise MailRefused(_answer(Step.CONNECT, error.smtp_code)) from error
        except BROKEN as error:
            raise MailRefused(_answer(Step.CONNECT, 0)) from error

    def _encrypt(self, server: smtplib.SMTP) -> None:
        tls = self._settings.tls
        try:
            server.ehlo_or_helo_if_needed()
            if tls is MailTls.FROM_THE_START or not server.has_extn("starttls"):
                if tls is MailTls.STARTTLS:
                    raise MailRefused(Answer(outcome=Outcome.BREAKER, reason="tls not offered"))
                return
            code, text = server.starttls(context=self._context())
            if code >= 400:  # noqa: PLR2004 - SMTP's own classes
                raise MailRefused(_answer(Step.TLS, code, text))
            server.ehlo()
        except ssl.SSLError as error:
            raise MailRefused(Answer(outcome=Outcome.BREAKER, reason=_tls_word(error))) from error
        except BROKEN as error:
            raise MailRefused(_answer(Step.CONNECT, 0)) from error

    def _log_in(self, server: smtplib.SMTP) -> None:
        settings = self._settings
        if not settings.user:
            return
        try:
            server.login(settings.user, settings.password)
        except smtplib.SMTPResponseException as error:
            refusal = _answer(Step.LOGIN, error.smtp_code, _bytes(error.smtp_error))
            raise MailRefused(refusal) from error
        except smtplib.SMTPNotSupportedError as error:
            raise MailRefused(
                Answer(outcome=Outcome.BREAKER, reason="login not offered")
            ) from error
        except BROKEN as error:
            raise MailRefused(_answer(Step.CONNECT, 0)) from error

    def _refused(self, step: Step, code: int, text: bytes) -> Answer:
        answer = _answer(step, code, text)
        if self._server is not None:
            try:
                self._server.rset()
            except BROKEN:
                self._hang_up()
        return answer

    def _hang_up(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    def _needs_utf8(self, to: str) -> bool:
        return not (to.isascii() and self._settings.sender_address.isascii())

    def _context(self) -> ssl.SSLContext:
        ca = self._settings.ca_file
        return ssl.create_default_context(cafile=str(ca) if ca else None)


def _answer(step: Step, code: int, text: bytes = b"") -> Answer:
    return Answer(outcome=mail_outcome(step, code, text), reason=mail_reason(step, code, text))


def _tls_word(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"tls certificate {error.verify_code}"
    return "tls failed"


def _bytes(text: bytes | str) -> bytes:
    return text.encode("utf-8", "replace") if isinstance(text, str) else text
