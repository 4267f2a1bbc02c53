"""What becomes of an open WebSocket when newer code goes live, and when its Worker dies."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection

from tests.harness import DEADLINE, eventually
from tests.http import ask, websocket
from tests.survivor import open_gate, save, surviving, version


def close_code(socket: ClientConnection) -> int | None:
    """Read to the end; return the code that the server has closed with."""
    try:
        while True:
            socket.recv(timeout=DEADLINE)
    except ConnectionClosed as closed:
        return closed.rcvd.code if closed.rcvd else None


def test_a_message_right_after_a_save_runs_the_new_code_50_of_50(tmp_path: Path) -> None:
    """On one connection that never closes; each message is answered once, in order."""
    with surviving(tmp_path) as server, websocket(server, "/version") as socket:
        assert ask(socket, "0") == "v1 0"
        for number in range(2, 52):
            server.save(version(number))
            assert ask(socket, str(number)) == f"v{number} {number}"
        assert server.past("lost") == []
        assert server.stop() == 0


def test_a_quiet_connection_moves_too_and_its_app_gets_1012(tmp_path: Path) -> None:
    """The old code sees a disconnect, the new code what the scope says of it."""
    with surviving(tmp_path) as server, websocket(server, "/version") as socket:
        assert ask(socket, "resumed") == "v1 None"
        [old] = server.workers()
        live = save(server, 2)
        server.wait("worker-exited", worker=old, reason="exit 0")
        assert "v1 disconnected 1012" in server.output()
        assert ask(socket, "resumed") == f"v2 {{'generation': {live['generation']}}}"
        assert "Traceback" not in server.output()
        assert server.stop() == 0


def test_messages_sent_over_a_save_come_in_order_once(tmp_path: Path) -> None:
    """Also those that the old Worker has received and its app has not; those after the save run it."""
    with surviving(tmp_path) as server, websocket(server, "/version") as socket:
        socket.send("wait")
        eventually("it is in hand", lambda: "in hand" in server.output())
        for number in range(20):
            socket.send(str(number))
        save(server, 2)
        for number in range(20, 30):
            socket.send(str(number))
        open_gate(tmp_path)
        assert socket.recv(timeout=DEADLINE) == "v1 wait"
        answers = [str(socket.recv(timeout=DEADLINE)).split() for _ in range(30)]
        assert [int(number) for _, number in answers] == list(range(30))
        versions = [version for version, _ in answers]
        assert versions == sorted(versions)
        assert versions[20:] == ["v2"] * 10
        assert server.stop() == 0


def test_a_connection_survives_its_worker_and_loses_the_message_in_hand(tmp_path: Path) -> None:
    """What followed it is answered by the next Worker, and the loss is reported."""
    with surviving(tmp_path) as server, websocket(server, "/version") as socket:
        socket.send("die")
        socket.send("after")
        assert socket.recv(timeout=DEADLINE) == "v1 after"
        assert "the message in hand of WebSocket /version" in server.wait("lost")["what"]
        assert server.stop() == 0


def test_a_close_at_the_first_message_after_a_save_has_the_apps_own_code(
    tmp_path: Path,
) -> None:
    """4001 may mean that a user is signed out: 1012 would bring the client back at once."""
    with surviving(tmp_path) as server:
        with websocket(server, "/moody") as socket, websocket(server, "/moody") as other:
            assert ask(socket, "a") == ask(other, "a") == "v1 a"
            save(server, 2)
            socket.send("out")
            assert close_code(socket) == 4001
            assert "closed it with 4001" in server.wait("notice", level="warning")["text"]
            save(server, 3)
            assert ask(other, "b") == "v3 b", "newer code is not blamed for what older code did"
        assert server.stop() == 0


def test_a_handler_that_raises_after_a_save_does_not_cut_the_others_at_every_save(tmp_path: Path) -> None:
    """Its client sees what uvicorn would show; the others of its path go on over every later save."""
    with surviving(tmp_path) as server:
        with websocket(server, "/moody") as socket, websocket(server, "/moody") as other:
            assert ask(socket, "a") == ask(other, "a") == "v1 a"
            save(server, 2)
            socket.send("raise")
            assert close_code(socket) is None, "no closing handshake: 1006"
            for number in range(3, 6):
                save(server, number)
                assert ask(other, "b") == f"v{number} b"
        assert server.stop() == 0


def test_an_app_whose_first_message_is_a_token_closes_as_it_does_for_any_other(tmp_path: Path) -> None:
    """It can tell from the scope that it goes on, and closes with its own code if it does not look."""
    with surviving(tmp_path) as server:
        with websocket(server, "/token") as socket:
            assert ask(socket, "token") == "v1 welcome"
            save(server, 2)
            socket.send("hello")
            assert close_code(socket) == 1008
        told = server.wait("notice", level="warning")["text"]
        assert told.startswith(
            "WebSocket /token could not go on with the new code, which closed it with 1008"
        )
        assert server.stop() == 0


def test_messages_that_a_close_with_1012_drops_are_reported(tmp_path: Path) -> None:
    """They were sent between a save and its going live: how many, and which path."""
    with surviving(tmp_path) as server:
        with websocket(server, "/sub", subprotocols=["chat"]) as socket:
            assert ask(socket, "x") == "v1"
            server.save(version(2, "\nwait_for_gate()\n"))
            server.wait("changed")
            for number in range(10):
                socket.send(str(number))
            socket.ping().wait(DEADLINE)
            open_gate(tmp_path)
            assert close_code(socket) == 1012
        assert server.wait("lost")["what"] == "10 messages of WebSocket /sub"
        assert server.stop() == 0


def test_an_app_that_only_pushes_goes_on(tmp_path: Path) -> None:
    """It never receives, so it learns from a failing send; the client sees the version change."""
    with surviving(tmp_path) as server, websocket(server, "/push") as socket:
        assert socket.recv(timeout=DEADLINE) == "v1"
        [old] = server.workers()
        save(server, 2)
        while socket.recv(timeout=DEADLINE) != "v2":
            pass
        server.wait("worker-exited", worker=old, reason="exit 0")
        assert {socket.recv(timeout=DEADLINE) for _ in range(10)} == {"v2"}
        assert "Traceback" not in server.output()
        assert server.stop() == 0


def test_a_negotiated_subprotocol_means_a_session_of_its_own(tmp_path: Path) -> None:
    """Nobody can know what its messages mean to new code: 1012."""
    with surviving(tmp_path) as server:
        with websocket(server, "/sub", subprotocols=["chat"]) as socket:
            assert socket.subprotocol == "chat"
            assert ask(socket, "x") == "v1"
            save(server, 2)
            assert close_code(socket) == 1012
        assert server.stop() == 0


def test_engine_io_is_asked_to_reconnect(tmp_path: Path) -> None:
    """Socket.IO's clients do so by themselves."""
    with surviving(tmp_path) as server:
        with websocket(server, "/version?EIO=4&transport=websocket") as socket:
            assert ask(socket, "x") == "v1 x"
            save(server, 2)
            assert close_code(socket) == 1012
        assert server.stop() == 0


