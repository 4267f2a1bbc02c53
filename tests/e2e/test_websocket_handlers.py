"""Handlers behind a WebSocket: one message is one frame, as over TCP."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.harness import DEADLINE, Client, DevServer, serving

HANDLERS = (
    "from devserver import Lines\n"
    "protocol = Lines()\n"
    "def on_receive(conn, data):\n"
    "    if data.startswith(b'open '):\n"
    "        conn.send('opens')\n"
    "        open(data.split()[1]).read()\n"
    "    conn.send(f'{conn.transport} {data.decode()}\\n')\n"
    "    if data == b'bye':\n"
    "        conn.close()\n"
)


@contextmanager
def websocket(server: DevServer) -> Iterator[ClientConnection]:
    """Connect, with a deadline for the handshake."""
    with connect(f"ws://127.0.0.1:{server.http_port}/", open_timeout=DEADLINE) as socket:
        yield socket


def ask(socket: ClientConnection, text: str) -> str | bytes:
    """Send a message and return the next one."""
    socket.send(text)
    return socket.recv(DEADLINE)


def close_code(socket: ClientConnection) -> int:
    """Wait for the end of the connection; return the server's code."""
    with pytest.raises(ConnectionClosed) as closed:
        socket.recv(DEADLINE)
    assert closed.value.rcvd is not None
    return closed.value.rcvd.code


def test_an_empty_message_is_answered_in_kind(tmp_path: Path) -> None:
    """Bytes for bytes, text for text; what is not empty is text if it is UTF-8."""
    echo = "def on_receive(conn, data):\n    conn.send(data)\n"
    with serving(tmp_path, text=echo) as server, websocket(server) as socket:
        for message, answer in ((b"", b""), ("", ""), (b"\xff", b"\xff"), (b"", b""), (b"a", "a"), ("", "")):
            socket.send(message)
            assert socket.recv(DEADLINE) == answer
        assert server.stop() == 0


def test_a_message_is_a_frame_whatever_the_protocol_says(tmp_path: Path) -> None:
    """Line breaks do not cut it, it needs none at its end, and telnet meets the same function."""
    with serving(tmp_path, text=HANDLERS) as server, websocket(server) as socket:
        assert ask(socket, "one\ntwo") == "websocket one\ntwo\n"
        assert ask(socket, "") == "websocket \n"
        with closing(Client(server.port)) as client:
            assert client.ask("one") == "tcp one"
        server.save_and_wait(HANDLERS.replace("{conn.transport}", "new"))
        assert ask(socket, "three") == "new three\n"
        assert server.stop() == 0


def test_a_handler_closes_it_with_1000(tmp_path: Path) -> None:
    """The client is notified that this was meant, after the last answer."""
    with serving(tmp_path, text=HANDLERS) as server, websocket(server) as socket:
        assert ask(socket, "bye") == "websocket bye\n"
        assert close_code(socket) == 1000
        assert server.stop() == 0


def test_a_gentle_stop_answers_first_and_closes_then(tmp_path: Path) -> None:
    """What a client has sent is answered, then it gets 1012, so that it reconnects."""
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    with serving(tmp_path, "--stop-timeout", "600", text=HANDLERS) as server, websocket(server) as socket:
        assert ask(socket, f"open {gate}") == "opens"
        server.process.send_signal(signal.SIGTERM)
        server.wait("stopping")
        gate.write_text("")
        assert socket.recv(DEADLINE) == f"websocket open {gate}\n"
        assert close_code(socket) == 1012
        server.wait("stopped", code=0)
        server.all_gone()


def test_a_client_that_speaks_on_does_not_hold_up_the_stop(tmp_path: Path) -> None:
    """What comes after the stop has begun is read to the end; the first of it may be answered still."""
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    with serving(tmp_path, "--stop-timeout", "600", text=HANDLERS) as server, websocket(server) as socket:
        assert ask(socket, f"open {gate}") == "opens"
        server.process.send_signal(signal.SIGTERM)
        server.wait("stopping")
        for _ in range(100):
            socket.send("too late")
        gate.write_text("")
        received = []
        with suppress(ConnectionClosed):
            while True:
                received.append(socket.recv(DEADLINE))
        assert received[0] == f"websocket open {gate}\n"
        assert received[1:] in ([], ["websocket too late\n"])
        server.wait("stopped", code=0)
        server.all_gone()
