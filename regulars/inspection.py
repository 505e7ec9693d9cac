"""Judges a whole .pkpass file: what it says (`passes`) and who signed it (`signing`), in one list.

The two rooms do not know each other, so their findings meet here. Rules: the signer's certificate
names the pass type and the team that pass.json names; a pass that only the sandbox's root vouches
for is no fault, but is called what it is.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from common.errors import ConfigurationError
from common.i18n import gettext as _
from passes.bundle import PASS, SIGNATURE
from passes.findings import Finding, fault, warning
from passes.inspect_pass import MEMBER_BYTES_MAX, inspect_bundle
from regulars.settings import Settings
from signing.verify import signature_complaints, signer_identity

SANDBOX_ROOT: Final = "apple-root.pem"
_CHAIN: Final = "signature_chain"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedRoots:
    """PEM of the roots that are trusted beside Apple's own: the operator's and the sandbox's."""

    operator: bytes | None = None
    sandbox: bytes | None = None


def trusted_roots(settings: Settings) -> TrustedRoots:
    """The roots of this installation.

    Raises:
        ConfigurationError: a file that was named cannot be read.
    """
    root = settings.environment.apple_root
    sandbox = settings.sandbox_home / SANDBOX_ROOT
    try:
        return TrustedRoots(
            operator=root.expanduser().read_bytes() if root else None,
            sandbox=sandbox.read_bytes() if sandbox.exists() else None,
        )
    except OSError as error:
        raise ConfigurationError(f"{error.filename} cannot be read: {error.strerror}.") from error


def inspect_pass(data: bytes, *, roots: TrustedRoots, now: datetime) -> list[Finding]:
    """Every broken rule of a .pkpass file; an empty list is a good pass.

    Args:
        data: the file, untrusted.
        roots: whom to trust beside Apple.
        now: the present moment, aware.
    """

    def verify(manifest: bytes, signature: bytes) -> list[Finding]:
        found = list(_signature(manifest, signature, roots=roots, now=now))
        return [*found, *_identity(signature, _document(data))]

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


def _identity(signature: bytes, document: dict[str, Any]) -> Iterator[Finding]:
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


def _document(data: bytes) -> dict[str, Any]:
    """pass.json; what is wrong with it has its own findings. The sizes were judged before."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive, archive.open(PASS) as stream:
            value = json.loads(stream.read(MEMBER_BYTES_MAX))
    except (KeyError, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
