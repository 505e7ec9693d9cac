from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from common.errors import Unavailable
from storage.locks import FairLock, FileLock

ROOT = Path(__file__).resolve().parents[3]
HOLDING_CHILD = """
import sys
from pathlib import Path
from storage.locks import FileLock
with FileLock(Path(sys.argv[1])).held(timeout_s=5):
    print("held", flush=True)
    sys.stdin.readline()
"""


def queue_up(lock: FairLock, order: list[int], number: int) -> threading.Thread:
    """A thread that waits its turn; returns when it stands in the queue."""

    def wait() -> None:
        with lock.held(timeout_s=30):
            order.append(number)

    thread = threading.Thread(target=wait)
    before = len(lock._waiting)
    thread.start()
    while len(lock._waiting) == before:
        pass
    return thread


def test_lock_serves_in_the_order_they_came() -> None:
    lock, order = FairLock(), list[int]()
    with lock.held(timeout_s=1):
        threads = [queue_up(lock, order, number) for number in range(6)]
    for thread in threads:
        thread.join()

    assert order == list(range(6))


def test_waiter_that_gave_up_leaves_the_queue() -> None:
    lock, order = FairLock(), list[int]()
    with lock.held(timeout_s=1):
        assert not lock.acquire(timeout_s=0.01)
        thread = queue_up(lock, order, 1)
    thread.join()

    assert order == [1]
    with lock.held(timeout_s=0.01):
        pass


def test_lock_that_stays_taken_is_unavailable() -> None:
    lock = FairLock()
    with lock.held(timeout_s=1), pytest.raises(Unavailable), lock.held(timeout_s=0.01):
        pass


def test_interrupted_waiter_does_not_keep_what_it_was_handed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The turn comes at the very moment the waiter is interrupted."""
    lock = FairLock()

    def interrupted(turn: threading.Event, _timeout_s: float) -> bool:
        lock.release()
        assert turn.is_set()
        raise KeyboardInterrupt

    assert lock.acquire(timeout_s=1)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Event, "wait", interrupted)
        with pytest.raises(KeyboardInterrupt):
            lock.acquire(timeout_s=1)

    assert lock.acquire(timeout_s=0.01)


def test_error_inside_gives_the_lock_back() -> None:
    lock = FairLock()
    with pytest.raises(ZeroDivisionError), lock.held(timeout_s=1):
        _ = 1 / 0
    with lock.held(timeout_s=0.01):
        pass


def test_file_lock_holds_between_processes_and_dies_with_its_holder(tmp_path: Path) -> None:
    path = tmp_path / "data.db.lock"
    child = subprocess.Popen(
        [sys.executable, "-c", HOLDING_CHILD, str(path)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "held\n"
    with pytest.raises(Unavailable), FileLock(path).held(timeout_s=0.02):
        pass

    child.kill()
    child.communicate()

    with FileLock(path).held(timeout_s=1):
        pass


def test_file_lock_without_a_folder_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(Unavailable), FileLock(tmp_path / "no" / "x.lock").held(timeout_s=0.02):
        pass
