from __future__ import annotations

import hashlib
import io
import json
import random
import struct
import time
import warnings
import zipfile

import pytest

from passes.apple import pass_document
from passes.bundle import build_bundle, pack_files
from passes.findings import Severity, fault, faults
from passes.images import default_images
from passes.inspect_pass import inspect_bundle
from tests.support.cards import a_content, a_design, a_picture, an_apple_identity

DOCUMENT = pass_document(a_design(), a_content(), an_apple_identity())
IMAGES = {name: image.data for name, image in default_images(a_design()).items()}
GOOD = build_bundle(DOCUMENT, pack_files(IMAGES), sign=lambda _manifest: b"signature")


def repacked(*, manifest=None, compression=zipfile.ZIP_DEFLATED, **changes):
    """The good pass zipped anew with members changed (None removes), manifest made to fit."""
    with zipfile.ZipFile(io.BytesIO(GOOD)) as archive:
        files = {n: archive.read(n) for n in archive.namelist() if n != "manifest.json"}
    files = {n: d for n, d in (files | changes).items() if d is not None}
    listed = {n: hashlib.sha1(d).hexdigest() for n, d in files.items() if n != "signature"}
    files["manifest.json"] = json.dumps(listed).encode() if manifest is None else manifest(listed)
    return zipped(files.items(), compression=compression)


def zipped(entries, *, compression=zipfile.ZIP_STORED):
    out = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # zipfile warns of doubled names, which is the point
        with zipfile.ZipFile(out, "w", compression) as archive:
            for name, data in entries:
                archive.writestr(name, data)
    return out.getvalue()


def codes(data, **options):
    return [finding.code for finding in inspect_bundle(data, **options)]


def test_a_good_pass_has_no_finding_stored_or_deflated():
    assert inspect_bundle(GOOD) == []
    assert inspect_bundle(repacked()) == []


def test_the_signature_is_judged_by_who_can():
    seen = []

    def verify(document, manifest, signature):
        seen.append((document["serialNumber"], manifest[:1], signature))
        return [fault("signature", "signature", rule="r", mend="m")]

    assert codes(GOOD, verify=verify) == ["signature"]
    assert seen == [("0001", b"{", b"signature")]


@pytest.mark.parametrize(
    ("code", "data"),
    [
        ("zip_damaged", b""),
        ("zip_damaged", b"PK\x03\x04 and nothing"),
        ("zip_damaged", GOOD[:-40]),
        ("zip_too_large", bytes(20 * 1024 * 1024 + 1)),
        ("zip_too_large", zipped([("a", bytes(11 * 2**20))], compression=zipfile.ZIP_DEFLATED)),
        ("zip_too_many", zipped([(f"{n}.png", b"") for n in range(201)])),
        ("file_missing", repacked(signature=None)),
        ("file_missing", repacked(**{"pass.json": None})),
        ("icon_missing", repacked(**dict.fromkeys(n for n in IMAGES if n.startswith("icon")))),
        ("icon_scale", repacked(**{"icon.png": None})),
        ("json", repacked(**{"pass.json": b"not json"})),
        ("json", repacked(**{"pass.json": b"[1]"})),
        ("json", repacked(**{"pass.json": b"[" * 100_000})),
        ("json", repacked(**{"pass.json": b'{"a":NaN}'})),
        ("json", repacked(**{"pass.json": "\ufeff{}".encode()})),
        ("json", repacked(**{"pass.json": b'{"a":"\xff"}'})),
        ("json", repacked(manifest=lambda _listed: b"[]")),
        ("json_key_twice", repacked(**{"pass.json": b'{"a":1,"a":2}'})),
        ("junk", repacked(**{"__MACOSX/._icon.png": b""})),
        ("junk", repacked(**{".DS_Store": b""})),
        ("path", repacked(**{"../../etc/passwd": b"x"})),
        ("path", repacked(**{"/etc/passwd": b"x"})),
        ("stray", repacked(**{"notes.txt": b"x"})),
        ("image_not_png", repacked(**{"icon.png": a_picture(38, 38, kind="JPEG")})),
        ("image_not_png", repacked(**{"logo.png": b"text"})),
        ("image_large", repacked(**{"logo.png": a_picture(321, 100)})),
        ("strings_encoding", repacked(**{"fr.lproj/pass.strings": b'"a" = "\xe9";'})),
        ("not_in_manifest", repacked(manifest=lambda m: json.dumps({}).encode())),
        ("manifest_names_nothing", repacked(manifest=lambda m: json.dumps(m | {"x": 1}).encode())),
        (
            "manifest_digest",
            repacked(manifest=lambda m: json.dumps(m | {"pass.json": "0" * 40}).encode()),
        ),
        (
            "manifest_digest_form",
            repacked(manifest=lambda m: json.dumps(m | {"pass.json": "0" * 64}).encode()),
        ),
        ("name_twice", zipped([("pass.json", b"{}"), ("pass.json", b"{}")])),
    ],
)
def test_each_broken_rule_of_the_file_is_named(code, data):
    found = {finding.code: finding for finding in inspect_bundle(data)}

    assert code in found
    assert found[code].rule
    assert found[code].mend


