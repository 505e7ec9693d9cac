"""A mail server that delivers nothing: what it is handed is kept in memory and shown on a page.

SMTP in its plain form (RFC 5321): no TLS and no login, because it listens on this machine only.
"""

from __future__ import annotations

import socketserver
import threading
from collections import deque
from dataclasses import dataclass
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

from sandbox.clock import SandboxClock, iso
from sandbox.events import EventLog

MAILS_MAX = 200
MAIL_BYTES_MAX = 1_000_000
LINE_BYTES_MAX = 2_000
RECEIVERS_MAX = 100
SILENCE_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedMail:
    number: int
    at: str
    receivers: tuple[str, ...]
    sender: str
    subject: str
    text: str
    html: str
    headers: dict[str, str]

    def as_json(self) -> dict[str, object]:
        return {
            "n": self.number, "at": self.at, "to": list(self.receivers), "from": self.sender,
            "subject": self.subject, "text": self.text, "html": self.html,
            "headers": self.headers,
        }  # fmt: skip


class MailServer:
    """Start it once; `mails` are the newest first."""

    def __init__(self, *, clock: SandboxClock, events: EventLog) -> None:
        self._clock, self._events = clock, events
        self._mails: deque[ReceivedMail] = deque(maxlen=MAILS_MAX)
        self._last = 0
        self._lock = threading.Lock()
        self._server: _Server | None = None
        self.port = 0

    def start(self, host: str, port: int) -> None:
        self._server = _Server((host, port), self)
        self.port = int(self._server.server_address[1])
        threading.Thread(target=self._server.serve_forever, name="mail", daemon=True).start()

    def close(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()

    def mails(self) -> list[ReceivedMail]:
        with self._lock:
            return list(reversed(self._mails))

    def mail(self, number: int) -> ReceivedMail | None:
        return next((each for each in self.mails() if each.number == number), None)

    def keep(self, receivers: list[str], body: bytes) -> None:
        found = message_from_bytes(body, policy=default)
        with self._lock:
            self._last += 1
            mail = ReceivedMail(
                number=self._last,
                at=iso(self._clock.now_s()),
                receivers=tuple(receivers),
                sender=str(found.get("From", "")),
                subject=str(found.get("Subject", "")),
                text=_part(found, "plain"),
                html=_part(found, "html"),
                headers={name: str(value) for name, value in found.items()},
            )
            self._mails.append(mail)
        self._events.add("mail.received", to=receivers[0], subject=mail.subject, mail=mail.number)


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, address: tuple[str, int], mails: MailServer) -> None:
        self.mails = mails
        super().__init__(address, _Conversation)


class _Conversation(socketserver.StreamRequestHandler):
    timeout = SILENCE_S
    server: _Server

    def handle(self) -> None:
        self._receivers: list[str] = []
        self._named_sender = False
        self._say("220 sandbox ready")
        try:
            while self._step():
                pass
        except (OSError, ValueError):
            return

    def _step(self) -> bool:
        line = self.rfile.readline(LINE_BYTES_MAX)
        if not line:
            return False
        verb, _space, rest = line.decode("utf-8", "replace").strip().partition(" ")
        match verb.upper():
            case "EHLO":
                self._say(
                    "250-sandbox", f"250-SIZE {MAIL_BYTES_MAX}", "250-8BITMIME", "250 SMTPUTF8"
                )
            case "HELO" | "NOOP":
                self._say("250 sandbox")
            case "RSET":
                self._forget()
                self._say("250 forgotten")
            case "MAIL":
                self._forget()
                self._named_sender = True
                self._say("250 sender taken")
            case "RCPT":
                self._receiver(rest)
            case "DATA":
                return self._data()
            case "QUIT":
                self._say("221 bye")
                return False
            case _:
                self._say("502 not spoken here")
        return True

    def _receiver(self, rest: str) -> None:
        address = rest.partition(":")[2].strip().partition(">")[0].lstrip("<")
        if not self._named_sender:
            self._say("503 who sends it?")
        elif "@" not in address:
            self._say("501 that is no address")
        elif len(self._receivers) >= RECEIVERS_MAX:
            self._say("452 too many receivers")
        else:
            self._receivers.append(address)
            self._say("250 receiver taken")

    def _data(self) -> bool:
        if not self._receivers:
            self._say("503 to whom?")
            return True
        self._say("354 go on")
        lines: list[bytes] = []
        size = 0
        while (line := self.rfile.readline()) not in {b".\r\n", b""}:
            size += len(line)
            if size > MAIL_BYTES_MAX:
                self._say("552 too large")
                return False
            # A line that begins with a dot was given one more (RFC 5321 4.5.2).
            lines.append(line[1:] if line.startswith(b".") else line)
        if not line:
            return False
        self.server.mails.keep(self._receivers, b"".join(lines))
        self._forget()
        self._say("250 kept, and delivered to nobody")
        return True

    def _forget(self) -> None:
        self._receivers, self._named_sender = [], False

    def _say(self, *lines: str) -> None:
        self.wfile.write("".join(f"{line}\r\n" for line in lines).encode())


def _part(mail: EmailMessage, kind: str) -> str:
    part = mail.get_body((kind,))
    return str(part.get_content()) if part is not None else ""
