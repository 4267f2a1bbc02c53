"""The commands that show the app's output and its requests, up to now or as they come."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Iterator

import click

from devserver.cli.output import write, write_line
from devserver.cli.selected_server import SelectedServer, folder_of, on_a_server
from devserver.cli.since import since_option
from devserver.common.errors import UsageError
from devserver.control import protocol, sockets
from devserver.control.client import NoServer
from devserver.control.protocol import LogFile, Logged, RequestSeen
from devserver.reporting import wording

LOOK_AGAIN = 0.1
"""Seconds between looks at a file that is followed."""

_follow = click.option("--follow", "-f", is_flag=True, help="Go on until the server stops.")


@click.command()
@on_a_server
@since_option
@_follow
@click.option("--lines", "-n", type=click.IntRange(min=0), metavar="N", help="Only the last N lines.")
def logs(
    project: str | None, pid: int | None, as_json: bool, since: float | None, follow: bool, lines: int | None
) -> int:
    """Show what the app has printed and logged, with devserver's own lines.

    For a background server that has ended: its last log.
    """
    try:
        server = SelectedServer(project, pid, False)
    except NoServer:
        last = sockets.of_project(folder_of(project), kind="log")
        if not last or pid is not None:
            raise
        newest = max(last, key=lambda found: os.path.getmtime(found.path))
        write_line(f"devserver: the server (pid {newest.pid}) has ended; this is its log", err=True)
        _show(_file_lines(newest.path, 0, None), lines, as_json)
        return 0
    note = ""
    request = protocol.AskLogs(since=since or 0.0, follow=follow)
    shown: deque[Logged] = deque(maxlen=lines if not follow else None)
    for reply in server.ask(request, None if follow else 5.0):
        match reply:
            case LogFile():
                pid = server.found.pid if follow else None
                _show(_file_lines(reply.path, reply.offset, pid), None if follow else lines, as_json)
            case Logged() if follow:
                _write(reply, as_json)
            case Logged():
                shown.append(reply)
            case protocol.End():
                note = reply.note
    _show(_split(shown), lines, as_json)
    if note:
        write_line(f"devserver: {note}", err=True)
    return 0


@click.command()
@on_a_server
@since_option
@_follow
@click.option("--failed", is_flag=True, help="Only those that were answered with a status from 500.")
def requests(
    project: str | None, pid: int | None, as_json: bool, since: float | None, follow: bool, failed: bool
) -> int:
    """Show the requests that were answered: time, method, path, status and duration."""
    server = SelectedServer(project, pid, as_json)
    request = protocol.AskRequests(since=since or 0.0, follow=follow, failed=failed)
    for reply in server.ask(request, None if follow else 5.0):
        if as_json:
            continue
        if isinstance(reply, RequestSeen):
            status = reply.status or "left"
            took = wording.duration(reply.ms)
            write_line(f"{wording.clock(reply.at)}  {status}  {reply.method} {reply.path}  {took}")
        elif isinstance(reply, protocol.End) and reply.note:
            write_line(f"devserver: {reply.note}", err=True)
    return 0


def _split(pieces: deque[Logged]) -> Iterator[Logged]:
    """Join the pieces, and yield whole lines."""
    rest: Logged | None = None
    for piece in pieces:
        text = piece.text
        if rest is not None and rest.source == piece.source:
            text = rest.text + text
        elif rest is not None:
            yield rest
        rest = None
        for line in text.splitlines(keepends=True):
            each = protocol.Logged(at=piece.at, source=piece.source, worker=piece.worker, text=line)
            if line.endswith("\n"):
                yield each
            else:
                rest = each
    if rest is not None:
        yield rest


def _file_lines(path: str, offset: int, server: int | None) -> Iterator[Logged]:
    """Yield the lines of a file from `offset` on; with `server`, follow it until that process has ended."""
    try:
        file = open(path, "rb")  # noqa: SIM115
    except OSError as error:
        raise UsageError(f"the log {path} cannot be read: {error.strerror}") from error
    with file:
        file.seek(min(offset, os.fstat(file.fileno()).st_size))
        rest = b""
        while True:
            ended = server is None or not sockets.lives(server)
            if os.fstat(file.fileno()).st_size < file.tell():  # the file was truncated
                file.seek(0)
            while data := file.read(65536):
                *whole, rest = (rest + data).split(b"\n")
                yield from (_line(line + b"\n") for line in whole)
            if ended:
                break
            time.sleep(LOOK_AGAIN)
        if rest:
            yield _line(rest)


def _line(data: bytes) -> Logged:
    source: protocol.Source = "devserver" if data.startswith(b"devserver: ") else "app"
    return Logged(at=0.0, source=source, text=data.decode("utf-8", "backslashreplace"))


def _show(lines: Iterator[Logged], most: int | None, as_json: bool) -> None:
    for line in deque(lines, maxlen=most) if most is not None else lines:
        _write(line, as_json)


def _write(line: Logged, as_json: bool) -> None:
    write(protocol.encode(line).decode() if as_json else line.text)
