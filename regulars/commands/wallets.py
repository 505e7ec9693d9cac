"""`apple-certificate` and `google-account`: what makes cards real. Neither uses the network."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

import click

from common.actor import SYSTEM
from common.errors import InvalidInput
from loyalty.apple_certificate import InstalledCertificate, install_certificate
from loyalty.google_account import install_google_account
from regulars.commands.frame import Desk, chosen, framed, merchant_option
from signing.apple_certificates import CertificateMaterial, read_p12, read_pem

FILE_BYTES_MAX: Final = 256 * 1024
_FILE: Final = click.Path(path_type=Path, dir_okay=False)


@click.command("apple-certificate")
@click.argument("file", type=_FILE, required=False)
@click.option("--password-file", type=_FILE, help="A file with the password of FILE or of the key.")
@click.option("--intermediate", type=_FILE, help="Apple's intermediate, if FILE lacks it (G4).")
@click.option("--cert", type=_FILE, help="The certificate, .cer or .pem, instead of FILE.")
@click.option("--key", type=_FILE, help="Its private key, .pem.")
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
    """Install the Pass Type ID certificate FILE.p12, or replace the one that ends.

    It is checked whole (pass type, team, dates, chain, key) before anything is stored.
    """
    password = _password(password_file)
    if password is None and file is not None and sys.stdin.isatty():
        password = click.prompt(
            "The file's password", default="", hide_input=True, show_default=False, err=True
        )
    material = _material(file, cert=cert, key=key, password=password)
    if intermediate is not None:
        material = material.with_intermediates(_read(intermediate))
    installation = desk.open()
    shop = chosen(installation, merchant)
    done = install_certificate(
        installation.loyalty, shop.id, material, actor=SYSTEM, new_pass_type=new_pass_type
    )
    desk.console.show(_certificate_facts(done), *_certificate_lines(done))


def _material(
    file: Path | None, *, cert: Path | None, key: Path | None, password: str | None
) -> CertificateMaterial:
    if file is not None and cert is None and key is None:
        return read_p12(_read(file), password)
    if file is None and cert is not None and key is not None:
        return read_pem(_read(cert), _read(key), password)
    raise click.UsageError("Give FILE.p12, or both --cert and --key.")


def _password(path: Path | None) -> str | None:
    return None if path is None else _read(path).decode("utf-8").rstrip("\r\n")


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


COMMANDS = (apple_certificate, google_account)
