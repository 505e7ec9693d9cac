"""A pass opens on a pretend iPhone exactly when it would on a real one."""

from __future__ import annotations

import io
import json
import subprocess
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from sandbox.notices import change_notice
from sandbox.pass_strings import phone_strings
from sandbox.pkpass import OpenedPass, PassRefused, open_pass
from tests.support.sandbox import AppleChain, build_pass, make_apple_chain, zip_files


def roots(chain: AppleChain) -> list[x509.Certificate]:
    return x509.load_pem_x509_certificates(chain.root_pem)


def opened(chain: AppleChain, **changes: Any) -> OpenedPass:
    return open_pass(build_pass(chain, **changes), roots=roots(chain))


def files_of(body: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def refusal(chain: AppleChain, body: bytes) -> str:
    with pytest.raises(PassRefused) as caught:
        open_pass(body, roots=roots(chain))
    return str(caught.value)


def test_a_good_pass_opens(chain: AppleChain) -> None:
    found = opened(chain)

    assert found.values() == {"points": 0}
    assert found.signer is not None
    assert found.signer.team_identifier == chain.team_identifier
    assert abs(found.signer.signed_at - datetime.now(UTC)) < timedelta(minutes=1)


def test_a_signature_made_by_openssl_is_accepted(chain: AppleChain, tmp_path: Path) -> None:
    files = files_of(build_pass(chain))
    for name, data in (
        ("leaf", chain.certificate_pem),
        ("key", chain.key_pem),
        ("middle", chain.intermediate_pem),
        ("manifest", files["manifest.json"]),
    ):
        (tmp_path / name).write_bytes(data)
    command = "openssl cms -sign -binary -signer leaf -inkey key -certfile middle -in manifest"
    subprocess.run(
        [*command.split(), "-outform", "DER", "-md", "sha256", "-out", "signature"],
        cwd=tmp_path, check=True, capture_output=True,
    )  # fmt: skip
    files["signature"] = (tmp_path / "signature").read_bytes()

    assert open_pass(zip_files(files), roots=roots(chain)).serial_number == "card-1"


@pytest.mark.parametrize("options", [["-nodetach"], ["-noattr"], ["-nocerts"]])
def test_signatures_that_wallet_refuses(
    chain: AppleChain, tmp_path: Path, options: list[str]
) -> None:
    files = files_of(build_pass(chain))
    (tmp_path / "leaf").write_bytes(chain.certificate_pem)
    (tmp_path / "key").write_bytes(chain.key_pem)
    (tmp_path / "manifest").write_bytes(files["manifest.json"])
    command = "openssl cms -sign -binary -signer leaf -inkey key -in manifest -outform DER"
    subprocess.run(
        [*command.split(), *options, "-out", "signature"],
        cwd=tmp_path, check=True, capture_output=True,
    )  # fmt: skip
    files["signature"] = (tmp_path / "signature").read_bytes()

    refusal(chain, zip_files(files))


def test_one_changed_byte_anywhere_is_found(chain: AppleChain) -> None:
    files = files_of(build_pass(chain))
    for name in files:
        bent = dict(files)
        data = bytearray(files[name])
        data[len(data) // 2] ^= 1
        bent[name] = bytes(data)
        refusal(chain, zip_files(bent))


def test_every_cut_of_a_signature_is_refused_cleanly(chain: AppleChain) -> None:
    files = files_of(build_pass(chain))
    whole = files["signature"]
    for length in range(0, len(whole), 97):
        refusal(chain, zip_files(files | {"signature": whole[:length]}))


def test_stray_and_missing_files_are_named(chain: AppleChain) -> None:
    files = files_of(build_pass(chain))

    stray = refusal(chain, zip_files(files | {".DS_Store": b"x"}))
    missing = refusal(chain, zip_files({n: d for n, d in files.items() if n != "icon.png"}))

    assert stray == "No entry in manifest for file .DS_Store."
    assert "icon.png" in missing


def test_another_root_or_owner_is_refused(chain: AppleChain, stranger: AppleChain) -> None:
    assert "stranger's root" in refusal(chain, build_pass(stranger))
    assert "may not match" in refusal(chain, build_pass(chain, teamIdentifier="OTHERTEAM1"))
    other = build_pass(chain, passTypeIdentifier="pass.other")
    assert "may not match" in refusal(chain, other)
    with pytest.raises(PassRefused, match=r"apple-root\.pem"):
        open_pass(build_pass(chain), roots=[])


def test_a_signing_time_outside_the_certificate_is_refused() -> None:
    old = make_apple_chain(now=datetime.now(UTC) - timedelta(days=800))

    assert "valid from" in refusal(old, build_pass(old))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"formatVersion": "1"}, "formatVersion"),
        ({"serialNumber": ""}, "serialNumber"),
        ({"serialNumber": 7}, "serialNumber"),
        ({"description": None}, "description"),
        ({"storeCard": None}, "exactly one style"),
        ({"coupon": {}}, "exactly one style"),
        ({"userInfo": {"a": [None]}}, "userInfo.a[0] is null"),
        ({"storeCard": {"headerFields": [{"key": "a"}]}}, "needs a value"),
        ({"storeCard": {"headerFields": [{"key": "a", "value": True}]}}, "needs a value"),
        ({"storeCard": {"headerFields": [{"key": "a", "value": 1}] * 2}}, "Two fields"),
        ({"storeCard": {"headerFields": "x"}}, "must be a list"),
        (
            {"storeCard": {"backFields": [{"key": "a", "value": "1", "currencyCode": "EUR"}]}},
            "currencyCode",
        ),
        ({"barcodes": [{"format": "PKBarcodeFormatQR", "message": "x"}]}, "messageEncoding"),
        (
            {"barcodes": [{"format": "QR", "message": "x", "messageEncoding": "utf-8"}]},
            "barcode format",
        ),
        ({"webServiceURL": "http://127.0.0.1:1/apple"}, "authenticationToken"),
        ({"webServiceURL": "https://example.com/apple"}, "this machine"),
        (
            {"webServiceURL": "http://127.0.0.1:1/v1", "authenticationToken": "x" * 16},
            "must not end in /v1",
        ),
    ],
)
def test_a_wrong_pass_json_is_refused_with_its_place(
    chain: AppleChain, changes: dict[str, Any], words: str
) -> None:
    assert words in refusal(chain, build_pass(chain, **changes))