def test_a_wrong_byte_in_a_member_is_found():
    at = GOOD.index(b"Bean Club")
    damaged = GOOD[:at] + b"X" + GOOD[at + 1 :]

    assert codes(damaged) == ["zip_damaged"]


STRINGS = '/* shop */ "a" = "é \\"quoted\\"";\n// note\nb = "c";\n'


@pytest.mark.parametrize("folder", ["fr", "es-419", "zh-Hans", "pt_BR", "Base"])
@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be"])
def test_translations_of_any_language_in_utf_16_are_fine(folder, encoding):
    marked = b"\xfe\xff" if encoding == "utf-16-be" else b""

    data = marked + STRINGS.encode(encoding)

    assert codes(repacked(**{f"{folder}.lproj/pass.strings": data})) == []


@pytest.mark.parametrize(
    ("code", "files"),
    [
        ("strings_utf8", {"fr.lproj/pass.strings": STRINGS.encode()}),
        ("strings_form", {"fr.lproj/pass.strings": b'"a" = "b"'}),
        ("strings_form", {"fr.lproj/pass.strings": b'"a" = "say "hi"";'}),
        (
            "strings_keys",
            {"fr.lproj/pass.strings": b'"a" = "b";', "de.lproj/pass.strings": b'"c" = "d";'},
        ),
        ("image_hidden", {"fr.lproj/logo.png": a_picture(160, 50), "logo.png": a_picture(160, 50)}),
        ("image_unused", {"thumbnail.png": a_picture(90, 90)}),
        ("image_small", {"icon@2x.png": a_picture(38, 38)}),
        ("personalization_unused", {"personalization.json": b"{}"}),
    ],
)
def test_what_a_phone_passes_over_in_the_files_is_told(code, files):
    assert code in codes(repacked(**files))


def test_several_passes_in_one_file_are_judged_one_by_one():
    spoilt = repacked(**{"notes.txt": b"x"})

    found = inspect_bundle(zipped([("a.pkpass", GOOD), ("b.pkpass", spoilt)]))

    assert [(one.code, one.place) for one in found] == [("stray", "b.pkpass/notes.txt")]


def test_a_file_of_passes_holds_ten_and_no_other_file_of_passes():
    inner = zipped([("a.pkpass", GOOD)])

    assert codes(zipped([(f"{n}.pkpass", b"") for n in range(11)])) == ["bundle_too_many"]
    assert "file_missing" in codes(zipped([("a.pkpass", inner)]))


def test_a_bomb_is_not_unpacked():
    bomb = zipped([(f"{n}.png", bytes(9 * 2**20)) for n in range(6)], compression=8)

    assert len(bomb) < 2**20
    assert codes(bomb) == ["zip_too_large"]


def test_a_directory_of_hundreds_of_thousands_of_entries_is_refused_before_it_is_read():
    entry = struct.pack("<4s6H3I5H2I", b"PK\x01\x02", 20, 20, *[0] * 4, *[0] * 3, 1, *[0] * 4, 0, 0)
    listing = (entry + b"a") * 400_000
    end = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 65_535, 65_535, len(listing), 0, 0)

    start = time.process_time()
    found = codes(listing + end)

    assert found == ["zip_too_many"]
    assert time.process_time() - start < 0.5


def test_the_large_form_of_zip_which_hides_its_directorys_length_is_refused():
    end = GOOD.rindex(b"PK\x05\x06")

    assert codes(GOOD[:end] + b"PK\x06\x07" + bytes(16) + GOOD[end:]) == ["zip_too_many"]


def test_an_encrypted_member_is_refused():
    data = bytearray(GOOD)
    at = data.rindex(b"PK\x01\x02")
    data[at + 8] |= 1

    assert "zip_encrypted" in codes(bytes(data))


def test_damage_anywhere_gives_findings_and_never_an_error():
    dice = random.Random(3)
    small = repacked(**{name: None for name in IMAGES if name != "icon.png"})
    for _ in range(500):
        data = bytearray(small)
        for _ in range(dice.randint(1, 6)):
            data[dice.randrange(len(data))] = dice.randrange(256)
        inspect_bundle(bytes(data))


def test_warnings_alone_are_no_fault():
    found = inspect_bundle(repacked(**{"notes.txt": b"x"}))

    assert [finding.severity for finding in found] == [Severity.WARNING]
    assert faults(found) == []


def test_a_name_cannot_speak_to_the_terminal():
    (finding,) = inspect_bundle(repacked(**{"a\x1b[2Jb": b"x"}))

    assert finding.place == "a\ufffd[2Jb"
