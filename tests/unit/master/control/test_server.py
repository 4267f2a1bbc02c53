"""The control socket: each client gets an answer or a sentence, and no client delays another."""

from __future__ import annotations

import asyncio
import gc
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from devserver.common import events
from devserver.control import protocol, sockets
from devserver.control.protocol import Problem, Reply
from devserver.master.control import server as module
from devserver.master.control.answers import Answers
from devserver.master.control.control import Control
from devserver.master.control.journal import Journal
from devserver.master.control.server import ControlServer
from devserver.master.reload.generations import Generations
from devserver.reporting import plain
from tests.fakes.routes import no_routes


class Still:
    """A server of which nothing is live yet, and never will be."""

    def __init__(self) -> None:
        self.generations = Generations()
        self.rereads = 0

    async def newest_edit_on_disk(self) -> int:
        return 0

    def request_reload(self) -> None:
        self.rereads += 1

    def next_decision(self) -> Awaitable[object]:
        return asyncio.Event().wait()


Use = Callable[[ControlServer, Answers], Awaitable[None]]


@pytest.fixture
def with_server(short_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Use], None]:
    """Return a function that runs a test against a control server in a folder of its own."""
    monkeypatch.setattr(sockets, "candidates", lambda: [short_path / "devserver"])

    def run(use: Use) -> None:
        async def main() -> None:
            answers = Answers(Still(), no_routes(), Journal(plain.line), "/shop", lambda _reason: None)
            server = ControlServer(answers, "/shop", "/shop")
            await server.start()
            try:
                await asyncio.wait_for(use(server, answers), 20)
            finally:
                await server.close()
            assert not os.path.exists(server.path)

        asyncio.run(main())

    return run


async def _ask(server: ControlServer, request: bytes) -> list[Reply]:
    reader, writer = await asyncio.open_unix_connection(server.path)
    writer.write(request)
    lines = [line async for line in reader]
    writer.close()
    return [protocol.reply_in(line) for line in lines]


@pytest.mark.parametrize(
    ("request_line", "expected"),
    [
        (b"hello\n", "this is not a request of version 1"),
        (b'{"do":"dance"}\n', "this is not a request of version 1"),
        (b'{"do":"wait","timeout_s":"long"}\n', "this is not a request of version 1"),
        (b'{"do":"dance","version":2}\n', "this request has version 2"),
        (b"[" * 5000 + b"\n", "this is not a request of version 1"),
        (b"\xff\xfe\n", "this is not a request of version 1"),
        (b"x" * (protocol.LONGEST_REQUEST + 10) + b"\n", "the request is longer than"),
    ],
)
def test_what_is_no_request_is_answered_with_a_sentence(
    with_server: Callable[[Use], None], request_line: bytes, expected: str
) -> None:
    """Whatever is sent: never a traceback, and the server goes on."""

    async def use(server: ControlServer, _answers: Answers) -> None:
        (reply,) = await _ask(server, request_line)
        assert isinstance(reply, Problem)
        assert reply.sentence.startswith(expected)
        (status,) = await _ask(server, protocol.encode(protocol.AskStatus()))
        assert isinstance(status, protocol.Status)

    with_server(use)


