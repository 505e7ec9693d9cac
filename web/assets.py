"""Addresses of our own static files that change with their bytes, so that browsers may keep them."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from flask import Flask, current_app, url_for


def install(app: Flask) -> None:
    """Give templates `asset('regulars.css')`."""
    app.jinja_env.globals["asset"] = asset


def asset(name: str) -> str:
    """The address of a file in web/static."""
    path = Path(current_app.static_folder or "") / name
    if current_app.debug or current_app.testing:
        _digest.cache_clear()
    return url_for("static", filename=name, v=_digest(path))


@cache
def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]
