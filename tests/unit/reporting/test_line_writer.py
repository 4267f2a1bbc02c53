"""Lines for a reader that may be slow."""

from __future__ import annotations

import os
import threading

import pytest

from devserver.reporting import line_writer
from devserver.reporting.line_writer import LineWriter


def test_a_reader_that_falls_behind_learns_how_much_it_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines beyond the bound are dropped, and the next one that fits shows how many."""
    monkeypatch.setattr(line_writer, "MOST_WAITING", 1_000_000)
    read, write = os.pipe()
    writer = LineWriter(write, owned=True, lost=lambda count: b"%d lost\n" % count)
    long = b"x" * 600_000 + b"\n"  # more than the pipe holds: the writer waits in it
    for line in (long, b"a" * 500_000, b"b" * 500_000, b"next\n"):
        writer.write(line)
    received: list[bytes] = []
    reader = threading.Thread(target=lambda: received.extend(iter(lambda: os.read(read, 65536), b"")))
    reader.start()
    writer.close(patience=10)
    reader.join()
    os.close(read)
    assert b"".join(received) == long + b"2 lost\nnext\n"
