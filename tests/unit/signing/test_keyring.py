from __future__ import annotations

import stat

import pytest

from common.errors import ConfigurationError, InvalidInput
from signing.keyring import (
    Keyring,
    create_keyring,
    export_keyring,
    import_keyring,
    keyring_from_text,
    load_keyring,
    save_keyring,
)

PASSPHRASE = "correct horse battery"
KEY_A, KEY_B = "A" * 43, "B" * 42 + "A"


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "keys"


def test_created_keys_load_again_and_others_cannot_read_them(folder):
    made = create_keyring(folder)

    assert load_keyring(folder) == made
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for name in ("master.key", "derivation.key"):
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600
    assert list(folder.parent.iterdir()) == [folder]


def test_two_installations_have_other_keys(tmp_path):
    assert create_keyring(tmp_path / "a") != create_keyring(tmp_path / "b")


def test_an_empty_folder_is_taken(folder):
    folder.mkdir()

    assert create_keyring(folder) == load_keyring(folder)


def test_keys_are_never_overwritten(folder):
    made = create_keyring(folder)

    with pytest.raises(ConfigurationError, match=r"master\.key is there already"):
        create_keyring(folder)

    assert load_keyring(folder) == made
    assert list(folder.parent.iterdir()) == [folder]


@pytest.mark.parametrize("present", ["master.key", "derivation.key"])
def test_half_a_keyring_is_never_completed(folder, present):
    folder.mkdir()
    (folder / present).write_text(f"1:{KEY_A}\n")

    with pytest.raises(ConfigurationError, match="never overwritten"):
        create_keyring(folder)


def test_a_folder_with_other_files_is_refused(folder):
    folder.mkdir()
    (folder / "regulars.db").touch()

    with pytest.raises(ConfigurationError, match="a folder of their own"):
        create_keyring(folder)


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").touch()

    with pytest.raises(ConfigurationError, match="cannot be written"):
        create_keyring(tmp_path / "file" / "keys")


@pytest.mark.parametrize("name", ["master.key", "derivation.key"])
def test_a_missing_file_is_named(folder, name):
    create_keyring(folder)
    (folder / name).unlink()

    with pytest.raises(ConfigurationError, match=f"{name} is missing"):
        load_keyring(folder)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_a_file_others_may_touch_is_refused_with_the_mend(folder, mode):
    create_keyring(folder)
    (folder / "master.key").chmod(mode)

    with pytest.raises(ConfigurationError, match=r"chmod 600 .*master\.key"):
        load_keyring(folder)


def test_a_folder_in_place_of_the_file_is_named(folder):
    create_keyring(folder)
    (folder / "master.key").unlink()
    (folder / "master.key").mkdir()

    with pytest.raises(ConfigurationError, match="cannot be read"):
        load_keyring(folder)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        KEY_A,
        f"0:{KEY_A}",
        f"65536:{KEY_A}",
        f"-1:{KEY_A}",
        f"1:{KEY_A[:-1]}",
        f"1:{KEY_A}AA",
        "1:" + "+" * 43,
        "1:" + "é" * 43,
        f"2:{KEY_A}\n1:{KEY_B}",
        f"1:{KEY_A}\n1:{KEY_B}",
        f"1:{KEY_A}\nrubbish",
        "\x00" * 50,
    ],
)
def test_malformed_keys_are_refused_without_being_shown(text):
    with pytest.raises(ConfigurationError) as caught:
        keyring_from_text(text, f"1:{KEY_A}")

    assert "master" in caught.value.message
    assert "AAAA" not in caught.value.message


def test_a_huge_key_file_is_refused(folder):
    create_keyring(folder)
    with (folder / "master.key").open("a") as file:
        file.write("#" * 70_000)

    with pytest.raises(ConfigurationError, match="too large"):
        load_keyring(folder)


@pytest.mark.parametrize("gap", ["\n", " ", ",", "\r\n", "\n# newer\n"])
def test_settings_hold_several_keys_and_the_last_is_newest(gap):
    keyring = keyring_from_text(f"1:{KEY_A}{gap}7:{KEY_B}=\n", f"1:{KEY_A}")

    assert keyring.master_version == 7
    assert keyring.derivation_version == 1
    assert set(keyring.master) == {1, 7}


def test_a_keyring_with_older_keys_survives_saving(folder):
    keyring = keyring_from_text(f"1:{KEY_A} 2:{KEY_B}", f"3:{KEY_B}")

    save_keyring(keyring, folder)

    assert load_keyring(folder) == keyring


def test_a_keyring_shows_nothing(folder):
    keyring = keyring_from_text(f"1:{KEY_A}", f"1:{KEY_A}")

    assert repr(keyring) == str(keyring) == "Keyring()"


@pytest.mark.parametrize("keys", [{}, {0: b"k" * 32}, {1: b"short"}])
def test_a_keyring_refuses_unusable_keys(keys):
    with pytest.raises(ValueError, match="key"):
        Keyring(master=keys, derivation={1: b"k" * 32})


def test_an_export_opens_with_its_passphrase_alone(folder):
    keyring = create_keyring(folder)

    blob = export_keyring(keyring, PASSPHRASE)

    assert import_keyring(blob, PASSPHRASE) == keyring
    with pytest.raises(InvalidInput, match="Wrong passphrase") as caught:
        import_keyring(blob, PASSPHRASE + "!")
    assert caught.value.field == "passphrase"


@pytest.mark.parametrize("passphrase", ["", "short", "x" * 1025])
def test_an_export_wants_a_usable_passphrase(passphrase):
    keyring = keyring_from_text(f"1:{KEY_A}", f"1:{KEY_A}")

    with pytest.raises(InvalidInput):
        export_keyring(keyring, passphrase)


def test_a_damaged_export_is_refused():
    blob = export_keyring(keyring_from_text(f"1:{KEY_A}", f"1:{KEY_A}"), PASSPHRASE)

    for damaged in (b"", b"PK\x03\x04", blob[:20], blob[:40], blob[:-1], blob[:-1] + b"\x00"):
        with pytest.raises(InvalidInput):
            import_keyring(damaged, PASSPHRASE)
