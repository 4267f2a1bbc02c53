"""A watch of the files that sees nothing: tests override what they are about."""

from __future__ import annotations

from collections.abc import Iterable, Mapping


class NoFileWatch:
    """Reports no edit."""

    def newest_edit(self) -> int:
        return 0

    def attend(self, files: Iterable[tuple[str, bytes]], *, as_data: bool = False) -> None: ...

    def is_unsettled(self, path: str) -> bool:
        return False

    def keep(self, files: Iterable[str]) -> None: ...

    def attend_everything(self, on: bool) -> None: ...

    def reread(self, known: Mapping[str, bytes]) -> None: ...

    async def newest_edit_on_disk(self, known: Mapping[str, bytes]) -> int:
        return 0

    def survey(self, after: float = 0.0) -> None: ...
