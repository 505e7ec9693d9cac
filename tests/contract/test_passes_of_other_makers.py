"""The validator on passes as other makers write them: what a phone takes must have no fault.

Every pass is made here in the habits of libraries and shops that are out there, signed by openssl.
"""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import zipfile
from datetime import UTC, datetime

import pytest

from loyalty.check_pass import TrustedRoots, inspect_pass
from passes.findings import Severity
from signing.sandbox_chain import make_sandbox_apple
from tests.support.cards import a_picture

NOW = datetime.now(UTC)
QR = {"format": "PKBarcodeFormatQR", "message": "12345", "messageEncoding": "iso-8859-1"}
ICONS = {"icon.png": a_picture(29, 29), "icon@2x.png": a_picture(58, 58)}


@pytest.fixture(scope="module")
def apple():
    return make_sandbox_apple(NOW)


@pytest.fixture
def a_foreign_pass(apple, tmp_path):
    def build(document=None, files=None, *, digest="sha256", pretty=False, folders=False):
        plain = {
            "formatVersion": 1,
            "passTypeIdentifier": apple.pass_type_identifier,
            "teamIdentifier": apple.team_identifier,
            "serialNumber": "E5982H-I2",
            "organizationName": "Paw Planet",
            "description": "Paw Planet Card",
            "barcodes": [QR],
            "storeCard": {"primaryFields": [{"key": "balance", "value": 21.75, "label": "left"}]},
        }
        whole = {k: v for k, v in (plain | (document or {})).items() if v is not ...}
        packed = {**ICONS, **(files or {})}
        packed = {name: data for name, data in packed.items() if data is not None}
        indent = 2 if pretty else None
        packed["pass.json"] = json.dumps(whole, indent=indent).encode()
        listed = {name: hashlib.sha1(data).hexdigest() for name, data in packed.items()}
        manifest = json.dumps(listed, indent=indent).encode()
        return zipped(packed, manifest, signed(apple, manifest, tmp_path, digest), folders=folders)

    return build


def signed(apple, manifest, folder, digest):
    parts = {
        "m": manifest,
        "leaf.pem": apple.certificate_pem,
        "wwdr.pem": apple.intermediate_pem,
        "key.pem": apple.key_pem,
    }
    for name, data in parts.items():
        (folder / name).write_bytes(data)
    subprocess.run(
        [
            *("openssl", "smime", "-sign", "-binary", "-in", "m", "-signer", "leaf.pem"),
            *("-inkey", "key.pem", "-certfile", "wwdr.pem", "-md", digest),
            *("-outform", "DER", "-out", "s"),
        ],
        cwd=folder,
        check=True,
        capture_output=True,
        timeout=30,
    )
    return (folder / "s").read_bytes()


def zipped(files, manifest, signature, *, folders):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        if folders:
            archive.writestr("en.lproj/", b"")
        for name, data in {**files, "manifest.json": manifest, "signature": signature}.items():
            archive.writestr(name, data)
    return out.getvalue()


def judged(apple, data):
    found = inspect_pass(data, roots=TrustedRoots(operator=apple.root_pem), now=datetime.now(UTC))
    return {(one.code, one.severity) for one in found}


def field(**members):
    return {"storeCard": {"backFields": [{"key": "k", "value": "v", **members}]}}


