"""A debugger in a real Worker; the test plays the Master."""

from __future__ import annotations

import pytest

from devserver.wire.messages import (
    Debugging,
    Handled,
    Send,
)
from tests.integration.worker_driver import Start, workers

start = pytest.fixture(workers)


def test_a_breakpoint_is_told_to_the_master(start: Start) -> None:
    """While breakpoint() has the Worker the Master knows; with the end of the unit it has let go."""
    worker = start(
        """
        def on_receive(conn, data):
            breakpoint()
            conn.send(b"on")
        """
    )
    unit = worker.begin()  # pdb finds stdin at its end, and quits by raising BdbQuit
    assert worker.until(Debugging) == Debugging(True, 7)
    worker.tell(Debugging(True, 7))  # till then it waits: what it prints is for the debugger's terminal
    assert worker.until(Debugging) == Debugging(False, 7)
    worker.tell(Debugging(False, 7))
    assert worker.until(Handled).unit == unit
    worker.leave()
    assert "app.py(" in worker.output
    assert "debugger.py" not in worker.output  # it stops in the app, not in this package


def test_breakpoints_can_be_switched_off(start: Start) -> None:
    """PYTHONBREAKPOINT=0 makes breakpoint() do nothing, and nobody hears of it."""
    worker = start(
        """
        import os

        def on_receive(conn, data):
            os.environ["PYTHONBREAKPOINT"] = "0"
            breakpoint()
            conn.send(b"on")
        """
    )
    worker.begin()
    assert isinstance(worker.next(), Send)
    assert worker.until(Handled).failure is None


def test_another_debugger_has_the_worker_until_the_unit_ends(start: Start) -> None:
    """A debugger of the app's choice is called as ever; it is over when the handler is."""
    worker = start(
        """
        import os

        def debugger():
            print("here")

        def on_receive(conn, data):
            os.environ["PYTHONBREAKPOINT"] = "app.debugger"
            breakpoint()
            conn.send(b"on")
        """
    )
    worker.begin()
    assert worker.next() == Debugging(True, 7)
    worker.tell(Debugging(True, 7))
    assert isinstance(worker.next(), Send)
    assert worker.next() == Debugging(False, 7)
    worker.tell(Debugging(False, 7))
    assert worker.until(Handled).failure is None
    worker.leave()
    assert "here" in worker.output
