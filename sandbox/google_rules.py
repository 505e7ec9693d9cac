"""Google's rules beyond the schema: required fields, ids, limits, reviews, merging.

Only rules that Google enforces hard are here; lengths that merely get cut on a small screen are not.
Source: Google Wallet API reference (LoyaltyClass, LoyaltyObject and their siblings).
"""

from __future__ import annotations

import copy
import re
from dataclasses import dataclass
from typing import Any

from sandbox.google_schema import faults
from sandbox.loopback import is_loopback_host

RESOURCE_ID = re.compile(r"^([0-9]{1,32})\.([A-Za-z0-9._-]{1,200})$")
ISSUER_ID = re.compile(r"^3388[0-9]{15}$")
COLOUR = re.compile(r"^#(?:[0-9a-fA-F]{3}|[0-9a-fA-F]{6})$")
LIST_LIMITS = {
    "messages": 10,
    "merchantLocations": 10,
    "valueAddedModuleData": 15,
    "linkedObjectIds": 50,
    "linkedOfferIds": 50,
}
REQUIRED_CLASS = {
    "loyalty": ("issuerName", "programName", "programLogo", "reviewStatus"),
    "giftCard": ("issuerName", "reviewStatus"),
    "offer": ("issuerName", "title", "provider", "redemptionChannel", "reviewStatus"),
    "eventTicket": ("issuerName", "eventName", "reviewStatus"),
    "generic": (),
}
REQUIRED_OBJECT = {
    "loyalty": ("classId", "state"),
    "giftCard": ("classId", "state", "cardNumber"),
    "offer": ("classId", "state"),
    "eventTicket": ("classId", "state"),
    "generic": ("classId", "cardTitle", "header"),
}
REVIEWED = {"UNDER_REVIEW", "underReview"}
WRITABLE_REVIEWS = REVIEWED | {"DRAFT", "draft"}
# What the server keeps by itself; a sender's values for these are dropped.
OUTPUT_ONLY = ("hasUsers", "hasLinkedDevice", "classReference", "version", "kind", "review")
NOTIFYING = {
    "loyalty": ("loyaltyPoints", "secondaryLoyaltyPoints", "rewardsTier", "secondaryRewardsTier"),
    "giftCard": ("balance",),
    "offer": ("title",),
    "eventTicket": ("dateTime", "seatInfo"),
    "generic": (),
}


