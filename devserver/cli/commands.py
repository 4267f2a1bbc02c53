"""The commands beside `devserver TARGET`. Each is imported only when it runs.

Law: a first argument that is one of these names is a command, whatever files there are. A target of that name
is reached by its path (`./status.py`) or after `dev`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from difflib import get_close_matches
from importlib import import_module

import click
from msgspec import Struct

from devserver.common.errors import DevserverError, TargetError, UsageError

SERVING = ("dev", "run")
"""Words of other servers: they mean `devserver TARGET`."""


class Entry(Struct, frozen=True):
    """Where a command is defined, and its purpose."""

    module: str
    summary: str


COMMANDS = {
    "status": Entry("server_commands", "Show whether the newest code is live, and where."),
    "wait": Entry("server_commands", "Wait until the saved code is live, or show why it is not."),
    "reload": Entry("server_commands", "Start the code again, even if no file has changed."),
    "stop": Entry("server_commands", "Stop the server gracefully."),
    "logs": Entry("logs", "Show what the app printed and logged."),
    "errors": Entry("server_commands", "Show the failures, with tracebacks."),
    "requests": Entry("logs", "Show the requests that were answered."),
    "routes": Entry("routes", "Show the routes of the live app."),
    "check": Entry("check", "Check that files compile, or that the app starts."),
    "init": Entry("init", "Write [tool.devserver] into pyproject.toml."),
    "mcp": Entry("mcp_command", "Answer a coding agent over MCP."),
}


def run(name: str, arguments: Sequence[str]) -> int:
    """Run a command; return its exit code."""
    code = load(name).main(list(arguments), prog_name=f"devserver {name}", standalone_mode=False)
    return int(code or 0)


def load(name: str) -> click.Command:
    """Return a command of the table."""
    command: click.Command = getattr(import_module(f"devserver.cli.{COMMANDS[name].module}"), name)
    command.context_settings = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
    return command


def report_failure(arguments: Sequence[str], error: DevserverError, report: Callable[[str, int], int]) -> int:
    """Report why a command could not be carried out; return its exit code."""
    text = str(error)
    first = arguments[0] if arguments else ""
    near = get_close_matches(first, [*COMMANDS, *SERVING], 1, 0.7)
    if isinstance(error, TargetError) and near:
        text += f"; did you mean the command {near[0]}?"
    if first in COMMANDS:
        from devserver.cli import output
        from devserver.control import client, protocol

        if "--json" in arguments:
            output.write(protocol.encode(protocol.Problem(sentence=text)).decode())
        if isinstance(error, client.NoServer | client.Unanswered):
            return report(text, output.NO_SERVER)
    return report(text, 2 if isinstance(error, UsageError) else 1)


def complete(command: click.Command, instruction: str) -> int:
    """Write the completion that a shell asks for: its script, or the possible next words."""
    from click.shell_completion import shell_complete

    group = _Whole(command)
    return shell_complete(group, {}, "devserver", "_DEVSERVER_COMPLETE", instruction)


class _Whole(click.Group):
    """All commands and options as one group: for completion only."""

    def __init__(self, command: click.Command) -> None:
        super().__init__("devserver", invoke_without_command=True, params=list(command.params[2:]))
        self._serving = command

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*SERVING, *COMMANDS]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in COMMANDS:
            found = load(cmd_name)
            found.short_help = COMMANDS[cmd_name].summary
            return found
        return self._serving
