from __future__ import annotations

import base64
import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from common.errors import ConfigurationError, InvalidInput, SigningError, Unavailable
from signing.google_jwt import (
    GOOGLE_TOKEN_URI,
    check_token_uri,
    credentials,
    google_signer,
    parse_service_account,
    save_jwt,
    stored_service_account,
)
from signing.sandbox_chain import make_sandbox_service_account

ISSUER = "3388000000000000001"
ORIGINS = ["https://loyalty.example.com"]
LOCAL = "http://127.0.0.1:8099/token"


@pytest.fixture(scope="module")
def key_file(now):
    data, _public = make_sandbox_service_account(now, GOOGLE_TOKEN_URI, ISSUER)
    return json.loads(data)


@pytest.fixture(scope="module")
def account(key_file):
    return parse_service_account(json.dumps(key_file).encode())


def pem(key) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def claims_of(token: str) -> tuple[dict, dict]:
    header, claims, _signature = token.split(".")
    return tuple(json.loads(base64.urlsafe_b64decode(part + "==")) for part in (header, claims))


def test_a_key_file_is_read(account, key_file):
    assert account.client_email == key_file["client_email"]
    assert account.token_uri == GOOGLE_TOKEN_URI
    assert account.private_key_id == key_file["private_key_id"]


def test_a_file_with_a_byte_order_mark_is_read(key_file):
    assert parse_service_account(b"\xef\xbb\xbf" + json.dumps(key_file).encode())


def test_an_account_shows_no_key(account):
    assert "PRIVATE" not in repr(account)
    assert "key=" not in repr(account)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"type": "authorized_user"}, "Service accounts"),
        ({"type": None}, "Service accounts"),
        ({"type": None, "installed": {}}, "OAuth client"),
        ({"client_email": None}, "client_email"),
        ({"client_email": 7}, "client_email"),
        ({"client_email": "a b@c"}, "client_email"),
        ({"private_key_id": ""}, "private_key_id"),
        ({"private_key": None}, "private key"),
        ({"private_key": "rubbish"}, "private key"),
        ({"private_key": ["x"]}, "private key"),
        ({"private_key": pem(ec.generate_private_key(ec.SECP256R1()))}, "RSA"),
        ({"private_key": pem(rsa.generate_private_key(65537, 1024))}, "2048"),
        ({"token_uri": None}, "token_uri"),
        ({"token_uri": "https://evil.example/token"}, "token_uri"),
        ({"token_uri": "https://oauth2.googleapis.com/token/"}, "token_uri"),
        ({"token_uri": LOCAL}, "token_uri"),
        ({"token_uri": ["x"]}, "token_uri"),
        ({"universe_domain": "evil.example"}, "universe_domain"),
    ],
)
def test_a_wrong_key_file_is_refused_with_what_is_wrong(key_file, change, says):
    document = {k: v for k, v in (key_file | change).items() if v is not None}

    with pytest.raises(InvalidInput, match=says) as caught:
        parse_service_account(json.dumps(document).encode())

    assert caught.value.field == "service_account"
    assert "PRIVATE" not in caught.value.message


def test_every_fault_is_told_at_once(key_file):
    document = key_file | {"client_email": "", "token_uri": "x", "private_key": "x"}

    with pytest.raises(InvalidInput) as caught:
        parse_service_account(json.dumps(document).encode())

    assert len(caught.value.errors) == 3


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"null", b"\xff", b"[" * 9000, b"{" + b" " * 17_000 + b"}", b"PK\x03\x04"]
)
def test_what_is_no_key_file_is_refused(data):
    with pytest.raises(InvalidInput):
        parse_service_account(data)


def test_the_operator_may_allow_one_more_token_address(key_file):
    data = json.dumps(key_file | {"token_uri": LOCAL}).encode()

    assert parse_service_account(data, allowed_token_uri=LOCAL).token_uri == LOCAL


@pytest.mark.parametrize(
    "address",
    [
        "http://example.com/token",
        "http://127.0.0.1.example.com/",
        "http://localhost.example.com/",
        "http://127.0.0.1@example.com/",
        "ftp://127.0.0.1/",
        "",
        "http://",
        "http://[::1",
    ],
)
def test_plain_http_to_another_machine_is_never_allowed(address):
    with pytest.raises(ConfigurationError):
        check_token_uri(address)


@pytest.mark.parametrize(
    "address", ["https://example.com/t", LOCAL, "http://[::1]:1/t", "http://localhost/t"]
)
def test_https_and_loopback_are_allowed(address):
    check_token_uri(address)


def test_a_save_link_names_ids_and_nothing_else(account, now):
    token = save_jwt(
        account,
        object_ids=[f"{ISSUER}.m-1"],
        class_id=f"{ISSUER}.coffee",
        origins=ORIGINS,
        now=now,
    )

    header, claims = claims_of(token)
    assert header == {"alg": "RS256", "kid": account.private_key_id, "typ": "JWT"}
    assert claims == {
        "iss": account.client_email,
        "aud": "google",
        "typ": "savetowallet",
        "iat": int(now.timestamp()),
        "origins": ORIGINS,
        "payload": {
            "loyaltyObjects": [{"id": f"{ISSUER}.m-1", "classId": f"{ISSUER}.coffee"}],
        },
    }
    assert len(token) < 1000


@pytest.mark.parametrize("object_ids", [[], [f"{ISSUER}.m-{n}" for n in range(60)]])
def test_a_link_without_objects_or_too_long_for_google_is_refused(account, now, object_ids):
    with pytest.raises(SigningError):
        save_jwt(account, object_ids=object_ids, class_id="1.c", origins=ORIGINS, now=now)


def test_google_auth_gets_a_signer_and_credentials(account):
    lent = credentials(account, ["https://www.googleapis.com/auth/wallet_object.issuer"])

    assert lent.service_account_email == account.client_email
    assert lent.scopes == ["https://www.googleapis.com/auth/wallet_object.issuer"]
    assert google_signer(account).key_id == account.private_key_id
    assert len(lent.sign_bytes(b"text")) == 256


def test_a_sandboxs_account_asks_the_sandbox_that_runs_now(now):
    old = "http://127.0.0.1:8471/token"
    data, _public = make_sandbox_service_account(now, old, ISSUER)

    account = stored_service_account(data, sandbox=True, allowed_token_uri=LOCAL)

    assert account.token_uri == LOCAL


def test_a_sandboxs_account_never_asks_google(key_file):
    data = json.dumps(key_file).encode()

    with pytest.raises(Unavailable, match="sandbox"):
        stored_service_account(data, sandbox=True)
    account = stored_service_account(data, sandbox=True, allowed_token_uri=LOCAL)

    assert account.token_uri == LOCAL


def test_a_real_account_keeps_the_address_of_its_file(key_file):
    data = json.dumps(key_file).encode()

    account = stored_service_account(data, sandbox=False, allowed_token_uri=LOCAL)

    assert account.token_uri == GOOGLE_TOKEN_URI
