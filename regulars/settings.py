"""Settings, read once from the environment and files, every error told at once.

Rules:
- A variable is `REGULARS_<NAME>`; a secret may be given as a file instead: `REGULARS_<NAME>_FILE`.
- Addresses are https; plain http is taken only to loopback.
- Keys and the sandbox's folder lie beside the data folder, never inside it: `<data>.keys` and
  `<data>.sandbox`. A copy of the data folder alone opens no secret.
- Not here: what a room does with its settings; each room declares the frozen part it needs.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from common.errors import ConfigurationError
from delivery.mail_settings import read_mail_settings, read_sender

PREFIX: Final = "REGULARS_"
SECRETS: Final = ("DATABASE_URL", "MASTER_KEY", "DERIVATION_KEY", "METRICS_TOKEN", "SMTP_URL")
GOOGLE_API_URL: Final = "https://walletobjects.googleapis.com/walletobjects/v1"
GOOGLE_SAVE_URL: Final = "https://pay.google.com/gp/v/save"
GOOGLE_KEYS_URL: Final = "https://pay.google.com/gp/m/issuer/keys"
STRIPE_API_URL: Final = "https://api.stripe.com"
APNS_URL: Final = "https://api.push.apple.com:443"
SECRET_FILE_BYTES_MAX: Final = 16 * 1024


class Environment(BaseSettings):
    """The variables as they are spelled, checked one by one."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", frozen=True)

    data: Path = Field(default=Path("data"), description="The data folder.")
    keys: Path | None = Field(
        default=None, description="The folder of the master and derivation keys: `<data>.keys`."
    )
    public_url: str | None = Field(
        default=None, description="The public https address that cards call; set it once."
    )
    database_url: SecretStr | None = Field(
        default=None, description="`postgresql://…`; SQLite in the data folder when absent."
    )
    database_connections: int = Field(
        default=16,
        ge=4,
        le=200,
        description=(
            "How many connections a process keeps to PostgreSQL at most; a worker has two more."
        ),
    )
    master_key: SecretStr | None = Field(
        default=None, description="Master keys as `version:base64url` instead of a file."
    )
    derivation_key: SecretStr | None = Field(
        default=None, description="Derivation keys as `version:base64url` instead of a file."
    )
    apns_url: str = Field(default=APNS_URL, description="Apple's push server: scheme, host, port.")
    apns_ca: Path | None = Field(
        default=None, description="PEM file of the roots the push server may chain to."
    )
    apns_expiration_days: int = Field(
        default=7, ge=0, le=30, description="How long Apple keeps a push for a phone that is off."
    )
    apns_priority: int | None = Field(
        default=None, description="Priority of pushes, `5` or `10`; Apple takes 10 when absent."
    )
    apple_root: Path | None = Field(
        default=None, description="PEM file of the root that pass certificates must chain to."
    )
    google_api_url: str = Field(
        default=GOOGLE_API_URL, description="The Google Wallet API with its version."
    )
    google_save_url: str = Field(default=GOOGLE_SAVE_URL, description="Where save links lead.")
    google_requests_per_s: float = Field(
        default=20.0,
        gt=0,
        le=1000,
        description="Requests a second for each Google account, all workers together.",
    )
    google_batch: int = Field(
        default=20,
        ge=0,
        le=1000,
        description="Cards of a mass change that go to Google in one request; 0 sends one by one.",
    )
    google_keys_url: str = Field(
        default=GOOGLE_KEYS_URL, description="Where the keys of Google's callbacks are."
    )
    stripe_api_url: str = Field(
        default=STRIPE_API_URL, description="Where Stripe answers, for gift cards paid by card."
    )
    allow_token_uri: str | None = Field(
        default=None, description="A token address taken beside Google's own."
    )
    sandbox_page_url: str | None = Field(
        default=None, description="Set by `serve --sandbox`: where its phones are shown."
    )
    proxy_hops: int = Field(
        default=0, ge=0, le=5, description="Reverse proxies whose X-Forwarded headers are believed."
    )
    metrics_token: SecretStr | None = Field(
        default=None,
        min_length=16,
        description="Opens `/metrics` to other machines (`Authorization: Bearer …`).",
    )
    smtp_url: SecretStr | None = Field(
        default=None,
        description="The mail server: `smtps://user:password@mail.example.com`; none, no e-mail.",
    )
    smtp_ca: Path | None = Field(
        default=None, description="PEM file of the roots the mail server may chain to."
    )
    mail_from: str | None = Field(
        default=None, description="Whom e-mails come from: `Shop <cards@example.com>`."
    )
    log_level: str = Field(
        default="info",
        pattern="^(debug|info|warning|error)$",
        description="How much is logged: `debug`, `info`, `warning` or `error`.",
    )

    @field_validator(
        "public_url",
        "apns_url",
        "google_api_url",
        "google_save_url",
        "google_keys_url",
        "stripe_api_url",
        "allow_token_uri",
        "sandbox_page_url",
    )
    @classmethod
    def _is_address(cls, value: str | None) -> str | None:
        return None if value is None else check_address(value)

    @field_validator("apns_priority")
    @classmethod
    def _is_priority(cls, value: int | None) -> int | None:
        if value not in {None, 1, 5, 10}:
            raise ValueError("it is 1, 5 or 10")
        return value

    @field_validator("database_url")
    @classmethod
    def _is_database(cls, value: SecretStr | None) -> SecretStr | None:
        schemes = ("sqlite:///", "postgresql://", "postgresql+psycopg://")
        if value is not None and not value.get_secret_value().startswith(schemes):
            raise ValueError("must start with postgresql:// or sqlite:///")
        return value

    @field_validator("mail_from")
    @classmethod
    def _is_sender(cls, value: str | None) -> str | None:
        if value is not None:
            read_sender(value)
        return value

    @field_validator("smtp_url")
    @classmethod
    def _is_mail_server(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            read_mail_settings(value.get_secret_value(), "any@example.com")
        return value

    @field_validator("apns_ca", "apple_root", "smtp_ca")
    @classmethod
    def _is_pem(cls, value: Path | None) -> Path | None:
        if value is not None and b"-----BEGIN CERTIFICATE-----" not in _read_small(value):
            raise ValueError(f"{value} holds no PEM certificate")
        return value


def check_address(text: str) -> str:
    """An https address, or http to loopback, without trailing slash, query or credentials."""
    parts = urlsplit(text.strip())
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(f"{text!r} is not an address like https://cards.example.com")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("an address here has no user, query or fragment")
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise ValueError(f"{text!r} must start with https:// (plain http only to this machine)")
    return text.strip().rstrip("/")


def is_loopback(host: str) -> bool:
    """Whether a host name or address can only mean this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the command line works with: the environment with its defaults filled in."""

    environment: Environment
    data: Path
    keys: Path
    sandbox_home: Path
    database_url: str = field(repr=False)

    @property
    def database_file(self) -> Path | None:
        """The SQLite file, or None on PostgreSQL."""
        prefix = "sqlite:///"
        is_file = self.database_url.startswith(prefix)
        return Path(self.database_url.removeprefix(prefix)) if is_file else None

    def with_addresses(self, **addresses: Any) -> Settings:
        """The same settings with other addresses: those the sandbox told."""
        environment = self.environment.model_copy(update=addresses)
        return replace(self, environment=environment)


def read_settings(
    data: Path | None = None, *, environ: Mapping[str, str] | None = None
) -> Settings:
    """Settings of this process.

    Args:
        data: the `--data` option; wins over REGULARS_DATA.
        environ: the environment, os.environ by default.

    Raises:
        ConfigurationError: one sentence per wrong variable, all together.
    """
    given = dict(os.environ if environ is None else environ)
    complaints: list[str] = []
    values = {
        name: given[PREFIX + name.upper()]
        for name in Environment.model_fields
        if given.get(PREFIX + name.upper(), "") != ""
    }
    for name in SECRETS:
        _take_secret_file(name, given, values, complaints)
    environment = _validated(values, complaints)
    if environment is not None and (environment.smtp_url is None) != (
        environment.mail_from is None
    ):
        complaints.append(f"Set {PREFIX}SMTP_URL and {PREFIX}MAIL_FROM both, or neither.")
    if environment is None or complaints:
        raise ConfigurationError("\n".join(complaints))
    return _complete(environment, data)


def _take_secret_file(
    name: str, given: Mapping[str, str], values: dict[str, str], complaints: list[str]
) -> None:
    path = given.get(f"{PREFIX}{name}_FILE", "")
    if not path:
        return
    if name.lower() in values:
        complaints.append(f"Set {PREFIX}{name} or {PREFIX}{name}_FILE, not both.")
        return
    try:
        values[name.lower()] = _read_small(Path(path)).decode().strip()
    except (ValueError, UnicodeDecodeError) as error:
        complaints.append(f"{PREFIX}{name}_FILE: {error}")


def _validated(values: Mapping[str, Any], complaints: list[str]) -> Environment | None:
    try:
        # Values are given whole, so that nothing is read from the environment a second time.
        return _Closed(**values)
    except ValidationError as error:
        for fault in error.errors(include_url=False, include_input=False):
            name = PREFIX + str(fault["loc"][0]).upper() if fault["loc"] else "settings"
            complaints.append(f"{name}: {fault['msg'].removeprefix('Value error, ')}.")
        return None


class _Closed(Environment):
    """The same model without sources of its own."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        _ = (settings_cls, env_settings, dotenv_settings, file_secret_settings)
        return (init_settings,)


def _complete(environment: Environment, data: Path | None) -> Settings:
    folder = (data or environment.data).expanduser().resolve()
    keys = (environment.keys or folder.with_name(folder.name + ".keys")).expanduser().resolve()
    if keys == folder or folder in keys.parents:
        raise ConfigurationError(
            f"REGULARS_KEYS: {keys} lies inside the data folder {folder}. Keep the keys elsewhere, "
            "so that a copy of the data opens no secret."
        )
    url = environment.database_url
    return Settings(
        environment=environment,
        data=folder,
        keys=keys,
        sandbox_home=folder.with_name(folder.name + ".sandbox"),
        database_url=url.get_secret_value() if url else f"sqlite:///{folder / 'regulars.db'}",
    )


def _read_small(path: Path) -> bytes:
    try:
        with path.expanduser().open("rb") as file:
            data = file.read(SECRET_FILE_BYTES_MAX + 1)
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from error
    if len(data) > SECRET_FILE_BYTES_MAX:
        raise ValueError(f"{path} is larger than {SECRET_FILE_BYTES_MAX // 1024} KB")
    return data
