"""The decisions of Generations about the app's code: frozen values, so tests read like scripts."""

from __future__ import annotations

from msgspec import Struct

from devserver.common.failure import Failure
from devserver.ipc.messages import BootDone, Handover, Source, WorkerForked


class Booted(Struct, frozen=True):
    """A ready Worker's report, and how it was forked."""

    ready: BootDone
    forked: WorkerForked


class Boot(Struct, frozen=True):
    """Try a generation: the live snapshot `base` with `changes`. `edit` is the newest edit in it."""

    generation: int
    base: int
    changes: tuple[Source, ...]
    handover: Handover
    edit: int


class Drop(Struct, frozen=True):
    """End a candidate that newer code has replaced."""

    generation: int


class Cancel(Struct, frozen=True):
    """End a booting candidate, because it was refused."""

    generation: int


class GoLive(Struct, frozen=True):
    """Start every job on this generation from now on. `first`: no code has run before."""

    generation: int
    edit: int
    paths: tuple[str, ...]
    """The changed files that were the reason for the boot."""
    first: bool
    worker: Booted
    """Its first Worker."""


class Refuse(Struct, frozen=True):
    """Report that the code of `edit` cannot run; `generation` is 0 if it was not booted."""

    edit: int
    generation: int
    failures: tuple[Failure, ...]


class Restore(Struct, frozen=True):
    """Report that the disk holds the running code again: the refused code is gone."""

    edit: int


class Warn(Struct, frozen=True):
    """Report a broken file that nothing imports, and that blocks nothing."""

    failure: Failure


class GoExclusive(Struct, frozen=True):
    """Report that starting beside the old Worker failed, and that `generation` starts after its exit."""

    generation: int
    failure: Failure


class Suggest(Struct, frozen=True):
    """Show the user a hint."""

    text: str


Command = Boot | Drop | Cancel | GoLive | Refuse | Restore | Warn | GoExclusive | Suggest
