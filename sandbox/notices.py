"""What an iPhone says on its lock screen when a pass changed.

The push carries no text: the phone compares the old pass with the new one. One changed field with a
`changeMessage` gives that text, several give one general text, none gives silence.
"""

from __future__ import annotations

from typing import Any

from sandbox.pkpass import FIELD_GROUPS, OpenedPass


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
    return _message(changed[0])


def _message(field: dict[str, Any]) -> str:
    text = str(field["changeMessage"])
    if "%@" not in text:
        return f"{field.get('label') or field['key']} changed"
    return text.replace("%@", shown_value(field))


def shown_value(field: dict[str, Any]) -> str:
    """A field's value as the card shows it (numbers without a superfluous .0, money with code)."""
    value = field["value"]
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if field.get("currencyCode") and not isinstance(value, str):
        return f"{value:.2f} {field['currencyCode']}"
    return str(value)
