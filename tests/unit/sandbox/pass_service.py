"""A pass's web service of the smallest kind, whose answers a test may bend."""

from __future__ import annotations

import json
import re
import threading
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.support.sandbox import AppleChain, build_pass

TOKEN = "a-token-of-more-than-16-characters"
MIME = "application/vnd.apple.pkpass"


@dataclass
class Served:
    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


class PassService:
    """Serves cards by serial; counts what phones ask. `bend[name]` replaces an answer."""

    def __init__(self, chain: AppleChain) -> None:
        self.chain = chain
        self.registrations: dict[str, str] = {}
        self.values: dict[str, int] = {}
        self.modified: dict[str, int] = {}
        self.version = 0
        self.logs: list[str] = []
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        self.bend: dict[str, Served] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.base = f"http://127.0.0.1:{self._server.server_address[1]}/apple"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def card_url(self, serial: str = "card-1") -> str:
        return f"{self.base}/download/{serial}"

    def set_points(self, serial: str, points: int) -> None:
        self.version += 1
        self.values[serial] = points
        self.modified[serial] = max(1_700_000_000, self.modified.get(serial, 0) + 1)

    def pass_bytes(self, serial: str, **changes: Any) -> bytes:
        field_ = {
            "key": "points", "label": "POINTS", "value": self.values[serial],
            "changeMessage": "You have %@",
        }  # fmt: skip
        facts: dict[str, Any] = {
            "serialNumber": serial, "webServiceURL": self.base, "authenticationToken": TOKEN,
            "storeCard": {"headerFields": [field_]},
        }  # fmt: skip
        return build_pass(self.chain, **(facts | changes))

    def answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Served:
        self.requests.append((method, path, headers))
        name, served = self._route(method, path, headers, body)
        return self.bend.get(name, served)

    def asked(self, method: str, part: str) -> list[tuple[str, str, dict[str, str]]]:
        return [each for each in self.requests if each[0] == method and part in each[1]]

    def _route(
        self, method: str, path: str, headers: dict[str, str], body: bytes
    ) -> tuple[str, Served]:
        if "/download/" in path:
            serial = path.rsplit("/", 1)[1]
            return "download", Served(body=self.pass_bytes(serial), headers={"Content-Type": MIME})
        if path.endswith("/v1/log"):
            self.logs += json.loads(body)["logs"]
            return "log", Served()
        if found := re.search(r"/v1/passes/[^/]+/([^/?]+)$", path):
            return "pass", self._pass(found.group(1), headers)
        if method == "GET":
            return "list", self._list(path)
        key = path.rsplit("/", 1)[1]
        if method == "DELETE":
            self.registrations.pop(key, None)
            return "unregister", Served()
        new = key not in self.registrations
        self.registrations[key] = json.loads(body)["pushToken"]
        return "register", Served(201 if new else 200)

    def _list(self, path: str) -> Served:
        if path.endswith(f"passesUpdatedSince=e1-{self.version}"):
            return Served(204)
        answer = {"serialNumbers": sorted(self.registrations), "lastUpdated": f"e1-{self.version}"}
        return Served(body=json.dumps(answer).encode())

    def _pass(self, serial: str, headers: dict[str, str]) -> Served:
        if headers.get("Authorization") != f"ApplePass {TOKEN}":
            return Served(401)
        stamp = formatdate(self.modified[serial], usegmt=True)
        if headers.get("If-Modified-Since") == stamp:
            return Served(304, headers={"Last-Modified": stamp})
        kept = {"Content-Type": MIME, "Last-Modified": stamp}
        return Served(body=self.pass_bytes(serial), headers=kept)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        service = self

        class Handler(BaseHTTPRequestHandler):
            def handle_any(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                served = service.answer(self.command, self.path, dict(self.headers), body)
                self.send_response(served.status)
                for name, value in served.headers.items():
                    self.send_header(name, value)
                if served.status not in {204, 304}:
                    self.send_header("Content-Length", str(len(served.body)))
                self.end_headers()
                self.wfile.write(served.body)

            # The library's own names.
            do_GET = do_POST = do_DELETE = handle_any  # noqa: N815

            def log_message(self, *_arguments: object) -> None:
                return

        return Handler
