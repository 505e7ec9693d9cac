"""The sandbox's folder: what others put into it, and what it writes for them.

Read, and read again whenever a file changes:

- `apple-root.pem`: the root that pass certificates chain to (an intermediate may follow it).
- `google-service-accounts.json`: `[{"client_email", "public_key_pem", "issuer_id"}]`.
- `apns-keys.json`: teams' keys for pushes by token; see apns_tokens.py.

Written: `apns-ca.pem` (whom a sender must trust), its key and Google's callback keys (mode 0600),
and `sandbox.sqlite3`. The folder must hold no real certificate.
"""

from __future__ import annotations

import fcntl
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import trustme
from cryptography import x509

FILE_BYTES_MAX = 1_000_000


class HomeUnusable(Exception):
    """The folder cannot be used; the text says why and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceAccount:
    client_email: str
    public_key_pem: str
    issuer_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PushKey:
    key_id: str
    team_id: str
    public_key_pem: str
    topics: tuple[str, ...]
    environment: str


class Home:
    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self._cache: dict[str, tuple[tuple[int, int] | None, Any]] = {}
        self._owner: IO[str] | None = None

    def open(self) -> None:
        """Make the folder (0700) and take it for this process alone."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._owner = (self.folder / "running.lock").open("w")
        try:
            fcntl.flock(self._owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._owner.close()
            raise HomeUnusable(
                f"Another sandbox already uses {self.folder}. Stop it, or choose another --home."
            ) from error

    def close(self) -> None:
        if self._owner is not None:
            self._owner.close()

    @property
    def apple_root_path(self) -> Path:
        return self.folder / "apple-root.pem"

    @property
    def apns_ca_path(self) -> Path:
        return self.folder / "apns-ca.pem"

    def apple_root_stamp(self) -> tuple[int, int] | None:
        return _stamp(self.apple_root_path)

    def apple_roots(self) -> list[x509.Certificate]:
        """The self-signed certificates of apple-root.pem; empty while it is absent or unreadable."""
        return [each for each in self.apple_certificates() if each.issuer == each.subject]

    def apple_certificates(self) -> list[x509.Certificate]:
        return list(self._fresh(self.apple_root_path, _read_certificates))

    def service_accounts(self) -> list[ServiceAccount]:
        path = self.folder / "google-service-accounts.json"
        return list(self._fresh(path, _read_accounts))

    def push_keys(self) -> list[PushKey]:
        return list(self._fresh(self.folder / "apns-keys.json", _read_push_keys))

    def apns_authority(self) -> trustme.CA:
        """The authority behind the push server's certificate, the same one at every start."""
        key_path = self.folder / "apns-ca.key"
        if self.apns_ca_path.exists() and key_path.exists():
            return trustme.CA.from_pem(self.apns_ca_path.read_bytes(), key_path.read_bytes())
        authority = trustme.CA(organization_name="Regulars Sandbox push server")
        write_private(key_path, authority.private_key_pem.bytes())
        write_private(self.apns_ca_path, authority.cert_pem.bytes(), mode=0o644)
        return authority

    def _fresh(self, path: Path, read: Any) -> Any:
        """The parsed file, parsed again when its time or size changed; () while unusable."""
        stamp = _stamp(path)
        cached = self._cache.get(path.name)
        if cached is None or cached[0] != stamp:
            cached = (stamp, _read_or_nothing(path, read) if stamp else ())
            self._cache[path.name] = cached
        return cached[1]


def write_private(path: Path, body: bytes, *, mode: int = 0o600) -> None:
    """Write a whole file or nothing, never readable by others on the way."""
    fresh = path.with_name(path.name + ".new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(body)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return (found.st_mtime_ns, found.st_size)


def _read_or_nothing(path: Path, read: Any) -> Any:
    # A file caught half written counts as absent; the next change of its time is read again.
    try:
        body = path.read_bytes()
        return read(body) if len(body) <= FILE_BYTES_MAX else ()
    except (OSError, ValueError, KeyError, TypeError):
        return ()


def _read_certificates(body: bytes) -> list[x509.Certificate]:
    return x509.load_pem_x509_certificates(body)


def _read_accounts(body: bytes) -> list[ServiceAccount]:
    return [
        ServiceAccount(
            client_email=str(row["client_email"]),
            public_key_pem=str(row["public_key_pem"]),
            issuer_id=str(row["issuer_id"]),
        )
        for row in json.loads(body)
    ]


def _read_push_keys(body: bytes) -> list[PushKey]:
    return [
        PushKey(
            key_id=str(row["key_id"]),
            team_id=str(row["team_id"]),
            public_key_pem=str(row["public_key_pem"]),
            topics=tuple(str(topic) for topic in row["topics"]),
            environment=str(row.get("environment", "production")),
        )
        for row in json.loads(body)
    ]
