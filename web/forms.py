"""What a page shows in a form: the values as typed and the complaints beside their fields.

Not done here: judging values; the use cases do that and raise InvalidInput with the field's name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from flask import request

from common.errors import InvalidInput


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """What the macros ask: `value(name)`, `error(name)` and `errors` in the order of complaint."""

    values: Mapping[str, object] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)

    def value(self, name: str) -> str:
        """The text to show, empty for none."""
        value = self.values.get(name)
        return "" if value is None or value is False else str(value)

    def error(self, name: str) -> str:
        """The complaint about this field, empty for none."""
        return self.errors.get(name, "")


def shown(values: Mapping[str, object] | None = None) -> Form:
    """A form that was not sent yet."""
    return Form(values=values or {})


def refused(error: InvalidInput, **more: object) -> Form:
    """The sent form with its complaints, to be shown again with status 422."""
    complaints = {one["field"]: one["message"] for one in reversed(list(error.errors))}
    ordered = dict(reversed(complaints.items()))
    return Form(values={**request.form.to_dict(), **more}, errors=ordered)


def text(name: str) -> str:
    """A sent text without surrounding space and without characters no one types."""
    value = request.form.get(name, "")
    return "".join(c for c in value if c.isprintable() or c in "\n\t").strip()


def secret(name: str) -> str:
    """A sent password, code or PIN exactly as typed."""
    return request.form.get(name, "")


def whole(name: str) -> int | None:
    """A sent whole number, None when empty.

    Raises:
        InvalidInput: not digits, or more of them than any number here has.
    """
    from common.i18n import gettext as _

    value = text(name)
    if not value:
        return None
    if not (value.isascii() and value.isdigit() and len(value) <= 9):  # noqa: PLR2004
        raise InvalidInput(_("Type a whole number."), field=name)
    return int(value)


def flag(name: str) -> bool:
    """Whether a box was ticked."""
    return request.form.get(name) == "1"
