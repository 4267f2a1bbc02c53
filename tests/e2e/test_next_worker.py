"""From the second save on the next Worker's process is forked ahead: only the time shows it."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.e2e.test_breakpoint import NEW, OLD, Server
from tests.e2e.test_new_files import imports
from tests.harness import Client, DevServer, answering, child_of, eventually, is_gone, serving

OPTIONS = ("--workers", "1", "--warm", "off")
"""On a busy machine even the import of a small app may take long enough for an image."""
ABSENT = "try:\n    import words\nexcept ImportError:\n    pass\nelse:\n    raise SystemExit\n"


def next_worker(server: DevServer) -> int:
    """Wait until there is one, and return it."""
    return child_of(server.manager(), "next worker")


@contextmanager
def one_edit(server: DevServer) -> Iterator[None]:
    """Have the Master notice all files that the block saves at once: it is stopped meanwhile."""
    server.process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        server.process.send_signal(signal.SIGCONT)


def saved(server: DevServer, client: Client, version: int) -> int:
    """Save another answer and see it; return the process of its Worker."""
    server.save(answering(f"v{version}"))
    assert client.ask("x") == f"v{version} x"
    return newest(server)


def newest(server: DevServer) -> int:
    """Wait until newer code is live; return the process of the newest Worker."""
    server.wait("live")
    return int(server.past("worker-started")[-1]["pid"])


@contextmanager
def saved_once(folder: Path) -> Iterator[tuple[DevServer, Client]]:
    """Serve, and save: from then on there is a next Worker."""
    with serving(folder, *OPTIONS, text=answering("v1")) as server:
        server.wait("live")
        client = Client(server.port)
        saved(server, client, 2)
        yield server, client


def test_a_save_takes_the_process_that_was_forked_for_it(tmp_path: Path) -> None:
    """It runs what the disk has by then: files that are new, changed and gone."""
    words = tmp_path / "words.py"
    with saved_once(tmp_path) as (server, client):
        process = next_worker(server)
        with one_edit(server):
            words.write_text("WORD = 'one'\n")
            server.save(imports("words"))
        assert client.ask("x") == "one x"
        assert newest(server) == process
        process = next_worker(server)
        words.write_text("WORD = 'two'\n")
        assert client.ask("x") == "two x"
        assert newest(server) == process
        process = next_worker(server)
        with one_edit(server):
            words.unlink()
            server.save(f"{ABSENT}{answering('v3')}")
        assert client.ask("x") == "v3 x"
        assert newest(server) == process
        process = next_worker(server)
        assert server.stop() == 0
        assert is_gone(process)


def test_a_next_worker_that_is_killed_costs_time_only(tmp_path: Path) -> None:
    """The save after it forks another; its end is no Worker's."""
    with saved_once(tmp_path) as (server, client):
        process = next_worker(server)
        os.kill(process, signal.SIGKILL)
        eventually("it is gone", lambda: is_gone(process))
        assert saved(server, client, 3) != process
        assert saved(server, client, 4) not in (process, 0)
        assert server.past("lost") == []
        assert {fact["reason"] for fact in server.past("worker-exited")} <= {"exit 0"}
        assert server.stop() == 0


def test_a_next_worker_ends_with_its_manager(tmp_path: Path) -> None:
    """Whether it waits or was stopped, and whether the Manager leaves or is killed."""
    with saved_once(tmp_path) as (server, client):
        process = next_worker(server)
        os.kill(server.manager(), signal.SIGKILL)
        eventually("it is gone", lambda: is_gone(process))
        server.wait("manager-started", standby=False)
        server.wait("rolled")
        assert client.ask("x") == "v2 x"
        saved(server, client, 3)
        process = next_worker(server)
        os.kill(process, signal.SIGSTOP)
        assert server.stop() == 0
        assert is_gone(process)


def test_a_worker_that_was_forked_ahead_has_the_terminal(tmp_path: Path) -> None:
    """A breakpoint in it is answered as in any other."""
    with Server(tmp_path, *OPTIONS) as server:
        client = server.client()
        server.save(NEW)
        assert client.ask("x") == "new x"
        process = child_of(child_of(server.process.pid, "manager"), "next worker")
        server.save(OLD)
        assert client.ask("pid") == f"old {process}"
        client.send("debug me")
        server.see("before debug me", "(Pdb)")
        server.type(b"p text.upper()\r")
        server.see("'DEBUG ME'")
        server.type(b"c\r")
        assert client.line() == "old debug me"
        assert server.stop_by_key() == 0
