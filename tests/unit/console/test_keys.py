"""Which keys give which orders."""

from __future__ import annotations

import pytest

from devserver.console.keys import decode


@pytest.mark.parametrize(
    ("data", "orders"),
    [
        (b"r", ["reload"]),
        (b"R", ["reload"]),
        (b"q", ["stop"]),
        (b"rq", ["reload", "stop"]),
        (b"r\n", ["reload"]),
        (b"", []),
        (b"hocepu", ["help", "open", "clear", "error", "processes", "urls"]),
        (b"x", ["unknown"]),
    ],
)
def test_keys_give_their_orders(data: bytes, orders: list[str]) -> None:
    """Each key asks for what `h` says of it; another one is answered with a hint."""
    assert decode(data) == orders


@pytest.mark.parametrize("data", [b"request", b"\xc3\xa9r", b"quit"])
def test_a_paste_gives_no_order(data: bytes) -> None:
    """Text that is pasted into the console by mistake does not stop the server."""
    assert decode(data) == ["unknown"]


@pytest.mark.parametrize("data", [b"\x1b[A", b"\x1bOq", b"\x1b[1;5R", b"\x1bq", b"\x1b"])
def test_special_keys_give_no_order(data: bytes) -> None:
    """The letters within what arrow, function and Alt keys send are not taken for keys."""
    assert decode(data) == []
