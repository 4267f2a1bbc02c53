"""Decides whether preloaded modules may be the reason why a boot has failed: pure."""

from __future__ import annotations

import os

from devserver.common import foreign
from devserver.common.failure import Failure
from devserver.ipc.messages import WorkerGone


def may_be_inherited(failure: Failure, exited: WorkerGone | None) -> bool:
    """Return whether a boot that failed in a fork of a Manager with modules may succeed in one without.

    It may if it crashed or hung, or if installed code has raised. What the app's own line raises does not
    depend on which process imported first.
    """
    if exited is not None and (exited.verdict == "boot timeout" or os.WIFSIGNALED(exited.status)):
        return True
    if not failure.frames:
        return False
    path = failure.frames[-1].path
    return foreign.is_installed(path) or path.startswith(foreign.STANDARD)
