"""`devserver mcp`: the commands on a running server as tools of an MCP server over stdio, for coding agents.

Law: it keeps no state. Each call looks for the server, so it may start before the server and outlive it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec

from devserver import __version__
from devserver.cli.selected_server import find
from devserver.common import encoding
from devserver.common.errors import DevserverError, UsageError
from devserver.control import client, protocol
from devserver.control.protocol import LogFile, Logged, Request

try:
    from mcp.server import MCPServer
    from mcp.server.mcpserver.exceptions import ToolError
except ImportError as error:  # pragma: no cover
    raise UsageError("devserver mcp needs the package mcp: pip install 'devserver[mcp]'") from error

INSTRUCTIONS = """\
devserver serves this project and reloads on every save; it is never restarted.
After editing, call `wait`: it answers once the code on the disk is live, or with the reason why it is not.
If a request failed, `errors` has its traceback, and `logs` has the app's output.
"""
GRACE_S = 10.0
MOST_LINES = 200
"""Lines of the log by default."""


def serve(folder: str) -> None:
    """Answer over stdin and stdout until the client disconnects."""
    server = MCPServer("devserver", instructions=INSTRUCTIONS, version=__version__)
    _Tools(folder).add_to(server)
    server.run()


class _Tools:
    def __init__(self, folder: str) -> None:
        self._folder = folder

    def add_to(self, server: MCPServer) -> None:
        """Offer the tools; the docstrings are what the agent reads."""
        tools: tuple[Callable[..., Any], ...] = (
            self.status,
            self.wait,
            self.reload,
            self.errors,
            self.logs,
            self.requests,
            self.routes,
        )
        for tool in tools:
            server.add_tool(tool)

    async def status(self) -> dict[str, Any]:
        """Whether the newest code is live, the URLs it is served at, and the processes that run it."""
        return await self._one(protocol.AskStatus())

    async def wait(self, timeout_s: float = 60.0) -> dict[str, Any]:
        """Call this after every edit: wait until the code on the disk now is live, or get the whole error.

        `state` is live, not-live (then `failures` has the reasons, and older code goes on), starting or
        stopping.
        """
        return await self._one(protocol.AskWait(timeout_s=timeout_s), timeout_s + GRACE_S)

    async def reload(self, timeout_s: float = 60.0) -> dict[str, Any]:
        """Start the code again, even if no file has changed, and wait as `wait` does."""
        return await self._one(protocol.AskReload(timeout_s=timeout_s), timeout_s + GRACE_S)

    async def errors(self, since: float = 0.0) -> dict[str, Any]:
        """The failures, with tracebacks: first why the saved code is not live, then those of requests.

        `since` is Unix time in seconds.
        """
        return {"errors": await self._all(protocol.AskErrors(since=since))}

    async def logs(self, since: float = 0.0, lines: int = MOST_LINES) -> dict[str, Any]:
        """What the app has printed and logged, with devserver's own lines: the last `lines` of it."""
        replies = await self._replies(protocol.AskLogs(since=since))
        text = "".join(reply.text for reply in replies if isinstance(reply, Logged))
        for reply in replies:
            if isinstance(reply, LogFile):
                text += await asyncio.to_thread(_tail, reply)
        return {"text": "".join(text.splitlines(keepends=True)[-lines:]), "note": _note(replies)}

    async def requests(self, since: float = 0.0, failed: bool = False) -> dict[str, Any]:
        """The requests that were answered, with status and duration. `failed`: only those with a 5xx."""
        replies = await self._replies(protocol.AskRequests(since=since, failed=failed))
        found = [_plain(reply) for reply in replies if isinstance(reply, protocol.RequestSeen)]
        return {"requests": found, "note": _note(replies)}

    async def routes(self) -> dict[str, Any]:
        """The routes of the live app: path, methods, the function that answers, and its file and line.

        `kind` handler: a function that the server calls. `note` is a sentence on missing routes, with the
        reason.
        """
        replies = await self._replies(protocol.AskRoutes())
        found = [_plain(reply) for reply in replies if isinstance(reply, protocol.RouteSeen)]
        return {"routes": found, "note": _note(replies)}

    async def _one(self, request: Request, within_s: float = client.ANSWER_WITHIN) -> dict[str, Any]:
        return _plain((await self._replies(request, within_s))[0])

    async def _all(self, request: Request) -> list[dict[str, Any]]:
        replies = await self._replies(request)
        return [_plain(reply) for reply in replies if not isinstance(reply, protocol.End)]

    async def _replies(
        self, request: Request, within_s: float = client.ANSWER_WITHIN
    ) -> list[protocol.Reply]:
        def ask() -> list[protocol.Reply]:
            return list(client.ask(find(self._folder, None), request, within_s))

        try:
            return await asyncio.to_thread(ask)
        except DevserverError as error:
            raise ToolError(str(error)) from None


def _plain(reply: Any) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.json.decode(encoding.encode(msgspec.json.Encoder(), reply))
    return found


def _note(replies: list[protocol.Reply]) -> str:
    return "; ".join(reply.note for reply in replies if isinstance(reply, protocol.End) and reply.note)


def _tail(file: LogFile, most: int = 1024 * 1024) -> str:
    with open(file.path, "rb") as log:
        size = log.seek(0, 2)
        log.seek(max(min(file.offset, size), size - most))
        return log.read().decode("utf-8", "backslashreplace")
