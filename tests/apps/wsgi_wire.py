"""A WSGI app that answers as PEP 3333 allows, and as it forbids; its path says how."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from wsgiref.validate import validator

Start = Callable[..., Callable[[bytes], object]]
PLAIN = ("Content-Type", "text/plain")
closed: list[str] = []


class Parts:
    """An iterable that notes that it was closed; of its parts an exception is raised."""

    def __init__(self, path: str, parts: Iterable[Any]) -> None:
        self._path = path
        self._parts = iter(parts)

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        part = next(self._parts)
        if isinstance(part, Exception):
            raise part
        return part  # type: ignore[no-any-return]

    def close(self) -> None:
        closed.append(self._path)


def replaced(start: Start, status: str, body: bytes, first: list[bytes]) -> Iterator[bytes]:
    """Begin, fail, and begin once more."""
    start("200 OK", [PLAIN])
    yield from first
    try:
        raise ValueError("not so")
    except ValueError:
        start(status, [PLAIN], sys.exc_info())
    yield body


def replaced_at_once(start: Start) -> list[bytes]:
    """The same before anything is returned."""
    start("200 OK", [PLAIN, ("X-First", "1")])
    try:
        raise ValueError("not so")
    except ValueError:
        start("503 Busy", [PLAIN, ("X-Second", "2")], sys.exc_info())
    return [b"sorry"]


def written(start: Start, *parts: bytes, rest: Iterable[bytes] = ()) -> list[bytes]:
    """Use what `start_response` returns."""
    write = start("200 OK", [PLAIN])
    for part in parts:
        write(part)
    return list(rest)


def begun(start: Start, status: str, parts: Any, *headers: tuple[str, str]) -> Any:
    """Begin, and return the parts."""
    start(status, [PLAIN, *headers])
    return parts


def lazily(start: Start) -> Iterator[bytes]:
    """Begin only when the first part is asked for."""
    start("202 Accepted", [PLAIN])
    yield b"later"


def twice(start: Start) -> list[bytes]:
    """Begin again without a reason."""
    start("200 OK", [PLAIN])
    start("201 Created", [PLAIN])
    return [b"what"]


OOPS = ValueError("oops")
ALLOWED: dict[str, Callable[[Start], Any]] = {
    "/list": lambda start: begun(start, "200 OK", [b"one ", b"two"]),
    "/tuple": lambda start: begun(start, "200 OK", (b"one ", b"two")),
    "/parts": lambda start: begun(start, "200 OK", Parts("/parts", [b"", b"one ", b"", b"two", b""])),
    "/length": lambda start: begun(start, "200 OK", [b"", b"hello"], ("Content-Length", "5")),
    "/empty": lambda start: begun(start, "200 OK", []),
    "/empty-part": lambda start: begun(start, "200 OK", [b""]),
    "/empty-parts": lambda start: begun(start, "200 OK", Parts("/empty-parts", [b"", b""])),
    "/lazily": lazily,
    "/written": lambda start: written(start, b"one ", b"two"),
    "/written-and-returned": lambda start: written(start, b"one ", rest=[b"two"]),
    "/written-nothing": lambda start: written(start, b"", rest=[b"two"]),
    "/replaced-at-once": replaced_at_once,
    "/replaced": lambda start: replaced(start, "503 Busy", b"sorry", []),
    "/replaced-after-nothing": lambda start: replaced(start, "503 Busy", b"sorry", [b"", b""]),
    "/replaced-too-late": lambda start: replaced(start, "503 Busy", b"sorry", [b"begun "]),
    "/fails-first": lambda start: begun(start, "200 OK", Parts("/fails-first", [OOPS])),
    "/fails-after-nothing": lambda start: begun(start, "200 OK", Parts("/fails-after-nothing", [b"", OOPS])),
    "/fails-later": lambda start: begun(start, "200 OK", Parts("/fails-later", [b"one ", OOPS])),
    "/phrase": lambda start: begun(start, "299 Good enough for now", [b"ok"]),
}
FORBIDDEN: dict[str, Callable[[Start], Any]] = {
    "/no-phrase": lambda start: begun(start, "200", [b"ok"]),
    "/no-number": lambda start: begun(start, "fine", [b"ok"]),
    "/text": lambda start: begun(start, "200 OK", ["text"]),
    "/text-later": lambda start: begun(start, "200 OK", [b"one ", "text"]),
    "/not-begun": lambda start: [b"what"],
    "/nothing-at-all": lambda start: [],
    "/twice": twice,
    "/none": lambda start: begun(start, "200 OK", None),
}


def behave(environ: dict[str, Any], start_response: Start) -> Any:
    """Do as the path says."""
    path = environ["PATH_INFO"]
    return (ALLOWED.get(path) or FORBIDDEN[path])(start_response)


def app(environ: dict[str, Any], start_response: Start) -> Any:
    """Serve; what PEP 3333 allows is watched by the standard library's validator, on both sides."""
    path = environ["PATH_INFO"]
    if path == "/closed":
        start_response("200 OK", [PLAIN])
        return ["\n".join(closed).encode()]
    if path in ALLOWED:
        return validator(behave)(environ, start_response)
    return behave(environ, start_response)
