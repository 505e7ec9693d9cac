"""The sandbox's own memory on disk: small JSON documents by kind and id, in one SQLite file.

It is not meant to be fast or shared: one process owns the folder, and a crash may lose the last
moments but never leaves a half-written document.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from pathlib import Path
from typing import Any

Document = dict[str, Any]


class Store:
    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        path.chmod(0o600)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS document (kind TEXT, id TEXT, body BLOB, "
            "PRIMARY KEY (kind, id)) WITHOUT ROWID"
        )

    def put(self, kind: str, key: str, document: Document) -> None:
        self.put_bytes(kind, key, json.dumps(document).encode())

    def put_bytes(self, kind: str, key: str, body: bytes) -> None:
        with self._lock:
            self._db.execute("INSERT OR REPLACE INTO document VALUES (?, ?, ?)", (kind, key, body))

    def get(self, kind: str, key: str) -> Document | None:
        body = self.get_bytes(kind, key)
        return None if body is None else json.loads(body)

    def get_bytes(self, kind: str, key: str) -> bytes | None:
        query = "SELECT body FROM document WHERE kind = ? AND id = ?"
        with self._lock:
            row = self._db.execute(query, (kind, key)).fetchone()
        return None if row is None else bytes(row[0])

    def all(self, kind: str) -> dict[str, Document]:
        """Every document of a kind by id, in the order of their ids."""
        query = "SELECT id, body FROM document WHERE kind = ? ORDER BY id"
        with self._lock:
            rows = self._db.execute(query, (kind,)).fetchall()
        return {key: json.loads(body) for key, body in rows}

    def delete(self, kind: str, key: str) -> None:
        with self._lock:
            self._db.execute("DELETE FROM document WHERE kind = ? AND id = ?", (kind, key))

    def close(self) -> None:
        with self._lock:
            self._db.close()