@pytest.mark.parametrize("body", [b"", b"PK", b"<html>", b"\x00" * 100], ids=str)
def test_what_is_no_zip_is_refused(chain: AppleChain, body: bytes) -> None:
    assert "zip" in refusal(chain, body)


def test_a_picture_that_is_no_png_is_refused(chain: AppleChain) -> None:
    assert "not a PNG" in refusal(chain, build_pass(chain, files={"logo.png": b"GIF89a"}))


def card(value: Any, **changes: Any) -> dict[str, Any]:
    field = {"key": "points", "label": "Points", "value": value, "changeMessage": "Now %@"}
    return {"headerFields": [field | changes]}


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        (card(1), card(2), "Now 2"),
        (card(1), card(1), None),
        (card(1), card(2, changeMessage=""), None),
        (card(1), card(2, changeMessage="Changed"), "Points changed"),
        (card(1), card(12.5, currencyCode="EUR"), "Now €12.50"),
        (card(1), {"headerFields": []}, None),
        ({"headerFields": []}, card(1), None),
    ],
)
def test_the_lock_screen_says_what_changed(
    chain: AppleChain, old: dict[str, Any], new: dict[str, Any], text: str | None
) -> None:
    before, after = opened(chain, storeCard=old), opened(chain, storeCard=new)

    assert change_notice(before, after) == text


def test_a_voided_pass_is_silent_and_two_changes_are_one_notice(chain: AppleChain) -> None:
    def two(value: int) -> dict[str, Any]:
        return {"backFields": [
            {"key": key, "value": value, "changeMessage": "%@"} for key in ("a", "b")]}  # fmt: skip

    before = opened(chain, storeCard=two(1))

    assert change_notice(before, opened(chain, storeCard=two(2), voided=True)) is None
    assert change_notice(before, opened(chain, storeCard=two(2))) == "2 changes to your pass"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_texts_come_in_the_phones_language(chain: AppleChain, encoding: str) -> None:
    text = '/* labels */ "P" = "Pünkte \\"now\\"";\n"Q"="a;b";'
    strings = {"en.lproj/pass.strings": text.encode(encoding)}

    assert phone_strings(strings) == {"P": 'Pünkte "now"', "Q": "a;b"}
    found = opened(chain, files=strings)
    assert found.text("P") == 'Pünkte "now"'
    assert found.text("unknown") == "unknown"


def test_json_of_any_kind_is_refused_cleanly(chain: AppleChain) -> None:
    for text in ("[]", "1", "null", "{", '{"a":' * 5000, json.dumps("x")):
        files = {"pass.json": text.encode()}
        refusal(chain, build_pass(chain, files=files))
