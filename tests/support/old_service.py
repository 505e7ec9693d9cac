"""Another vendor's web service for passes, small and careless: what a shop comes from."""

from __future__ import annotations

import json
import re
import threading
from types import TracebackType
from typing import Self
from urllib.parse import quote
from wsgiref.simple_server import WSGIRequestHandler, make_server

import requests

PASS_MIME = "application/vnd.apple.pkpass"
REGISTRATION = re.compile(r"/v1/devices/([^/]+)/registrations/([^/]+)/([^/]+)$")


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_arguments: object) -> None:
        return


class OldService:
    """Serves one pass at `/card.pkpass` and remembers who registered; a context manager."""

    def __init__(self) -> None:
        self._server = make_server("127.0.0.1", 0, self._answer, handler_class=_Quiet)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self.card = b""
        self.version = 1
        self.phones: dict[str, str] = {}
        self.moved_to = ""
        """Where the name leads now; the pass knows nothing of it."""

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _at: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _answer(self, environ, start):
        path, method = environ["PATH_INFO"], environ["REQUEST_METHOD"]
        if self.moved_to:
            return self._forward(environ, start)
        found = REGISTRATION.search(path)
        if found and method == "POST":
            size = int(environ.get("CONTENT_LENGTH") or 0)
            self.phones[found[1]] = json.loads(environ["wsgi.input"].read(size))["pushToken"]
            start("201 Created", [])
            return [b""]
        if found and method == "DELETE":
            start("200 OK", [])
            return [b""]
        if "/v1/passes/" in path or path == "/card.pkpass":
            modified = f"Mon, 05 Jan 2026 10:00:{self.version:02d} GMT"
            start("200 OK", [("Content-Type", PASS_MIME), ("Last-Modified", modified)])
            return [self.card]
        start("204 No Content", [])
        return [b""]

    def _forward(self, environ, start):
        size = int(environ.get("CONTENT_LENGTH") or 0)
        headers = {
            name.removeprefix("HTTP_").replace("_", "-").title(): value
            for name, value in environ.items()
            if name.startswith("HTTP_")
        }
        query = f"?{environ['QUERY_STRING']}" if environ.get("QUERY_STRING") else ""
        with requests.Session() as session:
            session.trust_env = False
            answer = session.request(
                environ["REQUEST_METHOD"],
                f"{self.moved_to}{quote(environ['PATH_INFO'])}{query}",
                headers=headers,
                data=environ["wsgi.input"].read(size),
                timeout=10,
            )
        kept = [(k, v) for k, v in answer.headers.items() if k in {"Content-Type", "Last-Modified"}]
        start(f"{answer.status_code} Answer", kept)
        return [answer.content]
