"""A client of the Debug Adapter Protocol, as an editor is one: small and blocking, with deadlines."""

from __future__ import annotations

import json
import queue
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from tests.harness import DEADLINE, eventually

Message = dict[str, Any]


class Session:
    """One process that is debugged; `arguments` are those of `attach`, breakpoints lines by their file."""

    def __init__(self, port: int, arguments: Message, breakpoints: dict[str, list[int]]) -> None:
        self._socket: socket.socket = eventually("the adapter listens", lambda: _connect(port))
        self._stream = self._socket.makefile("rb")
        self._sent = 0
        self._heard: queue.Queue[Message] = queue.Queue()
        self.on_attach: Callable[[Message], None] = lambda _body: None
        self.on_stopped: Callable[[Message], None] = lambda _body: None
        self._breakpoints = breakpoints
        self._arguments = arguments

    def begin(self) -> Self:
        """Attach, set the breakpoints, and let the process run."""
        threading.Thread(target=self._listen, daemon=True).start()
        self.ask("initialize", adapterID="test", linesStartAt1=True, pathFormat="path")
        attach = self._send("attach", self._arguments)
        self.event("initialized")
        for path, lines in self._breakpoints.items():
            self.ask("setBreakpoints", source={"path": path}, breakpoints=[{"line": line} for line in lines])
        self.ask("configurationDone")
        self._answer(attach)
        return self

    def event(self, name: str) -> Message:
        """Return the body of the next event of that name."""
        body: Message = self._until(lambda message: message.get("event") == name).get("body", {})
        return body

    def ask(self, command: str, **arguments: Any) -> Message:
        """Ask for something; return the body of the answer."""
        return self._answer(self._send(command, arguments))

    def _answer(self, number: int) -> Message:
        answer = self._until(lambda message: message.get("request_seq") == number)
        assert answer["success"], answer
        body: Message = answer.get("body", {})
        return body

    def _until(self, wanted: Callable[[Message], bool]) -> Message:
        end = time.monotonic() + DEADLINE
        others: list[Message] = []
        while True:
            message = self._heard.get(timeout=max(0.01, end - time.monotonic()))
            if wanted(message):
                for other in others:
                    self._heard.put(other)
                return message
            others.append(message)

    def _send(self, command: str, arguments: Message) -> int:
        self._sent += 1
        body = {"seq": self._sent, "type": "request", "command": command, "arguments": arguments}
        data = json.dumps(body).encode()
        self._socket.sendall(b"Content-Length: %d\r\n\r\n%s" % (len(data), data))
        return self._sent

    def _listen(self) -> None:
        try:
            while header := self._stream.readline():
                self._stream.readline()
                message = json.loads(self._stream.read(int(header.split(b":")[1])))
                if message.get("event") == "debugpyAttach":
                    self.on_attach(message["body"])
                elif message.get("event") == "stopped":
                    self.on_stopped(message["body"])
                else:
                    self._heard.put(message)
        except (OSError, ValueError):
            return  # the adapter has left, or we have

    def close(self) -> None:
        """Leave: the process runs on."""
        self._socket.close()


class Editor:
    """Debugs the server's process and every Worker that it is told of, with breakpoints in one file."""

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


def _connect(port: int) -> socket.socket | None:
    try:
        return socket.create_connection(("127.0.0.1", port), timeout=DEADLINE)
    except OSError:
        return None
