"""What a Worker inherits in memory at its fork: nothing is copied or sent."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct

from devserver.ipc.messages import Source, WorkerSettings


class Inheritance(Struct, frozen=True):
    """What comes along with modules that the Manager has imported."""

    environment: Mapping[str, str]
    """Variables that they have set; in a Worker, all other sources of variables win over them."""
    reseed: tuple[Callable[[], None], ...]
    """How to seed their sources of random numbers."""
    filters: list[Any] | None
    """The filters of warnings of the Worker that imported all modules itself."""


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
    """What comes with preloaded modules; None: no module was preloaded."""
    image: socket.socket | None = None
    """Leads an image of this Worker to the Manager; None: it leaves none."""
    dump: int = -1
    """The file for stacks."""
