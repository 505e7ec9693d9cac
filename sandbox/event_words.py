"""Events in the plain words of the page's log; those without words here are left to the tests."""

from __future__ import annotations

from typing import Any

# Kind -> (tone, sentence). Tones colour the log: wake, ask, news, fault, quiet.
WORDS: dict[str, tuple[str, str]] = {
    "push.received": ("wake", "Push received"),
    "push.stored": ("wake", "Push kept while the phone is off"),
    "push.lost": ("fault", "Push lost: the phone is off and it was not to be kept"),
    "push.held": ("wake", "Too many pushes; asking again in {seconds} s"),
    "listed": ("ask", "Asked what changed: {count}"),
    "fetched": ("news", "Fetched the pass: {news}"),
    "pass.added": ("news", "Pass added"),
    "pass.removed": ("quiet", "Pass removed"),
    "pass.refused": ("fault", "Pass refused: {reason}"),
    "registered": ("ask", "Registered for updates ({status})"),
    "unregistered": ("quiet", "Unregistered ({status})"),
    "phone.notified": ("news", "Notification: {text}"),
    "phone.on": ("quiet", "Switched on"),
    "phone.off": ("quiet", "Switched off"),
    "complained": ("fault", "{text}"),
    "gave_up": ("fault", "Gave up"),
    "apns.refused": ("fault", "Push refused: {status} {reason}"),
    "apns.handshake_refused": ("fault", "Push connection refused: {reason}"),
    "apns.fault": ("fault", "Fault at the push server: {fault}"),
    "google.inserted.loyaltyClass": ("ask", "Class inserted"),
    "google.inserted.loyaltyObject": ("ask", "Object inserted"),
    "google.changed.loyaltyClass": ("ask", "Class changed"),
    "google.changed.loyaltyObject": ("news", "Object changed: {news}"),
    "google.message": ("news", "Message: {header}"),
    "google.refused": ("fault", "Google refused {what}: {status} {reason}"),
    "google.token_refused": ("fault", "Sign-in refused: {reason}"),
    "card.saved": ("news", "Card saved"),
    "card.deleted": ("quiet", "Card removed"),
    "callback.sent": ("ask", "Told the issuer: {event} ({status})"),
    "callback.lost": ("fault", "A callback was lost on purpose"),
    "mail.received": ("news", "Mail to {to}: {subject}"),
    "stripe.session": ("news", "A page to pay {amount} on"),
    "stripe.paid": ("good", "Paid by card: {amount}"),
    "stripe.message": ("news", "Told the shop; it answered {status}"),
    "save.refused": ("fault", "Save link refused: {reason}"),
}

NAMES = {"loyaltyPoints": "points", "secondaryLoyaltyPoints": "second value"}


def spoken(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Newest first: number, time of day, tone, sentence, who or what."""
    found = []
    for event in reversed(events):
        if event["kind"] in WORDS:
            tone, sentence = WORDS[event["kind"]]
            tone = "ask" if tone == "news" and event.get("changed") is False else tone
            found.append(
                {
                    "n": event["n"],
                    "time": event["at"][11:19],
                    "tone": tone,
                    "text": sentence.format_map(_Facts(event))[:300],
                    "who": _who(event),
                }
            )
    return found


class _Facts(dict[str, Any]):
    """The facts of an event; one that is missing shows as a dash."""

    def __missing__(self, name: str) -> str:
        if name == "count":
            count = len(self.get("serial_numbers", []))
            return "nothing" if not count else f"{count} pass" if count == 1 else f"{count} passes"
        if name == "news":
            if self.get("changed") is False:
                return "unchanged"
            values = self.get("changes") or self.get("values") or {}
            shown = [f"{NAMES.get(key, key)} {value}" for key, value in list(values.items())[:2]]
            return ", ".join(shown) or "new"
        return "–"


def _who(event: dict[str, Any]) -> str:
    return str(event.get("phone") or event.get("resource") or event.get("topic") or "")[:60]
