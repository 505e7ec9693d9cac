"""What an iPhone says on its lock screen when a pass changed.

The push carries no text: the phone compares the old pass with the new one. One changed field with a
`changeMessage` gives that text, several give one general text, none gives silence.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sandbox.pkpass import FIELD_GROUPS, OpenedPass

SIGNS = {"EUR": "€", "USD": "$", "GBP": "£", "JPY": "¥"}


def change_notice(old: OpenedPass, new: OpenedPass) -> str | None:
    """The text of the notification, or None when the phone stays silent."""
    if new.pass_json.get("voided") is True:
        return None
    before = old.values()
    changed = [
        field
        for group in FIELD_GROUPS
        for field in new.fields(group)
        if field.get("changeMessage")
        and field["key"] in before
        and before[field["key"]] != field["value"]
    ]
    if not changed:
        return None
    if len(changed) > 1:
        return f"{len(changed)} changes to your pass"
    return _message(changed[0], new)


def _message(field: dict[str, Any], opened: OpenedPass) -> str:
    text = opened.text(str(field["changeMessage"]))
    if "%@" not in text:
        return f"{opened.text(str(field.get('label') or field['key']))} changed"
    return text.replace("%@", shown_value(field, opened))


def shown_value(field: dict[str, Any], opened: OpenedPass) -> str:
    """A field's value as the card shows it: money, dates and plain numbers in English."""
    value = field["value"]
    if isinstance(value, str):
        return _date_text(field, value) or opened.text(value)
    if field.get("currencyCode"):
        return f"{SIGNS.get(field['currencyCode'], field['currencyCode'] + ' ')}{value:,.2f}"
    if field.get("numberStyle") == "PKNumberStylePercent":
        return f"{value:.0%}"
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value)


def _date_text(field: dict[str, Any], value: str) -> str | None:
    if not {"dateStyle", "timeStyle"} & field.keys():
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    parts = []
    if field.get("dateStyle", "PKDateStyleNone") != "PKDateStyleNone":
        parts.append(f"{moment.day} {moment:%b %Y}")
    if field.get("timeStyle", "PKDateStyleNone") != "PKDateStyleNone":
        parts.append(f"{moment:%H:%M}")
    return ", ".join(parts)
