"""breakpoint() in a handler, with the dashboard on: the real command on a real terminal."""

from __future__ import annotations

import os
import re
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness import Client, eventually, is_gone, serving
from tests.screen import Pty

HANDLERS = """
import os
from devserver import Lines

protocol = Lines()

def on_receive(conn, data):
    text = data.decode()
    if text.startswith("debug"):
        print("before", text)
        breakpoint()
        print("after", text)
    elif text == "pid":
        text = str(os.getpid())
    conn.send(f"VERSION {text}\\n")
"""
OLD, NEW = HANDLERS.replace("VERSION", "old"), HANDLERS.replace("VERSION", "new")
ASYNC = """
import asyncio
from devserver import Lines

protocol = Lines()
gate = asyncio.Event()

async def on_receive(conn, data):
    text = data.decode()
    if text == "debug":
        asyncio.get_running_loop().call_soon(print, "the loop goes on")
        breakpoint()
        await gate.wait()
        text += "!"
        breakpoint()
    elif text == "open":
        gate.set()
    conn.send(f"async {text}\\n")
"""
PICTURE = "r reload · q quit"


class Server(Pty):
    """The command in the foreground of a terminal, and its clients."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder = folder
        self.clients: list[Client] = []
        self.save(OLD)
        command = [
            sys.executable,
            "-m",
            "devserver",
            "--tcp",
            "127.0.0.1:0",
            "--port",
            "0",
            *options,
            "handlers.py",
        ]
        super().__init__(*command, folder=folder)
        self.see("✓ LIVE", PICTURE)

    def __exit__(self, *_: object) -> None:
        for client in self.clients:
            client.close()
        if self.process.poll() is None:
            self.process.terminate()
            self.end()
        super().__exit__()

    def save(self, text: str) -> None:
        (self.folder / "handlers.py").write_text(text)

    def client(self) -> Client:
        found = re.search(r"tcp://127\.0\.0\.1:(\d+)", "\n".join(self.scrolled))
        assert found
        client = Client(int(found[1]))
        self.clients.append(client)
        return client

    def first_line(self) -> None:
        """Go on to the line after breakpoint(), where Python < 3.13 stops at once."""
        self.see("(Pdb)")
        if "-> breakpoint()" in self.text:
            self.type(b"n\r")

    def stop_by_key(self) -> int:
        self.see(PICTURE)
        self.type(b"q")
        return self.end()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with Server(tmp_path, "--workers", "1") as server:
        yield server


def test_a_breakpoint_is_answered_while_the_server_goes_on(server: Server) -> None:
    """At a breakpoint one looks around, others get the code saved meanwhile, and `c` finishes the request."""
    debugged, other = server.client(), server.client()
    debugged.send("debug me")
    server.see("before debug me", "is in the debugger", "handlers.py", "(Pdb)")
    server.read_until(lambda: PICTURE not in server.text)
    server.type(b"p text.upper()\r")
    server.see("'DEBUG ME'")
    server.read_until(lambda: server.text.count("(Pdb)") == 2)
    assert server.text.count("p text.upper()") == 1
    server.save(NEW)
    assert other.ask("hello") == "new hello"
    assert debugged.is_open()
    server.type(b"p 6 * 7\r")
    server.see("\n42\n")
    assert PICTURE not in server.text
    assert "everybody else" not in server.text
    server.type(b"c\r")
    assert debugged.line() == "old debug me"
    server.see("│ after debug me", "✓ live · handlers.py", PICTURE)
    assert debugged.ask("again") == "new again"
    assert server.stop_by_key() == 0
    assert server.settings == server.before
    assert not server.screen.cursor.hidden
    assert "│ before debug me" in server.scrolled
    assert not [line for line in server.scrolled if "│ (Pdb)" in line]


def test_stepping_out_of_a_handler_ends_the_debugger(server: Server) -> None:
    """Who steps to the end of the handler sees the app's lines only, then the dashboard."""
    client = server.client()
    client.send("debug steps")
    server.first_line()
    server.see('-> print("after", text)')
    server.type(b"n\r")
    server.see("-> conn.send(")
    server.type(b"n\r")
    server.see("--Return--")
    server.type(b"n\r")
    assert client.line() == "old debug steps"
    server.see(PICTURE)
    assert client.ask("next") == "old next"
    shown = "".join(server.scrolled)
    assert "units.py" not in shown
    assert "bdb.py" not in shown
    assert server.stop_by_key() == 0


