from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from common.clock import SystemClock
from common.errors import Conflict
from regulars.supervisor import DRAIN_S, KILL_S, Part, Supervisor, only_one, restart_pause_s

COUNTING = """
import os, pathlib, signal, sys
path = pathlib.Path(sys.argv[1])
path.open("a").write("x")
if len(path.read_text()) >= 3:
    os.kill(os.getppid(), signal.SIGTERM)
    signal.pause()
"""


@pytest.mark.parametrize(("failures", "pause"), [(0, 0), (1, 0), (2, 1), (3, 2), (4, 4), (20, 30)])
def test_the_pause_before_a_restart_grows_and_is_capped(failures: int, pause: float) -> None:
    assert restart_pause_s(failures) == pause


def test_a_part_that_ends_is_started_again_and_all_end_on_sigterm(tmp_path: Path) -> None:
    starts = tmp_path / "starts"
    told: list[str] = []
    part = Part(name="web", arguments=["-c", COUNTING, str(starts)])
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)

    try:
        Supervisor([part], clock=SystemClock(), note=told.append).run()
    finally:
        signal.signal(signal.SIGTERM, before[0])
        signal.signal(signal.SIGINT, before[1])

    assert starts.read_text() == "xxx"
    assert len(told) == 2
    assert part.process is not None
    assert part.process.returncode == -signal.SIGTERM


DEAF = """
import os, pathlib, signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: None)
os.kill(os.getppid(), signal.SIGTERM)
while True:
    signal.pause()
"""


def test_a_part_that_does_not_hear_sigterm_is_killed_in_time() -> None:
    deaf = Part(name="worker", arguments=["-c", DEAF])
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)

    try:
        Supervisor([deaf], clock=SystemClock(), note=lambda _line: None, drain_s=1.0).run()
    finally:
        signal.signal(signal.SIGTERM, before[0])
        signal.signal(signal.SIGINT, before[1])

    assert deaf.process is not None
    assert deaf.process.returncode == -signal.SIGKILL


def test_the_whole_drain_and_the_killing_fit_into_ten_seconds() -> None:
    assert DRAIN_S == 10.0
    assert 0 < KILL_S < 1


def test_the_watch_notices_a_parent_that_is_gone() -> None:
    script = (
        "import os, sys; sys.path.insert(0, sys.argv[1])\n"
        "from regulars.supervisor import end_with_parent\n"
        "import threading\n"
        "gone = threading.Event()\n"
        "if os.fork():\n"
        "    os._exit(0)\n"
        "end_with_parent(gone.set)\n"
        "os.write(1, b'gone' if os.getppid() == 1 or gone.wait(20) else b'late')\n"
    )
    reader, writer = os.pipe()
    pid = os.posix_spawn(
        sys.executable,
        [sys.executable, "-c", script, str(Path.cwd())],
        os.environ,
        file_actions=[(os.POSIX_SPAWN_DUP2, writer, 1)],
    )
    os.close(writer)
    os.waitpid(pid, 0)
    with os.fdopen(reader, "rb") as stream:
        assert stream.read() == b"gone"


HOLDING = """
import sys
from pathlib import Path
from regulars.supervisor import only_one
with only_one(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.readline()
"""


def test_two_never_hold_one_folder_and_a_killed_one_lets_it_go(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDING, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"

    with pytest.raises(Conflict, match="running"), only_one(tmp_path):
        pass
    holder.kill()
    holder.communicate()
    with only_one(tmp_path):
        pass
