from __future__ import annotations

import hashlib
import io
import json
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from passes.bundle import build_bundle, build_bundles, manifest_bytes, pack_files

IMAGES = {"icon.png": b"icon", "logo@2x.png": b"logo", "strip.png": b"strip"}
NAMES = st.from_regex(r"[a-zA-Z0-9@-]{1,20}\.png", fullmatch=True).filter(
    lambda name: not name.startswith("google-")
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def opened(data):
    return zipfile.ZipFile(io.BytesIO(data))


@settings(deadline=None)
@given(
    document=st.dictionaries(st.text(), JSON, max_size=6),
    images=st.dictionaries(NAMES, st.binary(max_size=300), max_size=6),
    strings=st.dictionaries(
        st.sampled_from(["fr.lproj/pass.strings", "de.lproj/pass.strings"]), st.binary(max_size=99)
    ),
)
def test_what_goes_in_comes_out_and_the_manifest_names_all_of_it(document, images, strings):
    packed = pack_files(images, strings=strings)
    signed = []

    def sign(manifest):
        signed.append(manifest)
        return b"signature of " + manifest

    data = build_bundle(document, packed, sign=sign)

    with opened(data) as archive:
        assert archive.testzip() is None
        own = ["pass.json", "manifest.json", "signature"]
        assert archive.namelist() == sorted([*images, *strings]) + own
        files = {name: archive.read(name) for name in archive.namelist()}
    manifest = files.pop("manifest.json")
    assert files.pop("signature") == b"signature of " + manifest
    assert signed == [manifest]
    assert manifest == manifest_bytes(document, packed)
    assert json.loads(manifest) == {
        name: hashlib.sha1(content).hexdigest() for name, content in files.items()
    }
    assert json.loads(files["pass.json"]) == document
    assert {**images, **strings} == {n: c for n, c in files.items() if n != "pass.json"}


def test_the_same_content_gives_the_same_bytes_in_any_order():
    one = build_bundle({"a": 1, "b": 2}, pack_files(IMAGES), sign=lambda _m: b"s")
    other = build_bundle(
        {"b": 2, "a": 1}, pack_files(dict(reversed(IMAGES.items()))), sign=lambda _m: b"s"
    )

    assert one == other


def test_json_is_compact_sorted_utf_8():
    data = build_bundle({"b": "é", "a": [1]}, pack_files({}), sign=lambda _m: b"s")

    with opened(data) as archive:
        assert archive.read("pass.json") == '{"a":[1],"b":"é"}'.encode()


def test_members_are_stored_and_dated_the_same_day():
    data = build_bundle({}, pack_files(IMAGES), sign=lambda _m: b"s")

    with opened(data) as archive:
        for member in archive.infolist():
            assert member.compress_type == zipfile.ZIP_STORED
            assert member.date_time == (1980, 1, 1, 0, 0, 0)


def test_googles_images_stay_out_of_the_bundle():
    assert pack_files({"google-logo.png": b"x", "icon.png": b"y"}).names == {"icon.png"}


@pytest.mark.parametrize(
    "name",
    [
        "../icon.png",
        "a/b.png",
        "",
        "pass.json",
        "signature",
        "ic\\on.png",
        "ikön.png",
        "/x",
        'a"b',
        "a\nb",
    ],
)
def test_a_name_that_is_no_plain_file_is_refused(name):
    with pytest.raises(ValueError):
        pack_files({name: b"x"})


def test_a_translation_may_lie_in_a_folder_but_not_climb_out():
    with pytest.raises(ValueError):
        pack_files({}, strings={"../pass.strings": b""})


def test_the_manifest_is_sorted_compact_json():
    manifest = manifest_bytes({}, pack_files({"strip.png": b"s", "icon.png": b"i"}))

    names = list(json.loads(manifest))
    assert names == ["icon.png", "pass.json", "strip.png"]
    assert json.dumps(json.loads(manifest), separators=(",", ":")).encode() == manifest


def test_a_number_beyond_64_bits_is_written_whole():
    data = build_bundle({"a": 2**70}, pack_files({}), sign=lambda _m: b"s")

    with opened(data) as archive:
        assert json.loads(archive.read("pass.json")) == {"a": 2**70}


def test_nan_is_refused():
    with pytest.raises(ValueError):
        build_bundle({"a": float("nan")}, pack_files({}), sign=lambda _m: b"")


def test_half_a_surrogate_pair_does_not_keep_a_pass_from_being_made():
    data = build_bundle({"a": "\ud800"}, pack_files({}), sign=lambda _m: b"s")

    with opened(data) as archive:
        assert archive.read("pass.json") == b'{"a":"?"}'


def test_several_passes_travel_in_one_file():
    passes = {"B": b"second", "A": b"first"}

    whole = build_bundles(passes)

    with zipfile.ZipFile(io.BytesIO(whole)) as read:
        assert read.namelist() == ["A.pkpass", "B.pkpass"]
        assert read.read("B.pkpass") == b"second"
        assert read.testzip() is None
    assert whole == build_bundles(dict(reversed(passes.items())))


@pytest.mark.parametrize("count", [0, 11])
def test_none_and_more_than_ten_passes_are_no_file(count):
    with pytest.raises(ValueError, match="1 to 10"):
        build_bundles({str(number): b"x" for number in range(count)})
