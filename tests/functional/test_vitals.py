"""Metrics and `doctor --all`: certificates, lag, stopped channels, for every merchant and nobody else."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from common.clock import ManualClock
from loyalty.context import Loyalty
from regulars.doctor import Health
from regulars.merchant_checks import examine_merchants
from storage.breakers import Breakers
from storage.devices import Devices
from storage.unit_of_work import run_work
from storage.wallet_passes import AppleCertificate
from tests.support import builders
from tests.support.builders import CAFE
from tests.support.console import an_owner
from tests.support.house import House, a_house, an_app

TOKEN = "a-token-of-the-tests"


@pytest.fixture
def house(ctx: Loyalty, clock: ManualClock) -> House:
    return a_house(ctx, clock)


def furnish(ctx: Loyalty, house: House, *, days: int = 5) -> None:
    """A certificate that ends soon, a phone that lags, a stopped channel and a complaint."""

    def certificate(work) -> None:
        kind = builders.a_pass_type(work, sandbox=False)
        work.passes.add_certificate(
            AppleCertificate(
                id=1,
                pass_type_id=kind.id,
                certificate_pem="",
                intermediate_pem="",
                key_sealed=b"",
                serial_hex="ABCDEF0123",
                not_before=work.clock.now(),
                not_after=work.clock.now() + timedelta(days=days),
                created_at=work.clock.now(),
            )
        )

    run_work(ctx.database, CAFE.id, certificate, clock=ctx.clock)
    member = house.enrol(name="Ada")

    def phone(work) -> None:
        card = work.passes.current_of_member(member.member_id)
        devices = Devices(work.scope)
        devices.register(
            card,
            pass_type_id=card.pass_type_id,
            library_identifier="lib",
            push_token="aa",
            due_at=work.clock.now(),
        )
        devices.add_log_lines(["pass.x Received invalid pass data", "pass.y nothing"])
        Breakers(work.scope).open("apple", reason="BadCertificate")

    run_work(ctx.database, CAFE.id, phone, clock=ctx.clock)


def test_metrics_tell_certificates_lag_and_stopped_channels(ctx, house, clock):
    furnish(ctx, house)
    clock.advance(minutes=20)

    answer = an_app(ctx).test_client().get("/metrics", base_url="http://127.0.0.1:8080")

    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/plain")
    lines = answer.text.splitlines()
    names = 'merchant="cafe",pass_type="'
    assert any(
        line.startswith("regulars_apple_certificate_alarm_days{" + names) and line.endswith("7.0")
        for line in lines
    )
    assert 'regulars_deliveries_waiting{channel="apple",merchant="cafe"} 1.0' in lines
    assert 'regulars_outbox_rows{merchant="cafe",state="dead"} 0.0' in lines
    assert 'regulars_delivery_lag_seconds{channel="apple",merchant="cafe"} 1200.0' in lines
    assert 'regulars_channel_stopped{channel="apple",merchant="cafe"} 1.0' in lines
    assert 'regulars_phone_complaints{complaint="other",merchant="cafe"} 2.0' in lines
    assert 'regulars_cards{merchant="gym"} 0.0' in lines


@pytest.mark.parametrize(
    ("address", "headers", "status"),
    [
        ("127.0.0.1", {}, 200),
        ("::1", {}, 200),
        ("127.0.0.1", {"X-Forwarded-For": "127.0.0.1"}, 404),
        ("127.0.0.1", {"Forwarded": "for=127.0.0.1"}, 404),
        ("192.0.2.1", {}, 404),
        ("192.0.2.1", {"Authorization": f"Bearer {TOKEN}"}, 200),
        ("192.0.2.1", {"X-Forwarded-For": "x", "Authorization": f"Bearer {TOKEN}"}, 200),
        ("192.0.2.1", {"Authorization": "Bearer wrong"}, 404),
        ("192.0.2.1", {"Authorization": "Bearer "}, 404),
    ],
)
def test_only_this_machine_or_the_token_reads_metrics(ctx, address, headers, status):
    client = an_app(ctx, metrics_token=TOKEN).test_client()

    answer = client.get(
        "/metrics",
        base_url="http://127.0.0.1:8080",
        headers=headers,
        environ_base={"REMOTE_ADDR": address},
    )

    assert answer.status_code == status


def test_doctor_all_names_what_is_wrong_with_whom(ctx, house, clock):
    furnish(ctx, house)
    clock.advance(minutes=20)

    checks = {check.name: check for check in examine_merchants(ctx) if check.merchant == "cafe"}

    assert checks["pass type"].health is Health.FAULT
    assert "4 days are left" in checks["pass type"].text
    assert "apple-request" in checks["pass type"].mend
    assert checks["lag"].health is Health.WARNING
    assert "1 wait (oldest 20 min)" in checks["lag"].text
    assert checks["stopped"].health is Health.FAULT
    assert "BadCertificate" in checks["stopped"].text


def test_a_members_page_says_when_the_next_update_comes_and_why(ctx, house, clock):
    furnish(ctx, house)
    app = an_app(ctx)
    owner = an_owner(app, ctx, CAFE.id)
    owner.get("/console/members")
    link = re.search(r'href="(/console/members/\d+)"', owner.page)[1]

    owner.get(link)

    assert "Next update" in owner.page
    assert "because sending to this wallet has stopped" in owner.page