SILENT = {
    "plain and deflated": {},
    "pretty-printed": {"pretty": True},
    "folders as entries": {"folders": True},
    "both spellings of the barcode": {"document": {"barcode": QR}},
    "an empty style": {"document": {"storeCard": {}}},
    "an event ticket": {
        "document": {
            "storeCard": ...,
            "eventTicket": {"primaryFields": [{"key": "event", "value": "Brewing"}]},
            "groupingIdentifier": "x",
            "relevantDate": "2027-01-31T18:00Z",
        },
        "files": {"background.png": a_picture(180, 220), "thumbnail.png": a_picture(60, 90)},
    },
    "a boarding pass": {
        "document": {
            "storeCard": ...,
            "boardingPass": {
                "transitType": "PKTransitTypeAir",
                "primaryFields": [{"key": "a", "value": "SFO"}, {"key": "b", "value": "LHR"}],
            },
            "semantics": {"flightNumber": 12, "airlineCode": "BA"},
        }
    },
    "languages of the whole world": {
        "files": {
            f"{tag}.lproj/pass.strings": '"left" = "übrig";'.encode("utf-16")
            for tag in ("de", "es-419", "zh-Hans", "pt-BR", "zh_TW")
        }
    },
    "pictures in languages alone": {
        "files": {"de.lproj/logo.png": a_picture(160, 50), "en.lproj/logo.png": a_picture(160, 50)}
    },
    "no web service": {"document": {"webServiceURL": ..., "authenticationToken": ...}},
    "a link with a port and a slash": {
        "document": {
            "webServiceURL": "https://passes.example:8443/wallet/",
            "authenticationToken": "0123456789abcdef",
        }
    },
    "companion data with nulls": {"document": {"userInfo": {"a": None}}},
    "dates and numbers": {
        "document": field(
            value="2027-01-31T18:00-08:00",
            dateStyle="PKDateStyleFull",
            timeStyle="PKDateStyleShort",
            isRelative=True,
            ignoresTimeZone=False,
        )
    },
    "beacons": {
        "document": {"beacons": [{"proximityUUID": "6BA7B810-9DAD-11D1-80B4-00C04FD430C8"}]}
    },
}
FORGIVEN = {
    "signature_sha1": {"digest": "sha1"},
    "colour_hex": {"document": {"backgroundColor": "#336699"}},
    "barcode_single": {"document": {"barcodes": ..., "barcode": QR}},
    "key_unknown": {"document": {"acmeLoyaltyTier": "gold"}},
    "icon_scale": {"files": {"icon.png": None}},
    "change_message": {"document": field(changeMessage="Changed!")},
    "alignment": {"document": field(textAlignment="PKTextAlignmentLeft")},
    "markup": {"document": field(attributedValue="<b>bold</b>")},
    "fields_too_many": {
        "document": {"storeCard": {"headerFields": [{"key": k, "value": k} for k in "abcd"]}}
    },
    "strings_utf8": {"files": {"de.lproj/pass.strings": '"left" = "übrig";'.encode()}},
    "stray": {"files": {"README.txt": b"hello"}},
    "image_large": {"files": {"logo.png": a_picture(400, 100)}},
    "image_unused": {"files": {"background.png": a_picture(180, 220)}},
    "voided": {"document": {"voided": True}},
    "expired": {"document": {"expirationDate": "2020-01-31T18:00:00Z"}},
}
REFUSED = {
    "null": {"document": {"logoText": None}},
    "type_wrong": {"document": {"serialNumber": 12}},
    "key_misspelt": {"document": {"expiratonDate": "2027-01-31T18:00:00Z"}},
    "web_service_not_https": {
        "document": {"webServiceURL": "http://x.example", "authenticationToken": "0" * 16}
    },
    "icon_missing": {"files": {"icon.png": None, "icon@2x.png": None}},
    "image_not_png": {"files": {"logo.png": a_picture(160, 50, kind="JPEG")}},
    "junk": {"files": {"__MACOSX/._icon.png": b"x"}},
    "signature_other_team": {"document": {"teamIdentifier": "OTHERTEAM1"}},
    "nfc_not_allowed": {
        "document": {"nfc": {"message": "x", "encryptionPublicKey": "AAAA"}},
    },
    "field_key_twice": {"document": {"storeCard": {"backFields": [{"key": "a", "value": 1}] * 2}}},
}


@pytest.mark.parametrize("habit", SILENT)
def test_what_phones_take_without_a_word_has_no_finding(apple, a_foreign_pass, habit):
    assert judged(apple, a_foreign_pass(**SILENT[habit])) == set()


@pytest.mark.parametrize("code", FORGIVEN)
def test_what_phones_forgive_is_a_warning_and_nothing_more(apple, a_foreign_pass, code):
    assert judged(apple, a_foreign_pass(**FORGIVEN[code])) == {(code, Severity.WARNING)}


@pytest.mark.parametrize("code", REFUSED)
def test_what_phones_refuse_is_a_fault(apple, a_foreign_pass, code):
    assert (code, Severity.FAULT) in judged(apple, a_foreign_pass(**REFUSED[code]))
