"""Keep the installation's own keys: master keys seal secrets, derivation keys make tokens.

Not done here: sealing (`signing.sealing`), deriving (`signing.tokens`), and choosing the folder;
that it lies outside the data folder is the caller's to check.

Rules:
- A key file is lines of `version:base64url`, newest last; blank lines and `#` lines are skipped.
- No key is ever overwritten: files appear whole by one rename, and an old master key is removed
  only when it is named.
- A key never appears in a repr, a message or a log.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
import secrets
import shutil
import stat
import tempfile
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from common.errors import ConfigurationError, InvalidInput
from common.i18n import gettext as _
from signing.passphrase import open_under, seal_under

MASTER_FILE: Final = "master.key"
DERIVATION_FILE: Final = "derivation.key"
KEY_BYTES: Final = 32
VERSION_MAX: Final = 0xFFFF
KEY_FILE_BYTES_MAX: Final = 64 * 1024
EXPORT_BYTES_MAX: Final = 256 * 1024

_LINE: Final = re.compile(r"([0-9]{1,5}):([A-Za-z0-9_-]{43})=?", re.ASCII)
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_EXPORT_HEADER: Final = b"regulars-keys-1\n"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Keyring:
    """Master and derivation keys by version; the greatest version is the newest.

    Raises:
        ValueError: a set is empty, a version is not 1..65535 or a key is not 32 bytes.
    """

    master: Mapping[int, bytes]
    derivation: Mapping[int, bytes]

    def __post_init__(self) -> None:
        for name in ("master", "derivation"):
            keys = dict(getattr(self, name))
            if not keys:
                raise ValueError(f"a keyring needs a {name} key")
            for version, key in keys.items():
                if not 1 <= version <= VERSION_MAX or len(key) != KEY_BYTES:
                    raise ValueError(f"{name} key {version} is malformed")
            object.__setattr__(self, name, MappingProxyType(keys))

    @property
    def master_version(self) -> int:
        """The version new secrets are sealed under."""
        return max(self.master)

    @property
    def derivation_version(self) -> int:
        """The version new cards may be derived under."""
        return max(self.derivation)

    def __repr__(self) -> str:
        return "Keyring()"


def new_keyring() -> Keyring:
    """A keyring with one fresh key of each kind, version 1."""
    return Keyring(
        master={1: secrets.token_bytes(KEY_BYTES)}, derivation={1: secrets.token_bytes(KEY_BYTES)}
    )


def create_keyring(folder: Path) -> Keyring:
    """Make both key files in a folder that is new or empty.

    Raises:
        ConfigurationError: the folder holds something already, or cannot be written.
    """
    keyring = new_keyring()
    save_keyring(keyring, folder)
    return keyring


def save_keyring(keyring: Keyring, folder: Path) -> None:
    """Write both key files (mode 0600) into a new or empty folder (mode 0700), all or nothing.

    Raises:
        ConfigurationError: the folder holds something already, or cannot be written.
    """
    folder = folder.expanduser().resolve()
    _refuse_occupied(folder)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        # mkdtemp makes the folder 0700, and a rename onto an empty folder is atomic.
        draft = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    except OSError as error:
        raise _unwritable(folder, error) from error
    try:
        _write_private(draft / MASTER_FILE, _format_keys(keyring.master))
        _write_private(draft / DERIVATION_FILE, _format_keys(keyring.derivation))
        _sync_folder(draft)
        draft.rename(folder)
        _sync_folder(folder.parent)
    except OSError as error:
        shutil.rmtree(draft, ignore_errors=True)
        # Another process may have been quicker; then its keys stand.
        _refuse_occupied(folder)
        raise _unwritable(folder, error) from error


def add_master_key(folder: Path) -> Keyring:
    """Add a fresh master key, newest, to the file; every older one stays.

    Raises:
        ConfigurationError: the folder cannot be read or written, or holds the last version.
    """
    keyring = load_keyring(folder)
    version = keyring.master_version + 1
    if version > VERSION_MAX:
        raise ConfigurationError("master.key holds the last version there can be.")
    master = {**keyring.master, version: secrets.token_bytes(KEY_BYTES)}
    _replace_master(folder, master)
    return Keyring(master=master, derivation=keyring.derivation)


def drop_master_keys(folder: Path, versions: Collection[int]) -> Keyring:
    """Remove older master keys from the file; the newest one always stays.

    Raises:
        ConfigurationError: the folder cannot be read or written.
    """
    keyring = load_keyring(folder)
    kept = {v: k for v, k in keyring.master.items() if v not in versions}
    kept[keyring.master_version] = keyring.master[keyring.master_version]
    _replace_master(folder, kept)
    return Keyring(master=kept, derivation=keyring.derivation)


def load_keyring(folder: Path) -> Keyring:
    """Read both key files.

    Raises:
        ConfigurationError: a file is missing, unreadable, readable by others or malformed; the
            sentence names the file and the mend.
    """
    return Keyring(
        master=_read_keys(folder / MASTER_FILE), derivation=_read_keys(folder / DERIVATION_FILE)
    )


def keyring_from_text(master: str, derivation: str) -> Keyring:
    """The keyring of two settings; keys are apart by lines, spaces or commas.

    Raises:
        ConfigurationError: a text is empty or malformed.
    """
    return Keyring(
        master=_parse_keys(master, "The master key setting"),
        derivation=_parse_keys(derivation, "The derivation key setting"),
    )


def export_keyring(keyring: Keyring, passphrase: str) -> bytes:
    """Seal the keyring under a passphrase, for a backup that carries its keys.

    Raises:
        InvalidInput: the passphrase is shorter than 12 or longer than 1024 characters.
    """
    plain = f"{_format_keys(keyring.master)}\n{_format_keys(keyring.derivation)}".encode()
    return seal_under(passphrase, plain, header=_EXPORT_HEADER)


def import_keyring(blob: bytes, passphrase: str) -> Keyring:
    """Open what `export_keyring` made.

    Raises:
        InvalidInput: not such an export, damaged, or another passphrase.
    """
    if len(blob) > EXPORT_BYTES_MAX or not blob.startswith(_EXPORT_HEADER):
        raise InvalidInput(_("These are not keys that `backup --with-keys` wrote."), field="keys")
    plain = open_under(passphrase, blob, header=_EXPORT_HEADER)
    if plain is None:
        raise _wrong_passphrase()
    master, _gap, derivation = plain.decode().partition("\n\n")
    return keyring_from_text(master, derivation)


def _wrong_passphrase() -> InvalidInput:
    return InvalidInput(
        _(
            "Wrong passphrase, or the keys in the backup are damaged. Type the passphrase that "
            "was used when the backup was made."
        ),
        field="passphrase",
    )


def _format_keys(keys: Mapping[int, bytes]) -> str:
    return "".join(
        f"{version}:{base64.urlsafe_b64encode(keys[version]).decode().rstrip('=')}\n"
        for version in sorted(keys)
    )


def _parse_keys(text: str, where: str) -> dict[int, bytes]:
    keys: dict[int, bytes] = {}
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    for part in re.split(r"[\s,]+", "\n".join(lines).strip()):
        version, key = _parse_key(part, where)
        if keys and version <= max(keys):
            raise ConfigurationError(
                f"{where} names version {version} out of order. Put the newest key last, "
                "each version once."
            )
        keys[version] = key
    return keys


def _parse_key(part: str, where: str) -> tuple[int, bytes]:
    match = _LINE.fullmatch(part)
    version = int(match[1]) if match else 0
    try:
        key = base64.urlsafe_b64decode(match[2] + "=") if match else b""
    except binascii.Error:
        key = b""
    if len(key) != KEY_BYTES or not 1 <= version <= VERSION_MAX:
        # The text itself is a secret, so the sentence shows only the shape.
        raise ConfigurationError(
            f"{where} is malformed. It holds `version:key` with a version from 1 and 43 "
            "characters of base64url, newest last. Put the file back from your copy."
        )
    return version, key


def _read_keys(path: Path) -> dict[int, bytes]:
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            data = file.read(KEY_FILE_BYTES_MAX + 1)
    except FileNotFoundError as error:
        raise ConfigurationError(
            f"{path} is missing. Put it back from your copy of the keys; on a new "
            "installation `regulars init` makes it."
        ) from error
    except OSError as error:
        raise ConfigurationError(
            f"{path} cannot be read ({error.strerror}). Give the user that runs Regulars "
            "the right to read it."
        ) from error
    if mode & _OTHERS:
        raise ConfigurationError(
            f"{path} can be read by others (mode {stat.S_IMODE(mode):04o}). Run: chmod 600 {path}"
        )
    if len(data) > KEY_FILE_BYTES_MAX:
        raise ConfigurationError(f"{path} is too large to be a key file.")
    return _parse_keys(data.decode("utf-8", "replace"), str(path))


def _refuse_occupied(folder: Path) -> None:
    for name in (MASTER_FILE, DERIVATION_FILE):
        if (folder / name).exists():
            raise ConfigurationError(
                f"{folder / name} is there already and is never overwritten: without it every "
                "sealed secret and every card would be lost."
            )
    if folder.is_dir() and any(folder.iterdir()):
        raise ConfigurationError(f"{folder} is not empty. Give the keys a folder of their own.")


def _unwritable(folder: Path, error: OSError) -> ConfigurationError:
    return ConfigurationError(
        f"The keys cannot be written to {folder} ({error.strerror}). Name a folder that does "
        "not exist yet and whose parent the user that runs Regulars may write to."
    )


def _write_private(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _replace_master(folder: Path, keys: Mapping[int, bytes]) -> None:
    """Put a new master.key in the place of the old one, at once or not at all."""
    folder = folder.expanduser().resolve()
    draft = folder / f".{MASTER_FILE}.new"
    try:
        draft.unlink(missing_ok=True)
        _write_private(draft, _format_keys(keys))
        draft.replace(folder / MASTER_FILE)
        _sync_folder(folder)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise _unwritable(folder, error) from error


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
