"""`apple-request`, `apple-certificate`, `google-account`, `google-adopt`: real cards, offline."""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from typing import IO, Final

import click

from common.actor import SYSTEM
from common.errors import InvalidInput, WalletError
from loyalty.adopt_google import Adoption, adopt_google_objects
from loyalty.apple_certificate import InstalledCertificate
from loyalty.apple_push_key import install_push_key, remove_push_key
from loyalty.apple_request import CertificateUpload, install_upload, request_certificate
from loyalty.google_account import install_google_account
from regulars.commands.frame import Desk, chosen, framed, merchant_option

FILE_BYTES_MAX: Final = 256 * 1024
_LOCKED: Final = frozenset({".p12", ".pfx"})
_FILE: Final = click.Path(path_type=Path, dir_okay=False)


@click.command("apple-request")
@click.argument("file", type=_FILE)
@merchant_option
@framed
def apple_request(desk: Desk, file: Path, *, merchant: str | None) -> None:
    """Make a key and write its certificate request to FILE, to be uploaded at Apple.

    The key stays here, sealed, until `apple-certificate` brings the certificate made from it.
    """
    installation = desk.open()
    shop = chosen(installation, merchant)
    # Opened before the key is made: a file that is there already is never overwritten.
    stream = _new_file(file)
    try:
        asked = request_certificate(installation.loyalty, shop.id, actor=SYSTEM)
        stream.write(asked.request_pem)
    except WalletError:
        file.unlink()
        raise
    finally:
        stream.close()
    desk.console.show(
        {"request": asked.id, "file": str(file)},
        f"{file} is the request. In Apple's developer portal open the Pass Type ID, press Create",
        "Certificate, upload it and download pass.cer. Then: regulars apple-certificate pass.cer",
    )


def _new_file(path: Path) -> IO[str]:
    try:
        return path.open("x", encoding="ascii")
    except OSError as error:
        raise InvalidInput(
            f"{path} cannot be written: {error.strerror}. Name a file that is not there yet.",
            field="file",
        ) from error


@click.command("apple-certificate")
@click.argument("file", type=_FILE, required=False)
@click.option("--password-file", type=_FILE, help="A file with the password of FILE or of the key.")
@click.option("--intermediate", type=_FILE, help="Another chain's intermediate; Apple's is known.")
@click.option("--cert", type=_FILE, help="The certificate, .cer or .pem, instead of FILE.")
@click.option("--key", type=_FILE, help="Its private key, where `apple-request` did not make it.")
@click.option("--new-pass-type", is_flag=True, help="Start another pass type beside the old one.")
@merchant_option
@framed
def apple_certificate(
    desk: Desk,
    *,
    file: Path | None,
    password_file: Path | None,
    intermediate: Path | None,
    cert: Path | None,
    key: Path | None,
    new_pass_type: bool,
    merchant: str | None,
) -> None:
    """Install the Pass Type ID certificate FILE (.cer, .pem or .p12), or the renewal of one.

    It is checked whole (pass type, team, dates, chain, key) before anything is stored. The key of
    a .cer is the one that `apple-request` made, unless --key names it.
    """
    if (file is None) == (cert is None):
        raise click.UsageError("Give FILE, or --cert with or without --key.")
    data = _read(cert or file or Path())
    password = _password(password_file)
    if password is None and file is not None and file.suffix.lower() in _LOCKED:
        password = _asked()
    upload = CertificateUpload(
        data=data,
        password=password,
        key=_read(key) if key else None,
        intermediate=_read(intermediate) if intermediate else None,
    )
    installation = desk.open()
    shop = chosen(installation, merchant)
    done = install_upload(
        installation.loyalty, shop.id, upload, actor=SYSTEM, new_pass_type=new_pass_type
    )
    desk.console.show(_certificate_facts(done), *_certificate_lines(done))


def _password(path: Path | None) -> str | None:
    if path is None:
        return None
    try:
        return _read(path).decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{path} holds no password as text.", field="password_file") from error


