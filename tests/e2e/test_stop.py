"""How the whole server is stopped, and what a sleeping handler does to it."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path

import pytest

from tests.harness import Client, DevServer, answering, eventually, is_gone, serving

NOTES = (
    "from devserver import Lines\n"
    "import atexit\n"
    "protocol = Lines()\n"
    "atexit.register(lambda: print('note: atexit', flush=True))\n"
    "def on_connect(conn):\n"
    "    conn.send('welcome\\n')\n"
    "def on_receive(conn, data):\n"
    "    if data == b'wait':\n"
    "        open(GATE).read()\n"
    "    conn.send(f'got {data.decode()}\\n')\n"
    "def on_close(conn):\n"
    "    print('note: on_close', flush=True)\n"
    "def on_worker_stop(server):\n"
    "    print('note: on_worker_stop', flush=True)\n"
)


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    """Return a pipe that a handler waits at until the test opens it."""
    path = tmp_path / "gate"
    os.mkfifo(path)
    return path


def opened(gate: Path) -> None:
    """Let go on what waits at the gate, or will wait there soon."""
    eventually("somebody waits at the gate", lambda: passed(gate))


def passed(gate: Path) -> bool:
    """Open the gate for a moment, if somebody waits there."""
    try:
        os.close(os.open(gate, os.O_WRONLY | os.O_NONBLOCK))
    except OSError:  # ENXIO: nobody waits
        return False
    return True


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_gentle_stop_answers_first_and_closes_then(
    tmp_path: Path, gate: Path, number: signal.Signals
) -> None:
    """What runs and what waits is answered, every closing handler runs, the exit code is 0."""
    options = ("--workers", "1", "--stop-timeout", "60")
    with serving(tmp_path, *options, text=NOTES.replace("GATE", repr(str(gate)))) as server:
        server.wait("rolled")
        client = Client(server.port)
        assert client.line() == "welcome"
        client.send("wait")
        client.send("queued")
        eventually("the handler waits at the gate", lambda: running(server))
        eventually("both lines have arrived", lambda: not unread(server, client))
        server.process.send_signal(number)
        server.wait("stopping")
        opened(gate)
        assert [client.line(), client.line(), client.line()] == ["got wait", "got queued", ""]
        assert server.process.wait(30) == 0
        server.all_gone()
        for note in ("on_close", "on_worker_stop", "atexit"):
            assert f"note: {note}" in server.output()
        assert server.past("lost") == []
        server.wait("stopped", code=0)


def running(server: DevServer) -> bool:
    """Return whether a Worker is known to run a unit."""
    return any({load["worker"]: load["running"] for load in server.past("worker-load")}.values())


def test_a_second_interrupt_does_not_wait(tmp_path: Path, gate: Path) -> None:
    """Ctrl-C twice ends it at once, whatever runs, and leaves nothing behind."""
    text = NOTES.replace("GATE", repr(str(gate)))
    with serving(tmp_path, "--stop-timeout", "600", text=text) as server:
        server.wait("rolled")
        client = Client(server.port)
        client.line()
        client.send("wait")
        eventually("the handler waits at the gate", lambda: running(server))
        server.process.send_signal(signal.SIGINT)
        server.wait("stopping")
        server.process.send_signal(signal.SIGINT)
        assert server.process.wait(30) == 130
        server.all_gone()


def test_a_stop_waits_no_longer_than_it_may(tmp_path: Path, gate: Path) -> None:
    """A handler that never ends is ended at the limit, and what it had is reported to be lost."""
    text = NOTES.replace("GATE", repr(str(gate)))
    with serving(tmp_path, "--stop-timeout", "1", text=text) as server:
        server.wait("rolled")
        client = Client(server.port)
        client.line()
        client.send("wait")
        eventually("the handler waits at the gate", lambda: running(server))
        assert server.stop() == 0
        assert server.past("lost")


def test_a_handler_that_sleeps_blocks_nobody_else_and_no_reload(tmp_path: Path, gate: Path) -> None:
    """Others are answered, new code goes live meanwhile, and the sleeper's client still gets its answer."""
    old = NOTES.replace("GATE", repr(str(gate)))
    with serving(tmp_path, "--workers", "2", text=old) as server:
        server.wait("rolled")
        sleeper, other = Client(server.port), Client(server.port)
        assert (sleeper.line(), other.line()) == ("welcome", "welcome")
        sleeper.send("wait")
        eventually("the handler waits at the gate", lambda: running(server))
        assert other.ask("x") == "got x"
        server.save(old.replace("got", "new"))
        assert other.ask("y") == "new y"
        sleeper.send("behind")
        server.wait("rolled", generation=2)
        opened(gate)
        assert sleeper.line() == "got wait"
        assert sleeper.line() == "new behind"
        eventually("the old worker has left", lambda: len(server.workers()) == 2)
        assert server.stop() == 0


