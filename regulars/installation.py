"""One installation, opened for a process: database, keys and the context of the use cases."""

from __future__ import annotations

import json
import os
import socket
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from pydantic import SecretStr

from common.clock import Clock, SystemClock
from common.errors import ConfigurationError
from delivery.google_client import GoogleClient
from delivery.mail_settings import MailSettings, read_mail_settings
from delivery.settings import DeliverySettings
from delivery.stripe_client import StripeClient
from loyalty.context import Loyalty, LoyaltySettings
from regulars.erasure_list import bring_up
from regulars.inspection import trusted_roots
from regulars.settings import Settings
from signing.keyring import Keyring, create_keyring, keyring_from_text, load_keyring
from storage.engine import Database, DatabaseSettings
from storage.migrate import check_current, upgrade

DEFAULT_PORT: Final = 8000
SANDBOX_SENDER: Final = "Regulars sandbox <cards@sandbox.example>"
ADDRESSES_FILE: Final = "addresses.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """What a command works on."""

    settings: Settings
    database: Database
    keyring: Keyring
    loyalty: Loyalty
    delivery: DeliverySettings


def open_installation(settings: Settings, *, clock: Clock | None = None) -> Installation:
    """Open what `init` made.

    Raises:
        ConfigurationError: there is nothing yet, the keys are missing, or the database belongs to
            another version; the sentence says what to do.
    """
    refuse_empty_place(settings)
    database = open_database(settings)
    check_current(database)
    return _assemble(settings, database, read_keyring(settings), clock or SystemClock())


def refuse_empty_place(settings: Settings) -> None:
    """Refuse a data folder that `init` never saw: a mistyped one must not become a new shop.

    Raises:
        ConfigurationError: there is no database file where the settings say.
    """
    file = settings.database_file
    if file is not None and not file.exists():
        raise ConfigurationError(
            f"There is no installation in {settings.data} yet. "
            "Run `regulars init`, or `regulars init --demo` for a first look."
        )


def create_installation(settings: Settings, *, clock: Clock | None = None) -> Installation:
    """Make data folder, keys and tables where they are absent, and open them."""
    settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not keys_in_environment(settings) and not settings.keys.exists():
        create_keyring(settings.keys)
    keyring = read_keyring(settings)
    database = open_database(settings)
    upgrade(database)
    return _assemble(settings, database, keyring, clock or SystemClock())


def open_database(settings: Settings) -> Database:
    """The database of the settings, not looked at yet."""
    return Database(
        DatabaseSettings(
            url=settings.database_url, pool_size=settings.environment.database_connections
        )
    )


def read_keyring(settings: Settings) -> Keyring:
    """The keys of the environment, or of the key folder."""
    environment = settings.environment
    if environment.master_key and environment.derivation_key:
        return keyring_from_text(
            environment.master_key.get_secret_value(), environment.derivation_key.get_secret_value()
        )
    if keys_in_environment(settings):
        raise ConfigurationError(
            "Set both REGULARS_MASTER_KEY and REGULARS_DERIVATION_KEY, or neither."
        )
    return load_keyring(settings.keys)


def keys_in_environment(settings: Settings) -> bool:
    """Whether the keys are given as variables, so that no file holds them."""
    return bool(settings.environment.master_key or settings.environment.derivation_key)


def public_url(settings: Settings) -> str:
    """The address that cards call; this machine's own until one is set."""
    return settings.environment.public_url or f"http://127.0.0.1:{DEFAULT_PORT}"


def _assemble(
    settings: Settings, database: Database, keyring: Keyring, clock: Clock
) -> Installation:
    delivery = delivery_settings(settings)
    loyalty = Loyalty(
        database=database,
        clock=clock,
        keyring=keyring,
        settings=_loyalty_settings(settings),
        google=GoogleClient(delivery, database=database, keyring=keyring, clock=clock),
        payments=StripeClient(settings.environment.stripe_api_url),
    )
    # The list looks at the database alone, so the context before it will do.
    noted = replace(loyalty, after_erasure=lambda: bring_up(settings, loyalty))
    return Installation(
        settings=settings, database=database, keyring=keyring, loyalty=noted, delivery=delivery
    )


