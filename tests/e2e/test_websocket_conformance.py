"""WebSocket conformance: uvicorn's verdict on each case is devserver's, also while the app is being saved."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256

import pytest

from tests.e2e.test_same_websocket_as_uvicorn import DEFLATE, END, OPEN, handshake
from tests.side_by_side import Pair, Wire, side_by_side
from tests.websocket_cases import BINARY, TEXT, Case, cases

CASES = cases()


@dataclass(frozen=True)
class Verdict:
    """What a server has sent, to the end: each frame as its first byte and its data (if long, their digest).

    Control frames overtake answers, here and there; each kind has its own order.
    """

    messages: tuple[tuple[int, bytes], ...]
    controls: tuple[tuple[int, bytes], ...]
    rest: bytes


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Start both once."""
    with side_by_side(tmp_path_factory.mktemp("wire"), "wire", ["--no-access-log"]) as pair:
        yield pair


@pytest.fixture(scope="module")
def verdicts(pair: Pair) -> dict[str, Verdict]:
    """Ask uvicorn, once."""
    return {name: verdict(pair.ports[0], case) for name, case in CASES.items()}


def verdict(port: int, case: Case, between: Callable[[], None] = lambda: None) -> Verdict:
    """Play a case to the end; `between` is called when the connection is open."""
    with Wire(port) as wire:
        wire.do([handshake("/talk", DEFLATE if case.deflate else ""), OPEN])
        between()
        with suppress(OSError):  # it may have closed
            for piece in case.sends:
                wire.do([piece])
        if case.messages is not None:
            while len(judged(wire.received).messages) < case.messages:
                assert wire._read(), "it closed before it had answered"
            wire.do([END])
        return judged(wire.end())


def judged(received: bytes) -> Verdict:
    """Return what stands after the handshake."""
    data = received.partition(b"\r\n\r\n")[2]
    kinds: tuple[list[tuple[int, bytes]], list[tuple[int, bytes]]] = [], []
    while len(data) >= 2:
        extra = {126: 2, 127: 8}.get(data[1], 0)
        size = int.from_bytes(data[2 : 2 + extra], "big") if extra else data[1]
        if len(data) < 2 + extra + size:
            break
        payload, first = data[2 + extra : 2 + extra + size], data[0]
        kinds[first & 15 not in (TEXT, BINARY)].append(
            (first, payload if size < 100 else sha256(payload).digest())
        )
        data = data[2 + extra + size :]
    return Verdict(tuple(kinds[0]), tuple(kinds[1]), data)


@pytest.mark.parametrize("name", CASES)
def test_a_case_has_uvicorns_verdict(pair: Pair, verdicts: dict[str, Verdict], name: str) -> None:
    """The same messages, the same control frames, the same close."""
    assert verdict(pair.ports[1], CASES[name]) == verdicts[name]


def test_every_case_has_the_same_verdict_while_the_app_is_saved(
    pair: Pair, verdicts: dict[str, Verdict]
) -> None:
    """A save after each handshake: what follows goes to newer code, and the client cannot see it."""
    app = pair.devserver.folder / "wire.py"
    text = app.read_text()
    different = {}
    for number, (name, case) in enumerate(CASES.items()):

        def save(number: int = number) -> None:
            app.write_text(f"{text}\n# {number}\n")

        found = verdict(pair.ports[1], case, save)
        if found != verdicts[name]:
            different[name] = found, verdicts[name]
    assert not different
    assert len(pair.devserver.past("live")) > len(CASES) // 10
    assert pair.devserver.past("lost") == []
    assert pair.devserver.past("notice", level="error") == []
