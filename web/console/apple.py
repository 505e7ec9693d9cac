"""The way to an Apple certificate, step by step: request, portal, file; and what is installed."""

from __future__ import annotations

from typing import Final

from flask import Response, request
from flask.typing import ResponseReturnValue

from common.errors import InvalidInput
from common.i18n import gettext as _
from loyalty.apple_request import (
    CertificateUpload,
    drop_request,
    install_upload,
    read_request,
    request_certificate,
    take_back_certificate,
    waiting_requests,
)
from loyalty.certificate_alarms import ALARM_DAYS, pass_type_lines
from web.console.door import blueprint, done, page
from web.errors import answer, wants_json
from web.forms import Form, flag, refused, secret, shown
from web.security import limit_body
from web.services import services
from web.sessions import signed_in

FILE_BYTES_MAX: Final = 128 * 1024
CERTIFICATE_BODY_BYTES_MAX: Final = 512 * 1024


@blueprint.get("/set-up/apple")
def apple_setup() -> ResponseReturnValue:
    """The steps, and what is installed."""
    return _page(shown())


@blueprint.post("/set-up/apple/requests")
def ask_for_certificate() -> ResponseReturnValue:
    """Make a key and its request."""
    who = signed_in()
    who.require_owner()
    request_certificate(services().loyalty, who.merchant_id, actor=who.actor())
    return done(_("The request is made. Save it and upload it at Apple."), "apple_setup")


@blueprint.get("/set-up/apple/requests/<id:request_id>")
def certificate_request(request_id: int) -> ResponseReturnValue:
    """The request as the file that Apple's portal takes."""
    who = signed_in()
    found = read_request(services().loyalty, who.merchant_id, request_id)
    response = Response(found.request_pem, mimetype="application/pkcs10")
    name = f"regulars-{found.created_at:%Y-%m-%d}.certSigningRequest"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    response.headers["Cache-Control"] = "no-store"
    return response


@blueprint.post("/set-up/apple/requests/<id:request_id>/remove")
def remove_request(request_id: int) -> ResponseReturnValue:
    """Give a waiting key up."""
    who = signed_in()
    who.require_owner()
    drop_request(services().loyalty, who.merchant_id, request_id, actor=who.actor())
    return done(_("The request is removed."), "apple_setup")


@blueprint.post("/set-up/apple")
@limit_body(CERTIFICATE_BODY_BYTES_MAX)
def install_apple() -> ResponseReturnValue:
    """Check the file whole, and install it."""
    who = signed_in()
    who.require_owner()
    try:
        installed = install_upload(
            services().loyalty,
            who.merchant_id,
            _sent(),
            actor=who.actor(),
            new_pass_type=flag("new_pass_type"),
        )
    except InvalidInput as error:
        return answer(error) if wants_json() else (_page(refused(error)), error.status)
    text = _("%(name)s signs from now on.", name=installed.pass_type_identifier)
    return done(" ".join((text, *installed.warnings)), "apple_setup")


@blueprint.post("/set-up/apple/certificates/<id:certificate_id>/take-back")
def take_back(certificate_id: int) -> ResponseReturnValue:
    """Remove a certificate; the one beside it signs."""
    who = signed_in()
    who.require_owner()
    take_back_certificate(services().loyalty, who.merchant_id, certificate_id, actor=who.actor())
    return done(_("The certificate is removed."), "apple_setup")


def _page(form: Form) -> str:
    who, ctx = signed_in(), services().loyalty
    return page(
        "apple.html",
        form=form,
        pass_types=pass_type_lines(ctx, who.merchant_id),
        requests=waiting_requests(ctx, who.merchant_id),
        alarm_days=", ".join(str(days) for days in reversed(ALARM_DAYS)),
    )


def _sent() -> CertificateUpload:
    return CertificateUpload(
        data=_file("certificate") or b"",
        password=secret("password") or None,
        key=_file("key"),
        intermediate=_file("intermediate"),
    )


def _file(name: str) -> bytes | None:
    """A sent file, None when none was chosen."""
    sent = request.files.get(name)
    data = sent.stream.read(FILE_BYTES_MAX + 1) if sent else b""
    if len(data) > FILE_BYTES_MAX:
        raise InvalidInput(_("This file is too large to be a certificate or key."), field=name)
    return data or None