def _loyalty_settings(settings: Settings) -> LoyaltySettings:
    environment = settings.environment
    roots = trusted_roots(settings)
    worker = delivery_settings(settings)
    return LoyaltySettings(
        public_url=public_url(settings),
        google_save_url=environment.google_save_url,
        sandbox=environment.sandbox_page_url is not None,
        apple_root_pem=roots.operator,
        sandbox_root_pem=roots.sandbox,
        google_keys_url=environment.google_keys_url,
        allowed_token_uri=environment.allow_token_uri,
        sends_mail=worker.mail is not None,
        cards_per_s=worker.slice_cards / worker.slice_every_s,
        google_requests_per_s=worker.google_requests_per_s,
        push_burst=worker.pace.burst_score,
    )


def delivery_settings(settings: Settings) -> DeliverySettings:
    """What the worker is told."""
    environment = settings.environment
    return DeliverySettings(
        apns_url=environment.apns_url,
        apns_ca_file=environment.apns_ca,
        apns_expiration=timedelta(days=environment.apns_expiration_days),
        apns_priority=environment.apns_priority,
        google_api_url=environment.google_api_url,
        google_requests_per_s=environment.google_requests_per_s,
        google_batch=environment.google_batch,
        google_keys_url=environment.google_keys_url,
        allowed_token_uri=environment.allow_token_uri,
        public_url=public_url(settings),
        worker_name=f"{socket.gethostname()}-{os.getpid()}",
        mail=mail_settings(settings),
    )


def mail_settings(settings: Settings) -> MailSettings | None:
    """The mail server, None where there is none."""
    environment = settings.environment
    if environment.smtp_url is None or environment.mail_from is None:
        return None
    return read_mail_settings(
        environment.smtp_url.get_secret_value(), environment.mail_from, ca_file=environment.smtp_ca
    )


# --- the sandbox's addresses, told by a running `serve --sandbox` to the commands beside it ------


def write_sandbox_addresses(home: Path, addresses: dict[str, Any]) -> None:
    """Leave the addresses for other commands, with the process that keeps them true."""
    path = home / ADDRESSES_FILE
    draft = path.with_suffix(".new")
    draft.write_text(json.dumps({**addresses, "pid": os.getpid()}), encoding="utf-8")
    draft.replace(path)


def with_running_sandbox(settings: Settings) -> Settings:
    """The settings with a running sandbox's addresses, where the operator set none."""
    try:
        told = json.loads((settings.sandbox_home / ADDRESSES_FILE).read_text(encoding="utf-8"))
        os.kill(int(told["pid"]), 0)
    except (OSError, ValueError, KeyError, TypeError):
        return settings
    unset = {
        name: value
        for name, value in sandbox_environment(told).items()
        if name not in settings.environment.model_fields_set
    }
    return settings.with_addresses(**unset)


def sandbox_environment(told: dict[str, Any]) -> dict[str, Any]:
    """The settings that point at a sandbox, from the line it printed when it was ready."""
    return {
        "apns_url": told["apns_url"],
        "apns_ca": Path(told["apns_ca"]),
        "google_api_url": told["google_api_url"],
        "google_save_url": told["google_save_url"],
        "google_keys_url": told["google_keys_url"],
        "allow_token_uri": told["token_uri"],
        "sandbox_page_url": told["page_url"],
        **({"stripe_api_url": told["stripe_api_url"]} if "stripe_api_url" in told else {}),
        **(
            {"smtp_url": SecretStr(told["smtp_url"]), "mail_from": SANDBOX_SENDER}
            if "smtp_url" in told
            else {}
        ),
        **({"public_url": told["public_url"]} if "public_url" in told else {}),
    }