class ApiRefused(Exception):
    """An answer of the API other than 200, in Google's body shape."""

    def __init__(
        self, status: int, message: str, reason: str, *, domain: str = "walletobjects"
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.reason, self.domain = status, message, reason, domain
        self.retry_after: int | None = None

    def body(self) -> dict[str, Any]:
        each = {"message": self.message, "domain": self.domain, "reason": self.reason}
        return {"error": {"code": self.status, "message": self.message, "errors": [each]}}


@dataclass(frozen=True, slots=True)
class Kind:
    """One resource type: `loyalty` + `Class`; `path` is its name in addresses."""

    vertical: str
    noun: str

    @property
    def path(self) -> str:
        return self.vertical + self.noun

    @property
    def schema(self) -> str:
        return self.path[0].upper() + self.path[1:]

    @property
    def is_class(self) -> bool:
        return self.noun == "Class"

    @property
    def words(self) -> str:
        return "Wallet Object Class" if self.is_class else "Wallet Object"

    def sibling(self) -> Kind:
        return Kind(self.vertical, "Object" if self.is_class else "Class")


KINDS = {
    kind.path: kind for vertical in REQUIRED_CLASS for kind in (
        Kind(vertical, "Class"), Kind(vertical, "Object"))
}  # fmt: skip


def invalid(message: str) -> ApiRefused:
    return ApiRefused(400, message, "badRequest")


def check_shape(kind: Kind, document: Any) -> dict[str, Any]:
    """Hold a sent document against the schema; returns it as a dict."""
    found = faults(kind.schema, document)
    if found:
        text = "\n".join(["Invalid JSON payload received.", *found])
        raise ApiRefused(400, text, "INVALID_ARGUMENT")
    checked: dict[str, Any] = document
    return checked


def check_whole(kind: Kind, resource: dict[str, Any]) -> None:
    """Hold a resource as it would be stored against the required fields and limits."""
    required = (REQUIRED_CLASS if kind.is_class else REQUIRED_OBJECT)[kind.vertical]
    for name in required:
        if resource.get(name) in (None, "", {}):
            raise invalid(f"Required field is missing: {name}.")
    for name, limit in LIST_LIMITS.items():
        if len(resource.get(name) or []) > limit:
            raise invalid(f"{name} holds more than {limit} entries.")
    colour = resource.get("hexBackgroundColor")
    if colour and not COLOUR.match(colour):
        raise invalid(f"hexBackgroundColor must be #rrggbb or #rgb, not {colour!r}.")
    _check_points(resource)
    _check_addresses(resource)
    _check_rotating(resource.get("rotatingBarcode"))


def issuer_of(resource_id: Any) -> str:
    """The issuer in front of an id, or 400 for an id that Google does not take."""
    found = RESOURCE_ID.match(resource_id) if isinstance(resource_id, str) else None
    if found is None:
        raise ApiRefused(400, f"Invalid resource ID: {str(resource_id)[:200]}", "invalidResource")
    return found.group(1)


def check_issuer(resource_id: str, *, mine: set[str], known: set[str]) -> None:
    """403 for another's issuer id, 400 for a number that is no issuer."""
    issuer = issuer_of(resource_id)
    if issuer in mine:
        return
    if issuer in known or ISSUER_ID.match(issuer):
        raise ApiRefused(403, "Permission denied.", "permissionDenied")
    raise ApiRefused(400, f"Invalid resource ID: {resource_id}", "invalidResource")


def review(sent: dict[str, Any], stored: dict[str, Any] | None) -> str:
    """The review status a class write leads to; ordinary issuers are approved at once."""
    wanted = sent.get("reviewStatus")
    if wanted not in WRITABLE_REVIEWS:
        # An approved class must be put under review again by every later write.
        raise invalid(f"Invalid review status Optional[{wanted}].")
    if wanted in REVIEWED:
        return "APPROVED"
    if stored is not None and stored.get("reviewStatus") != "DRAFT":
        raise invalid("A class that has left DRAFT cannot go back to it.")
    return "DRAFT"


def merged(stored: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    """PATCH: objects merge, lists are replaced whole, null takes a field away."""
    result = copy.deepcopy(stored)
    waiting = [(result, patch)]
    while waiting:
        target, change = waiting.pop()
        for name, value in change.items():
            if value is None:
                target.pop(name, None)
            elif isinstance(value, dict) and isinstance(target.get(name), dict):
                waiting.append((target[name], value))
            else:
                target[name] = copy.deepcopy(value)
    return result


def without_nulls(document: dict[str, Any]) -> dict[str, Any]:
    return merged({}, document)


def notifies(kind: Kind, old: dict[str, Any], new: dict[str, Any]) -> bool:
    return any(old.get(name) != new.get(name) for name in NOTIFYING[kind.vertical])


def _check_points(resource: dict[str, Any]) -> None:
    for name in ("loyaltyPoints", "secondaryLoyaltyPoints"):
        points = resource.get(name)
        if points is None:
            continue
        balance = points.get("balance") or {}
        given = [
            each for each in ("int", "double", "string", "money") if balance.get(each) is not None
        ]
        if len(given) != 1:
            raise invalid(
                f"{name}.balance needs exactly one of int, double, string, money; "
                f"it has {', '.join(given) or 'none'}."
            )


def _check_addresses(resource: dict[str, Any]) -> None:
    url = (resource.get("callbackOptions") or {}).get("url")
    if url and not (url.startswith("https://") or _is_local(url)):
        raise invalid("callbackOptions.url must begin with https://.")
    for each in (resource.get("linksModuleData") or {}).get("uris") or []:
        if not re.match(r"^[A-Za-z][A-Za-z0-9+.-]*:", each.get("uri") or ""):
            raise invalid(f"A link needs a scheme such as https: {each.get('uri')!r}.")
    for each in resource.get("textModulesData") or []:
        if not re.match(r"^[A-Za-z0-9_-]*$", each.get("id") or ""):
            raise invalid(f"A text module's id may hold A-Z a-z 0-9 _ - only: {each['id']!r}.")


def _is_local(url: str) -> bool:
    found = re.match(r"^http://(\[[0-9a-f:]+\]|[^/:]+)", url)
    return found is not None and is_loopback_host(found.group(1).strip("[]"))


def _check_rotating(barcode: Any) -> None:
    if barcode and barcode.get("type") not in {"QR_CODE", "PDF_417", "qrCode", "pdf417"}:
        raise invalid("rotatingBarcode.type must be QR_CODE or PDF_417.")
