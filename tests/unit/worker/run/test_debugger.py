"""Ctrl-C belongs to the prompt at which it was typed."""

from __future__ import annotations

import signal
import threading
from typing import Any, cast

import pytest

from devserver.worker.run import debugger as module
from devserver.worker.run.debugger import Debugger


class Link:
    """A Worker's link whose other end is not read."""

    worker = 1
    forked = False

    def debugging(self, _message: object) -> None: ...


def in_another_thread(debugger: Debugger) -> None:
    """Open a prompt there, and let go of it."""

    def handler() -> None:
        debugger.began(None, "debugger")
        debugger.over()

    thread = threading.Thread(target=handler)
    thread.start()
    thread.join()


def test_ctrl_c_that_arrives_after_the_prompt_interrupts_no_event_loop() -> None:
    """The main thread takes a signal when it can: the prompt of a handler's thread may be over by then."""
    debugger = Debugger(cast(Any, Link()))
    in_another_thread(debugger)
    debugger._interrupted(signal.SIGINT, None)


def test_ctrl_c_without_a_prompt_is_a_keyboard_interrupt(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a program that runs by itself; a prompt that ended long ago changes nothing."""
    debugger = Debugger(cast(Any, Link()))
    with pytest.raises(KeyboardInterrupt):
        debugger._interrupted(signal.SIGINT, None)
    monkeypatch.setattr(module, "LATE", -1.0)
    in_another_thread(debugger)
    with pytest.raises(KeyboardInterrupt):
        debugger._interrupted(signal.SIGINT, None)
