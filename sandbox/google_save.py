"""The page behind a save link, and what its button does: put the card on a pretend Android phone.

A link carries either the id of an object that exists (skinny) or whole classes and objects (fat);
those are inserted at the click and never change what is there.
Source: Google Wallet, "Jwt" reference; "Issue passes with the web".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, abort, make_response, redirect, render_template, request

from sandbox.androids import Androids
from sandbox.events import EventLog
from sandbox.google_http import payload_resources
from sandbox.google_oauth import Account, Accounts, BadJwt
from sandbox.google_rules import ApiRefused, Kind
from sandbox.google_view import google_view
from sandbox.google_wallet import GoogleWallet
from sandbox.iphones import NoSuchPhone
from sandbox.loopback import is_welcome

LINK_LENGTH_SAFE = 1800
CLAIMS = {"iss", "aud", "typ", "iat", "exp", "payload", "origins"}


class BadLink(ValueError):
    """A save link that Google would answer with "Something went wrong"; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SaveLink:
    account: Account
    resources: list[tuple[Kind, dict[str, Any]]]

    @property
    def objects(self) -> list[tuple[Kind, str]]:
        return [(kind, str(each.get("id"))) for kind, each in self.resources if not kind.is_class]


class SaveDoor:
    def __init__(
        self, *, accounts: Accounts, wallet: GoogleWallet, androids: Androids, events: EventLog
    ) -> None:
        self._accounts, self._wallet = accounts, wallet
        self._androids, self._events = androids, events

    def blueprint(self) -> Blueprint:
        door = Blueprint("save", __name__)
        door.add_url_rule("/gp/v/save/<path:token>", "show", self.show)
        door.add_url_rule("/gp/v/save", "save", self.save, methods=["POST"])
        return door

    def show(self, token: str) -> Response:
        """The page with the button; a link that is wrong gives 400 and says why."""
        try:
            link = self.read(token)
            cards = [
                self._preview(kind, each) for kind, each in link.resources if not kind.is_class
            ]
        except (BadLink, ApiRefused) as error:
            return self._refused(str(error))
        if len(request.base_url) > LINK_LENGTH_SAFE:
            self._events.add("save.long_link", characters=len(request.base_url))
        body = render_template("save.html", cards=cards, token=token, androids=self._androids.all())
        return make_response(body)

    def save(self) -> Response:
        if not is_welcome(request.headers):
            abort(403)
        try:
            link = self.read(request.form.get("token", ""))
            phone = self.put_on_phone(link, request.form.get("phone", ""))
        except (BadLink, ApiRefused, NoSuchPhone) as error:
            return self._refused(str(error))
        answer = redirect(f"/#{phone}", 303)
        return make_response(answer)

    def read(self, token: str) -> SaveLink:
        """Check a link as Google does; BadLink or ApiRefused says what is wrong."""
        try:
            claims, account = self._accounts.verify_jwt(token)
        except BadJwt as error:
            raise BadLink(f"The link's token cannot be trusted: {error}.") from error
        for name, wanted in (("aud", "google"), ("typ", "savetowallet")):
            if claims.get(name) != wanted:
                raise BadLink(f"The token's {name} must be {wanted!r}.")
        if isinstance(claims.get("iat"), bool) or not isinstance(claims.get("iat"), int):
            raise BadLink("The token's iat must be whole seconds.")
        unknown = sorted(claims.keys() - CLAIMS)
        if unknown:
            raise BadLink(f"The token has unknown claims: {', '.join(unknown)}.")
        link = SaveLink(account=account, resources=payload_resources(claims.get("payload")))
        if not link.objects:
            raise BadLink("The token names no object to save.")
        for kind, document in link.resources:
            self._check_resource(kind, document, account)
        return link

    def put_on_phone(self, link: SaveLink, phone_id: str) -> str:
        """Insert what a fat link brings, then save its objects; returns the phone's id."""
        phone = self._chosen(phone_id)
        for kind, document in link.resources:
            if self._wallet.find(kind, str(document.get("id"))) is None:
                self._wallet.insert(kind, link.account, document)
        for kind, object_id in link.objects:
            self._androids.save_card(phone, kind, object_id)
        return phone

    def _chosen(self, phone_id: str) -> str:
        if phone_id == "new":
            return self._androids.create().id
        if phone_id:
            return self._androids.get(phone_id).id
        present = self._androids.all()
        return present[0].id if present else self._androids.create().id

    def _check_resource(self, kind: Kind, document: dict[str, Any], account: Account) -> None:
        key = str(document.get("id"))
        if key.partition(".")[0] not in account.issuers:
            raise BadLink(f"{key} belongs to another issuer than the token's signer.")
        if self._wallet.find(kind, key) is None and document.keys() <= {"id", "classId"}:
            raise BadLink(f"{kind.words} {key} not found: insert it before giving out the link.")

    def _preview(self, kind: Kind, document: dict[str, Any]) -> dict[str, Any]:
        # What is stored wins over what a fat link says: a link never updates a card.
        found = self._wallet.find(kind, str(document["id"])) or document
        return google_view(f"{kind.path}/{document['id']}", found)

    def _refused(self, reason: str) -> Response:
        self._events.add("save.refused", reason=reason)
        answer = make_response(render_template("save_refused.html", reason=reason))
        answer.status_code = 400
        return answer
