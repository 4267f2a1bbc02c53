"""Whatever a client sends: it gets what uvicorn says, and the console names no error of devserver's own."""

from __future__ import annotations

import re
import select
import socket
import time
from collections.abc import Iterator

import pytest

from tests.harness import DEADLINE
from tests.malformed import GOOD, malformed
from tests.side_by_side import Pair, ask, masked, play, side_by_side

SEEDS = range(480)
TOGETHER = 24
"""Connections that are open at once."""
SILENCE = 0.2
"""Seconds without a byte after which a server that has not closed waits for more."""
BYE = b"GET /closing HTTP/1.1\r\nHost: localhost\r\n\r\n"
REFUSED = b"x-content-type-options: nosniff"
"""In every answer of our own."""


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Start both once."""
    with side_by_side(tmp_path_factory.mktemp("wire"), "wire") as pair:
        yield pair


class Talk:
    """The same bytes on a connection to each server; what each has said, and whether it has closed."""

    def __init__(self, pair: Pair, data: bytes) -> None:
        self.sockets = [socket.create_connection(("127.0.0.1", port), DEADLINE) for port in pair.ports]
        self.said = [b"", b""]
        self.closed = [False, False]
        self.since = time.monotonic()
        for each in self.sockets:
            try:
                each.sendall(data)
            except OSError:
                continue  # it has refused the rest

    def read(self) -> None:
        """Take what has come; if neither closes, end it: both wait for more."""
        for ready in select.select(self.open, [], [], 0)[0]:
            at = self.sockets.index(ready)
            try:
                data = ready.recv(1 << 20)
            except ConnectionError:
                data = b""
            self.said[at] += data
            self.closed[at] = not data
            self.since = time.monotonic()
        if not any(self.closed) and time.monotonic() - self.since > SILENCE:
            for each in self.sockets:
                each.shutdown(socket.SHUT_WR)
            self.since = time.monotonic()

    @property
    def open(self) -> list[socket.socket]:
        """Return the connections that the servers have not closed."""
        return [each for each, closed in zip(self.sockets, self.closed, strict=True) if not closed]

    @property
    def over(self) -> bool:
        """Return whether both have closed."""
        return all(self.closed)

    def close(self) -> None:
        """Close both."""
        for each in self.sockets:
            each.close()


def _upgrades_later(data: bytes) -> bool:
    """Return whether an upgrade follows a request: uvicorn answers it while the other's answer is due."""
    return b"Upgrade: websocket" in data.partition(b"\r\n\r\n")[2]


def test_garbage_behind_two_requests_is_no_error_of_devservers_own(pair: Pair) -> None:
    """It is refused, and ends the connection; what was before it has nobody to answer."""
    get = b"GET /echo HTTP/1.1\r\nHost: localhost\r\n\r\n"
    answer, _ = play(pair.ports[1], [get + get + b"\0garbage\r\n\r\n"])
    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert pair.devserver.past("notice", level="error") == []


def test_an_upgrade_is_answered_after_the_request_before_it(pair: Pair) -> None:
    """Whatever takes longer: a client reads the answers in the order in which it has asked."""
    get = b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n"
    upgrade = next(data for data in GOOD if b"/ws-403" in data)
    answer, told = play(pair.ports[1], [get + get + upgrade])
    assert re.findall(rb"HTTP/1.1 (\d+)", answer) == [b"200", b"200", b"403"]
    assert len(told) == 5, "two of them are of the connection beside it"


def test_malformed_requests_get_what_uvicorn_says(pair: Pair) -> None:
    """480 of them, by seed; where the Host is spoilt, the refusal is ours."""
    different = {}
    for first in range(SEEDS.start, SEEDS.stop, TOGETHER):
        talks = {seed: Talk(pair, malformed(seed) + BYE) for seed in range(first, first + TOGETHER)}
        end = time.monotonic() + DEADLINE
        while not all(talk.over for talk in talks.values()) and time.monotonic() < end:
            select.select([each for talk in talks.values() for each in talk.open], [], [], 0.01)
            for talk in talks.values():
                talk.read()
        for seed, talk in talks.items():
            talk.close()
            uvicorn, devserver = (masked(said) for said in talk.said)
            same = uvicorn == devserver or REFUSED in devserver or _upgrades_later(malformed(seed))
            if not (talk.over and same):
                different[seed] = malformed(seed)[:300], uvicorn[:300], devserver[:300]
    for seed, (data, *said) in different.items():
        print(f"seed {seed}: {data!r}", *said, sep="\n    ")
    assert not different
    ask(pair.ports[1], "/told")  # no run of the app is left behind
    assert play(pair.ports[1], [BYE])[0].endswith(b"good bye")
    assert pair.devserver.past("notice", level="error") == []
    assert "devserver's own" not in pair.stderr()
    assert "Traceback" not in pair.stderr()
    assert pair.devserver.past("worker-exited") == []
