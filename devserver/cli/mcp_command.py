"""`devserver mcp`; its dependencies are imported when it runs."""

from __future__ import annotations

import click

from devserver.cli.selected_server import folder_of


@click.command()
@click.option("--project", metavar="DIR", help="Select this project's server; default: where you are.")
def mcp(project: str | None) -> int:
    """Answer a coding agent over MCP on stdin and stdout, about the server of this project.

    The agent gets status, wait, reload, errors, logs and requests as tools. Needs devserver[mcp].
    """
    folder = folder_of(project)
    from devserver.cli.mcp_server import serve

    serve(folder)
    return 0
