"""What a change of a card at Google costs this machine: against bare clients, and in batches.

The other side is the sandbox, a process of its own, so that CPU time here is ours alone. The rate
limit is lifted on both sides for the costs, and set for the last row, which compares what gets
through with what the bucket allows.
"""

from __future__ import annotations

import http.client
import json
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import requests

from bench.row import Row
from common.clock import SystemClock
from common.ids import new_id
from delivery.google_client import GoogleClient
from delivery.google_door import INSTALLATION, KEY_COLUMN
from delivery.outcomes import Outcome
from delivery.settings import DeliverySettings
from passes.google_parts import GoogleKind
from signing.keyring import create_keyring, load_keyring
from signing.sealing import seal
from storage.engine import Database, DatabaseSettings
from storage.google_accounts import GoogleAccount
from storage.migrate import upgrade
from storage.unit_of_work import run_work
from tests.support.sandbox import GoogleAccount as Account
from tests.support.sandbox import SandboxProcess, make_service_account

ROUNDS: Final = 8
EACH: Final = 20
BATCH: Final = 20
RATE: Final = 20.0
RATE_S: Final = 5.0
UNLIMITED: Final = 100_000
TIMEOUT_S: Final = 10.0


def run() -> list[Row]:
    """The rows of Google's door."""
    account = make_service_account()
    with tempfile.TemporaryDirectory() as folder, SandboxProcess(Path(folder) / "home") as sandbox:
        sandbox.trust(accounts=(account,))
        sandbox.settings(google_requests_per_s=UNLIMITED)
        with _client(Path(folder), sandbox, account, rate=float(UNLIMITED)) as (client, key):
            object_id = _furnish(client, key, account)
            costs = _costs(client, key, sandbox, account, object_id)
        with _client(Path(folder), sandbox, account, rate=RATE) as (client, key):
            got = _through(client, key, object_id)
    return [*costs, got]


@contextmanager
def _client(
    folder: Path, sandbox: SandboxProcess, account: Account, *, rate: float
) -> Iterator[tuple[GoogleClient, int]]:
    name = f"bench-{new_id()}"
    create_keyring(folder / f"{name}.keys")
    keyring = load_keyring(folder / f"{name}.keys")
    database = Database(DatabaseSettings(url=f"sqlite:///{folder}/{name}.db"))
    upgrade(database)
    key_file = json.dumps(account.key_file(sandbox.urls["token_uri"])).encode()
    stored = GoogleAccount(
        id=new_id(),
        issuer_id=account.issuer_id,
        client_email=account.client_email,
        key_sealed=seal(keyring, key_file, merchant_id=INSTALLATION, column=KEY_COLUMN),
        sandbox=True,
        created_at=SystemClock().now(),
    )
    run_work(database, None, lambda work: work.google_accounts.add(stored), clock=SystemClock())
    settings = DeliverySettings(
        public_url="http://127.0.0.1:1",
        google_api_url=sandbox.urls["google_api_url"],
        allowed_token_uri=sandbox.urls["token_uri"],
        google_requests_per_s=rate,
    )
    client = GoogleClient(settings, database=database, keyring=keyring, clock=SystemClock())
    yield client, stored.id
    client.close()
    database.close()


def _furnish(client: GoogleClient, key: int, account: Account) -> str:
    class_id = f"{account.issuer_id}.bench"
    logo = {"sourceUri": {"uri": "https://cdn.example.com/logo.png"}}
    made = {
        "id": class_id,
        "issuerName": "Bean Co",
        "programName": "Bean Club",
        "programLogo": logo,
        "reviewStatus": "UNDER_REVIEW",
    }
    card = {"id": f"{account.issuer_id}.card", "classId": class_id, **_state(0)}
    answer = client.put_object(
        key, insert=card, patch=card, class_document=made, timeout_s=TIMEOUT_S, exists=False
    )
    if answer.outcome is not Outcome.DELIVERED:
        raise RuntimeError(f"the sandbox did not take the card: {answer.reason}")
    return str(card["id"])


