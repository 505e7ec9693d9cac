"""One place that turns errors into answers: problem+json for machines, a page for people.

Rules: errors are mapped by class, never by message; the page and the document carry the same
sentence; an error nobody foresaw tells the reader a request number and nothing else, and is logged
once, here. Apple's paths answer with Apple's own bare codes (web/apple.py). Source: RFC 9457.
"""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any, Final

from flask import Flask, Response, g, jsonify, render_template, request
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from common.errors import InvalidInput, NotAllowed, TooMany, Unavailable, WalletError
from common.i18n import gettext as _
from common.i18n import mark

PROBLEM_TYPE: Final = "application/problem+json"
_log: Final = logging.getLogger(__name__)


class StaleForm(NotAllowed):
    """This page was open too long. Load it again and send it once more."""

    code = "stale_form"
    status = 400


class BodyTooLarge(WalletError):
    """This is too large to be taken. Make it smaller and try again."""

    code = "body_too_large"
    status = 413


class RequestRefused(WalletError):
    """A request that HTTP itself rules out; its status is the exception's."""

    code = "request_refused"
    status = 400

    def __init__(self, message: str, *, status: int) -> None:
        super().__init__(message)
        self.http_status = status


_SENTENCES: Final = {
    400: mark("This request cannot be read."),
    404: mark("There is no such page. Check the address."),
    405: mark("This page does not take that kind of request."),
    415: mark("This kind of data is not taken here."),
}


def install(app: Flask) -> None:
    """Register the handlers."""
    app.register_error_handler(WalletError, _wallet_error)
    app.register_error_handler(CSRFError, _stale_form)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _unforeseen)


def problem(error: WalletError) -> dict[str, Any]:
    """The error as an RFC 9457 document."""
    status = status_of(error)
    return {
        "type": f"urn:regulars:error:{error.code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": error.code,
        "detail": error.message,
        "errors": [dict(one) for one in error.errors] if isinstance(error, InvalidInput) else [],
        "request_id": g.get("request_id", ""),
    }


def status_of(error: WalletError) -> int:
    """The HTTP status an error is answered with."""
    return error.http_status if isinstance(error, RequestRefused) else error.status


def wants_json() -> bool:
    """Whether the asker is a machine: it sent JSON, or prefers JSON to a page."""
    if request.is_json:
        return True
    best = request.accept_mimetypes.best_match(["text/html", "application/json", PROBLEM_TYPE])
    return best is not None and best != "text/html" and bool(request.headers.get("Accept"))


def answer(error: WalletError) -> Response:
    """The error as this asker wants it, with Retry-After where waiting helps."""
    status = status_of(error)
    if wants_json():
        response = jsonify(problem(error))
        response.mimetype = PROBLEM_TYPE
    else:
        response = Response(render_template("error.html", error=error, status=status))
    response.status_code = status
    if isinstance(error, TooMany | Unavailable):
        response.headers["Retry-After"] = str(error.retry_after_s)
    return response


def _wallet_error(error: WalletError) -> Response:
    if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        _log.warning("request_failed", extra={"code": error.code, "request_id": g.request_id})
    return answer(error)


def _stale_form(error: CSRFError) -> Response:
    del error
    return answer(StaleForm(_("This page was open too long. Load it again and send it once more.")))


def _http_error(error: HTTPException) -> Response:
    given = error.get_response()
    status = error.code or given.status_code
    if status < HTTPStatus.BAD_REQUEST:  # a redirect that routing raised
        return Response(given.get_data(), status, headers=dict(given.headers))
    if isinstance(error, RequestEntityTooLarge):
        return answer(BodyTooLarge(_(str(BodyTooLarge.__doc__))))
    sentence = _(_SENTENCES.get(status, _SENTENCES[400]))
    response = answer(RequestRefused(sentence, status=status))
    for name in ("Allow", "Retry-After"):
        if name in given.headers:
            response.headers[name] = given.headers[name]
    return response


def _unforeseen(error: Exception) -> Response:
    _log.error("request_crashed", exc_info=error, extra={"request_id": g.get("request_id", "")})
    sentence = _("Something went wrong on our side. Nothing was changed. Please try again.")
    return answer(WalletError(sentence))
