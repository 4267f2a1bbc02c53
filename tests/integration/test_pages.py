"""Memory that a fork is going to write is its own before: writing to it costs no page fault."""

from __future__ import annotations

import subprocess
import sys

import pytest

SCRIPT = """
import os, resource, sys
from devserver.worker.birth import pages

PAGES = 200
memory = bytearray(PAGES * 4096)

def write():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for at in range(0, len(memory), 4096):
        memory[at] = 1
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

memory[:] = b"a" * len(memory)
ready, done = os.pipe(), os.pipe()
first = os.fork()
if first == 0:
    new = bytearray(b"x") * int(sys.argv[2])
    assert write() >= PAGES
    os.write(ready[1], b"1")
    os.read(done[0], 1)
    os._exit(0)
os.read(ready[0], 1)
copies = os.fork()
if copies == 0:
    pages.copy_ahead(int(sys.argv[1]) or first)
    same = memory == b"a" * len(memory)
    print(write(), same, flush=True)
    os._exit(0)
os.waitpid(copies, 0)
os.write(done[1], b"1")
os.waitpid(first, 0)
"""


def faults(like: int = 0, new: int = 0) -> int:
    """Return how many page faults a fork has when it writes 200 pages, after those of `like` were copied.

    Else an earlier fork, which has also written so many bytes of its own, is taken.
    """
    command = [sys.executable, "-c", SCRIPT, str(like), str(new)]
    printed = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout.split()
    assert printed[1] == "True"  # the contents
    return int(printed[0])


@pytest.mark.skipif(sys.platform != "linux", reason="there are no images elsewhere")
def test_pages_that_an_earlier_fork_has_written_are_copied_ahead() -> None:
    """Each would cost some µs when it is written. Memory of its own counts for nothing, unless it is huge."""
    assert faults() < 20
    assert faults(new=100 << 20) < 20


@pytest.mark.skipif(sys.platform != "linux", reason="there are no images elsewhere")
def test_an_earlier_fork_that_has_exited_changes_nothing() -> None:
    """The pages are copied when they are written."""
    assert faults(like=2**22) >= 200
