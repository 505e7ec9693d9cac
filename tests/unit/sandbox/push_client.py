"""A push sender for tests: curl over HTTP/2 with a client certificate, one request at a time."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from typing import Any

import pycurl

from tests.support.sandbox import AppleChain, SandboxProcess


@dataclass(frozen=True)
class PushAnswer:
    status: int
    headers: dict[str, str]
    body: dict[str, Any]


class PushFailed(Exception):
    """No answer came; the text is curl's."""


class PushClient:
    def __init__(self, sandbox: SandboxProcess, chain: AppleChain | None) -> None:
        self._url = sandbox.urls["apns_url"]
        self._lines: list[str] = []
        self._body = io.BytesIO()
        self._curl = pycurl.Curl()
        self._curl.setopt(pycurl.CAINFO, sandbox.urls["apns_ca"])
        self._curl.setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_2_0)
        self._curl.setopt(pycurl.TIMEOUT_MS, 5000)
        if chain is not None:
            self._curl.setopt(pycurl.SSLCERTTYPE, "PEM")
            self._curl.setopt(pycurl.SSLCERT_BLOB, chain.identity_pem())
            self._curl.setopt(pycurl.SSLKEY_BLOB, chain.key_pem)

    def close(self) -> None:
        self._curl.close()

    def prepare(
        self,
        token: str,
        *,
        body: bytes = b"{}",
        method: str = "POST",
        path: str = "",
        timeout_ms: int = 5000,
        headers: dict[str, str] | None = None,
    ) -> pycurl.Curl:
        """Set one request up on the handle, for `send` or for a multi handle."""
        self._lines.clear()
        self._body = io.BytesIO()
        self._curl.setopt(pycurl.URL, self._url + (path or f"/3/device/{token}"))
        self._curl.setopt(pycurl.POSTFIELDS, body)
        self._curl.setopt(pycurl.CUSTOMREQUEST, method)
        sent = [f"{name}: {value}" for name, value in (headers or {}).items()]
        self._curl.setopt(pycurl.HTTPHEADER, sent)
        self._curl.setopt(pycurl.TIMEOUT_MS, timeout_ms)
        self._curl.setopt(pycurl.HEADERFUNCTION, lambda line: self._lines.append(line.decode()))
        self._curl.setopt(pycurl.WRITEDATA, self._body)
        return self._curl

    def status(self) -> int:
        return int(self._curl.getinfo(pycurl.RESPONSE_CODE))

    def send(self, token: str, **request: Any) -> PushAnswer:
        """Send one push; `request` as in `prepare`."""
        try:
            self.prepare(token, **request).perform()
        except pycurl.error as error:
            raise PushFailed(str(error)) from error
        named = (line.partition(":") for line in self._lines if ":" in line)
        found = {name.strip().lower(): value.strip() for name, _colon, value in named}
        text = self._body.getvalue()
        return PushAnswer(self.status(), found, json.loads(text) if text else {})
