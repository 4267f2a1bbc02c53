"""Frames of every size and in every order, over reloads, within bounded memory."""

from __future__ import annotations

import random
import signal
import struct
import threading
from pathlib import Path

from tests.harness import COMMAND, Client, answering, eventually, serving

ECHO = (
    "from devserver import LengthPrefixed\n"
    "protocol = LengthPrefixed('!I')\n"
    "def on_receive(conn, data):\n"
    "    conn.send(len(data).to_bytes(4, 'big') + data)\n"
)
MIB = 1024 * 1024


def resident(pid: int) -> int:
    """Return the resident memory of a process, in bytes."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096


def exactly(client: Client, size: int) -> bytes:
    """Return the next `size` bytes."""
    data = bytearray()
    while len(data) < size:
        piece = client.socket.recv(size - len(data))
        assert piece, "the connection was closed"
        data += piece
    return bytes(data)


def test_4000_exchanges_on_one_connection_over_ten_reloads(tmp_path: Path) -> None:
    """Frames of 0.1 to 20 KB, each answered exactly, while all Workers are replaced ten times."""
    rng = random.Random(1)
    with serving(tmp_path, text=ECHO) as server:
        server.wait("rolled")
        client = Client(server.port)
        for number in range(4000):
            if number % 400 == 200:
                server.process.send_signal(signal.SIGUSR1)
            frame = rng.randbytes(rng.randint(100, 20_000))
            client.socket.sendall(struct.pack("!I", len(frame)) + frame)
            [size] = struct.unpack("!I", exactly(client, 4))
            assert exactly(client, size) == frame
        server.wait("live", generation=11)
        assert server.past("lost") == []
        assert server.stop() == 0


def test_a_large_frame_in_small_pieces_during_a_reload_arrives_whole(tmp_path: Path) -> None:
    """A frame that began before the save and ends after it is one frame."""
    frame = random.Random(2).randbytes(900_000)
    packet = struct.pack("!I", len(frame)) + frame
    with serving(tmp_path, text=ECHO) as server:
        server.wait("rolled")
        client = Client(server.port)
        for start in range(0, len(packet), 2048):
            client.socket.sendall(packet[start : start + 2048])
            if start == 2048 * 100:
                server.save_and_wait(ECHO + "# new\n")
        assert exactly(client, len(packet)) == packet
        assert server.stop() == 0


def test_a_frame_over_the_maximum_closes_its_connection_alone(tmp_path: Path) -> None:
    """The reason is on the console; others do not notice."""
    with serving(tmp_path, text=ECHO) as server:
        server.wait("rolled")
        bad, good = Client(server.port), Client(server.port)
        bad.socket.sendall(struct.pack("!I", 5) + b"first" + struct.pack("!I", 2**31))
        assert exactly(bad, 9) == struct.pack("!I", 5) + b"first"
        assert bad.socket.recv(1) == b""
        assert "allowed" in server.wait("lost")["reason"]
        good.socket.sendall(struct.pack("!I", 2) + b"ok")
        assert exactly(good, 6) == struct.pack("!I", 2) + b"ok"
        assert server.stop() == 0


def test_a_client_that_closes_at_once_has_all_its_frames_handled(tmp_path: Path) -> None:
    """512 frames, then gone: each is handled, then on_close."""
    text = (
        "from devserver import Lines\n"
        "protocol = Lines()\n"
        "def on_receive(conn, data):\n"
        "    conn.state['count'] = conn.state.get('count', 0) + 1\n"
        "def on_close(conn):\n"
        "    print('note:', conn.state['count'], flush=True)\n"
    )
    with serving(tmp_path, text=text) as server:
        server.wait("rolled")
        client = Client(server.port)
        client.socket.sendall(b"x\n" * 512)
        client.close()
        eventually("every frame was handled", lambda: "note: 512" in server.output())
        assert server.stop() == 0


def test_everything_that_was_sent_arrives_before_a_queued_close(tmp_path: Path) -> None:
    """2 MiB, then close(): the client reads all of it, then the end."""
    text = answering("x").replace(
        "conn.send", "conn.send(b'y' * 2097152)\n    conn.close()\n    0 and conn.send"
    )
    with serving(tmp_path, text=text) as server:
        server.wait("rolled")
        client = Client(server.port)
        client.send("go")
        assert exactly(client, 2 * MIB) == b"y" * 2 * MIB
        assert client.socket.recv(1) == b""
        assert server.stop() == 0


def test_a_flood_for_a_busy_worker_is_held_back(tmp_path: Path) -> None:
    """A client that sends without end fills neither the Master nor the Worker."""
    gate = tmp_path / "gate"
    text = f"import os\nos.path.exists({str(gate)!r}) or os.mkfifo({str(gate)!r})\n" + answering("x").replace(
        "    conn", f"    if data == b'wait':\n        open({str(gate)!r}).read()\n    conn"
    )
    with serving(tmp_path, "--workers", "1", text=text) as server:
        server.wait("rolled")
        client = Client(server.port)
        client.send("wait")
        before = resident(server.process.pid)
        sent = flood(client)
        assert sent < 16 * MIB, "the server stopped reading"
        assert resident(server.process.pid) - before < 16 * MIB
        with gate.open("w"):
            pass
        assert client.line() == "x wait"
        assert client.line().startswith("x aaaa")
        assert server.stop() == 0


def flood(client: Client) -> int:
    """Send 64 MiB of lines, or as much as is taken before a send has to wait for a second."""
    client.socket.settimeout(1)
    line, sent = b"a" * 1023 + b"\n", 0
    try:
        while sent < 64 * MIB:
            sent += client.socket.send(line * 64)
    except TimeoutError:
        pass
    client.socket.settimeout(30)
    return sent


def test_a_slow_client_slows_only_its_own_handler(tmp_path: Path) -> None:
    """An answer of 64 MiB that is not read stays out of the Master's memory; others are served."""
    text = answering("x").replace(
        "    conn.send",
        "    for _ in range(64 if data == b'big' else 0):\n        conn.send(b'z' * 1048576)\n    conn.send",
    )
    with serving(tmp_path, "--workers", "2", text=text) as server:
        server.wait("rolled")
        slow, other = Client(server.port), Client(server.port)
        before = resident(server.process.pid)
        slow.send("big")
        for number in range(200):
            assert other.ask(str(number)) == f"x {number}"
        assert resident(server.process.pid) - before < 16 * MIB
        assert len(exactly(slow, 64 * MIB)) == 64 * MIB
        assert slow.line() == "x big"
        assert server.stop() == 0


