"""The course of an edit: from the save to a generation that is live in every slot, or to a refusal."""

from __future__ import annotations

from devserver.common.events.base import EventBase
from devserver.common.failure import Failure


class Changed(EventBase, frozen=True, kw_only=True):
    """Files that matter were touched: edit number `edit` has begun."""

    edit: int
    paths: tuple[str, ...]


class Checked(EventBase, frozen=True, kw_only=True):
    """The edit has settled and was read. `changed` is false when the contents are the same as before."""

    edit: int
    changed: bool
    settle_ms: float
    check_ms: float


class AssetsChanged(EventBase, frozen=True, kw_only=True):
    """Files that browsers show were saved: pages refresh, and no Worker is replaced."""

    paths: tuple[str, ...]


class CompileWarning(EventBase, frozen=True, kw_only=True):
    """`compile()` warned of a line in the app."""

    path: str
    line: int
    category: str
    message: str


class Live(EventBase, frozen=True, kw_only=True):
    """Generation `generation` is live: every job starts on it from here on.

    `steps` are settle, check, fork, import, start, live, in ms; `total_ms` counts from the save's notice.
    `paths` are the files that differ from the generation before.
    """

    generation: int
    edit: int
    steps: dict[str, float]
    total_ms: float
    paths: tuple[str, ...] = ()
    way: str = "boot"
    """`boot`: everything was imported; `copy`: forked from an image; `swap`: that, with code exchanged."""
    functions: int = 0
    """How many function bodies were exchanged."""
    constants: int = 0
    """How many constants got another value."""
    why: str = ""
    """Why no shorter way was taken, if the user can change that."""


class Refused(EventBase, frozen=True, kw_only=True):
    """An edit's code cannot run; the last good generation stays live (`live`, 0: none yet).

    `file` and `line` are those of the first failure; `failures` has every broken file.
    """

    edit: int
    generation: int
    live: int
    file: str
    line: int
    failures: tuple[Failure, ...]


class Restored(EventBase, frozen=True, kw_only=True):
    """The disk holds the running code again: the last refusal no longer applies."""

    edit: int
    live: int


class Superseded(EventBase, frozen=True, kw_only=True):
    """A candidate was dropped because a newer edit replaced it before it was live."""

    generation: int


class Rolled(EventBase, frozen=True, kw_only=True):
    """Every slot runs the live generation."""

    generation: int
