"""The command that shows the routes of the live app."""

from __future__ import annotations

import click

from devserver.cli.output import write_line
from devserver.cli.selected_server import SelectedServer, on_a_server
from devserver.control import protocol
from devserver.control.protocol import RouteSeen
from devserver.reporting import wording

WIDEST = 48
"""Columns of the longest path that the others are aligned to."""


@click.command()
@on_a_server
def routes(project: str | None, pid: int | None, as_json: bool) -> int:
    """Show the routes of the live app, as its framework lists them, and the handlers.

    Exit code 0: they are shown, or the app lists none. 3: no server runs, or the app does not answer.
    """
    server = SelectedServer(project, pid, as_json)
    seen: list[RouteSeen] = []
    note = ""
    for reply in server.ask(protocol.AskRoutes()):
        if isinstance(reply, RouteSeen):
            seen.append(reply)
        elif isinstance(reply, protocol.End):
            note = reply.note
    if as_json:
        return 0
    if seen:
        _show(seen, server.root)
    elif not note:
        write_line("no routes")
    if note:
        write_line(f"devserver: {note}", err=True)
    return 0


def _show(seen: list[RouteSeen], root: str) -> None:
    cells = [(_methods(route), route.path or route.name) for route in seen]
    first = max(len(methods) for methods, _ in cells)
    second = max((len(path) for _, path in cells if len(path) <= WIDEST), default=0)
    for route, (methods, path) in zip(seen, cells, strict=True):
        place = f"  {wording.relative(route.file, root)}:{route.line}" if _is_own(route, root) else ""
        write_line(f"{methods:<{first}}  {path:<{second}}  {route.endpoint}{place}".rstrip())


def _methods(route: RouteSeen) -> str:
    if route.kind == "http":
        return ",".join(route.methods) or "*"
    return {"websocket": "WEBSOCKET", "mount": "MOUNT"}.get(route.kind, "HANDLER")


def _is_own(route: RouteSeen, root: str) -> bool:
    return bool(route.file) and wording.relative(route.file, root) != route.file
