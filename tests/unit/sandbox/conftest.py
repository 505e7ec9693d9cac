from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.sandbox import (
    AppleChain,
    GoogleAccount,
    SandboxProcess,
    make_apple_chain,
    make_service_account,
)
from tests.unit.sandbox.pass_service import PassService
from tests.unit.sandbox.push_client import PushClient


@pytest.fixture(scope="session")
def chain() -> AppleChain:
    return make_apple_chain()


@pytest.fixture(scope="session")
def stranger() -> AppleChain:
    """Somebody with the same names and another root."""
    return make_apple_chain()


@pytest.fixture(scope="session")
def account() -> GoogleAccount:
    return make_service_account()


@pytest.fixture(scope="session")
def other_account() -> GoogleAccount:
    return make_service_account(
        client_email="other@sandbox.iam.gserviceaccount.com", issuer_id="3388000000000000002"
    )


@pytest.fixture(scope="module")
def running(
    tmp_path_factory: pytest.TempPathFactory,
    chain: AppleChain,
    account: GoogleAccount,
    other_account: GoogleAccount,
) -> Iterator[SandboxProcess]:
    with SandboxProcess(tmp_path_factory.mktemp("sandbox") / "home") as process:
        process.trust(chain, accounts=(account, other_account))
        process.settings(google_requests_per_s=100_000)
        yield process


@pytest.fixture
def sandbox(running: SandboxProcess) -> SandboxProcess:
    """The module's sandbox with its faults switched off."""
    running.faults(apns=None, google=None, callbacks=None)
    return running


@pytest.fixture
def service(chain: AppleChain) -> Iterator[PassService]:
    service = PassService(chain)
    service.set_points("card-1", 0)
    yield service
    service.stop()


@pytest.fixture
def push(sandbox: SandboxProcess, chain: AppleChain) -> Iterator[PushClient]:
    client = PushClient(sandbox, chain)
    yield client
    client.close()


@pytest.fixture
def phone(sandbox: SandboxProcess) -> str:
    """A fresh iPhone."""
    return sandbox.create_phone("iphone")
