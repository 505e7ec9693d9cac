"""The command line as whoever runs the machine meets it: a process, its output, its exit code."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


def a_run(data: Path) -> Run:
    def call(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith("REGULARS_")}
        return subprocess.run(
            [sys.executable, "-m", "regulars", *arguments],
            env={**kept, "REGULARS_DATA": str(data), **environ},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return call


@pytest.fixture
def run(data: Path) -> Run:
    """`regulars ...` on this test's own data folder."""
    return a_run(data)


def told(done: subprocess.CompletedProcess[str], *, code: int = 0) -> dict[str, Any]:
    """The one JSON object on stdout of a command that ended with `code`."""
    assert done.returncode == code, done.stdout + done.stderr
    answer = json.loads(done.stdout)
    assert isinstance(answer, dict)
    return answer


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The demo with one card, made once for all to copy; its folder, and the member's number."""
    folder = tmp_path_factory.mktemp("demo")
    run = a_run(folder / "data")
    told(run("init", "--demo", "--json"))
    issued = told(run("issue", "--programme", "demo", "--name", "Ada", "--json"))
    return folder, str(issued["member_number"])


@pytest.fixture
def member(demo: tuple[Path, str], tmp_path: Path) -> str:
    """The number of a member of this test's own copy of the demo."""
    folder, number = demo
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    return number


def test_init_demo_asks_nothing_and_can_be_run_again(run: Run, data: Path) -> None:
    first = told(run("init", "--demo", "--json"))
    second = told(run("init", "--demo", "--json"))

    assert first["staff_pin"] == second["staff_pin"]
    assert first["owner_link"] != second["owner_link"]
    keys = data.with_name("data.keys")
    assert {stat.S_IMODE(file.stat().st_mode) for file in keys.iterdir()} == {0o600}
    assert told(run("merchant", "list", "--json"))["merchants"][0]["slug"] == "demo"


def test_a_card_is_issued_without_any_server(run: Run, tmp_path: Path) -> None:
    told(run("init", "--demo", "--json"))
    file = tmp_path / "card.pkpass"

    card = told(
        run("issue", "--programme", "demo", "--name", "Ada", "--apple", str(file), "--json")
    )

    assert set(card) >= {"member_number", "serial_number"}
    assert "google" in card["skipped"]
    names = zipfile.ZipFile(file).namelist()
    assert {"pass.json", "manifest.json", "signature", "icon.png"} <= set(names)
    assert told(run("inspect", str(file), "--json"))["fault"] is False


def test_the_demo_card_counts_points_and_cents(run: Run, member: str) -> None:
    first = told(run("earn", member, "12.40", "--json"))
    second = told(run("earn", member, "0,60", "--json"))

    assert (first["points"], first["balance"], first["carried"]) == (12, 12, 40)
    assert (second["points"], second["balance"], second["carried"]) == (1, 13, 0)
    assert told(run("balance", member, "--json"))["balance"] == 13


def test_a_reward_is_redeemed_and_given_back(run: Run, member: str) -> None:
    told(run("earn", member, "12.40", "--json"))

    coffee = told(run("redeem", member, "coffee", "--json"))
    again = told(run("redeem", member, "coffee", "--json"), code=1)
    back = told(run("reverse", str(coffee["operation"]), "--json"))

    assert coffee["balance"] == 2
    assert again["error"]["code"] == "insufficient_balance"
    assert back["balance"] == 12
    assert told(run("verify", "--json"))["ok"] is True


def test_the_same_key_is_the_same_answer(run: Run, member: str) -> None:
    first = told(run("earn", member, "5", "--key", "k1", "--json"))
    second = told(run("earn", member, "5", "--key", "k1", "--json"))
    other = told(run("earn", member, "6", "--key", "k1", "--json"), code=1)

    assert second["operation"] == first["operation"]
    assert second["replayed"] is True
    assert other["error"]["code"] == "idempotency_mismatch"
    assert told(run("balance", member, "--json"))["balance"] == 5


