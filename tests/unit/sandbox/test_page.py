"""The page of live phones: honest about what it is, safe against what is on a card."""

from __future__ import annotations

import pytest
import requests

from tests.support.sandbox import AppleChain, SandboxProcess
from tests.unit.sandbox.pass_service import PassService, Served


def page(sandbox: SandboxProcess, path: str = "") -> str:
    return sandbox.urls["page_url"] + path


def test_the_page_says_that_it_is_a_sandbox_and_loads_nothing_else(
    sandbox: SandboxProcess,
) -> None:
    answer = requests.get(page(sandbox), timeout=10)

    assert "pretend phones, nothing leaves this machine" in answer.text
    policy = answer.headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "style=" not in answer.text
    assert "https://" not in answer.text
    assert "<script>" not in answer.text


def test_the_live_answer_has_a_validator(sandbox: SandboxProcess) -> None:
    first = requests.get(page(sandbox, "live.json"), timeout=10)
    same = {"If-None-Match": first.headers["ETag"]}

    assert requests.get(page(sandbox, "live.json"), headers=same, timeout=10).status_code == 304
    phone = sandbox.create_phone("iphone", "Fresh")
    fresh = requests.get(page(sandbox, "live.json"), headers=same, timeout=10)
    assert fresh.status_code == 200
    assert phone in [each["id"] for each in fresh.json()["phones"]]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "http://127.0.0.1:8000"},
        {"Origin": "http://localhost:8000"},
        {"Origin": "http://[::1]:8000"},
        {"Origin": "null", "Sec-Fetch-Site": "same-site"},
    ],
)
def test_a_page_of_this_machine_may_put_a_pass_on_a_phone(
    sandbox: SandboxProcess, service: PassService, phone: str, headers: dict[str, str]
) -> None:
    form = {"url": service.card_url(), "phone": phone}

    answer = requests.post(
        page(sandbox, "phones/iphone/add"), data=form, headers=headers, timeout=10,
        allow_redirects=False,
    )  # fmt: skip

    assert (answer.status_code, answer.headers["Location"]) == (303, f"/#{phone}")
    assert sandbox.iphone(phone)["cards"][0]["serial_number"] == "card-1"


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "http://127.0.0.1.evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Host": "evil.example:8471"},
    ],
)
def test_a_page_elsewhere_may_not(
    sandbox: SandboxProcess, service: PassService, phone: str, headers: dict[str, str]
) -> None:
    form = {"url": service.card_url(), "phone": phone}

    answer = requests.post(
        page(sandbox, "phones/iphone/add"), data=form, headers=headers, timeout=10
    )

    assert answer.status_code == 403
    assert sandbox.iphone(phone)["cards"] == []


def test_a_refused_pass_shows_its_reason_on_the_phone(
    sandbox: SandboxProcess, service: PassService, phone: str
) -> None:
    service.bend["download"] = Served(200, b"<html>", {"Content-Type": "text/html"})
    form = {"url": service.card_url(), "phone": phone}

    requests.post(page(sandbox, "phones/iphone/add"), data=form, timeout=10)

    shown = requests.get(page(sandbox), timeout=10).text
    assert "its type is text/html" in shown


def test_text_on_a_card_stays_text(
    sandbox: SandboxProcess, service: PassService, phone: str
) -> None:
    nasty = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"
    body = service.pass_bytes(
        "card-1", organizationName=nasty, logoText=nasty, description=nasty,
        backgroundColor="red;} body{display:none", webServiceURL=None,
        barcodes=[{"format": "PKBarcodeFormatQR", "message": nasty, "messageEncoding": "utf-8",
                   "altText": nasty}],
    )  # fmt: skip
    service.bend["download"] = Served(200, body, {"Content-Type": "application/vnd.apple.pkpass"})

    sandbox.do(phone, "add", url=service.card_url())

    shown = requests.get(page(sandbox), timeout=10).text
    assert "<script>alert" not in shown
    assert "<img src=x" not in shown
    assert "display:none" not in shown


def test_buttons_work_without_a_script(
    sandbox: SandboxProcess, service: PassService, phone: str
) -> None:
    sandbox.do(phone, "add", url=service.card_url())
    card = sandbox.iphone(phone)["cards"][0]["card"]

    off = requests.post(page(sandbox, f"phones/{phone}/power"), data={"on": "no"}, timeout=10)
    gone = requests.post(page(sandbox, f"phones/{phone}/remove"), data={"card": card}, timeout=10)
    again = requests.post(page(sandbox, f"phones/{phone}/remove"), data={"card": card}, timeout=10)
    broken = requests.post(page(sandbox, "faults"), data={"fault": "apns-503"}, timeout=10)

    assert (off.status_code, gone.status_code, again.status_code) == (200, 200, 404)
    assert sandbox.iphone(phone)["powered"] is False
    assert sandbox.iphone(phone)["cards"] == []
    assert "503, 5 more" in broken.text


@pytest.mark.parametrize(
    "path",
    ["phones/iphone-1/pictures/x/logo", "google/pictures/loyaltyObject/1.x/logo",
     "google/pictures/x/logo", "google/pictures/loyaltyObject/1.x/../x", "nothing"],
)  # fmt: skip
def test_what_is_not_there_is_404(sandbox: SandboxProcess, path: str) -> None:
    assert requests.get(page(sandbox, path), timeout=10).status_code == 404


def test_pictures_come_out_of_the_pass(
    sandbox: SandboxProcess, service: PassService, phone: str, chain: AppleChain
) -> None:
    sandbox.do(phone, "add", url=service.card_url())

    answer = requests.get(
        page(sandbox, f"phones/{phone}/pictures/{chain.pass_type_identifier}/card-1/icon"),
        timeout=10,
    )

    assert answer.headers["Content-Type"] == "image/png"
    assert answer.content.startswith(b"\x89PNG")


def test_the_sandbox_stays_on_loopback(tmp_path: object) -> None:
    import sandbox.__main__ as command

    assert command.main(["--home", str(tmp_path), "--host", "0.0.0.0"]) == 2


def test_two_sandboxes_do_not_share_a_folder(
    sandbox: SandboxProcess, capsys: pytest.CaptureFixture[str]
) -> None:
    import sandbox.__main__ as command

    assert command.main(["--home", str(sandbox.home), "--port", "0", "--apns-port", "0"]) == 1
    assert "already uses" in capsys.readouterr().err


def test_a_taken_port_is_named_with_the_mend(
    sandbox: SandboxProcess, tmp_path: object, capsys: pytest.CaptureFixture[str]
) -> None:
    import sandbox.__main__ as command

    taken = sandbox.urls["apns_url"].rsplit(":", 1)[1]
    status = command.main(["--home", f"{tmp_path}/home", "--port", "0", "--apns-port", taken])

    assert status == 1
    assert "--apns-port" in capsys.readouterr().err
