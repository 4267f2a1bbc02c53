"""Selects the server that a command means, by the project or the process id, and asks it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import reduce
from pathlib import Path
from typing import Any, TypeVar

import click

from devserver.cli.output import write
from devserver.common.errors import UsageError
from devserver.control import client, protocol, sockets
from devserver.control.client import NoServer, Unanswered
from devserver.control.protocol import Reply, Request, Status
from devserver.control.sockets import Found

LOOK_WITHIN = 1.0
"""Seconds for the status of each server that may be meant."""
MOST_ELSEWHERE = 8

Decorated = TypeVar("Decorated", bound=Callable[..., Any])

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


class SelectedServer:
    """The server that the options select. Raises NoServer, Unanswered or UsageError."""

    def __init__(self, project: str | None, pid: int | None, as_json: bool) -> None:
        self.as_json = as_json
        self.folder = folder_of(project)
        self.found = find(self.folder, pid)

    def ask(self, request: Request, within_s: float | None = client.ANSWER_WITHIN) -> Iterator[Reply]:
        """Yield the replies; with --json they are printed too, and the caller may ignore them."""
        for reply in client.ask(self.found, request, within_s):
            if self.as_json:
                write(protocol.encode(reply).decode())
            yield reply

    @property
    def root(self) -> str:
        """The folder that the server's paths are relative to; the user's working folder if it names none."""
        status = look(self.found)
        return status.root if status else self.folder

    def ask_once(self, request: Request, within_s: float | None = client.ANSWER_WITHIN) -> Reply:
        """Return the first reply."""
        for reply in self.ask(request, within_s):
            return reply
        raise Unanswered(f"the server (pid {self.found.pid}) ended before it had answered")


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