@pytest.mark.parametrize(
    "amount", ["-5", "1e9", "NaN", "twelve", "1.2.3", "0", "100000", "12.405", "١٢", "1 000", ""]
)
def test_a_wrong_amount_is_refused_with_its_field(run: Run, member: str, amount: str) -> None:
    # `--` keeps a leading minus from looking like an option.
    refused = told(run("earn", "--json", "--", member, amount), code=1)

    assert refused["error"]["errors"][0]["field"] == "amount"
    assert told(run("balance", member, "--json"))["balance"] == 0


def test_a_command_without_an_installation_says_what_to_run(run: Run) -> None:
    done = run("balance", "0000000000")

    assert done.returncode == 3
    assert "regulars init" in done.stderr


def test_every_wrong_setting_is_told_at_once(run: Run) -> None:
    done = run("doctor", REGULARS_PROXY_HOPS="x", REGULARS_APNS_URL="ftp://x")

    assert done.returncode == 3
    assert "REGULARS_PROXY_HOPS" in done.stderr
    assert "REGULARS_APNS_URL" in done.stderr


def test_with_two_merchants_one_must_be_named(run: Run, member: str) -> None:
    told(run("merchant", "add", "gym", "--name", "Gym", "--email", "g@example.com", "--json"))

    unnamed = told(run("balance", member, "--json"), code=1)
    foreign = told(run("balance", member, "--merchant", "gym", "--json"), code=1)
    own = told(run("balance", member, "--merchant", "demo", "--json"))

    assert "--merchant" in unnamed["error"]["message"]
    assert foreign["error"]["code"] == "unknown_card"
    assert own["balance"] == 0
    told(run("merchant", "suspend", "demo", "--json"))
    refused = run("earn", member, "5", "--merchant", "demo", "--json")
    assert refused.returncode == 1


def test_doctor_tells_what_is_missing_and_how_to_mend_it(run: Run) -> None:
    told(run("init", "--demo", "--json"))

    report = told(run("doctor", "--json"))

    by_name = {check["name"]: check for check in report["checks"]}
    assert by_name["database"]["health"] == "ok"
    assert "regulars serve" in by_name["worker"]["mend"]
    assert by_name["apple"]["merchant"] == "demo"


def test_a_backup_without_keys_says_so_and_needs_them_to_be_restored(
    run: Run, member: str, tmp_path: Path
) -> None:
    told(run("earn", member, "12.40", "--json"))
    file = tmp_path / "backup.zip"
    new = str(tmp_path / "new")

    assert told(run("backup", str(file), "--json"))["with_keys"] is False
    refused = run("restore", str(file), REGULARS_DATA=new)
    (tmp_path / "data.keys").rename(tmp_path / "new.keys")
    told(run("restore", str(file), "--json", REGULARS_DATA=new))

    assert refused.returncode == 3
    assert "new.keys" in refused.stderr
    assert told(run("balance", member, "--json", REGULARS_DATA=new))["balance"] == 12
    assert told(run("verify", "--json", REGULARS_DATA=new))["ok"] is True


def test_keys_travel_under_a_passphrase_and_a_full_place_is_refused(
    run: Run, member: str, tmp_path: Path
) -> None:
    file = tmp_path / "backup.zip"
    phrase = {"REGULARS_BACKUP_PASSPHRASE": "a long enough phrase"}
    new = str(tmp_path / "new")

    told(run("backup", str(file), "--with-keys", "--json", **phrase))
    wrong = run(
        "restore", str(file), REGULARS_DATA=new, REGULARS_BACKUP_PASSPHRASE="another phrase"
    )
    told(run("restore", str(file), "--json", REGULARS_DATA=new, **phrase))
    again = told(run("restore", str(file), "--json", REGULARS_DATA=new, **phrase), code=1)

    assert wrong.returncode == 1
    assert again["error"]["code"] == "conflict"
    assert told(run("balance", member, "--json", REGULARS_DATA=new))["balance"] == 0


