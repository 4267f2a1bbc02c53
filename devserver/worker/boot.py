"""What a Worker is given at its birth, by memory: the fork carries it, nothing is copied or sent."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass

from devserver.wire.messages import LoopChoice, Source, Target


@dataclass(frozen=True, slots=True)
class Boot:
    """One Worker's orders. `lane` leads to the Master."""

    worker: int
    slot: int
    generation: int
    target: Target
    root: str
    lane: socket.socket
    sources: Mapping[str, Source]
    """The snapshot, by path; a Source without `source`: a file that is absent in this generation."""
    loop: LoopChoice
    threads: int
    access_log: bool
    notes: bool
    """Tell what is imported that is not the app's own."""
    inherited: bool = False
    """Such modules are here already: what the app has changed counts before it is ready."""
