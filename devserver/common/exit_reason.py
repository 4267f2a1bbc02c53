"""Words the exit of a process, the same in every report."""

from __future__ import annotations

import signal


def exit_reason(code: int) -> str:
    """Word an exit code of subprocess's form: `exit 1`, or for a negative one the signal, `SIGKILL`."""
    if code >= 0:
        return f"exit {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:  # a real-time signal
        return f"SIGRTMIN+{-code - signal.SIGRTMIN}" if hasattr(signal, "SIGRTMIN") else f"signal {-code}"