def test_new_code_that_raises_when_it_goes_on_means_1012(tmp_path: Path) -> None:
    """The reason is on the console."""
    with surviving(tmp_path) as server:
        with websocket(server, "/raises") as socket:
            assert ask(socket, "x") == "v1"
            save(server, 2)
            assert close_code(socket) == 1012
        assert server.wait("handler-failed")["failure"]["message"] == "cannot go on"
        assert server.stop() == 0


def test_websockets_can_be_closed_instead(tmp_path: Path) -> None:
    """`--websockets close` asks every client to reconnect."""
    with surviving(tmp_path, "--websockets", "close") as server:
        with websocket(server, "/version") as socket:
            assert ask(socket, "x") == "v1 x"
            save(server, 2)
            assert close_code(socket) == 1012
        assert server.stop() == 0


def test_bad_code_does_nothing_to_open_connections(tmp_path: Path) -> None:
    """A typo is refused, and the conversation goes on with the last good code."""
    with surviving(tmp_path) as server, websocket(server, "/version") as socket:
        server.save("def broken(:\n")
        assert ask(socket, "a") == "v1 a"
        server.wait("refused")
        server.save(version(2))
        assert ask(socket, "b") == "v2 b"
        assert server.stop() == 0


def test_a_killed_manager_and_a_save_right_after_it_close_nothing(tmp_path: Path) -> None:
    """The next Manager boots the new code, and the connection goes on there."""
    with surviving(tmp_path) as server, websocket(server, "/version") as socket:
        assert ask(socket, "a") == "v1 a"
        os.kill(server.manager(), signal.SIGKILL)
        server.wait("manager-exited")
        assert ask(socket, "b") == "v1 b"
        server.save(version(2))
        assert ask(socket, "c") == "v2 c"
        assert server.stop() == 0


def test_a_stop_closes_them_with_1012(tmp_path: Path) -> None:
    """Clients that know the code come back when the server does."""
    with surviving(tmp_path) as server, websocket(server, "/version") as socket:
        assert ask(socket, "a") == "v1 a"
        server.process.send_signal(signal.SIGTERM)
        assert close_code(socket) == 1012
        assert server.stop() == 0
