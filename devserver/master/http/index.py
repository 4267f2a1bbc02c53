"""The page of a module that has handlers and no app: the index.html beside it, read anew for each request."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from devserver.master.http.page import Answer

LARGEST = 4 * 1024 * 1024


class Index:
    """`path` is the file's, empty for none."""

    def __init__(self, path: str) -> None:
        self._path = path

    def answer(self, scope: dict[str, Any]) -> Answer | None:
        """Return the page for GET and HEAD of `/`, None for anything else or where there is no such file."""
        wanted = scope["type"] == "http" and scope["path"] == "/" and scope["method"] in ("GET", "HEAD")
        if not wanted or not self._path:
            return None
        try:
            with Path(self._path).open("rb") as file:
                body = file.read(LARGEST)
        except OSError:
            return None
        headers = [
            (b"content-type", b"text/html; charset=utf-8"),
            (b"content-length", b"%d" % len(body)),
            (b"cache-control", b"no-cache"),
        ]
        return Answer(200, headers, body)
