"""What the commands on a running server share: which server is selected, how to ask it, how to write text.

Law: an answer goes to standard output, a problem to standard error. Exit code 0 is yes, 1 no, 2 a usage
error, 3 no server that answers.
"""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import reduce
from pathlib import Path
from typing import Any, TypeVar

import click

from devserver.common.errors import UsageError
from devserver.control import client, protocol, sockets
from devserver.control.client import NoServer, Unanswered
from devserver.control.protocol import Reply, Request, Status
from devserver.control.sockets import Found

NO, USAGE, NO_SERVER = 1, 2, 3
LOOK_WITHIN = 1.0
"""Seconds for the status of each server that may be meant."""
MOST_ELSEWHERE = 8

Decorated = TypeVar("Decorated", bound=Callable[..., Any])
_AGO = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|min|h|d)?")
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?")
_UNITS = {"ms": 0.001, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, None: 1}

_WHICH = (
    click.option("--json", "as_json", is_flag=True, help="Answer as JSON, one object a line."),
    click.option(
        "--project", metavar="DIR", help="Select the server of this project; default: the one you are in."
    ),
    click.option(
        "--pid", type=int, metavar="PID", help="Select the server with this process id, if several run."
    ),
)


def on_a_server(function: Decorated) -> Decorated:
    """Give a command the options that select the server, and --json."""
    return reduce(lambda decorated, option: option(decorated), reversed(_WHICH), function)


class Talk:
    """A conversation with the selected server. Raises NoServer, Unanswered or UsageError."""

    def __init__(self, project: str | None, pid: int | None, as_json: bool) -> None:
        self.as_json = as_json
        self.folder = folder_of(project)
        self.server = find(self.folder, pid)

    def ask(self, request: Request, within_s: float | None = client.ANSWER_WITHIN) -> Iterator[Reply]:
        """Yield the replies; with --json they are printed too, and the caller may ignore them."""
        for reply in client.ask(self.server, request, within_s):
            if self.as_json:
                write(protocol.encode(reply).decode())
            yield reply

    @property
    def root(self) -> str:
        """The folder that the server's paths are relative to; the user's working folder if it names none."""
        status = look(self.server)
        return status.root if status else self.folder

    def ask_once(self, request: Request, within_s: float | None = client.ANSWER_WITHIN) -> Reply:
        """Return the first reply."""
        for reply in self.ask(request, within_s):
            return reply
        raise Unanswered(f"the server (pid {self.server.pid}) ended before it had answered")


def folder_of(project: str | None) -> str:
    """Return the selected folder, as the server names it. Raises UsageError."""
    folder = os.path.realpath(project or Path.cwd())
    if not os.path.isdir(folder):
        raise UsageError(f"--project {project}: there is no such folder")
    return folder


def find(folder: str, pid: int | None) -> Found:
    """Return the selected server: the one with that process id, or the only one of the project.

    Raises NoServer if there is none, UsageError if there are several.
    """
    if pid is not None:
        for found in sockets.everywhere():
            if found.pid == pid:
                return found
        raise NoServer(f"no devserver with the process id {pid} answers commands: see devserver status")
    servers = sockets.of_project(folder)
    if len(servers) == 1:
        return servers[0]
    alive = [(found, status) for found in servers if (status := look(found)) is not None]
    if len(alive) == 1:
        return alive[0][0]
    if alive:
        each = "; ".join(f"--pid {found.pid}: {_place(status)}" for found, status in alive)
        raise UsageError(f"{len(alive)} servers run in this project, select one: {each}")
    raise NoServer(
        f"no devserver runs in {folder}: start one there with devserver --background{_elsewhere()}"
    )


def _elsewhere() -> str:
    """Return a clause that names the servers of other projects."""
    statuses = filter(None, map(look, sockets.everywhere()[:MOST_ELSEWHERE]))
    places = sorted({status.root for status in statuses})
    return f"; others run in {', '.join(places)}: see --project" if places else ""


def look(found: Found) -> Status | None:
    """Return a server's status, None if it does not answer."""
    with suppress(NoServer, Unanswered):
        status = client.ask_once(found, protocol.AskStatus(), LOOK_WITHIN)
        return status if isinstance(status, Status) else None
    return None


def _place(status: Status) -> str:
    return " ".join((status.target, *status.urls))


def moment(text: str, now: float) -> float:
    """Return the Unix time that `10s`, `5m`, `12:03` or `12:03:11` means. Raises BadParameter."""
    if found := _AGO.fullmatch(text.strip()):
        return now - float(found[1]) * _UNITS[found[2]]
    if (found := _CLOCK.fullmatch(text.strip())) and int(found[1]) < 24 and int(found[2]) < 60:
        day = time.localtime(now)
        at = time.mktime((*day[:3], int(found[1]), int(found[2]), int(found[3] or 0), *day[6:8], -1))
        return at if at <= now else at - 86400
    raise click.BadParameter(f"{text!r} is not a time: try 10s, 5m, 2h, 12:03 or 12:03:11.")


def since_option(function: Decorated) -> Decorated:
    """Give a command --since, as Unix time, 0 without it."""
    option = click.option(
        "--since",
        type=lambda text: moment(text, time.time()),
        default=None,
        metavar="TIME",
        help="Only from then on: 10s, 5m, 2h ago, or a time of day: 12:03, 12:03:11.",
    )
    return option(function)


def say(text: str, *, err: bool = False) -> None:
    """Write a line."""
    write(text + "\n", err=err)


def write(text: str, *, err: bool = False) -> None:
    """Write text in any encoding of the terminal; the app's colours go to a terminal only."""
    stream = sys.stderr if err else sys.stdout
    encoding = getattr(stream, "encoding", None) or "utf-8"
    try:
        text.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        text = text.translate(_PLAIN).encode("ascii", "backslashreplace").decode()
    click.echo(text, nl=False, err=err)


_PLAIN = str.maketrans({"—": "-", "→": "->", "…": "...", "·": "-", "✓": "OK", "✗": "X", "⚠": "!"})
