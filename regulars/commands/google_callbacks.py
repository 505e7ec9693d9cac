"""`google-callback`: judge one message of Google by the same code that serves them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import click

from common.clock import SystemClock
from common.errors import InvalidInput
from regulars.commands.frame import Desk, framed
from signing.callbacks import CALLBACK_BYTES_MAX, CallbackRefused, UnknownRootKey, verify_callback

EXIT_REFUSED: Final = 1
KEYS_BYTES_MAX: Final = 64 * 1024
MILLIS_DIGITS_MAX: Final = 15
MILLIS_DIGITS_MIN: Final = 12
_FILE: Final = click.Path(path_type=Path, dir_okay=False)


@click.command("google-callback")
@click.argument("file", type=_FILE)
@click.option("--keys", required=True, type=_FILE, help="Google's key document, as a file.")
@click.option("--issuer", required=True, help="The issuer id the message must be for.")
@click.option(
    "--now", "moment", help="ISO 8601, or milliseconds since 1970; this moment if absent."
)
@framed
def google_callback(desk: Desk, file: Path, *, keys: Path, issuer: str, moment: str | None) -> int:
    """Say whether FILE, a message as Google posts it, is genuine, and why not.

    Exit code 0 when it is, 1 when not. Nothing is asked over the network and nothing is stored.
    """
    now = SystemClock().now() if moment is None else _moment(moment)
    root_keys = _root_keys(_read(keys, KEYS_BYTES_MAX, field="keys"))
    body = _read(file, CALLBACK_BYTES_MAX, field="file")
    try:
        message = verify_callback(body, issuer_id=issuer, root_keys=root_keys, now=now)
    except CallbackRefused as error:
        why = error.why or error.message
        facts = {"verified": False, "why": why, "key_unknown": isinstance(error, UnknownRootKey)}
        desk.console.show(facts, f"Not verified: {why}")
        return EXIT_REFUSED
    desk.console.show(
        {
            "verified": True,
            "event": str(message.event),
            "class_id": message.class_id,
            "object_id": message.object_id,
            "expires_at": message.expires_at.isoformat(),
            "count": message.count,
            "nonce": message.nonce,
        },
        f"Verified: {message.event} of {message.object_id}.",
    )
    return 0


def _moment(text: str) -> datetime:
    if text.isascii() and text.isdigit() and MILLIS_DIGITS_MIN <= len(text) <= MILLIS_DIGITS_MAX:
        try:
            return datetime.fromtimestamp(int(text) / 1000, tz=UTC)
        except (ValueError, OverflowError, OSError):
            pass
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidInput(
            "Write --now like 2026-11-22T12:00:00Z, or as milliseconds since 1970.", field="now"
        ) from error
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _root_keys(data: bytes) -> list[dict[str, Any]]:
    try:
        document = json.loads(data)
        listed = document["keys"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InvalidInput('The keys file must be {"keys": [...]}.', field="keys") from error
    if not isinstance(listed, list):
        raise InvalidInput('The keys file must be {"keys": [...]}.', field="keys")
    return [one for one in listed if isinstance(one, dict)]


def _read(path: Path, most: int, *, field: str) -> bytes:
    """The file; one byte more than `most` when it is too long, which the reader refuses."""
    try:
        with path.open("rb") as stream:
            return stream.read(most + 1)
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}.", field=field) from error


COMMANDS = (google_callback,)
