"""`init --demo`: a café with everything it needs to be tried, and nothing real.

It asks nothing, uses no network and no running server: merchant and programme `demo`, the reward
`coffee`, a barista with a PIN, a till, and a sandbox's Apple chain and Google account, whose public
halves are left where the sandbox looks for them (`<data>.sandbox`).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from common.actor import SYSTEM
from common.errors import ConfigurationError
from loyalty.apple_certificate import install_certificate
from loyalty.context import Loyalty
from loyalty.design import save_picture
from loyalty.google_account import install_google_account
from loyalty.merchants import NewMerchant, add_merchant, list_merchants
from loyalty.owners import add_owner
from loyalty.places import add_location
from loyalty.programmes import add_programme, set_join_fields
from loyalty.publish import publish
from loyalty.rewards import add_reward
from loyalty.sign_in import make_owner_link
from loyalty.staff import add_staff, set_pin
from loyalty.tills import add_till
from passes.design import Design, Upload
from regulars.demo_picture import demo_strip
from regulars.installation import Installation, create_installation, public_url
from regulars.settings import Settings
from regulars.shop import first_terms
from signing.apple_certificates import read_pem
from signing.passwords import random_pin
from signing.sandbox_chain import make_sandbox_apple, make_sandbox_service_account

DEMO: Final = "demo"
DEMO_EMAIL: Final = "owner@demo.example"
DEMO_STAFF: Final = "Robin"
SANDBOX_ISSUER: Final = "3388000000000000001"
SANDBOX_TOKEN_URI: Final = "http://127.0.0.1:8471/token"  # noqa: S105 - an address
PIN_FILE: Final = "demo.json"


def make_demo(settings: Settings) -> tuple[dict[str, Any], list[str]]:
    """Make the demo, or tell of the one that is there; facts and sentences for the console."""
    installation = create_installation(settings)
    ctx = installation.loyalty
    if not any(merchant.slug == DEMO for merchant in list_merchants(ctx)):
        _build(installation)
    facts = {**demo_facts(installation), "keys": str(settings.keys)}
    return facts, [
        "The demo café is ready. Nothing in it is real, and nothing leaves this machine.",
        f"Barista {DEMO_STAFF}'s PIN at the till: {facts['staff_pin']}",
        "Start it with `regulars serve --sandbox`.",
    ]


def demo_facts(installation: Installation) -> dict[str, Any]:
    """What someone who tries the demo needs to know; a fresh sign-in link each time."""
    ctx = installation.loyalty
    merchant = next(m for m in list_merchants(ctx) if m.slug == DEMO)
    token = make_owner_link(ctx, merchant.id, DEMO_EMAIL)
    told = _told(installation.settings)
    return {
        "merchant": DEMO,
        "programme": DEMO,
        "owner_link": f"{public_url(installation.settings)}/console/link/{token}",
        "owner_email": DEMO_EMAIL,
        "staff_pin": told["staff_pin"],
    }


def has_demo(settings: Settings) -> bool:
    """Whether the demo was made here."""
    return (settings.sandbox_home / PIN_FILE).exists()


def _told(settings: Settings) -> dict[str, Any]:
    try:
        return dict(json.loads((settings.sandbox_home / PIN_FILE).read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"The demo in {settings.data} was not finished. Remove {settings.data}, "
            f"{settings.keys} and {settings.sandbox_home}, and run `regulars init --demo` again."
        ) from error


def _build(installation: Installation) -> None:
    ctx = installation.loyalty
    home = installation.settings.sandbox_home
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    merchant_id = add_merchant(
        ctx,
        NewMerchant(slug=DEMO, name="Bean & Leaf", time_zone="Europe/Dublin", sandbox=True),
        actor=SYSTEM,
    )
    add_owner(ctx, merchant_id, email=DEMO_EMAIL, name="Sam", actor=SYSTEM)
    _add_wallets(ctx, merchant_id, home)
    _add_programme(ctx, merchant_id)
    _add_counter(ctx, merchant_id, home)


def _add_wallets(ctx: Loyalty, merchant_id: int, home: Path) -> None:
    now = ctx.clock.now()
    apple = make_sandbox_apple(now)
    (home / "apple-root.pem").write_bytes(apple.root_pem)
    material = read_pem(apple.certificate_pem + apple.intermediate_pem, apple.key_pem, None)
    install_certificate(ctx, merchant_id, material, actor=SYSTEM, sandbox_root=apple.root_pem)
    token_uri = ctx.settings.allowed_token_uri or SANDBOX_TOKEN_URI
    key_file, public_pem = make_sandbox_service_account(now, token_uri, SANDBOX_ISSUER)
    email = json.loads(key_file)["client_email"]
    known = [
        {
            "client_email": email,
            "public_key_pem": public_pem.decode("ascii"),
            "issuer_id": SANDBOX_ISSUER,
        }
    ]
    (home / "google-service-accounts.json").write_text(json.dumps(known), encoding="utf-8")
    install_google_account(
        ctx,
        merchant_id,
        key_file,
        issuer_id=SANDBOX_ISSUER,
        actor=SYSTEM,
        sandbox_token_uri=token_uri,
    )


def _add_programme(ctx: Loyalty, merchant_id: int) -> None:
    design = Design(
        programme_name="Bean & Leaf Club",
        organization_name="Bean & Leaf",
        back_text="One point for every euro. Ten points are a coffee on us.",
        website="https://bean-and-leaf.example",
    )
    programme_id = add_programme(
        ctx,
        merchant_id,
        slug=DEMO,
        name="Bean & Leaf Club",
        terms=first_terms("EUR"),
        design=design,
        actor=SYSTEM,
    )
    set_join_fields(
        ctx,
        merchant_id,
        programme_id,
        name="optional",
        email="optional",
        phone="off",
        actor=SYSTEM,
    )
    add_reward(ctx, merchant_id, programme_id, slug="coffee", name="Coffee", cost=10, actor=SYSTEM)
    save_picture(ctx, merchant_id, programme_id, Upload.STRIP, demo_strip(), actor=SYSTEM)
    publish(ctx, merchant_id, programme_id, actor=SYSTEM)


def _add_counter(ctx: Loyalty, merchant_id: int, home: Path) -> None:
    location_id = add_location(
        ctx,
        merchant_id,
        name="Main Street",
        address="1 Main Street, Dublin",
        time_zone="Europe/Dublin",
        latitude=53.3498,
        longitude=-6.2603,
        actor=SYSTEM,
    )
    staff_id = add_staff(ctx, merchant_id, name=DEMO_STAFF, role="staff", actor=SYSTEM)
    pin = random_pin()
    set_pin(ctx, merchant_id, staff_id, pin, actor=SYSTEM)
    add_till(ctx, merchant_id, location_id=location_id, name="Till 1", actor=SYSTEM)
    path = home / PIN_FILE
    path.touch(mode=0o600)
    path.write_text(json.dumps({"staff_pin": pin}), encoding="utf-8")