def test_ctrl_c_interrupts_the_debugged_code_only(server: Server) -> None:
    """In the debugger Ctrl-C is the debugger's; the server and everybody else go on."""
    client = server.client()
    client.send("debug")
    server.see("(Pdb)")
    server.type(b"import time; time.sleep(1000)\r")
    server.see("time.sleep(1000)\n")
    server.type(b"\x03")
    server.see("KeyboardInterrupt")
    server.type(b"c\r")
    assert client.line() == "old debug"
    assert server.stop_by_key() == 0


def test_stepping_over_an_await_keeps_the_debugger(server: Server) -> None:
    """In an async handler `n` goes over an await; what others do meanwhile does not end the debugger."""
    server.save(ASYNC)
    debugged, other = server.client(), server.client()
    assert other.ask("warm up") == "async warm up"
    debugged.send("debug")
    server.see("(Pdb)")
    server.first_line()
    server.see("-> await gate.wait()")
    server.type(b"n\r")  # the loop goes on until somebody opens the gate
    server.see("the loop goes on")
    assert other.ask("hello") == "async hello"
    assert other.ask("open") == "async open"
    server.see('-> text += "!"')
    assert sum("is in the debugger" in line for line in server.scrolled) == 1
    server.type(b"c\r")
    server.see("(Pdb) c")
    server.read_until(lambda: server.text.rstrip().endswith("(Pdb)"))  # the second one of the same unit
    server.type(b"c\r")
    assert debugged.line() == "async debug!"
    assert server.stop_by_key() == 0


def test_a_breakpoint_in_the_import_works_too(server: Server) -> None:
    """New code that stops while it is imported goes live once the debugger lets it go on."""
    client = server.client()
    assert client.ask("x") == "old x"
    server.save("breakpoint()\n" + NEW)
    server.see("worker 2 is in the debugger", "(Pdb)")
    server.type(b"c\r")
    server.see("✓ LIVE", PICTURE)
    assert client.ask("x") == "new x"
    assert server.stop_by_key() == 0


def test_two_breakpoints_take_turns(tmp_path: Path) -> None:
    """A second Worker at a breakpoint waits until the first has gone on, then has the terminal."""
    events = tmp_path / "events"
    with Server(tmp_path, "--workers", "2", "--events", str(events)) as server:
        eventually("both are ready", lambda: '"event":"rolled"' in events.read_text())
        first, second = server.client(), server.client()
        first.send("debug first")
        server.see("(Pdb)")
        second.send("debug second")
        server.type(b"text\r")
        server.see("'debug first'")
        server.type(b"c\r")
        assert first.line() == "old debug first"
        server.see("2 │ before debug second", "worker 2 is in the debugger", "(Pdb)")
        server.type(b"text\r")
        server.see("'debug second'")
        server.type(b"c\r")
        assert second.line() == "old debug second"
        assert server.stop_by_key() == 0
        assert server.settings == server.before


def test_a_killed_worker_gives_the_terminal_back(server: Server) -> None:
    """When the debugged process dies, the dashboard returns and another one serves."""
    client = server.client()
    pid = int(client.ask("pid").split()[1])
    client.send("debug")
    server.see("(Pdb)")
    os.kill(pid, signal.SIGKILL)
    server.see("SIGKILL", PICTURE)
    assert client.ask("alive") == "old alive"
    assert server.stop_by_key() == 0


def test_ctrl_backslash_stops_the_server(tmp_path: Path) -> None:
    """A debugger that is left alone does not hold up the server's end."""
    with Server(tmp_path, "--workers", "1", "--stop-timeout", "0.5") as server:
        client = server.client()
        pid = int(client.ask("pid").split()[1])
        client.send("debug")
        server.see("(Pdb)")
        server.type(b"\x1c")
        assert server.end() == 0
        assert server.settings == server.before
        eventually("the debugged worker has ended", lambda: is_gone(pid))


def test_the_debugger_has_the_size_of_the_terminal(server: Server) -> None:
    """A terminal that was resized since the Worker began is as wide for the debugger as for the user."""
    client = server.client()
    server.resize(60, 20)
    client.send("debug")
    server.see("(Pdb)")
    server.type(b"os.get_terminal_size()\r")
    server.see("columns=60, lines=20")
    server.type(b"c\r")
    assert client.line() == "old debug"
    assert server.stop_by_key() == 0


def test_without_a_terminal_it_is_reported_what_a_breakpoint_needs(tmp_path: Path) -> None:
    """In plain mode a debugger finds no input: that handler fails, with the reason, and nothing hangs."""
    with serving(tmp_path, text=OLD) as server:
        server.wait("ready")
        client = Client(server.port)
        client.send("debug")
        server.wait("debugging", active=True)
        server.wait("debugging", active=False)
        assert client.ask("on") == "old on"
        assert server.stop() == 0
        assert "is at a breakpoint(), and only the console can answer it" in server.output()
