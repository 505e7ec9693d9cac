"""Give a merchant its Apple certificate, or replace the one that ends.

Rules: a sandbox certificate is replaced freely; a real one only by another of the same pass type
and team, unless a new pass type is meant (installed cards of the old type stay with it). The key
is sealed before it is stored. Nothing here asks the network.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from common.actor import Actor
from common.errors import Conflict
from common.i18n import gettext as _
from common.ids import new_id
from loyalty.context import Loyalty
from signing.apple_certificates import CertificateMaterial, PassCertificate, check_certificate
from signing.csr import public_sha256
from signing.sealing import seal
from storage.unit_of_work import UnitOfWork, run_work
from storage.wallet_passes import AppleCertificate, PassType

KEY_COLUMN: Final = "apple_certificate.key"


@dataclass(frozen=True, slots=True, kw_only=True)
class InstalledCertificate:
    """What was installed; `replaced` tells that the running pass type goes on."""

    pass_type_identifier: str
    team_identifier: str
    organization: str
    serial_hex: str
    not_after: datetime
    replaced: bool
    adopted: int
    warnings: tuple[str, ...]


def install_certificate(
    ctx: Loyalty,
    merchant_id: int,
    material: CertificateMaterial,
    *,
    actor: Actor,
    new_pass_type: bool = False,
    sandbox_root: bytes | None = None,
) -> InstalledCertificate:
    """Check the certificate, seal its key and make it the one that signs.

    `sandbox_root` is the PEM root of a chain of our own make: the pass type is then a sandbox's,
    and no root the operator trusts has to know it.

    Raises:
        InvalidInputs: the certificate, its key or its chain is wrong; every fault is told.
        Conflict: it belongs to another pass type or team, or to another merchant here.
    """
    sandbox = sandbox_root is not None
    roots = sandbox_root or ctx.settings.apple_root_pem
    checked = check_certificate(material, roots=roots, now=ctx.clock.now())

    def action(work: UnitOfWork) -> InstalledCertificate:
        current = work.passes.current_pass_type()
        same = current is not None and _is_same(current, checked)
        # Cards of an earlier pass type are still out there, and its certificate ends too.
        renewed = current if same else _earlier(work, checked)
        if current is not None and not renewed and not current.sandbox and not new_pass_type:
            raise Conflict(_wrong_type(current, checked))
        if renewed is not None and (same or not (new_pass_type or _is_sandbox(current))):
            pass_type_id = renewed.id
        else:
            pass_type_id = _open_pass_type(work, checked, sandbox=sandbox)
        _forget_same(work, pass_type_id, checked)
        work.passes.add_certificate(_record(ctx, merchant_id, pass_type_id, checked))
        waiting = work.apple_keys.request_of(public_sha256(material.leaf))
        if waiting is not None:
            work.apple_keys.drop_request(waiting.id)
        adopted = work.passes.adopt_unassigned(pass_type_id)
        work.audit.add(
            actor=actor,
            action="apple_certificate.install",
            subject_kind="pass_type",
            subject_id=pass_type_id,
            detail={"serial": checked.serial_hex, "ends": checked.not_after.isoformat()},
        )
        return _installed(checked, replaced=renewed is not None, adopted=adopted)

    return run_work(ctx.database, merchant_id, action, clock=ctx.clock)


def _forget_same(work: UnitOfWork, pass_type_id: int, checked: PassCertificate) -> None:
    """One certificate handed in twice stands once, as the newest: that is how one goes back."""
    for known in work.passes.certificates(pass_type_id):
        if known.certificate_pem == checked.certificate_pem:
            work.passes.drop_certificate(known.id)


def _earlier(work: UnitOfWork, checked: PassCertificate) -> PassType | None:
    known = work.passes.pass_type_by_identifier(checked.pass_type_identifier)
    return known if known is not None and _is_same(known, checked) else None


def _is_sandbox(current: PassType | None) -> bool:
    return current is None or current.sandbox


def _is_same(current: PassType, checked: PassCertificate) -> bool:
    return (
        current.identifier == checked.pass_type_identifier
        and current.team_identifier == checked.team_identifier
    )


def _wrong_type(current: PassType, checked: PassCertificate) -> str:
    return _(
        "This certificate is for %(new)s of team %(new_team)s; the cards in use are %(old)s of "
        "team %(old_team)s and would never be updated again. Make a new certificate for the same "
        "Pass Type ID, or start a new pass type with --new-pass-type.",
        new=checked.pass_type_identifier,
        new_team=checked.team_identifier,
        old=current.identifier,
        old_team=current.team_identifier,
    )


def _open_pass_type(work: UnitOfWork, checked: PassCertificate, *, sandbox: bool) -> int:
    known = work.passes.pass_type_by_identifier(checked.pass_type_identifier)
    if known is not None and known.team_identifier == checked.team_identifier:
        work.passes.make_current(known.id)
        return known.id
    if known or work.directory.name("pass_type", checked.pass_type_identifier) is not None:
        raise Conflict(
            _(
                "The pass type %(name)s has an owner here already. A pass type has one owner.",
                name=checked.pass_type_identifier,
            )
        )
    pass_type = PassType(
        id=new_id(),
        identifier=checked.pass_type_identifier,
        team_identifier=checked.team_identifier,
        organization=checked.organization,
        sandbox=sandbox,
        created_at=work.clock.now(),
    )
    work.passes.add_pass_type(pass_type)
    work.directory.add_name("pass_type", pass_type.identifier, pass_type.id)
    return pass_type.id


def _record(
    ctx: Loyalty, merchant_id: int, pass_type_id: int, checked: PassCertificate
) -> AppleCertificate:
    return AppleCertificate(
        id=new_id(),
        pass_type_id=pass_type_id,
        certificate_pem=checked.certificate_pem,
        intermediate_pem=checked.intermediate_pem,
        key_sealed=seal(ctx.keyring, checked.key_pem, merchant_id=merchant_id, column=KEY_COLUMN),
        serial_hex=checked.serial_hex,
        not_before=checked.not_before,
        not_after=checked.not_after,
        created_at=ctx.clock.now(),
    )


def _installed(checked: PassCertificate, *, replaced: bool, adopted: int) -> InstalledCertificate:
    return InstalledCertificate(
        pass_type_identifier=checked.pass_type_identifier,
        team_identifier=checked.team_identifier,
        organization=checked.organization,
        serial_hex=checked.serial_hex,
        not_after=checked.not_after,
        replaced=replaced,
        adopted=adopted,
        warnings=tuple(finding.message for finding in checked.findings),
    )
