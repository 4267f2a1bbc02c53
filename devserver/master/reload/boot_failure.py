"""Words why a Worker failed to boot: pure."""

from __future__ import annotations

from devserver.common import thread_dump
from devserver.common.failure import Failure
from devserver.ipc.messages import BootFailed, WorkerGone


def boot_failure(reported: BootFailed | None, reason: str, exited: WorkerGone | None) -> Failure:
    """Return the failure that a Worker has reported before its exit, else one that words the exit."""
    if reported is not None:
        return reported.failure
    verdict, stack = (exited.verdict, exited.stack) if exited else ("", "")
    return silent_failure(verdict or reason, stack)


def silent_failure(reason: str, stack: str = "") -> Failure:
    """Return a failure for the exit of a Worker that reported none."""
    message = f"the worker exited before it was ready ({reason})"
    return Failure(
        phase="import", type="WorkerExited", message=message, stack=thread_dump.trimmed(stack) or stack
    )
