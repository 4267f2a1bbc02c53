"""The watch's reports: past facts, frozen."""

from __future__ import annotations

from msgspec import Struct

from devserver.common.events import CompileWarning, Level
from devserver.common.failure import Failure
from devserver.ipc.messages import Source


class EditNoticed(Struct, frozen=True):
    """Edit number `edit` has begun; `paths` are the files that were touched first. A EditChecked follows."""

    edit: int
    paths: tuple[str, ...]


class EditChecked(Struct, frozen=True):
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


class FilesSurveyed(Struct, frozen=True):
    """The files that matter beside the running modules: Python files with their bytes, others by digest.

    Files that are being edited are left out: their EditChecked has them.
    """

    files: tuple[Source, ...]


class FilesReread(Struct, frozen=True):
    """All files that matter were read, as requested. `edit` is the newest that has not settled yet, or 0."""

    edit: int


class AssetsSaved(Struct, frozen=True):
    """Assets have changed: no edit."""

    paths: tuple[str, ...]


class Remark(Struct, frozen=True):
    """One sentence for the user."""

    level: Level
    text: str


Report = EditNoticed | EditChecked | FilesReread | FilesSurveyed | AssetsSaved | Remark
