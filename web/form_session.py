"""The form cookie's session, opened only for a request that brings the cookie.

Phones, cash registers and first visitors bring none, and they are most of what is asked: deriving
the key that would have checked it is then spared. Who is signed in is not here (sessions.py).
"""

from __future__ import annotations

from flask import Flask, Request
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface


class FormSessions(SecureCookieSessionInterface):
    """Flask's own cookie, read when it is there."""

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        if not app.secret_key or self.get_cookie_name(app) in request.cookies:
            return super().open_session(app, request)
        return self.session_class()
