"""The commands that ask or control a running server: status, wait, reload, stop, errors."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import click

from devserver.cli.output import NO, write_line
from devserver.cli.selected_server import Decorated, SelectedServer, on_a_server
from devserver.cli.since import since_option
from devserver.common.errors import DevserverError
from devserver.control import protocol
from devserver.control.client import NoServer
from devserver.control.protocol import Status, Verdict
from devserver.reporting import wording
from devserver.reporting.plain import failure_text

GRACE = 10.0
"""Seconds for a server's answer beyond the time limit in the request."""
PATIENCE = 60.0


def _timeout(what: str) -> Callable[[Decorated], Decorated]:
    return click.option(
        "--timeout",
        type=click.FloatRange(min=0),
        default=PATIENCE,
        show_default=True,
        metavar="SECONDS",
        help=what,
    )


@click.command()
@on_a_server
def status(project: str | None, pid: int | None, as_json: bool) -> int:
    """Show whether the newest code is live, where it is served, and what runs it.

    Exit code 0: it is live. 1: it is not. 3: no server runs.
    """
    server = SelectedServer(project, pid, as_json)
    reply = server.ask_once(protocol.AskStatus())
    assert isinstance(reply, Status)
    if not as_json:
        show_status(reply)
    return 0 if reply.code.state == "live" else NO


@click.command()
@on_a_server
@_timeout("How long to wait until what is saved is live or refused.")
def wait(project: str | None, pid: int | None, as_json: bool, timeout: float) -> int:
    """Wait until the code on the disk now is live, or show why it cannot be.

    Exit code 0: it is live. 1: it is not, and the whole error is shown. 3: no server runs.
    """
    return _verdict(SelectedServer(project, pid, as_json), protocol.AskWait(timeout_s=timeout), timeout)


@click.command()
@on_a_server
@_timeout("How long to wait until the code is live or refused.")
def reload(project: str | None, pid: int | None, as_json: bool, timeout: float) -> int:
    """Read all files again and start their code, changed or not; wait until it is live.

    Exit codes are those of wait.
    """
    return _verdict(SelectedServer(project, pid, as_json), protocol.AskReload(timeout_s=timeout), timeout)


@click.command()
@on_a_server
@_timeout("How long to wait until it has stopped.")
def stop(project: str | None, pid: int | None, as_json: bool, timeout: float) -> int:
    """Stop the server gracefully, as Ctrl-C does, and wait until it has stopped.

    Exit code 0: it has stopped. 1: it has not in time. 3: no server runs.
    """
    server = SelectedServer(project, pid, as_json)
    end = time.monotonic() + timeout
    try:
        for _ in server.ask(protocol.AskStop(), timeout):
            pass  # the connection ends when the server exits
    except DevserverError:
        if time.monotonic() < end:
            raise
        write_line(
            f"devserver: the server (pid {server.found.pid}) has not stopped within {timeout:g} s", err=True
        )
        return NO
    if not as_json:
        write_line(f"stopped (pid {server.found.pid})")
    return 0


@click.command()
@on_a_server
@since_option
def errors(project: str | None, pid: int | None, as_json: bool, since: float | None) -> int:
    """Show the failures: why the saved code is not live, then those of requests and handlers.

    Exit code 0: none. 1: at least one. 3: no server runs.
    """
    server = SelectedServer(project, pid, as_json)
    found = 0
    root = server.root
    for reply in server.ask(protocol.AskErrors(since=since or 0.0)):
        if isinstance(reply, protocol.ErrorSeen):
            found += 1
            if not as_json:
                when = "now" if reply.current else wording.clock(reply.at)
                write_line(f"{when}  {reply.what}")
                write_line(failure_text(reply.failure, root) + "\n")
    if not found and not as_json:
        write_line("no errors")
    return NO if found else 0


def _verdict(server: SelectedServer, request: protocol.AskWait | protocol.AskReload, timeout: float) -> int:
    reply = server.ask_once(request, timeout + GRACE)
    assert isinstance(reply, Verdict)
    if reply.state == "stopping" and server.as_json is False:
        raise NoServer(f"the server (pid {server.found.pid}) is stopping")
    if not server.as_json:
        show_verdict(reply)
    return 0 if reply.state == "live" else NO


def show_verdict(code: Verdict) -> None:
    """Write the headline, then each failure with its traceback."""
    write_line(code.headline)
    for failure in code.failures:
        write_line(failure_text(failure, code.root))
    for warning in code.warnings:
        write_line(f"warning: {warning}")


def addresses(status: Status) -> Sequence[str]:
    """Return a server's URLs, or its listeners if it speaks no HTTP."""
    return status.urls or [str(each) for each in status.listeners]


def show_status(status: Status) -> None:
    """Write a server's status."""
    show_verdict(status.code)
    for url in addresses(status):
        write_line(f"  {url}")
    since = wording.clock(status.started_at)
    write_line(
        f"  {status.target} in {status.root} (pid {status.pid}, since {since}, devserver {status.devserver})"
    )
    for worker in sorted(status.workers, key=lambda each: each.worker):
        size = wording.size(worker.memory)
        work = f"{worker.running} running, {worker.handled:,} handled" + (f", {size}" if size else "")
        write_line(f"  worker {worker.worker}: {worker.state}, {work} (pid {worker.pid})")
    if status.waiting:
        write_line(f"  {wording.plural(status.waiting, 'request')} waiting")
    if status.failed:
        write_line(
            f"  {wording.plural(status.failed, 'failure')} since the start: devserver errors shows them"
        )
    if status.output:
        write_line(f"  output: {status.output}")
