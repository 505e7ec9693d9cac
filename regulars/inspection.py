"""Whom `regulars inspect` trusts: the roots of this installation, from its settings.

Not here: judging a pass (loyalty/check_pass.py).
"""

from __future__ import annotations

from typing import Final

from common.errors import ConfigurationError
from loyalty.check_pass import TrustedRoots, inspect_pass
from regulars.settings import Settings

__all__ = ["TrustedRoots", "inspect_pass", "trusted_roots"]

SANDBOX_ROOT: Final = "apple-root.pem"


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
