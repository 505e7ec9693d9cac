from __future__ import annotations

from datetime import UTC, datetime

import pytest

from signing.apple_certificates import PassCertificate, check_certificate, read_pem
from signing.sandbox_chain import SandboxApple, make_sandbox_apple

NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)


@pytest.fixture(scope="session")
def now() -> datetime:
    return NOW


@pytest.fixture(scope="session")
def apple() -> SandboxApple:
    return make_sandbox_apple(NOW)


@pytest.fixture(scope="session")
def certificate(apple: SandboxApple) -> PassCertificate:
    material = read_pem(apple.certificate_pem, apple.key_pem, None)
    whole = material.with_intermediates(apple.intermediate_pem)
    return check_certificate(whole, roots=apple.root_pem, now=NOW)
