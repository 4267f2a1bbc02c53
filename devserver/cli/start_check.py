"""Checks whether the app starts: boots it as devserver does, without clients, and ends it."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress

from msgspec.structs import replace

from devserver.common import events
from devserver.common.failure import Failure
from devserver.config import Config, ListenConfig

FAILED = 120
"""The child's exit code if devserver itself has failed; the reason is on its standard error."""


def starts(arguments: Sequence[str]) -> tuple[Failure, ...]:
    """Return why the app that `devserver ARGUMENTS` serves does not start; an empty result if it does.

    The app's output goes to standard error. Raises what the command raises for `arguments`.
    """
    from devserver.cli.command import config_for

    return _boot(config_for(arguments))


def _boot(config: Config) -> tuple[Failure, ...]:
    read, write = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    with tempfile.TemporaryDirectory(prefix="ds-", dir="/tmp") as folder:
        pid = os.fork()
        if pid == 0:
            os.close(read)
            os._exit(_serve(config, write, folder))
        os.close(write)
        try:
            return _outcome(pid, read)
        finally:
            with suppress(ProcessLookupError):
                os.kill(pid, 15)
            os.waitpid(pid, 0)


def _serve(config: Config, fd: int, folder: str) -> int:
    """In the child: serve on a private socket, and report to `fd`."""
    from devserver.cli.command import run

    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(2, 1)
    quiet = replace(
        config,
        listen=ListenConfig(uds=(os.path.join(folder, "socket"),)),
        process=replace(config.process, workers=1, preload="off"),
        console=replace(config.console, plain=True, events=f"fd:{fd}"),
        control=False,
    )
    try:
        return run(quiet)
    except BaseException as error:
        os.write(2, f"devserver: {error}\n".encode())
        return FAILED


def _outcome(pid: int, fd: int) -> tuple[Failure, ...]:
    """Read the events until the app is live or refused, or the child has ended."""
    with open(fd, "rb") as lines:
        for line in lines:
            event = events.decode(line)
            if isinstance(event, events.Ready):
                return ()
            if isinstance(event, events.Refused):
                return event.failures
    text = "the app cannot be started: see above"
    return (Failure("start-up", "DevserverError", text),)
