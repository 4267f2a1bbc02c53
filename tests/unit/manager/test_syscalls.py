"""The kernel calls that can be tried without a fork."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

import pytest

from devserver.manager import syscalls

linux = pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")


@linux
def test_a_process_with_two_threads_is_never_forked() -> None:
    """A fork would copy one of them, and the locks that the other one holds."""
    stop = threading.Event()
    other = threading.Thread(target=stop.wait)
    other.start()
    try:
        assert syscalls.count_threads() > 1
        with pytest.raises(OSError, match="threads run in the Manager"):
            syscalls.fork()
    finally:
        stop.set()
        other.join()


@linux
def test_a_kit_that_cannot_be_completed_leaves_nothing_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """Running out of descriptors does not lose more of them."""

    def fail() -> int:
        raise OSError("no memory")

    monkeypatch.setattr(syscalls, "_open_dump", fail)
    before = os.listdir("/proc/self/fd")
    with pytest.raises(OSError, match="no memory"):
        syscalls.open_worker_fds(terminal=True)
    assert len(os.listdir("/proc/self/fd")) == len(before)


@linux
def test_a_kit_can_be_closed_half_by_half() -> None:
    """The child closes the Master's half, the parent the child's; nothing is left of either."""
    before = os.listdir("/proc/self/fd")
    fds = syscalls.open_worker_fds(terminal=True)
    assert os.isatty(fds.terminal)
    fds.close_masters()
    fds.close_own()
    os.close(fds.dump)
    assert len(os.listdir("/proc/self/fd")) == len(before)
    syscalls.open_worker_fds(terminal=False).close()
    assert len(os.listdir("/proc/self/fd")) == len(before)


@linux
def test_a_workers_terminal_is_narrower_by_the_margin(monkeypatch: pytest.MonkeyPatch) -> None:
    """An app draws to the width that is left beside the console's margin; at least one column is left."""
    monkeypatch.setattr("termios.tcgetwinsize", lambda _: (24, 80))
    for margin, columns in ((0, 80), (4, 76), (100, 1)):
        fds = syscalls.open_worker_fds(terminal=True, margin=margin)
        try:
            size = os.get_terminal_size(fds.terminal)
        finally:
            fds.close()
        assert (size.columns, size.lines) == (columns, 24)


def test_reading_a_dump_does_not_move_the_place_where_the_next_one_is_written() -> None:
    """The note at five seconds and the stack at the timeout are both whole."""
    fds = syscalls.open_worker_fds(terminal=False)
    try:
        os.write(fds.dump, b"first")
        assert syscalls.read_dump(fds.dump, 0) == b"first"
        os.write(fds.dump, b"second")
        assert syscalls.read_dump(fds.dump, 5) == b"second"
    finally:
        fds.close()


def test_a_signal_to_nobody_is_reported() -> None:
    """A group that is empty is told from one that is not."""
    process = subprocess.Popen(["sleep", "600"], start_new_session=True)
    try:
        assert process.pid not in dict(syscalls.reap())
        assert syscalls.send_signal(process.pid, 0, group=True)
        assert syscalls.send_signal(process.pid, signal.SIGKILL, group=False)
    finally:
        process.wait()
    assert not syscalls.send_signal(process.pid, 0, group=True)
    assert not syscalls.send_signal(process.pid, 0, group=False)


LATE_DUMP = """
import faulthandler, os, signal, tempfile
from devserver.manager import syscalls
if os.fork() == 0:
    syscalls.become_worker(-1, os.open(tempfile.gettempdir(), os.O_RDONLY))
    faulthandler.unregister(syscalls.DUMP_SIGNAL)  # as the interpreter does at its end
    os.kill(os.getpid(), syscalls.DUMP_SIGNAL)
    os._exit(7)
raise SystemExit(os.waitstatus_to_exitcode(os.wait()[1]))
"""


def test_a_dump_that_is_asked_for_too_late_kills_nobody() -> None:
    """A Worker that has all but left exits as it would have, not by a signal that nobody knows."""
    ended = subprocess.run([sys.executable, "-c", LATE_DUMP], check=False, timeout=30)
    assert ended.returncode == 7
