from __future__ import annotations

from pathlib import Path

import pytest

from common.errors import ConfigurationError
from regulars.settings import check_address, is_loopback, read_settings


def test_defaults_name_the_real_vendors_and_keep_keys_beside_the_data(tmp_path: Path) -> None:
    settings = read_settings(tmp_path / "data", environ={})

    assert settings.environment.apns_url == "https://api.push.apple.com:443"
    assert settings.environment.google_api_url.endswith("/walletobjects/v1")
    assert settings.keys == tmp_path / "data.keys"
    assert settings.database_url == f"sqlite:///{tmp_path / 'data' / 'regulars.db'}"


def test_every_wrong_variable_is_told_at_once(tmp_path: Path) -> None:
    environ = {
        "REGULARS_APNS_URL": "http://push.example.com",
        "REGULARS_PROXY_HOPS": "many",
        "REGULARS_APPLE_ROOT": str(tmp_path / "missing.pem"),
        "REGULARS_PUBLIC_URL": "cards.example.com",
        "REGULARS_DATABASE_URL_FILE": str(tmp_path / "missing"),
    }

    with pytest.raises(ConfigurationError) as refused:
        read_settings(environ=environ)

    told = refused.value.message
    assert all(name in told for name in environ)
    assert len(told.splitlines()) == len(environ)


def test_a_secret_may_come_from_a_file_but_not_from_both(tmp_path: Path) -> None:
    file = tmp_path / "url"
    file.write_text("postgresql://u:hunter2@localhost/shop\n")
    environ = {"REGULARS_DATABASE_URL_FILE": str(file)}

    settings = read_settings(environ=environ)

    assert settings.database_url == "postgresql://u:hunter2@localhost/shop"
    assert "hunter2" not in repr(settings)
    with pytest.raises(ConfigurationError, match="not both"):
        read_settings(environ={**environ, "REGULARS_DATABASE_URL": "sqlite:///x"})


def test_keys_inside_the_data_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="REGULARS_KEYS"):
        read_settings(tmp_path, environ={"REGULARS_KEYS": str(tmp_path / "keys")})


def test_the_data_option_wins_over_the_environment(tmp_path: Path) -> None:
    settings = read_settings(tmp_path / "a", environ={"REGULARS_DATA": str(tmp_path / "b")})

    assert settings.data == tmp_path / "a"


@pytest.mark.parametrize(
    "address",
    [
        "http://cards.example.com",
        "ftp://localhost",
        "https://user:pw@cards.example.com",
        "https://cards.example.com/?x=1",
        "cards.example.com",
        "http://127.0.0.1.example.com",
        "http://169.254.169.254",
        "https://",
    ],
)
def test_an_address_that_is_not_safe_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match=r"address|https"):
        check_address(address)


@pytest.mark.parametrize(
    "address", ["https://cards.example.com/", "http://[::1]:9", "http://localhost:80"]
)
def test_https_and_loopback_are_taken_without_a_trailing_slash(address: str) -> None:
    assert check_address(address) == address.rstrip("/")


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("0.0.0.0", False),
        ("localhost.example.com", False),
    ],
)
def test_loopback_is_only_this_machine(host: str, *, expected: bool) -> None:
    assert is_loopback(host) is expected
