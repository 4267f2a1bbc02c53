"""The state that pages get: always the whole state, so a page may miss earlier ones. Pure.

Law: a client on another machine learns that there is a failure, and nothing about the code.
"""

from __future__ import annotations

import os
from collections import deque
from typing import Any

import msgspec

from devserver.common import encoding, events
from devserver.common.failure import Failure
from devserver.master.http.refresh import overlay
from devserver.master.http.refresh.page import Stamp

MOST_ASSETS = 64
"""Remembered changes of assets; a page that is older reloads as a whole."""
_ENCODER = msgspec.json.Encoder()


class State:
    """`run` is this Master's, `index` the path of the page beside the handlers.

    `editor` is the template of links to lines of files.
    """

    def __init__(self, run: str, root: str, index: str, editor: str = "") -> None:
        self._editor = editor
        self._run = run
        self._root = root
        self._index_path = index
        self._live = self._index = self._changes = 0
        self._assets: deque[tuple[int, str]] = deque(maxlen=MOST_ASSETS)
        self._tcp = ""
        self.failures: tuple[Failure, ...] = ()
        """Why the newest code does not run."""
        self._encoded: dict[bool, bytes] = {}

    def on_event(self, event: object) -> bool:
        """Handle an event; return whether it changes the state for pages."""
        match event:
            case events.Live(generation=generation, paths=paths):
                self._live, self.failures = generation, ()
                self._index = generation if self._index_path in paths else self._index
            case events.Refused(failures=failures):
                self.failures = failures
            case events.Restored():
                self.failures = ()
            case events.AssetsChanged(paths=paths):
                for path in paths:
                    self._changes += 1
                    self._assets.append((self._changes, os.path.relpath(path, self._root)))
            case events.Listening(listeners=listeners) | events.Ready(listeners=listeners):
                tcp = next((each for each in listeners if each.kind == "tcp"), None)
                self._tcp = f"{tcp.address} {tcp.port}" if tcp else ""
            case _:
                return False
        self._encoded.clear()
        return True

    def stamp(self, generation: int | None) -> Stamp:
        """Return the stamp of a page that this generation made (None: of the file `index`)."""
        if generation is None:
            return Stamp(self._run, "index", self._index, self._changes)
        return Stamp(self._run, "live", generation, self._changes)

    def as_event(self, *, local: bool) -> bytes:
        """Return the state as one event of an event stream."""
        if local not in self._encoded:
            data = encoding.encode(_ENCODER, self._data(local))
            self._encoded[local] = b"data: " + data + b"\n\n"
        return self._encoded[local]

    def _data(self, local: bool) -> dict[str, Any]:
        return {
            "run": self._run,
            "live": self._live,
            "index": self._index,
            "assets": list(self._assets),
            "tcp": self._tcp,
            "refused": self._refused(local) if self.failures else None,
        }

    def _refused(self, local: bool) -> dict[str, Any]:
        return overlay.content(self.failures, self._root, self._editor, local=local)
