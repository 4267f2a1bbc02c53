"""What Generations decides about the app's code: frozen values, so that tests read as scripts."""

from __future__ import annotations

from dataclasses import dataclass

from devserver.common.failure import Failure
from devserver.ipc.messages import BootDone, Handover, Source, WorkerForked


@dataclass(frozen=True, slots=True)
class Booted:
    """What a Worker reported when it was ready, and how it was forked."""

    ready: BootDone
    forked: WorkerForked


@dataclass(frozen=True, slots=True)
class Boot:
    """Try a generation: the live snapshot `base` with `changes` applied. `edit` is the newest that it has."""

    generation: int
    base: int
    changes: tuple[Source, ...]
    handover: Handover
    edit: int


@dataclass(frozen=True, slots=True)
class Drop:
    """End a candidate that is not needed any more."""

    generation: int


@dataclass(frozen=True, slots=True)
class Cancel:
    """End a candidate that boots: it was refused meanwhile."""

    generation: int


@dataclass(frozen=True, slots=True)
class GoLive:
    """Start every job on this generation from now on. `first`: no code has run before."""

    generation: int
    edit: int
    paths: tuple[str, ...]
    """The changed files for which it was booted."""
    first: bool
    worker: Booted
    """Its first Worker."""


@dataclass(frozen=True, slots=True)
class Refuse:
    """The code of `edit` cannot run; `generation` is 0 if it was not booted."""

    edit: int
    generation: int
    failures: tuple[Failure, ...]


@dataclass(frozen=True, slots=True)
class Restore:
    """The disk holds again what runs: the refused code is gone."""

    edit: int


@dataclass(frozen=True, slots=True)
class Warn:
    """A file is broken, and nothing imports it: it blocks nothing."""

    failure: Failure


@dataclass(frozen=True, slots=True)
class GoExclusive:
    """Starting beside the old Worker failed: `generation` is tried again once the old one has left."""

    generation: int
    failure: Failure


@dataclass(frozen=True, slots=True)
class Suggest:
    """The user may want to know this."""

    text: str


Command = Boot | Drop | Cancel | GoLive | Refuse | Restore | Warn | GoExclusive | Suggest