def _state(balance: int) -> dict[str, Any]:
    return {
        "state": "ACTIVE",
        "accountName": "Ada L",
        "loyaltyPoints": {"label": "Points", "balance": {"int": balance}},
        "textModulesData": [
            {
                "id": "rules",
                "header": "How it works",
                "body": "For every 1.00 you get 1 point. " * 9,
            }
        ],
    }


def _costs(
    client: GoogleClient, key: int, sandbox: SandboxProcess, account: Account, object_id: str
) -> list[Row]:
    def ours(balance: int) -> None:
        state = _state(balance)
        client.put_object(
            key,
            insert={"id": object_id, **state},
            patch=state,
            class_document={},
            timeout_s=TIMEOUT_S,
            exists=True,
        )

    def together(balance: int) -> None:
        change = (GoogleKind.LOYALTY, object_id, _state(balance))
        client.patch_objects(key, [change] * BATCH, timeout_s=TIMEOUT_S)

    bearer = _bearer(sandbox, account)
    with requests.Session() as session:
        session.trust_env = False
        session.headers["Authorization"] = bearer
        url = f"{sandbox.urls['google_api_url']}/loyaltyObject/{object_id}"
        cost, bare, plain, together_ms = _cpu_ms(
            [
                ours,
                lambda n: session.patch(url, json=_state(n), timeout=TIMEOUT_S).json(),
                _http_client(url, bearer),
                together,
            ]
        )
    batched = together_ms / BATCH
    facts = {"CPU_ms": round(cost, 2)}
    return [
        _row("google: CPU per change", "requests.Session", cost / bare, 2.0, facts),
        _row("google: CPU per change", "http.client", cost / plain, 6.0, facts),
        _row(
            "google: CPU per change in a batch",
            "one by one",
            batched / cost,
            0.5,
            {"CPU_ms": round(batched, 2)},
        ),
    ]


def _row(name: str, baseline: str, measured: float, goal: float, facts: dict[str, Any]) -> Row:
    return Row(
        name=name,
        baseline=baseline,
        goal=goal,
        measured=measured,
        more_is_better=False,
        facts=facts,
    )


def _cpu_ms(acts: Sequence[Callable[[int], object]]) -> list[float]:
    """The CPU of one call of each, taken in turns: what disturbs the machine disturbs all of them.

    The least of several rounds counts, for a busy machine adds and never takes away.
    """
    least = [float("inf")] * len(acts)
    for act in acts:
        act(0)
    for turn in range(ROUNDS):
        for place, act in enumerate(acts):
            start = time.process_time()
            for number in range(EACH):
                act(turn * EACH + number)
            least[place] = min(least[place], (time.process_time() - start) * 1000 / EACH)
    return least


def _bearer(sandbox: SandboxProcess, account: Account) -> str:
    form = {
        "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
        "assertion": account.assertion(sandbox.urls["token_uri"]),
    }
    answer = requests.post(sandbox.urls["token_uri"], data=form, timeout=TIMEOUT_S)
    return f"Bearer {answer.json()['access_token']}"


def _http_client(url: str, bearer: str) -> Callable[[int], object]:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=TIMEOUT_S)
    headers = {"Authorization": bearer, "Content-Type": "application/json"}

    def patch(balance: int) -> object:
        connection.request("PATCH", parts.path, json.dumps(_state(balance)).encode(), headers)
        return json.loads(connection.getresponse().read())

    return patch


def _through(client: GoogleClient, key: int, object_id: str) -> Row:
    """Changes a second once the full bucket is spent."""
    patches = [(GoogleKind.LOYALTY, object_id, _state(number)) for number in range(BATCH)]
    client.patch_objects(key, patches, timeout_s=TIMEOUT_S)
    start, done = time.monotonic(), 0
    while time.monotonic() - start < RATE_S:
        answers = client.patch_objects(key, patches[: BATCH // 4], timeout_s=TIMEOUT_S) or []
        done += sum(one.outcome is Outcome.DELIVERED for one in answers)
    rate = done / (time.monotonic() - start)
    return Row(
        name="google: cards a second",
        baseline="the bucket's rate",
        goal=0.9,
        measured=rate / RATE,
        more_is_better=True,
        facts={"cards_per_s": round(rate, 1)},
    )
