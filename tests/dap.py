"""A client of the Debug Adapter Protocol, as an editor is one: small and blocking, with deadlines."""

from __future__ import annotations

import json
import queue
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, Self

from tests.harness import DEADLINE, eventually

Message = dict[str, Any]
PATIENCE = 5.0
"""Seconds after which a session that got no answer at all connects once more."""


class Session:
    """One process that is debugged; `arguments` are those of `attach`, breakpoints lines by their file."""

    def __init__(self, port: int, arguments: Message, breakpoints: dict[str, list[int]]) -> None:
        self._port = port
        self._socket = _connected(port)
        self._sending = threading.Lock()
        self._sent = 0
        self._heard: dict[int | str, queue.Queue[Message]] = {}
        """The answers by the numbers of their requests, the events by name: several threads wait at once."""
        self.on_attach: Callable[[Message], None] = lambda _body: None
        self.on_stopped: Callable[[Message], None] = lambda _body: None
        self._breakpoints = breakpoints
        self._arguments = arguments

    def begin(self) -> Self:
        """Attach, set the breakpoints, and let the process run."""
        try:
            self._initialize(PATIENCE)
        except queue.Empty:  # debugpy's adapter leaves a connection unaccepted now and then, under load
            self._socket.close()
            self._socket = _connected(self._port)
            self._initialize(DEADLINE)
        attach = self._send("attach", self._arguments)
        self.event("initialized")
        for path, lines in self._breakpoints.items():
            self.ask("setBreakpoints", source={"path": path}, breakpoints=[{"line": line} for line in lines])
        self.ask("configurationDone")
        self._answer(attach)
        return self

    def _initialize(self, timeout: float) -> None:
        threading.Thread(target=self._listen, args=(self._socket.makefile("rb"),), daemon=True).start()
        arguments = {"adapterID": "test", "linesStartAt1": True, "pathFormat": "path"}
        self._answer(self._send("initialize", arguments), timeout)

    def event(self, name: str) -> Message:
        """Return the body of the next event of that name."""
        body: Message = self._of(name).get(timeout=DEADLINE).get("body", {})
        return body

    def ask(self, command: str, **arguments: Any) -> Message:
        """Ask for something; return the body of the answer."""
        return self._answer(self._send(command, arguments))

    def _answer(self, number: int, timeout: float = DEADLINE) -> Message:
        answer = self._of(number).get(timeout=timeout)
        assert answer["success"], answer
        body: Message = answer.get("body", {})
        return body

    def _of(self, what: int | str) -> queue.Queue[Message]:
        return self._heard.setdefault(what, queue.Queue())  # one step, whichever thread comes first

    def _send(self, command: str, arguments: Message) -> int:
        with self._sending:
            self._sent += 1
            number = self._sent
            body = {"seq": number, "type": "request", "command": command, "arguments": arguments}
            data = json.dumps(body).encode()
            self._socket.sendall(b"Content-Length: %d\r\n\r\n%s" % (len(data), data))
        return number

    def _listen(self, stream: BinaryIO) -> None:
        try:
            while header := stream.readline():
                stream.readline()
                message = json.loads(stream.read(int(header.split(b":")[1])))
                if message.get("event") == "debugpyAttach":
                    self.on_attach(message["body"])
                elif message.get("event") == "stopped":
                    self.on_stopped(message["body"])
                elif message["type"] == "event":
                    self._of(message["event"]).put(message)
                elif message["type"] == "response":
                    self._of(message["request_seq"]).put(message)
        except (OSError, ValueError):
            return  # the adapter has left, or we have

    def close(self) -> None:
        """Leave: the process runs on."""
        self._socket.close()


class Editor:
    """Debugs the server's process and every Worker that it is notified of, with breakpoints in one file."""

    def __init__(self, port: int, file: Path, lines: list[int], **arguments: Any) -> None:
        self._breakpoints = {str(file): lines}
        self._stops: queue.Queue[tuple[Session, Message]] = queue.Queue()
        self._sessions: list[Session] = []
        self.main = self._session(port, {"subProcess": True, **arguments})
        self.main.on_attach = self._attached
        self.main.begin()

    def stopped(self) -> tuple[Session, Message]:
        """Return which Worker has stopped next, and how."""
        return self._stops.get(timeout=DEADLINE)

    def _session(self, port: int, arguments: Message) -> Session:
        session = Session(port, arguments, self._breakpoints)
        self._sessions.append(session)
        return session

    def _attached(self, body: Message) -> None:
        def begin() -> None:
            session = self._session(body["connect"]["port"], body)
            session.on_stopped = lambda stop: self._stops.put((session, stop))
            session.begin()

        threading.Thread(target=begin, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for session in self._sessions:
            session.close()


def _connected(port: int) -> socket.socket:
    connection: socket.socket = eventually("the adapter listens", lambda: _connect(port))
    return connection


def _connect(port: int) -> socket.socket | None:
    try:
        return socket.create_connection(("127.0.0.1", port), timeout=DEADLINE)
    except OSError:
        return None
