"""`devserver check --cold`: compares the app after a swap of its functions with a cold start of it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

import msgspec

from devserver.config import Config
from devserver.ipc.cold_check_messages import ColdCheck, Found

_MODULE = "devserver.worker.cold_check"


def compare(arguments: Sequence[str]) -> Found:
    """Return how the app that `devserver ARGUMENTS` serves differs from a cold start once swapped.

    The app's output goes to standard error. Raises what the command raises for `arguments`.
    """
    from devserver.cli.command import config_for

    return _ask(config_for(arguments))


def _ask(config: Config) -> Found:
    """Import the app in other processes, so that none of its modules are left in this one."""
    order = ColdCheck(config.watch.root, config.target, config.process.env_file)
    flags: list[str] = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]
    done = subprocess.run(
        [sys.executable, *(flag for flag in flags if flag != "-P"), "-P", "-m", _MODULE],
        input=msgspec.json.encode(order),
        stdout=subprocess.PIPE,
        check=False,
    )
    try:
        return msgspec.json.decode(done.stdout, type=Found)
    except msgspec.MsgspecError:
        return Found(error="the comparison ended without an answer: see above")
