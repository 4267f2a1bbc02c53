"""What Generations decides about the app's code: frozen values, so that tests read as scripts."""

from __future__ import annotations

from msgspec import Struct

from devserver.common.failure import Failure
from devserver.ipc.messages import BootDone, Handover, Source, WorkerForked


class Booted(Struct, frozen=True):
    """What a Worker reported when it was ready, and how it was forked."""

    ready: BootDone
    forked: WorkerForked


class Boot(Struct, frozen=True):
    """Try a generation: the live snapshot `base` with `changes` applied. `edit` is the newest that it has."""

    generation: int
    base: int
    changes: tuple[Source, ...]
    handover: Handover
    edit: int


class Drop(Struct, frozen=True):
    """End a candidate that is not needed any more."""

    generation: int


class Cancel(Struct, frozen=True):
    """End a candidate that boots: it was refused meanwhile."""

    generation: int


class GoLive(Struct, frozen=True):
    """Start every job on this generation from now on. `first`: no code has run before."""

    generation: int
    edit: int
    paths: tuple[str, ...]
    """The changed files for which it was booted."""
    first: bool
    worker: Booted
    """Its first Worker."""


class Refuse(Struct, frozen=True):
    """The code of `edit` cannot run; `generation` is 0 if it was not booted."""

    edit: int
    generation: int
    failures: tuple[Failure, ...]


class Restore(Struct, frozen=True):
    """The disk holds again what runs: the refused code is gone."""

    edit: int


class Warn(Struct, frozen=True):
    """A file is broken, and nothing imports it: it blocks nothing."""

    failure: Failure


class GoExclusive(Struct, frozen=True):
    """Starting beside the old Worker failed: `generation` is tried again once the old one has left."""

    generation: int
    failure: Failure


class Suggest(Struct, frozen=True):
    """The user may want to know this."""

    text: str


Command = Boot | Drop | Cancel | GoLive | Refuse | Restore | Warn | GoExclusive | Suggest
