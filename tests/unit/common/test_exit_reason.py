"""How the end of a process is worded."""

from __future__ import annotations

import signal
import sys

import pytest

from devserver.common.exit_reason import exit_reason


def test_an_end_is_worded_by_its_code_or_signal() -> None:
    """As people know them."""
    assert exit_reason(0) == "exit 0"
    assert exit_reason(3) == "exit 3"
    assert exit_reason(-9) == "SIGKILL"


@pytest.mark.skipif(sys.platform != "linux", reason="there are no real-time signals")
def test_a_real_time_signal_has_a_name_too() -> None:
    """Its number differs from system to system."""
    assert exit_reason(-signal.SIGRTMIN - 5) == "SIGRTMIN+5"
