"""A fresh pass of ours against the same pass by others: wallet-py3k, and a key loaded each time.

wallet-py3k as published signs with an openssl process per pass; most other Python libraries load
and check the key for every pass and pack with zipfile. Both are done here with the same pictures.
CPU time with that of child processes counts; the three take turns.
"""

from __future__ import annotations

import hashlib
import io
import itertools
import json
import os
import statistics
import tempfile
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.hazmat.primitives.serialization.pkcs7 import (
    PKCS7Options,
    PKCS7SignatureBuilder,
)
from wallet import models

from bench.row import Row
from bench.signing import PICTURES, _contestants
from signing.sandbox_chain import SandboxApple, make_sandbox_apple

GOALS = {"wallet-py3k as published": 7.0, "the key loaded for each pass": 40.0}
ROUNDS = 7
OURS, THEIRS = 40, 3
DETACHED = (PKCS7Options.DetachedSignature, PKCS7Options.Binary)


def run() -> list[Row]:
    """One row per peer."""
    make_pass, _bare, _stages = _contestants()
    apple = make_sandbox_apple(datetime.now(UTC))
    pictures = {name: os.urandom(size) for name, size in PICTURES.items()}
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        peers = {
            "wallet-py3k as published": _wallet_py3k(apple, pictures, Path(folder)),
            "the key loaded for each pass": _key_each_time(apple, pictures),
        }
        _cpu(make_pass, OURS)
        found: dict[str, list[tuple[float, float]]] = {name: [] for name in peers}
        for _ in range(ROUNDS):
            for name, peer in peers.items():
                found[name].append((_cpu(peer, THEIRS), _cpu(make_pass, OURS)))
    return [_row(name, samples) for name, samples in found.items()]


def _row(name: str, samples: list[tuple[float, float]]) -> Row:
    theirs = statistics.median(peer for peer, _ours in samples)
    return Row(
        name="sign a fresh pass",
        baseline=name,
        goal=GOALS[name],
        measured=statistics.median(peer / ours for peer, ours in samples),
        more_is_better=True,
        facts={"their_cpu_us": round(theirs * 1e6)},
    )


def _wallet_py3k(
    apple: SandboxApple, pictures: dict[str, bytes], folder: Path
) -> Callable[[], object]:
    paths = []
    for name, pem in (
        ("leaf", apple.certificate_pem),
        ("key", apple.key_pem),
        ("middle", apple.intermediate_pem),
    ):
        paths.append(str(folder / f"{name}.pem"))
        Path(paths[-1]).write_bytes(pem)
    balances = itertools.count(1)

    def one() -> object:
        card = models.StoreCard()
        card.addPrimaryField("balance", next(balances), "Points")
        made = models.Pass(
            card,
            passTypeIdentifier=apple.pass_type_identifier,
            teamIdentifier=apple.team_identifier,
            organizationName="Bean Co",
        )
        for name, data in pictures.items():
            made.addFile(name, io.BytesIO(data))
        return made.create(paths[0], paths[1], paths[2], "", io.BytesIO())

    return one


def _key_each_time(apple: SandboxApple, pictures: dict[str, bytes]) -> Callable[[], object]:
    balances = itertools.count(1)

    def one() -> object:
        key: Any = load_pem_private_key(apple.key_pem, None)
        assert isinstance(key, RSAPrivateKey)
        leaf, middle = (
            x509.load_pem_x509_certificate(pem)
            for pem in (apple.certificate_pem, apple.intermediate_pem)
        )
        document = {"formatVersion": 1, "storeCard": {"primaryFields": [next(balances)]}}
        files = {"pass.json": json.dumps(document).encode(), **pictures}
        digests = {name: hashlib.sha1(data).hexdigest() for name, data in files.items()}
        files["manifest.json"] = json.dumps(digests).encode()
        builder = PKCS7SignatureBuilder().set_data(files["manifest.json"])
        builder = builder.add_signer(leaf, key, SHA256()).add_certificate(middle)
        files["signature"] = builder.sign(Encoding.DER, DETACHED)
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in files.items():
                archive.writestr(name, data)
        return out

    return one


def _cpu(call: Callable[[], object], times: int) -> float:
    """CPU seconds of one call, with those of the processes it started."""
    start = sum(os.times()[:4])
    for _ in range(times):
        call()
    return (sum(os.times()[:4]) - start) / times
