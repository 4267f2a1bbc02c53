"""A debugger in a real Worker; the test plays the Master."""

from __future__ import annotations

import os
import sys

import pytest

from devserver.ipc.messages import (
    DebuggerState,
    Handled,
    Send,
)
from tests.integration.worker_driver import Start, workers

start = pytest.fixture(workers)
LINE = 3 if sys.version_info >= (3, 13) else 4
"""Where breakpoint() stops: at its own line since Python 3.13."""


def test_a_breakpoint_is_reported_to_the_master(start: Start) -> None:
    """While breakpoint() has the Worker the Master knows; with the end of the unit it has let go."""
    worker = start(
        """
        def on_receive(conn, data):
            breakpoint()
            conn.send(b"on")
        """
    )
    job = worker.begin()  # pdb finds stdin at its end, and quits by raising BdbQuit
    told = worker.until(DebuggerState)
    assert (told.active, os.path.basename(told.path), told.line) == (True, "app.py", LINE)
    assert (told.what, told.how, told.blocks) == ("receive of connection 1", "debugger", True)
    worker.send(DebuggerState(True, 7))  # till then it waits: what it prints is for the debugger's terminal
    assert worker.until(DebuggerState) == DebuggerState(False, 7)
    worker.send(DebuggerState(False, 7))
    assert worker.until(Handled).job == job
    worker.leave()
    assert "app.py(" in worker.output
    assert "debugger.py" not in worker.output  # it stops in the app, not in this package


def test_breakpoints_can_be_switched_off(start: Start) -> None:
    """PYTHONBREAKPOINT=0 makes breakpoint() do nothing, and that is not reported."""
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


def test_a_function_of_the_apps_choice_is_called_as_ever(start: Start) -> None:
    """The function in PYTHONBREAKPOINT is called; if it reads no terminal, no Worker stands at a prompt."""
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
    assert isinstance(worker.next(), Send)
    assert worker.until(Handled).failure is None
    worker.leave()
    assert "here" in worker.output
