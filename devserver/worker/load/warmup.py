"""Builds what every Worker needs, once, in the process that Workers are forked from."""

from __future__ import annotations

from contextlib import suppress

from devserver.ipc.channel import decoder_of
from devserver.ipc.messages import LoopChoice, ToWorker
from devserver.worker.load.own import foreign_folders


def warm_up(loop: LoopChoice) -> None:
    """Import and build it. Starts no thread, opens no file, runs none of the app's code."""
    decoder_of(ToWorker)
    foreign_folders()
    if loop != "asyncio":
        with suppress(ImportError):  # the Worker reports it if the user asked for uvloop
            import uvloop  # noqa: F401
