"""`devserver mcp` over stdio, asked by the client of the official SDK."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.command import SCRIPT
from tests.harness import DEADLINE, answering, serving

mcp = pytest.importorskip("mcp", reason="the extra mcp is not installed")

Call = Callable[..., Awaitable[Any]]
TOOLS = {"status", "wait", "reload", "errors", "logs", "requests", "routes"}


def talk(folder: Path, use: Callable[[Any], Awaitable[None]]) -> None:
    """Start `devserver mcp` in a folder, and let `use` talk with it."""

    async def main() -> None:
        server = mcp.StdioServerParameters(command=SCRIPT[0], args=["mcp"], cwd=str(folder))
        async with mcp.stdio_client(server) as (read, write), mcp.ClientSession(read, write) as session:
            await session.initialize()
            await use(session)

    asyncio.run(asyncio.wait_for(main(), DEADLINE * 2))


def test_an_agent_edits_and_learns_whether_it_is_live(tmp_path: Path) -> None:
    """Each tool answers with data; the error of a broken save comes whole."""
    with serving(tmp_path, text=answering("one")) as server:
        server.wait("ready")

        async def use(session: Any) -> None:
            tools = (await session.list_tools()).tools
            assert {tool.name for tool in tools} == TOOLS
            assert all(tool.description for tool in tools)
            status = await call(session, "status")
            assert (status["code"]["state"], status["pid"]) == ("live", server.process.pid)
            server.save(answering("two"))
            verdict = await call(session, "wait")
            assert (verdict["state"], verdict["generation"]) == ("live", 2)
            server.save("def broken(:\n")
            verdict = await call(session, "wait", timeout_s=20)
            assert verdict["state"] == "not-live"
            assert verdict["failures"][0]["place"]["excerpt"] == "def broken(:"
            errors = (await call(session, "errors"))["errors"]
            assert errors[0]["current"]
            async with asyncio.timeout(DEADLINE):  # a thread writes the lines: the answers may come first
                while "refused: handlers.py:1" not in (await call(session, "logs"))["text"]:
                    pass
            assert (await call(session, "requests"))["requests"] == []
            routes = await call(session, "routes")
            assert [(each["kind"], each["name"]) for each in routes["routes"]] == [("handler", "on_receive")]
            assert routes["note"].startswith("these are the routes of the running code: NOT LIVE")
            server.save(answering("three"))
            assert (await call(session, "reload"))["state"] == "live"

        talk(tmp_path, use)


async def call(session: Any, name: str, **arguments: Any) -> Any:
    """Call a tool that must succeed; return its data."""
    result = await session.call_tool(name, arguments)
    assert not result.is_error, result
    return result.structured_content


def test_without_a_server_the_agent_gets_a_sentence(tmp_path: Path) -> None:
    """It may start one then, and the same connection finds it."""

    async def use(session: Any) -> None:
        result = await session.call_tool("wait", {})
        assert result.is_error
        assert f"no devserver runs in {tmp_path}" in result.content[0].text
        with serving(tmp_path, text=answering("one")) as server:
            await asyncio.to_thread(server.wait, "ready")
            assert (await call(session, "wait"))["state"] == "live"

    talk(tmp_path, use)


def test_without_the_package_the_command_shows_what_to_install(tmp_path: Path) -> None:
    """One sentence, exit code 2."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "mcp.py").write_text("raise ImportError('not here')\n")
    done = subprocess.run(
        [sys.executable, "-m", "devserver", "mcp"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path / "site"), "PATH": os.defpath},
        capture_output=True,
        stdin=subprocess.DEVNULL,
        timeout=DEADLINE,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr == b"devserver: devserver mcp needs the package mcp: pip install 'devserver[mcp]'\n"
