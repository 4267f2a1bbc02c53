"""Cuts a stream of server-sent events into whole events, so that it can move to another Worker.

Law: unless `broken` is set, the data passed on ends where an event ends: another Worker's events may follow.
https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

MOST_TAIL = 64 * 1024
"""Bytes kept of an incomplete event. A longer line with an id counts as one that clears the id."""
SEAM = b": devserver: the stream goes on with generation %d\n\n"
"""A comment, which clients skip: a person who reads the stream sees where the code changed."""

_BOM = b"\xef\xbb\xbf"
_LINE_END = re.compile(rb"\r\n?|\n")


class EventStream:
    """One event stream on its way to the client; the boundaries of chunks do not matter."""

    def __init__(self) -> None:
        self.last_id: bytes | None = None
        """The id of the last whole event that had one: `Last-Event-ID`. Empty: the app has cleared it."""
        self.broken = False
        """The client has got a part of an event that was too long to keep: no move until the event ends."""
        self._tail = bytearray()
        self._line = bytearray()  # the part of the current line from earlier chunks
        self._id: bytes | None = None  # of the incomplete event
        self._fields = False  # the incomplete event has more than comments
        self._after_cr = False  # a line feed that follows belongs to the previous line
        self._opening: bytes | None = b""  # the first bytes, while they may be a byte order mark
        self._moved = False

    @property
    def has_id(self) -> bool:
        """Return whether there is an id to continue from; a stream without one cannot move."""
        return bool(self.last_id)

    def feed(self, data: bytes) -> bytes:
        """Return the data to pass on: whole events, and whole comment lines between them."""
        begin = 0
        if self._opening is not None:
            data, begin = self._opened(self._opening + data)
        whole = 0
        if self._after_cr and data:
            self._after_cr = False
            begin = int(data[0] == 10)
            whole = 0 if self._tail else begin
        for match in _LINE_END.finditer(data, begin):
            if self._line_ends(data[begin : match.start()]):
                whole = match.end()
                self.broken = False
            begin = match.end()
        if data:
            self._after_cr = data.endswith(b"\r")
            self._line += data[begin : begin + max(0, MOST_TAIL + 1 - len(self._line))]
        return self._cut(data, whole)

    def rest(self) -> bytes:
        """Return the held data: the stream ends, or is passed on uncut from now on."""
        rest = bytes((self._opening or b"") + self._tail)
        self._restart()
        return rest

    def restart_elsewhere(self) -> None:
        """Expect another Worker's stream next, which repeats the incomplete event."""
        self._restart()
        self._moved = True

    def _restart(self) -> None:
        self._tail.clear()
        self._line.clear()
        self._id = None
        self._fields = self._after_cr = self.broken = False
        self._opening = b""

    def _opened(self, start: bytes) -> tuple[bytes, int]:
        """Return the bytes to go on with, and where their first line begins; pass on one byte order mark
        only.
        """
        if len(start) < len(_BOM) and _BOM.startswith(start):
            self._opening = start
            return b"", 0
        self._opening = None
        if not start.startswith(_BOM):
            return start, 0
        return (start[len(_BOM) :], 0) if self._moved else (start, len(_BOM))

    def _line_ends(self, part: bytes) -> bool:
        """Handle the end of a line; return whether no event is incomplete after it."""
        line = part
        if self._line:
            line = bytes(self._line) + part
            self._line.clear()
        if not line:
            if self._id is not None:
                self.last_id, self._id = self._id, None
            self._fields = False
            return True
        if line.startswith(b":"):
            return not self._fields
        self._fields = True
        name, _, value = line.partition(b":")
        if name == b"id" and len(line) > MOST_TAIL:
            self._id = b""
        elif name == b"id" and b"\0" not in value:
            self._id = value.removeprefix(b" ")
        return False

    def _cut(self, data: bytes, whole: int) -> bytes:
        if whole == len(data) and not self._tail:
            return data
        passed = b""
        if whole:
            passed = bytes(self._tail) + data[:whole]
            self._tail.clear()
        self._tail += data[whole:]
        if self.broken or len(self._tail) > MOST_TAIL:
            self.broken = True
            passed += bytes(self._tail)
            self._tail.clear()
        return passed


def is_event_stream(method: str, status: int, headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Return whether a response is an uncompressed event stream of unknown length."""
    if method != "GET" or status != 200:
        return False
    found = False
    for name, value in headers:
        match name.lower():
            case b"content-type":
                found = value.partition(b";")[0].strip().lower() == b"text/event-stream"
            case b"content-encoding" if value.strip().lower() not in {b"identity", b""}:
                return False
            case b"content-length":
                return False
    return found


def seam(generation: int) -> bytes:
    """Return the comment at the point where the stream goes on with another generation."""
    return SEAM % generation


def is_event_source(scope: dict[str, Any]) -> bool:
    """Return whether an EventSource sends the request: it accepts nothing else."""
    accepts = (value for name, value in scope["headers"] if name == b"accept")
    return scope["type"] == "http" and scope["method"] == "GET" and list(accepts) == [b"text/event-stream"]