def _asked() -> str | None:
    """The password typed at the terminal, or one line of a pipe; None when there is neither."""
    if sys.stdin.isatty():
        typed: str = click.prompt(
            "The file's password", default="", hide_input=True, show_default=False, err=True
        )
        return typed
    return sys.stdin.readline().rstrip("\r\n") or None


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            data = stream.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}.", field="file") from error
    if len(data) > FILE_BYTES_MAX:
        raise InvalidInput(f"{path} is too large to be a certificate or key.", field="file")
    return data


def _certificate_facts(done: InstalledCertificate) -> dict[str, object]:
    return {
        "pass_type_identifier": done.pass_type_identifier,
        "team_identifier": done.team_identifier,
        "organization": done.organization,
        "serial": done.serial_hex,
        "not_after": done.not_after.isoformat(),
        "replaced": done.replaced,
        "warnings": list(done.warnings),
    }


def _certificate_lines(done: InstalledCertificate) -> list[str]:
    return [
        (
            f"{done.pass_type_identifier} of team {done.team_identifier} ({done.organization}) "
            f"signs until {done.not_after:%Y-%m-%d}."
        ),
        *(f"Note: {warning}" for warning in done.warnings),
    ]


@click.command("apple-push-key")
@click.argument("file", type=_FILE, required=False)
@click.option("--team", required=True, help="The team id of the pass types it pushes for.")
@click.option("--key-id", help="The key id that Apple shows beside the key.")
@click.option("--remove", is_flag=True, help="Push with the certificate again.")
@merchant_option
@framed
def apple_push_key(
    desk: Desk,
    *,
    file: Path | None,
    team: str,
    key_id: str | None,
    remove: bool,
    merchant: str | None,
) -> None:
    """Push with the team's key FILE.p8 in place of the certificate, which still signs."""
    if remove == (file is not None and key_id is not None):
        raise click.UsageError("Give FILE.p8 with --key-id, or --remove.")
    installation = desk.open()
    shop = chosen(installation, merchant)
    if file is None or key_id is None:
        remove_push_key(installation.loyalty, shop.id, team_identifier=team, actor=SYSTEM)
        desk.console.show({"team": team, "key": None}, f"Team {team} pushes with its certificate.")
        return
    install_push_key(
        installation.loyalty,
        shop.id,
        _read(file),
        key_identifier=key_id,
        team_identifier=team,
        actor=SYSTEM,
    )
    desk.console.show({"team": team, "key": key_id}, f"Team {team} pushes with key {key_id}.")


@click.command("google-account")
@click.argument("file", type=_FILE)
@click.option("--issuer", required=True, help="The issuer id of the Google Pay & Wallet console.")
@merchant_option
@framed
def google_account(desk: Desk, file: Path, *, issuer: str, merchant: str | None) -> None:
    """Install the service account key FILE.json that speaks for the issuer."""
    installation = desk.open()
    shop = chosen(installation, merchant)
    done = install_google_account(
        installation.loyalty, shop.id, _read(file), issuer_id=issuer, actor=SYSTEM
    )
    desk.console.show(
        {"issuer": done.issuer_id, "client_email": done.client_email},
        f"Issuer {done.issuer_id} is spoken for by {done.client_email}.",
        "Invite that address as a user (role Developer) in the Google Pay & Wallet console.",
    )


@click.command("google-adopt")
@click.argument("file", type=_FILE)
@merchant_option
@framed
def google_adopt(desk: Desk, file: Path, *, merchant: str | None) -> None:
    """Keep the cards that customers have at Google: FILE.csv has a member number and an object id.

    The objects belong to the merchant's own issuer and come from another system. The worker then
    brings each to what the member's card says.
    """
    installation = desk.open()
    shop = chosen(installation, merchant)
    rows = csv.reader(_read(file).decode("utf-8-sig", "replace").splitlines())
    wanted = [
        Adoption(member_number=row[0].strip(), object_id=row[1].strip())
        for row in rows
        if len(row) > 1
    ]
    changed = adopt_google_objects(installation.loyalty, shop.id, wanted, actor=SYSTEM)
    desk.console.show({"adopted": changed}, f"{changed} card(s) at Google are now ours to update.")


COMMANDS = (apple_request, apple_certificate, apple_push_key, google_account, google_adopt)
