"""Whether the process lives and can answer, for supervisors; and the bare address."""

from __future__ import annotations

from flask import Blueprint, Response, redirect
from flask.typing import ResponseReturnValue

from loyalty.health import check_database
from web.services import services

blueprint = Blueprint("health", __name__)


@blueprint.get("/")
def root() -> ResponseReturnValue:
    """Who types only the address is most likely the owner."""
    return redirect("/console/", code=303)


@blueprint.get("/livez")
def live() -> Response:
    return Response("ok\n", mimetype="text/plain")


@blueprint.get("/readyz")
def ready() -> Response:
    """200 when the database answers, else Unavailable (503)."""
    check_database(services().loyalty)
    return Response("ok\n", mimetype="text/plain")
