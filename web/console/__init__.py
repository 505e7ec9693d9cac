"""The owner's and the manager's door: one blueprint, a module per page."""

from __future__ import annotations

from flask import Blueprint

blueprint = Blueprint("console", __name__, url_prefix="/console")
