"""The page of live phones: drawn on the server, refreshed by a small script, no other host asked.

The script asks `/live.json` every second with the validator of its last answer; only phones whose
picture changed are drawn again. Every button is a plain form, so the page works without the script.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any

import segno
from flask import (
    Blueprint,
    Response,
    abort,
    jsonify,
    make_response,
    redirect,
    render_template,
    request,
)
from markupsafe import Markup

from sandbox.androids import Android
from sandbox.apple_view import apple_view, picture_bytes
from sandbox.event_words import spoken
from sandbox.faults import BadFault
from sandbox.google_rules import KINDS
from sandbox.google_view import PICTURES, PictureCache, google_view, picture_uri
from sandbox.iphone import IPhone
from sandbox.iphones import NoSuchPhone
from sandbox.loopback import is_welcome
from sandbox.parts import Parts
from sandbox.phone_actions import BadAction, act
from sandbox.pkpass import PassRefused

PHONES_SHOWN_MAX = 24
EVENTS_READ = 200
EVENTS_SHOWN = 60
BANNER_S = 8.0
QR_LENGTH_MAX = 500
# What the page offers to break; tests break more.
FAULTS: dict[str, tuple[str, dict[str, Any]]] = {
    "apns-503": ("Push server down, 5 times", {"apns": {"status": 503, "count": 5}}),
    "apns-429": ("Push: slow down, 3 times", {"apns": {"status": 429, "count": 3}}),
    "apns-lose": ("Push accepted, then lost", {"apns": "lose"}),
    "apns-drop": ("Push connection cut, 3 times", {"apns": {"kind": "drop", "count": 3}}),
    "google-503": ("Google down, 5 times", {"google": {"status": 503, "count": 5}}),
    "google-drop": ("Google silent, 3 times", {"google": {"kind": "drop", "count": 3}}),
    "callbacks-lose": ("Save callback lost", {"callbacks": "lose"}),
    "off": ("Everything works", {"apns": None, "google": None, "callbacks": None}),
}


def page_blueprint(parts: Parts) -> Blueprint:
    door = Blueprint("page", __name__)
    page = _Page(parts)
    picture = "/phones/<phone_id>/pictures/<path:key>/<name>"
    door.add_url_rule("/", "show", page.show)
    door.add_url_rule("/live.json", "live", page.live)
    door.add_url_rule(picture, "picture", page.picture)
    door.add_url_rule("/google/pictures/<path:card>/<slot>", "google_picture", page.google_picture)
    door.add_url_rule("/phones/iphone/add", "add", page.add, methods=["POST"])
    door.add_url_rule("/phones/<phone_id>/<action>", "act", page.act, methods=["POST"])
    door.add_url_rule("/phones", "create", page.create, methods=["POST"])
    door.add_url_rule("/faults", "break_it", page.break_it, methods=["POST"])
    door.add_app_template_filter(_qr, "qr")
    return door


class _Page:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._pictures = PictureCache()

    def show(self) -> str:
        phones = [{"id": each.id, "html": self._drawn(each)} for each in self._shown()]
        iphones = [each for each in self._shown() if isinstance(each, IPhone)]
        return render_template(
            "page.html", phones=phones, iphones=iphones, events=self._events(),
            choices=FAULTS, faults=self._parts.faults.as_json(),
        )  # fmt: skip

    def live(self) -> Response:
        """What the page shows, or 304 when it is what the validator stands for."""
        stamps = {each.id: self._stamp(each) for each in self._shown()}
        faults = self._parts.faults.as_json()
        seen = f"{stamps}{self._parts.events.last}{faults}"
        answer = Response()
        answer.set_etag(hashlib.sha256(seen.encode()).hexdigest()[:24])
        answer.headers["Cache-Control"] = "no-cache"
        if request.if_none_match.contains(answer.get_etag()[0] or ""):
            answer.status_code = 304
            return answer
        body = {
            "phones": [
                {"id": each.id, "stamp": stamps[each.id], "html": self._drawn(each)}
                for each in self._shown()
            ],
            "log": render_template("_log.html", events=self._events()),
            "faults": render_template("_faults.html", faults=faults),
        }
        answer.data = jsonify(body).data
        answer.mimetype = "application/json"
        return answer

    def picture(self, phone_id: str, key: str, name: str) -> Response:
        try:
            phone = self._parts.iphones.get(phone_id)
            opened = self._parts.iphones.opened(phone, self._parts.iphones.card(phone_id, key))
        except NoSuchPhone:
            abort(404)
        found = picture_bytes(opened, name)
        if found is None:
            abort(404)
        return _image("image/png", found)

    def google_picture(self, card: str, slot: str) -> Response:
        kind = card.partition("/")[0]
        if kind not in KINDS or slot not in PICTURES:
            abort(404)
        found = self._pictures.get(picture_uri(self._parts.androids.card(card), slot))
        if found is None:
            abort(404)
        return _image(*found)

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
        return _to_phone(phone_id)

    def act(self, phone_id: str, action: str) -> Response:
        _refuse_strangers()
        facts: dict[str, Any] = dict(request.form)
        if "on" in facts:
            facts["on"] = facts["on"] == "yes"
        try:
            act(self._parts, phone_id, action, facts)
        except (NoSuchPhone, BadAction) as error:
            abort(404, str(error))
        return _to_phone(phone_id)

    def create(self) -> Response:
        _refuse_strangers()
        is_android = request.form.get("kind") == "android"
        makers = self._parts.androids if is_android else self._parts.iphones
        return _to_phone(makers.create().id)

    def break_it(self) -> Response:
        _refuse_strangers()
        wanted = FAULTS.get(request.form.get("fault", ""))
        if wanted is None:
            abort(400, "Choose one of the faults on the page.")
        try:
            self._parts.faults.set(wanted[1])
        except BadFault as error:
            abort(400, str(error))
        return make_response(redirect("/#faults", 303))

    def _shown(self) -> list[IPhone | Android]:
        """Both makes side by side, newest last, at most PHONES_SHOWN_MAX."""
        pairs: list[IPhone | Android] = [*self._parts.iphones.all(), *self._parts.androids.all()]
        pairs.sort(key=lambda phone: (int(phone.id.split("-")[1]), isinstance(phone, Android)))
        return pairs[:PHONES_SHOWN_MAX]

    def _stamp(self, phone: IPhone | Android) -> str:
        if isinstance(phone, IPhone):
            return f"{phone.revision}"
        cards = [self._parts.androids.card_revision(card) for card in phone.cards]
        return f"{phone.revision}{cards}"

    def _drawn(self, phone: IPhone | Android) -> str:
        banner = _banner(phone.notices, self._parts.clock.now_s())
        facts = {"phone": phone, "banner": banner, "stamp": self._stamp(phone)}
        if isinstance(phone, Android):
            shown = self._parts.androids.card
            views = [google_view(card, shown(card)) for card in phone.cards]
            return render_template("_android.html", cards=views, **facts)
        iphones = self._parts.iphones
        with iphones.lock:
            cards = sorted(phone.cards.values(), key=lambda card: card.changed_at)
        views = [apple_view(phone.id, card, iphones.opened(phone, card)) for card in cards]
        return render_template("_iphone.html", cards=views, **facts)

    def _events(self) -> list[dict[str, Any]]:
        log = self._parts.events
        return spoken(log.after(log.last - EVENTS_READ))[:EVENTS_SHOWN]


def _banner(notices: list[dict[str, Any]], now_s: float) -> dict[str, Any] | None:
    """The newest notification while it is fresh enough to hang at the top of the screen."""
    if not notices:
        return None
    shown_at = datetime.fromisoformat(notices[0]["at"]).astimezone(UTC).timestamp()
    return notices[0] if now_s - shown_at < BANNER_S else None


def _qr(message: str) -> Markup:
    """A QR code as inline SVG, without a style of its own."""
    code = segno.make(message[:QR_LENGTH_MAX] or " ", error="m", micro=False)
    return Markup(code.svg_inline(omitsize=True, border=0))  # noqa: S704  Only squares, no text.


def _image(kind: str, body: bytes) -> Response:
    answer = Response(body, mimetype=kind)
    answer.headers["Cache-Control"] = "private, max-age=3600"
    return answer


def _to_phone(phone_id: str) -> Response:
    return make_response(redirect(f"/#{phone_id}", 303))


def _refuse_strangers() -> None:
    if not is_welcome(request.headers):
        abort(403, "Only pages of this machine may touch the pretend phones.")
