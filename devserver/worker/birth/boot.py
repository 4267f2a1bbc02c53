"""What a Worker is given by the process that it was forked from."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct

from devserver.ipc.messages import Source, WorkerSettings


class Inheritance(Struct, frozen=True):
    """The side effects of the modules that the Manager has imported."""

    environment: Mapping[str, str]
    """Environment variables that they have set; a Worker's other sources of variables override them."""
    reseed: tuple[Callable[[], None], ...]
    """Functions that reseed their sources of random numbers."""
    filters: list[Any] | None
    """The warning filters of the Worker that imported all modules itself."""


class Boot(Struct, frozen=True):
    """One Worker's orders. `link` leads to the Master."""

    worker: int
    slot: int
    generation: int
    settings: WorkerSettings
    link: socket.socket
    sources: Mapping[str, Source]
    """The snapshot, by path; a Source without `source`: a file that is absent in this generation."""
    inherited: Inheritance | None = None
    """The side effects of preloaded modules; None: no module was preloaded."""
    image: socket.socket | None = None
    """The link from an image of this Worker to the Manager; None: it leaves no image."""
    records: bool = True
    """Whether to record the import, without which there is no image."""
    dump: int = -1
    """The file for stacks."""
