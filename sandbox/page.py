"""The page of live phones: drawn on the server, refreshed by a small script, no other host asked."""

from __future__ import annotations

from flask import Blueprint, Response, abort, make_response, redirect, render_template, request

from sandbox.iphones import NoSuchPhone
from sandbox.loopback import is_welcome
from sandbox.parts import Parts
from sandbox.pkpass import PassRefused


def page_blueprint(parts: Parts) -> Blueprint:
    door = Blueprint("page", __name__)
    page = _Page(parts)
    door.add_url_rule("/", "show", page.show)
    door.add_url_rule("/phones/iphone/add", "add", page.add, methods=["POST"])
    return door


class _Page:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def show(self) -> str:
        return render_template("page.html")

    def add(self) -> Response:
        """Take a pass address from a form, also from the product's own join page."""
        _refuse_strangers()
        phone_id = request.form.get("phone", "") or self._parts.iphones.all()[0].id
        if phone_id == "new":
            phone_id = self._parts.iphones.create().id
        try:
            self._parts.iphones.add_from(phone_id, request.form.get("url", "").strip())
        except NoSuchPhone:
            abort(404)
        except PassRefused:
            pass  # The phone shows the reason itself.
        return make_response(redirect(f"/#{phone_id}", 303))


def _refuse_strangers() -> None:
    if not is_welcome(request.headers):
        abort(403, "Only pages of this machine may put a card on a pretend phone.")