def test_an_idle_server_stops_before_anything_was_ever_good(tmp_path: Path) -> None:
    """A first start that failed stops as gently."""
    with serving(tmp_path, text=answering("x", extra="def (")) as server:
        server.wait("refused")
        assert server.stop(signal.SIGINT) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_stop_that_is_requested_again_and_again_keeps_its_exit_code(
    tmp_path: Path, number: signal.Signals
) -> None:
    """Also in the last moment, when the event loop has given the signals back."""
    with serving(tmp_path, "--workers", "1", text=answering("v1")) as server:
        server.wait("rolled")
        while server.process.poll() is None:
            server.process.send_signal(number)
            time.sleep(0.001)  # the pace of the requests, not a wait
        assert server.process.returncode == 0
        server.all_gone()


FAREWELL = (
    "from devserver import Lines\n"
    "import time\n"
    "protocol = Lines()\n"
    "def on_receive(conn, data):\n"
    "    time.sleep(600)\n"
    "def on_worker_stop(server):\n"
    "    print('note: stopping', flush=True)\n"
    "    time.sleep(0.7)\n"
    "    print('note: stopped', flush=True)\n"
)


@pytest.mark.parametrize("killed", ["just before", "before", "amid"])
def test_a_stop_waits_for_workers_whose_manager_has_died(tmp_path: Path, killed: str) -> None:
    """They stop in good order, and nothing is left behind when the command has ended."""
    with serving(tmp_path, text=FAREWELL) as server:
        server.wait("rolled")
        workers, manager = server.workers(), server.manager()
        if killed == "amid":
            server.process.send_signal(signal.SIGTERM)
            eventually("they are stopping", lambda: server.output().count("note: stopping") == len(workers))
        with contextlib.suppress(ProcessLookupError):  # amid: they may have left by now
            os.kill(manager, signal.SIGKILL)
        if killed == "before":
            server.wait("manager-exited")
        if killed != "amid":
            server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(30) == 0
        assert all(map(is_gone, server.pids()))
        assert server.output().count("note: stopped") >= len(workers)


def let_go(server: DevServer, gate: Path) -> bool:
    """Let one more through if somebody waits at the gate; tell whether the command has ended."""
    with contextlib.suppress(OSError):
        os.close(os.open(gate, os.O_WRONLY | os.O_NONBLOCK))
    return server.process.poll() is not None


def test_a_second_interrupt_ends_orphans_too(tmp_path: Path, gate: Path) -> None:
    """At once means all, including processes that others forked."""
    with serving(tmp_path, "--stop-timeout", "600", text=FAREWELL.replace("GATE", repr(str(gate)))) as server:
        server.wait("rolled")
        client = Client(server.port)
        client.send("wait")
        eventually("the handler sleeps", lambda: running(server))
        os.kill(server.manager(), signal.SIGKILL)
        server.process.send_signal(signal.SIGINT)
        server.wait("stopping")
        server.process.send_signal(signal.SIGINT)
        assert server.process.wait(30) == 130
        assert all(map(is_gone, server.pids()))


def test_a_line_that_waits_for_a_save_is_answered_before_the_stop(tmp_path: Path, gate: Path) -> None:
    """The save is being imported when the stop comes: what was received is answered, by the save."""
    with serving(tmp_path, "--workers", "1", "--stop-timeout", "60", text=answering("v1")) as server:
        server.wait("rolled")
        client = Client(server.port)
        server.save(answering("v2", extra=f"open({str(gate)!r}).read()"))
        server.wait("worker-started", generation=2)
        client.send("x")
        eventually("the line has arrived", lambda: not unread(server, client))
        server.process.send_signal(signal.SIGTERM)
        server.wait("stopping")
        opened(gate)
        assert [client.line(), client.line()] == ["v2 x", ""]
        eventually("the rest is let go", lambda: let_go(server, gate))
        assert server.process.returncode == 0


def unread(server: DevServer, client: Client) -> bool:
    """Return whether the server has not read yet all that the client sent."""
    ports = f"{server.port:04X}", f"{client.socket.getsockname()[1]:04X}"
    rows = [row.split() for row in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    queues = [row[4] for row in rows if (row[1][-4:], row[2][-4:]) == ports]
    return not queues or any(int(queue.partition(":")[2], 16) for queue in queues)
