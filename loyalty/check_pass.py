"""Judge a whole .pkpass file: what it says (`passes`) and who signed it (`signing`), in one list.

The two rooms do not know each other, so their findings meet here; the command, the console's page
and the tests all come through this door. Nothing is stored. Rules: the signer's certificate names
the pass type and the team that pass.json names; a pass that only the sandbox's root vouches for is
no fault, but is called what it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from common.i18n import gettext as _
from loyalty.context import Loyalty
from passes.bundle import PASS, SIGNATURE
from passes.entry_rules import is_moment
from passes.findings import Finding, fault, warning
from passes.inspect_pass import inspect_bundle
from signing.verify import signature_complaints, signer_identity

_CHAIN: Final = "signature_chain"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedRoots:
    """PEM of the roots that are trusted beside Apple's own: the operator's and the sandbox's."""

    operator: bytes | None = None
    sandbox: bytes | None = None


def check_pass(ctx: Loyalty, data: bytes) -> list[Finding]:
    """Every broken rule of an uploaded pass, by the roots of this installation."""
    settings = ctx.settings
    roots = TrustedRoots(operator=settings.apple_root_pem, sandbox=settings.sandbox_root_pem)
    return inspect_pass(data, roots=roots, now=ctx.clock.now())


def inspect_pass(data: bytes, *, roots: TrustedRoots, now: datetime) -> list[Finding]:
    """Every broken rule of a .pkpass file; an empty list is a good pass.

    Args:
        data: the file, untrusted.
        roots: whom to trust beside Apple.
        now: the present moment, aware.
    """

    def verify(document: Mapping[str, Any], manifest: bytes, signature: bytes) -> list[Finding]:
        found = list(_signature(manifest, signature, roots=roots, now=now))
        return [*found, *_identity(signature, document), *_ended(document, now)]

    return inspect_bundle(data, verify=verify)


def _signature(
    manifest: bytes, signature: bytes, *, roots: TrustedRoots, now: datetime
) -> Iterator[Finding]:
    found = signature_complaints(manifest, signature, roots=roots.operator, now=now)
    if roots.sandbox is not None and any(one.code == _CHAIN for one in found):
        found = signature_complaints(manifest, signature, roots=roots.sandbox, now=now)
        if all(one.code != _CHAIN for one in found):
            yield _sandbox()
    for one in found:
        make = fault if one.fault else warning
        yield make(one.code, SIGNATURE, rule=one.rule, mend=one.mend)


def _sandbox() -> Finding:
    return warning(
        "signature_sandbox",
        SIGNATURE,
        rule=_("This pass is signed by the sandbox; no real phone takes it."),
        mend=_("Hand in Apple's certificate with `regulars apple-certificate` for real phones."),
    )


def _identity(signature: bytes, document: Mapping[str, Any]) -> Iterator[Finding]:
    signer = signer_identity(signature)
    if signer is None:
        return
    pairs = (
        ("passTypeIdentifier", "signature_other_pass_type", signer.pass_type_identifier),
        ("teamIdentifier", "signature_other_team", signer.team_identifier),
    )
    for key, code, certified in pairs:
        if certified and key in document and document[key] != certified:
            yield fault(
                code,
                f"{PASS}:{key}",
                rule=_("It is the one of the signing certificate: %(name)s.", name=certified),
                mend=_("Write the certificate's, or sign with the certificate of this pass type."),
            )
    if "nfc" in document and not signer.nfc:
        yield fault(
            "nfc_not_allowed",
            f"{PASS}:nfc",
            rule=_("Only a certificate that Apple made for NFC may sign a pass with nfc."),
            mend=_("Ask Apple for one, or leave nfc out."),
        )


def _ended(document: Mapping[str, Any], now: datetime) -> Iterator[Finding]:
    """A pass that phones put away is no fault, but whoever wonders where it went should know."""
    end = document.get("expirationDate")
    if document.get("voided") is True:
        yield warning(
            "voided",
            f"{PASS}:voided",
            rule=_("Wallet shows this pass among the expired ones."),
            mend=_("Leave voided out to bring it back."),
        )
    elif is_moment(end) and datetime.fromisoformat(str(end)) <= now:
        yield warning(
            "expired",
            f"{PASS}:expirationDate",
            rule=_("Wallet shows this pass among the expired ones."),
            mend=_("Give a later moment to bring it back."),
        )
