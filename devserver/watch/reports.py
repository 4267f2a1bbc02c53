"""The watch's reports: past facts, frozen."""

from __future__ import annotations

from msgspec import Struct

from devserver.common.events import CompileWarning, Level
from devserver.common.failure import Failure
from devserver.ipc.messages import Source


class Noticed(Struct, frozen=True):
    """Edit number `edit` has begun; `paths` are the files that were touched first. A Settled follows."""

    edit: int
    paths: tuple[str, ...]


class Settled(Struct, frozen=True):
    """Edit `edit` is over, was read and checked. Reported in the order of the numbers.

    `files` has every file that was touched, changed or not. A Source without code was not compiled: it is not
    Python, it is broken (then `failures` has it), or it runs already. An absent file has the digest
    b"". `settle_ms` counts from the first event to the last read, `check_ms` from there to now.
    """

    edit: int
    files: tuple[Source, ...]
    failures: dict[str, Failure]
    warnings: tuple[CompileWarning, ...]
    settle_ms: float
    check_ms: float


class Surveyed(Struct, frozen=True):
    """The files that matter beside the running modules: Python files with their bytes, others by digest.

    Files that are being edited are left out: their Settled has them.
    """

    files: tuple[Source, ...]


class Reread(Struct, frozen=True):
    """All files that matter were read, as requested. `edit` is the newest that has not settled yet, or 0."""

    edit: int


class AssetsSaved(Struct, frozen=True):
    """Assets have changed: no edit."""

    paths: tuple[str, ...]


class Remark(Struct, frozen=True):
    """One sentence for the user."""

    level: Level
    text: str


Report = Noticed | Settled | Reread | Surveyed | AssetsSaved | Remark