def test_several_cards_leave_as_one_file_that_the_validator_reads(
    run: Run, member: str, tmp_path: Path
) -> None:
    other = told(run("issue", "--programme", "demo", "--name", "Ben", "--json"))["member_number"]
    file = tmp_path / "family.pkpasses"

    done = told(run("passes", str(file), member, str(other), "--json"))
    findings = told(run("inspect", str(file), "--json"), code=0)

    assert done["passes"] == 2
    with zipfile.ZipFile(file) as whole:
        assert len(whole.namelist()) == 2
    assert {one["code"] for one in findings["findings"]} <= {
        "web_service_loopback",
        "signature_sandbox",
    }


def test_cards_at_google_are_adopted_from_a_list(
    run: Run, member: str, data: Path, tmp_path: Path
) -> None:
    # Google was away when the card was issued, but its object is wanted already: as if it were not.
    with sqlite3.connect(data / "regulars.db") as base:
        base.execute("update wallet_pass set google_object_id = null")
    checks = told(run("doctor", "--json"), code=0)["checks"]
    text = next(one["text"] for one in checks if one["name"] == "google")
    issuer = text.split()[1]
    cards = tmp_path / "cards.csv"
    cards.write_text(f"{member},{issuer}.old-1\n", encoding="utf-8")
    wrong = tmp_path / "wrong.csv"
    wrong.write_text(f"{member},123.old-1\nNOBODY,{issuer}.old-2\n", encoding="utf-8")

    refused = told(run("google-adopt", str(wrong), "--json"), code=1)["error"]
    first = told(run("google-adopt", str(cards), "--json"))
    again = told(run("google-adopt", str(cards), "--json"))

    assert [one["field"] for one in refused["errors"]] == ["line 1", "line 2"]
    assert (first["adopted"], again["adopted"]) == (1, 0)


def test_cards_of_another_system_are_judged_before_they_are_taken_over(
    run: Run, tmp_path: Path
) -> None:
    told(run("init", "--demo", "--json"))
    cards, links = tmp_path / "cards.csv", tmp_path / "links.csv"
    cards.write_text("code,name,points\nOLD-1,Ada,12\nOLD-2,Ben,0\n", encoding="utf-8")

    report = told(run("import-passes", str(cards), "--json"))["kinds"][0]
    refused = told(run("import-passes", str(cards), "--as", "moved", "--json"), code=1)
    done = told(
        run("import-passes", str(cards), "--as", "new-card", "--links", str(links), "--json")
    )
    again = told(run("import-passes", str(cards), "--as", "new-card", "--json"))

    assert (report["case"], report["cards"], report["balance"]) == ("new-card", 2, 12)
    assert "Pass Type ID" in refused["error"]["message"]
    assert (done["new"], done["credited"], done["links"]) == (2, 12, 2)
    assert (again["new"], again["again"], again["credited"]) == (0, 2, 0)
    assert len(links.read_text(encoding="utf-8").splitlines()) == 3
    assert told(run("verify", "--json"))["ok"]


def test_a_list_with_faults_names_every_line_and_changes_nothing(run: Run, tmp_path: Path) -> None:
    told(run("init", "--demo", "--json"))
    cards = tmp_path / "cards.csv"
    cards.write_text("serial,token,balance\na/b,x,1\nb,short,2\nc,,-3\n", encoding="utf-8")

    answer = run("import-passes", str(cards), "--as", "new-card", "--json")

    assert answer.returncode == 1
    assert {"line 2", "line 3", "line 4"} <= {
        one["field"] for one in json.loads(answer.stdout)["error"]["errors"]
    }


def test_the_cards_leave_only_by_a_second_factor(run: Run, tmp_path: Path) -> None:
    told(run("init", "--demo", "--json"))
    passphrase = tmp_path / "passphrase"
    passphrase.write_text("a long passphrase\n", encoding="utf-8")

    answer = run(
        "export-passes", str(tmp_path / "out"), "--person", "owner@example.com", "--code", "123456",
        "--passphrase-file", str(passphrase), "--json",
    )  # fmt: skip

    assert answer.returncode != 0
    assert not (tmp_path / "out").exists()
