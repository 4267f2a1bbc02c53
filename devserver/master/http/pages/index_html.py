"""The page of a module that has handlers and no app: the index.html beside it, read for each request."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from devserver.common.file_reader import PATIENCE, Reader
from devserver.master.http.pages import answers
from devserver.master.http.pages.answers import Answer

LARGEST = 4 * 1024 * 1024


class Index:
    """`path` is the file's path, empty for no file."""

    def __init__(self, path: str) -> None:
        self._file = Reader(path, LARGEST) if path else None
        self._tasks: set[asyncio.Task[None]] = set()

    def answer(self, scope: dict[str, Any], accept: bytes, take: Callable[[Answer], None]) -> None:
        """Pass the page to `take` for GET and HEAD of `/`; for anything else, or without the file, a 404."""
        wanted = scope["type"] == "http" and scope["path"] == "/" and scope["method"] in ("GET", "HEAD")
        if self._file is None or not wanted:
            take(answers.handlers_only(accept))
            return
        task = asyncio.get_running_loop().create_task(self._answer(self._file, accept, take))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    @staticmethod
    async def _answer(file: Reader, accept: bytes, take: Callable[[Answer], None]) -> None:
        try:
            body = await file.read()
        except TimeoutError:
            take(answers.busy(f"index.html could not be read within {PATIENCE:g} s.", accept))
            return
        if body is None:
            take(answers.handlers_only(accept))
            return
        headers = [
            (b"content-type", b"text/html; charset=utf-8"),
            (b"content-length", b"%d" % len(body)),
            (b"cache-control", b"no-cache"),
        ]
        take(Answer(200, headers, body, made_by=None))
