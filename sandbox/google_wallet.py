"""Google's store of classes and objects: what the REST methods do, without HTTP.

Nothing is ever deleted, as at Google. Phones read this store at once; a change that may notify does
so at most three times in 24 hours per resource, further ones are silent.
"""

from __future__ import annotations

import base64
import binascii
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sandbox.clock import SandboxClock
from sandbox.events import EventLog
from sandbox.google_links import check_links, linked
from sandbox.google_oauth import Account
from sandbox.google_rules import (
    KINDS,
    OUTPUT_ONLY,
    ApiRefused,
    Kind,
    check_issuer,
    check_shape,
    check_whole,
    invalid,
    issuer_of,
    merged,
    notifies,
    review,
    without_nulls,
)
from sandbox.store import Document, Store

NOTIFY_MAX = 3
NOTIFY_WINDOW_S = 24 * 3600.0
PAGE_MAX = 1000
REFERENCE = "classReference"

Notice = Callable[[Kind, str, str], None]
Link = Callable[[Kind, str], None]


@dataclass(slots=True, kw_only=True)
class Record:
    """A stored resource, who saved it, and when it last notified (seconds since 1970)."""

    resource: Document
    holders: list[str] = field(default_factory=list)
    notified_at: list[float] = field(default_factory=list)
    revision: int = 1

    def as_json(self) -> Document:
        return {
            "resource": self.resource,
            "holders": self.holders,
            "notified_at": self.notified_at,
            "revision": self.revision,
        }