def test_a_broadcast_does_not_wait_for_a_client_that_does_not_read(tmp_path: Path) -> None:
    """It misses what is over its limit, that is reported, and it lives on."""
    text = answering("x").replace("conn.send", "conn.server.broadcast(b'b' * 65535 + b'\\n')\n    conn.send")
    with serving(tmp_path, text=text) as server:
        server.wait("rolled")
        stuck, other = Client(server.port), Client(server.port)
        before = resident(server.process.pid)
        for number in range(300):
            other.send(str(number))
            assert len(other.line()) == 65535
            assert other.line() == f"x {number}"
        assert resident(server.process.pid) - before < 16 * MIB
        drained = threading.Thread(target=lambda: [exactly(stuck, 65536) for _ in range(20)])
        drained.start()
        lost = server.wait("lost")
        assert "did not read" in lost["reason"]
        drained.join()
        assert server.stop() == 0


def test_more_clients_than_descriptors_are_turned_away_and_a_save_still_works(tmp_path: Path) -> None:
    """What serves clients leaves room for what reloads; who was refused is reported."""
    (tmp_path / "handlers.py").write_text(answering("v1"))
    limited = ("sh", "-c", 'ulimit -n 100; exec "$@"', "sh", *COMMAND)
    with serving(tmp_path, command=limited) as server:
        server.wait("rolled")
        clients = [Client(server.port) for _ in range(80)]
        assert "ulimit" in server.wait("lost")["reason"]
        assert clients[0].ask("x") == "v1 x"
        server.save(answering("v2"))
        assert clients[0].ask("y") == "v2 y"
        server.wait("rolled", generation=2)
        assert server.stop() == 0


def test_unix_sockets_serve_the_same_handlers(tmp_path: Path, short_path: Path) -> None:
    """`--uds`: same protocol, and the socket's file is gone after the stop."""
    path = short_path / "sock"
    with serving(tmp_path, "--uds", str(path), text=answering("x"), listen=False) as server:
        server.wait("ready")
        client = Client(str(path))
        assert client.ask("hello") == "x hello"
        server.save(answering("y"))
        assert client.ask("hello") == "y hello"
        assert server.stop() == 0
        assert not path.exists()


def test_the_default_port_is_opened_for_handlers_and_closed_without(tmp_path: Path) -> None:
    """The kind that a save takes away closes its listener and none of its connections."""
    with serving(tmp_path, "--port", "0", text=answering("x"), listen=False) as server:
        server.wait("ready")
        client = Client(server.port)
        assert client.ask("1") == "x 1"
        server.save("def on_worker_start(server):\n    pass\n")
        assert [listener["kind"] for listener in server.wait("listening")["listeners"]] == ["http"]
        client.send("2")
        server.save(answering("y"))
        assert [listener["kind"] for listener in server.wait("listening")["listeners"]] == ["http", "tcp"]
        assert client.line() == "y 2"
        assert server.stop() == 0


def test_two_servers_share_the_machine(tmp_path: Path) -> None:
    """A default port that is in use: the next free one is taken, and that is reported."""
    first, second = tmp_path / "one", tmp_path / "two"
    first.mkdir()
    second.mkdir()
    with serving(first, text=answering("1"), listen=False) as one:
        one.wait("ready")
        with serving(second, text=answering("2"), listen=False) as two:
            two.wait("ready")
            assert two.port != one.port
            assert two.http_port != one.http_port
            assert (Client(one.port).ask("x"), Client(two.port).ask("x")) == ("1 x", "2 x")
            notices = [notice["text"] for notice in two.past("notice")]
            for port, default in ((two.http_port, 8000), (two.port, 9501)):
                reported = any(text.endswith(f": listening on {port} instead") for text in notices)
                assert reported == (port != default)  # it has the default if somebody else gave it back
            assert two.stop() == 0
        assert one.stop() == 0