def test_a_client_that_sends_nothing_is_let_go(
    with_server: Callable[[Use], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Meanwhile others are answered."""
    monkeypatch.setattr(module, "ASK_WITHIN", 0.2)

    async def use(server: ControlServer, _answers: Answers) -> None:
        silent, writer = await asyncio.open_unix_connection(server.path)
        (status,) = await _ask(server, protocol.encode(protocol.AskStatus()))
        assert isinstance(status, protocol.Status)
        assert protocol.reply_in(await silent.readline()) == Problem(sentence="no request came within 0.2 s")
        assert await silent.read() == b""
        writer.close()

    with_server(use)


def test_a_client_that_does_not_read_is_cut_off(
    with_server: Callable[[Use], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It blocks neither the server nor its end."""
    monkeypatch.setattr(module, "READ_WITHIN", 0.2)
    cut: list[bool] = []

    async def endless(_self: Answers, _request: protocol.Request) -> AsyncIterator[Reply]:
        try:
            while True:
                yield protocol.Logged(at=0, source="app", text="x" * 65536)
        finally:
            cut.append(True)

    monkeypatch.setattr(Answers, "answer", endless)

    async def use(server: ControlServer, _answers: Answers) -> None:
        with socket.socket(socket.AF_UNIX) as deaf:
            deaf.connect(server.path)
            deaf.sendall(protocol.encode(protocol.AskStatus()))
            while not cut:
                await asyncio.sleep(0.01)

    with_server(use)


def test_a_client_that_leaves_while_it_is_answered_is_no_error(
    with_server: Callable[[Use], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A command whose own time is up, or that was interrupted."""
    errors: list[object] = []

    async def use(server: ControlServer, answers: Answers) -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _loop, context: errors.append(context))
        begun, ended = asyncio.Event(), asyncio.Event()

        async def answer(_request: object) -> AsyncIterator[Reply]:
            try:
                begun.set()
                yield Problem(sentence="x" * 10_000_000)
            finally:
                ended.set()

        monkeypatch.setattr(answers, "answer", answer)
        _reader, writer = await asyncio.open_unix_connection(server.path, limit=1)
        writer.write(protocol.encode(protocol.AskStatus()))
        await begun.wait()
        writer.transport.abort()
        await ended.wait()

    with_server(use)
    gc.collect()
    assert errors == []


@pytest.mark.timeout(20)
@pytest.mark.parametrize("turns", range(8))
def test_a_request_that_comes_with_the_end_does_not_hold_it_up(
    with_server: Callable[[Use], None], turns: int
) -> None:
    """`devserver stop` just when the server stops by itself, at any turn of its loop."""

    async def use(server: ControlServer, _answers: Answers) -> None:
        client = socket.socket(socket.AF_UNIX)
        client.connect(str(server.path))
        for _ in range(turns):
            await asyncio.sleep(0)
        client.sendall(protocol.encode(protocol.AskStop()))
        left.append(client)

    left: list[socket.socket] = []
    with_server(use)
    left[0].close()


def test_too_many_clients_get_the_reason(
    with_server: Callable[[Use], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one beyond the limit gets a sentence; when one has left there is room."""
    monkeypatch.setattr(module, "MOST_CLIENTS", 1)

    async def use(server: ControlServer, _answers: Answers) -> None:
        _reader, writer = await asyncio.open_unix_connection(server.path)
        writer.write(protocol.encode(protocol.AskWait()))
        (refused,) = await _ask(server, protocol.encode(protocol.AskStatus()))
        assert isinstance(refused, Problem)
        assert "try again" in refused.sentence
        writer.close()
        while isinstance((await _ask(server, protocol.encode(protocol.AskStatus())))[0], Problem):
            await asyncio.sleep(0.01)

    with_server(use)


def test_another_user_is_refused(with_server: Callable[[Use], None], monkeypatch: pytest.MonkeyPatch) -> None:
    """Should the folder's permissions ever fail, the kernel's word on the peer stands."""
    monkeypatch.setattr(sockets, "peer_uid", lambda _sock: os.geteuid() + 1)

    async def use(server: ControlServer, _answers: Answers) -> None:
        assert await _ask(server, protocol.encode(protocol.AskStop())) == [
            Problem(sentence="this server belongs to another user")
        ]

    with_server(use)


def test_a_wait_ends_at_its_time_limit(with_server: Callable[[Use], None]) -> None:
    """The answer shows what is waited for."""

    async def use(server: ControlServer, _answers: Answers) -> None:
        (verdict,) = await _ask(server, protocol.encode(protocol.AskWait(timeout_s=0.05)))
        assert isinstance(verdict, protocol.Verdict)
        assert verdict.state == "starting"

    with_server(use)


def test_a_waiting_client_is_notified_when_the_server_stops(with_server: Callable[[Use], None]) -> None:
    """Rather than left without an answer."""

    async def use(server: ControlServer, answers: Answers) -> None:
        waiting = asyncio.create_task(_ask(server, protocol.encode(protocol.AskWait())))
        await _ask(server, protocol.encode(protocol.AskStatus()))  # by now the first one waits
        answers.stopping.set()
        (verdict,) = await waiting
        assert isinstance(verdict, protocol.Verdict)

    with_server(use)


def test_without_a_place_for_the_socket_the_run_goes_on_with_a_warning(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No home, nothing that can be written: a warning that gives the reason, and nothing else."""
    monkeypatch.setattr(sockets, "candidates", list)
    said: list[events.Event] = []

    async def main() -> None:
        control = Control("/shop", said.append)
        await control.open(Still(), no_routes(), lambda _reason: None)
        await control.close()

    asyncio.run(main())
    (notice,) = said
    assert isinstance(notice, events.Notice)
    assert notice.text == (
        "no control socket (there is no folder for it): "
        "devserver status, wait and stop cannot reach this server"
    )
