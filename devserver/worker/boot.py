"""What a Worker is given at its birth, by memory: the fork carries it, nothing is copied or sent."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from devserver.ipc.messages import Source, WorkerSettings


@dataclass(frozen=True, slots=True)
class Inheritance:
    """What comes along with modules that the Manager has imported."""

    environment: Mapping[str, str]
    """Variables that they have set, which a Worker has once all that is stronger is set."""
    reseed: tuple[Callable[[], None], ...]
    """How to seed their sources of random numbers."""
    filters: list[Any] | None
    """The filters of warnings as the Worker had them that imported it all itself."""


@dataclass(frozen=True, slots=True)
class Boot:
    """One Worker's orders. `link` leads to the Master."""

    worker: int
    slot: int
    generation: int
    settings: WorkerSettings
    link: socket.socket
    sources: Mapping[str, Source]
    """The snapshot, by path; a Source without `source`: a file that is absent in this generation."""
    inherited: Inheritance | None = None
    """Such modules are here already: what the app has changed counts before it is ready."""
    image: socket.socket | None = None
    """Leads an image of this Worker to the Manager; None: it leaves none."""
    dump: int = -1
    """The file for stacks."""
