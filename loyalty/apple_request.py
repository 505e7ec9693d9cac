"""The way to an Apple certificate without a Mac, from the request to its renewal.

A key and its request are made here, the certificate that Apple returns finds its key again, and a
renewal lies beside the running one.
Not here: judging and storing a certificate (apple_certificate.py), when one ends
(certificate_alarms.py). Rules: the key never leaves this installation and lies sealed until its
certificate arrives; a few may wait at once, and none is given up but by its owner; the last valid
certificate of a pass type cannot be taken back.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from common.actor import Actor
from common.errors import Conflict, InvalidInput, NotFound
from common.i18n import gettext as _
from common.ids import new_id
from loyalty.apple_certificate import InstalledCertificate, install_certificate
from loyalty.context import Loyalty
from signing.apple_certificates import CertificateMaterial
from signing.certificate_upload import LoneCertificate, read_upload
from signing.csr import make_request
from signing.sealing import seal, unseal
from storage.apple_keys import AppleRequest
from storage.unit_of_work import UnitOfWork, open_work, run_work

REQUESTS_MAX: Final = 5
REQUEST_KEY_COLUMN: Final = "apple_request.key"


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingRequest:
    """A request whose certificate has not come yet; PEM, to be uploaded at Apple."""

    id: int
    request_pem: str
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateUpload:
    """What was handed in: a file and its password; key and intermediate where they came apart."""

    data: bytes = field(repr=False)
    password: str | None = field(default=None, repr=False)
    key: bytes | None = field(default=None, repr=False)
    intermediate: bytes | None = field(default=None, repr=False)


def request_certificate(ctx: Loyalty, merchant_id: int, *, actor: Actor) -> WaitingRequest:
    """Make a key and its request.

    Raises:
        Conflict: `REQUESTS_MAX` wait already.
    """
    with open_work(ctx.database, None, clock=ctx.clock, writing=False) as work:
        merchant = work.merchants.get(merchant_id)
    # Outside the transaction: making a key takes a while.
    made = make_request(merchant.name, country=merchant.country)
    record = AppleRequest(
        id=new_id(),
        request_pem=made.request_pem,
        key_sealed=seal(
            ctx.keyring, made.key_pem, merchant_id=merchant_id, column=REQUEST_KEY_COLUMN
        ),
        public_sha256=made.public_sha256,
        created_at=ctx.clock.now(),
    )

    def action(work: UnitOfWork) -> None:
        if len(work.apple_keys.requests()) >= REQUESTS_MAX:
            raise Conflict(
                _("%(count)s requests wait already. Use one, or remove it.", count=REQUESTS_MAX)
            )
        work.apple_keys.add_request(record)
        work.audit.add(
            actor=actor,
            action="apple_certificate.request",
            subject_kind="apple_request",
            subject_id=record.id,
        )

    run_work(ctx.database, merchant_id, action, clock=ctx.clock)
    return _waiting(record)


def waiting_requests(ctx: Loyalty, merchant_id: int) -> list[WaitingRequest]:
    """The requests that wait, the newest first."""
    with open_work(ctx.database, merchant_id, clock=ctx.clock, writing=False) as work:
        return [_waiting(one) for one in work.apple_keys.requests()]


def read_request(ctx: Loyalty, merchant_id: int, request_id: int) -> WaitingRequest:
    """One request.

    Raises:
        NotFound: it does not wait here.
    """
    found = [one for one in waiting_requests(ctx, merchant_id) if one.id == request_id]
    if not found:
        raise NotFound(_("There is no such certificate request."))
    return found[0]


def drop_request(ctx: Loyalty, merchant_id: int, request_id: int, *, actor: Actor) -> None:
    """Give up a key that waits; its certificate can never be used then.

    Raises:
        NotFound: it does not wait here.
    """

    def action(work: UnitOfWork) -> None:
        if not work.apple_keys.drop_request(request_id):
            raise NotFound(_("There is no such certificate request."))
        work.audit.add(
            actor=actor,
            action="apple_certificate.request_dropped",
            subject_kind="apple_request",
            subject_id=request_id,
        )

    run_work(ctx.database, merchant_id, action, clock=ctx.clock)


def install_upload(
    ctx: Loyalty,
    merchant_id: int,
    upload: CertificateUpload,
    *,
    actor: Actor,
    new_pass_type: bool = False,
) -> InstalledCertificate:
    """Install what was handed in; its key is in the file, beside it, or waits here.

    Raises:
        InvalidInput: a file is not what it should be, or the key is not known here.
        InvalidInputs: the certificate, its key or its chain is wrong; every fault is told.
        Conflict: it belongs to another pass type, team or merchant.
    """
    material = _material(ctx, merchant_id, upload)
    if upload.intermediate:
        material = material.with_intermediates(upload.intermediate)
    return install_certificate(ctx, merchant_id, material, actor=actor, new_pass_type=new_pass_type)


def take_back_certificate(
    ctx: Loyalty, merchant_id: int, certificate_id: int, *, actor: Actor
) -> None:
    """Remove a certificate and its key; another valid one of its pass type signs in its place.

    Raises:
        NotFound: there is no such certificate.
        Conflict: it is the last valid one.
    """

    def action(work: UnitOfWork) -> None:
        found = [
            (kind, [c for c in work.passes.certificates(kind.id) if c.id != certificate_id])
            for kind in work.passes.pass_types()
            if any(c.id == certificate_id for c in work.passes.certificates(kind.id))
        ]
        if not found:
            raise NotFound(_("There is no such certificate."))
        ((pass_type, others),) = found
        now = work.clock.now()
        if not any(c.not_before <= now < c.not_after for c in others):
            raise Conflict(
                _("This is the only valid certificate of %(name)s.", name=pass_type.identifier)
            )
        work.passes.drop_certificate(certificate_id)
        work.deliveries.let_flow("apple")
        work.audit.add(
            actor=actor,
            action="apple_certificate.take_back",
            subject_kind="pass_type",
            subject_id=pass_type.id,
        )

    run_work(ctx.database, merchant_id, action, clock=ctx.clock)


def _material(ctx: Loyalty, merchant_id: int, upload: CertificateUpload) -> CertificateMaterial:
    found = read_upload(upload.data, upload.password)
    if not isinstance(found, LoneCertificate):
        return found
    if upload.key:
        return found.with_key(upload.key, upload.password)
    with open_work(ctx.database, merchant_id, clock=ctx.clock, writing=False) as work:
        known = [work.apple_keys.request_of(digest) for digest in found.public_sha256s]
    waiting = next((one for one in known if one is not None), None)
    if waiting is None:
        raise InvalidInput(
            _(
                "The key of this certificate does not wait here: its request was made elsewhere "
                "or was removed. Add the key file, or upload the .p12 that holds both."
            ),
            field="key",
        )
    key = unseal(
        ctx.keyring, waiting.key_sealed, merchant_id=merchant_id, column=REQUEST_KEY_COLUMN
    )
    return found.with_key(key)


def _waiting(record: AppleRequest) -> WaitingRequest:
    return WaitingRequest(
        id=record.id, request_pem=record.request_pem, created_at=record.created_at
    )