class GoogleWallet:
    def __init__(
        self,
        *,
        store: Store,
        clock: SandboxClock,
        events: EventLog,
        known_issuers: Callable[[], set[str]],
    ) -> None:
        self._store, self._clock, self._events = store, clock, events
        self._known_issuers = known_issuers
        self.lock = threading.RLock()
        self._records = {
            path: {key: Record(**each) for key, each in store.all(f"google:{path}").items()}
            for path in KINDS
        }
        # Called as (kind of the object, its id, text) for every holder's phone to show.
        self.on_notice: Notice = lambda _kind, _object_id, _text: None
        # Called as (kind of the object, its id) when it may name other passes than before.
        self.on_link: Link = lambda _kind, _object_id: None

    # The REST methods.

    def insert(self, kind: Kind, account: Account, document: Any) -> Document:
        resource = self._incoming(kind, document)
        key = resource.get("id")
        self._check_issuer(key, account)
        with self.lock:
            if key in self._records[kind.path]:
                words = f"{kind.words} {key} already exists."
                raise ApiRefused(409, words, "existingResource")
            self._store_new(kind, str(key), resource)
            return self.shown(kind, str(key))

    def get(self, kind: Kind, account: Account, key: str) -> Document:
        self._check_issuer(key, account)
        with self.lock:
            self._record(kind, key)
            return self.shown(kind, key)

    def update(self, kind: Kind, account: Account, key: str, document: Any) -> Document:
        """PUT: the document replaces everything that can be sent."""
        return self._change(kind, account, key, document, lambda _old, new: without_nulls(new))

    def patch(self, kind: Kind, account: Account, key: str, document: Any) -> Document:
        return self._change(kind, account, key, document, merged)

    def list(self, kind: Kind, account: Account, query: dict[str, str]) -> Document:
        """A page of resources in the order of their ids, by issuerId or classId."""
        keep = self._list_filter(kind, account, query)
        limit = _max_results(query.get("maxResults"))
        start = _page_start(query.get("token"))
        with self.lock:
            keys = sorted(key for key in self._records[kind.path] if keep(kind, key))
            keys = [key for key in keys if key > start]
            page = keys if limit is None else keys[:limit]
            answer: Document = {"resources": [self.shown(kind, key) for key in page]}
        answer["pagination"] = {"kind": "walletobjects#pagination", "resultsPerPage": len(page)}
        if len(page) < len(keys):
            token = base64.urlsafe_b64encode(page[-1].encode()).decode()
            answer["pagination"]["nextPageToken"] = token
        return answer

    def add_message(self, kind: Kind, account: Account, key: str, request: Any) -> Document:
        self._check_issuer(key, account)
        message = request.get("message") if isinstance(request, dict) else None
        if not isinstance(message, dict) or not message.get("header") or not message.get("body"):
            raise invalid("message needs header and body.")
        if set(request) != {"message"}:
            raise invalid("Send message and nothing else.")
        check_shape(kind, {"messages": [message]})
        loud = message.get("messageType") in {"TEXT_AND_NOTIFY", "textAndNotify"}
        with self.lock:
            record = self._record(kind, key)
            if loud and not self._may_notify(record):
                words = f"Quota exceeded for issuer {issuer_of(key)} when adding TEXT_AND_NOTIFY"
                noun = "class" if kind.is_class else "object"
                raise ApiRefused(403, f"{words} message to {noun} {key}.", "quotaExceeded")
            candidate = merged(record.resource, {})
            candidate["messages"] = [*candidate.get("messages", []), message]
            check_whole(kind, candidate)
            self._keep(kind, key, record, candidate)
            if loud:
                self._notify(kind, key, record, f"{message['header']}: {message['body']}")
            self._events.add("google.message", resource=key, loud=loud, header=message["header"])
            return {"resource": self.shown(kind, key)}

    # What the save page and the phones need.

    def shown(self, kind: Kind, key: str) -> Document:
        """A resource as GET shows it, with what the server adds; a fresh copy."""
        record = self._records[kind.path][key]
        shown = merged(record.resource, {})
        shown["kind"] = f"walletobjects#{kind.path}"
        shown["version"] = str(record.revision)
        if not kind.is_class:
            shown["hasUsers"] = bool(record.holders)
            of_class = self._records[kind.sibling().path].get(shown["classId"])
            if of_class is not None:
                shown[REFERENCE] = merged(of_class.resource, {})
        return shown

    def find(self, kind: Kind, key: str) -> Document | None:
        with self.lock:
            return self.shown(kind, key) if key in self._records[kind.path] else None

    def links(self, kind: Kind, key: str) -> tuple[tuple[Kind, str], ...]:
        """The passes that stand beside this one on its phones."""
        with self.lock:
            record = self._records[kind.path].get(key)
            return () if record is None else tuple(linked(record.resource, self._records))

    def revision(self, kind: Kind, key: str) -> int:
        record = self._records[kind.path].get(key)
        return 0 if record is None else record.revision

    def hold(self, kind: Kind, key: str, phone: str) -> None:
        """Mark an object as saved by a phone; a second holder only where the class allows it."""
        with self.lock:
            record = self._record(kind, key)
            shown = self.shown(kind, key)
            rule = shown.get(REFERENCE, {}).get("multipleDevicesAndHoldersAllowedStatus", "")
            others = [each for each in record.holders if each != phone]
            if others and rule.upper().startswith("ONE_USER"):
                words = f"This card is already held by another person ({others[0]})."
                raise ApiRefused(403, words, "alreadySaved")
            record.holders = [*others, phone]
            self._keep(kind, key, record, record.resource)

    def let_go(self, kind: Kind, key: str, phone: str) -> None:
        with self.lock:
            record = self._record(kind, key)
            record.holders = [each for each in record.holders if each != phone]
            self._keep(kind, key, record, record.resource)

    # Inside.

    def _store_new(self, kind: Kind, key: str, resource: Document) -> None:
        resource.pop("notifyPreference", None)
        if kind.is_class and "reviewStatus" in resource:
            resource["reviewStatus"] = review(resource, None)
        check_whole(kind, resource)
        self._check_class(kind, resource)
        check_links(kind, resource, self._records)
        record = Record(resource=resource)
        self._records[kind.path][key] = record
        self._store.put(f"google:{kind.path}", key, record.as_json())
        self._events.add(f"google.inserted.{kind.path}", resource=key, values=_values(resource))

    def _change(
        self, kind: Kind, account: Account, key: str, document: Any,
        combine: Callable[[Document, Document], Document],
    ) -> Document:  # fmt: skip
        self._check_issuer(key, account)
        sent = self._incoming(kind, document)
        if sent.get("id", key) != key:
            raise invalid(f"The id in the body ({sent['id']}) differs from the address ({key}).")
        loud = sent.pop("notifyPreference", None) in {"NOTIFY_ON_UPDATE", "notifyOnUpdate"}
        with self.lock:
            record = self._record(kind, key)
            old = record.resource
            fresh = combine(old, sent) | {"id": key}
            if kind.is_class and kind.vertical != "generic":
                fresh["reviewStatus"] = review(sent, old)
            check_whole(kind, fresh)
            self._check_class(kind, fresh)
            check_links(kind, fresh, self._records)
            self._keep(kind, key, record, fresh)
            notified = loud and notifies(kind, old, fresh) and self._may_notify(record)
            if notified:
                self._notify(kind, key, record, "Your card was updated")
            self._events.add(f"google.changed.{kind.path}", resource=key, values=_values(fresh),
                             notified=notified, holders=record.holders)  # fmt: skip
            answer = self.shown(kind, key)
        self.on_link(kind, key)
        return answer

    def _incoming(self, kind: Kind, document: Any) -> Document:
        checked = check_shape(kind, document)
        return {name: value for name, value in checked.items() if name not in OUTPUT_ONLY}

    def _check_issuer(self, key: Any, account: Account) -> None:
        check_issuer(key, mine=set(account.issuers), known=self._known_issuers())

    def _record(self, kind: Kind, key: str) -> Record:
        record = self._records[kind.path].get(key)
        if record is None:
            reason = "classNotFound" if kind.is_class else "resourceNotFound"
            raise ApiRefused(404, f"{kind.words} {key} not found.", reason)
        return record

    def _check_class(self, kind: Kind, resource: Document) -> None:
        if kind.is_class:
            return
        key = resource["classId"]
        if issuer_of(key) != issuer_of(resource["id"]):
            raise ApiRefused(403, "Permission denied.", "permissionDenied")
        found = self._record(kind.sibling(), key)
        if found.resource.get("reviewStatus") == "DRAFT":
            raise invalid(f"Class {key} is a DRAFT; objects need a class that is under review.")

    def _keep(self, kind: Kind, key: str, record: Record, resource: Document) -> None:
        record.resource = resource
        record.revision += 1
        self._store.put(f"google:{kind.path}", key, record.as_json())

    def _may_notify(self, record: Record) -> bool:
        since = self._clock.now_s() - NOTIFY_WINDOW_S
        record.notified_at = [each for each in record.notified_at if each > since]
        return len(record.notified_at) < NOTIFY_MAX

    def _notify(self, kind: Kind, key: str, record: Record, text: str) -> None:
        record.notified_at.append(self._clock.now_s())
        self._store.put(f"google:{kind.path}", key, record.as_json())
        if not kind.is_class:
            self.on_notice(kind, key, text)
            return
        objects = kind.sibling()
        for object_id, each in self._records[objects.path].items():
            if each.resource["classId"] == key and each.holders:
                self.on_notice(objects, object_id, text)

    def _list_filter(
        self, kind: Kind, account: Account, query: dict[str, str]
    ) -> Callable[[Kind, str], bool]:
        if kind.is_class:
            issuer = query.get("issuerId", "")
            check_issuer(f"{issuer}.x", mine=set(account.issuers), known=self._known_issuers())
            return lambda _kind, key: issuer_of(key) == issuer
        class_id = query.get("classId", "")
        self._check_issuer(class_id, account)
        self._record(kind.sibling(), class_id)
        return lambda of, key: self._records[of.path][key].resource["classId"] == class_id


def _values(resource: Document) -> Document | None:
    """The balances of an object, for tests that wait for a number."""
    found: Document = {}
    for name in ("loyaltyPoints", "secondaryLoyaltyPoints"):
        balance = (resource.get(name) or {}).get("balance") or {}
        for value in balance.values():
            found[name] = value
    if "balance" in resource:
        found["balance"] = resource["balance"]
    return found or None


def _max_results(text: str | None) -> int | None:
    if text is None:
        return None
    if not text.isdecimal() or not 1 <= int(text) <= PAGE_MAX:
        raise invalid(f"maxResults must be a number from 1 to {PAGE_MAX}.")
    return int(text)


def _page_start(token: str | None) -> str:
    try:
        return base64.urlsafe_b64decode(token or "").decode()
    except (binascii.Error, ValueError) as error:
        raise invalid("token is not one that a list gave out.") from error
