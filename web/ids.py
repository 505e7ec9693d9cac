"""Ids of rows in an address: whole numbers that a 64-bit column can hold, else there is no page."""

from __future__ import annotations

from typing import Final

from flask import Flask
from werkzeug.routing import BaseConverter, ValidationError

ID_MAX: Final = 2**63 - 1


class RowId(BaseConverter):
    """`<id:programme_id>`."""

    regex = "[1-9][0-9]{0,18}"

    def to_python(self, value: str) -> int:
        number = int(value)
        if number > ID_MAX:
            raise ValidationError
        return number


def install(app: Flask) -> None:
    """Make the converter known."""
    app.url_map.converters["id"] = RowId
