"""What a client of WebSockets sees is, byte for byte, what it would see of uvicorn."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

import pytest

from tests.side_by_side import HangUp, Pair, Step, Until, play, side_by_side

KEY = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
DEFLATE = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"


def handshake(path: str = "/talk", *headers: str, key: str = KEY, version: str = "13") -> bytes:
    """Return the request for a WebSocket."""
    fields = ("Host: localhost", "Upgrade: websocket", "Connection: Upgrade", key)
    lines = (f"GET {path} HTTP/1.1", *fields, f"Sec-WebSocket-Version: {version}", *headers)
    return "".join(f"{line}\r\n" for line in lines if line).encode() + b"\r\n"


def frame(opcode: int, data: bytes = b"", *, fin: bool = True, rsv: int = 0, masked: bool = True) -> bytes:
    """Return a frame; its mask is zero, so the data stand in it as they are."""
    first = (0x80 if fin else 0) | rsv << 4 | opcode
    mask = 0x80 if masked else 0
    size = len(data)
    if size < 126:
        head = struct.pack("!BB", first, mask | size)
    elif size < 65536:
        head = struct.pack("!BBH", first, mask | 126, size)
    else:
        head = struct.pack("!BBQ", first, mask | 127, size)
    return head + (b"\0\0\0\0" if masked else b"") + data


def deflated(data: bytes) -> bytes:
    """Return the payload of a compressed message."""
    packer = zlib.compressobj(wbits=-12)
    return (packer.compress(data) + packer.flush(zlib.Z_SYNC_FLUSH)).removesuffix(b"\0\0\xff\xff")


def close(code: int, reason: bytes = b"") -> bytes:
    """Return a close frame."""
    return frame(CLOSE, struct.pack("!H", code) + reason)


CONT, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
OPEN = Until(b"\r\n\r\n")
END = close(1000, b"bye")
HELLO = frame(TEXT, b"hello")
MIB = 1024 * 1024

TALKS: dict[str, tuple[Step, ...]] = {
    "text": (HELLO, Until(b"hello"), END),
    "binary": (frame(BINARY, b"\0\xff\x80"), Until(b"\xff\x80"), END),
    "empty messages": (frame(TEXT) + frame(BINARY) + frame(TEXT, b"then"), Until(b"then"), END),
    "many at once": (b"".join(frame(TEXT, b"%d!" % n) for n in range(200)), Until(b"199!"), END),
    "a message of 126 bytes": (frame(TEXT, b"x" * 125 + b"!"), Until(b"x!"), END),
    "a message of 65,536 bytes": (frame(TEXT, b"x" * 65535 + b"!"), Until(b"x!"), END),
    "a message of 16 MiB": (frame(BINARY, b"x" * (16 * MIB - 1) + b"!"), Until(b"x!"), END),
    "beyond ASCII": (frame(TEXT, "é€😀".encode()), Until("😀".encode()), END),
    "fragments": (
        frame(TEXT, b"one ", fin=False) + frame(CONT, b"two ", fin=False) + frame(CONT, b"three"),
        Until(b"three"),
        END,
    ),
    "a ping between fragments": (
        frame(TEXT, b"one ", fin=False) + frame(PING, b"there?") + frame(CONT, b"two"),
        Until(b"two"),
        END,
    ),
    "a character cut in two": (
        frame(TEXT, b"\xc3", fin=False) + frame(CONT, b"\xa9!"),
        Until(b"!"),
        END,
    ),
    "byte by byte": (*(bytes([byte]) for byte in HELLO), Until(b"hello"), END),
    "a ping": (frame(PING, b"there?"), Until(b"there?"), END),
    "a pong that nobody asked for": (frame(PONG, b"here") + HELLO, Until(b"hello"), END),
    "a ping of 125 bytes": (frame(PING, b"x" * 124 + b"!"), Until(b"x!"), END),
    "close with a reason": (close(4000, "größer".encode()),),
    "close without a code": (frame(CLOSE),),
    "close, going away": (close(1001),),
    "close with a code of half a byte": (frame(CLOSE, b"\x03"),),
    "close with a code that must not be sent": (close(1005),),
    "close with an invalid code": (close(999),),
    "close with bad UTF-8": (close(1000, b"\xff\xfe"),),
    "close with a reason that is too long": (close(1000, b"x" * 124),),
    "a message after the close": (END + HELLO,),
    "the app closes": (frame(TEXT, b"close"), Until(b"as you like"), close(4321, b"as you like")),
    "the app closes, and the client leaves": (frame(TEXT, b"close"), Until(b"as you like"), HangUp()),
    "the app closes, and the client goes on": (
        frame(TEXT, b"close"),
        Until(b"as you like"),
        HELLO + close(4321, b"as you like"),
    ),
    "the app raises": (frame(TEXT, b"raise"),),
    "the app returns": (frame(TEXT, b"return"),),
    "leaves without a word": (HangUp(),),
    "leaves within a frame": (HELLO[:4], HangUp()),
    "leaves between fragments": (frame(TEXT, b"one", fin=False), HangUp()),
    "an unknown opcode": (frame(3, b"what"),),
    "an unknown control opcode": (frame(11, b"what"),),
    "without a mask": (frame(TEXT, b"hello", masked=False),),
    "reserved bit 1": (frame(TEXT, b"hello", rsv=4),),
    "reserved bit 2": (frame(TEXT, b"hello", rsv=2),),
    "reserved bit 3": (frame(TEXT, b"hello", rsv=1),),
    "bad UTF-8": (frame(TEXT, b"\xff\xfe"),),
    "bad UTF-8 in fragments": (frame(TEXT, b"good ", fin=False) + frame(CONT, b"\xc3\x28"),),
    "a surrogate in UTF-8": (frame(TEXT, b"\xed\xa0\x80"),),
    "a fragmented ping": (frame(PING, b"x", fin=False),),
    "a fragmented close": (frame(CLOSE, b"\x03\xe8", fin=False),),
    "a ping of 126 bytes": (frame(PING, b"x" * 126),),
    "a continuation of nothing": (frame(CONT, b"what"),),
    "a message within another": (frame(TEXT, b"one", fin=False) + frame(TEXT, b"two"),),
    "a message beyond 16 MiB": (struct.pack("!BBQ", 0x82, 0xFF, 16 * MIB + 1) + b"\0\0\0\0",),
    "fragments beyond 16 MiB": (
        frame(BINARY, b"x" * 10 * MIB, fin=False) + struct.pack("!BBQ", 0x80, 0xFF, 7 * MIB) + b"\0\0\0\0",
    ),
    "a length with its highest bit": (b"\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\0",),
    "a length in more bytes than needed": (b"\x81\xfe\x00\x05\0\0\0\0hello", Until(b"hello"), END),
    "a good message, then a bad one": (HELLO, Until(b"hello"), frame(3)),
    "a ping, then a bad frame": (frame(PING, b"there?") + frame(3),),
}
"""Said to an app that talks, in an open WebSocket."""

PACKED: dict[str, tuple[Step, ...]] = {
    "compressed": (frame(TEXT, deflated(b"hello " * 100), rsv=4), Until(b"\xc1"), END),
    "compressed, and not": (
        frame(TEXT, deflated(b"hello"), rsv=4) + frame(TEXT, b"hello") + frame(TEXT, b"close"),
        Until(b"as you like"),
        close(4321, b"as you like"),
    ),
    "compressed badly": (frame(TEXT, b"\xff\xff\xff\xff", rsv=4),),
    "compressed bad UTF-8": (frame(TEXT, deflated(b"\xff\xfe"), rsv=4),),
    "a compressed ping": (frame(PING, b"x", rsv=4),),
    "a bomb": (frame(BINARY, deflated(b"\0" * (17 * MIB)), rsv=4),),
}
"""The same, compression being agreed on."""

PROTOCOLS = "Sec-WebSocket-Protocol: one, two"
CASES: dict[str, tuple[Step, ...]] = {
    **{name: (handshake(), OPEN, *steps) for name, steps in TALKS.items()},
    **{name: (handshake("/talk", DEFLATE), OPEN, *steps) for name, steps in PACKED.items()},
    "frames in the packet of the handshake": (handshake() + HELLO, OPEN, END),
    "the scope": (handshake("/scope?a=%20", "X-A: 1", "x-a: 2", "Cookie: a=1"), Until(b"\x88"), close(1000)),
    "a scope beyond ASCII": (handshake("/scope?%C3%A9", "X-A: é"), Until(b"\x88"), close(1000)),
    "subprotocols": (handshake("/scope", PROTOCOLS, "Sec-WebSocket-Protocol: three"), Until(b"\x88"), END),
    "a subprotocol is taken": (handshake("/talk", PROTOCOLS), OPEN, HELLO, Until(b"hello"), END),
    "escapes in the path": (handshake("/a%2Fb/%C3%A9"), OPEN, END),
    "no key": (handshake(key=""),),
    "a bad key": (handshake(key="Sec-WebSocket-Key: short"),),
    "two keys": (handshake("/talk", KEY),),
    "an old version": (handshake(version="8"),),
    "a bad extension": (handshake("/talk", "Sec-WebSocket-Extensions: ;;;"),),
    "an unknown extension": (handshake("/talk", "Sec-WebSocket-Extensions: x-unknown"), OPEN, END),
    "deflate with odd parameters": (handshake("/talk", DEFLATE + "=99"), OPEN, END),
    "deflate without a context": (
        handshake("/talk", "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover"),
        OPEN,
        END,
    ),
    "POST": (handshake().replace(b"GET", b"POST"),),
    "HTTP/1.0": (handshake().replace(b"HTTP/1.1", b"HTTP/1.0"), OPEN, END),
    "a body in the handshake": (handshake("/talk", "Content-Length: 5") + b"hello", HangUp()),
    "Upgrade in capitals": (
        handshake().replace(b"websocket", b"WebSocket"),
        OPEN,
        HELLO,
        Until(b"hello"),
        END,
    ),
    "Connection with more": (handshake().replace(b": Upgrade", b": keep-alive, Upgrade"), OPEN, END),
    **{
        f"the app: {name}": (handshake(f"/ws-{name}"),)
        for name in (
            "403",
            "403-at-once",
            "403-code",
            "refused",
            "refused-typed",
            "refused-999",
            "silent",
            "raises",
            "raises-accepted",
            "raises-later",
            "returns",
            "returns-value",
            "accept-twice",
            "send-first",
            "unknown",
        )
    },
    **{
        f"the app: {name}": (handshake(f"/ws-{name}"), Until(b"\x88"), END)
        for name in (
            "close",
            "close-reason",
            "close-none",
            "close-twice",
            "send-closed",
            "headers",
            "protocol",
            "large",
            "empty",
            "nothing",
            "both",
            "none",
        )
    },
}


UNFINISHED = ("refused-halfway", "refused-raises", "refused-twice")
"""Uvicorn collects a refusal until it is whole, and closes when it never is."""
UNSENDABLE = ("close-1005", "close-99", "close-long", "close-text", "protocol-bytes")
"""What no frame and no header can hold; the words for it are ours."""


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Start both once."""
    with side_by_side(tmp_path_factory.mktemp("wire"), "wire") as pair:
        yield pair


@pytest.mark.parametrize("case", CASES)
def test_a_client_sees_the_same(pair: Pair, case: str) -> None:
    """The same frames get the same frames, the app gets the same, and no other client is disturbed."""
    uvicorn, devserver = (play(port, CASES[case]) for port in pair.ports)
    assert devserver == uvicorn


@pytest.mark.parametrize("path", UNFINISHED)
def test_a_refusal_that_is_not_finished_becomes_a_500(pair: Pair, path: str) -> None:
    """Where uvicorn closes the connection without a word, devserver reports that the app has failed."""
    (uvicorn, uvicorn_told), (devserver, told) = (play(p, [handshake(f"/ws-{path}")]) for p in pair.ports)
    assert uvicorn == b""
    assert devserver.startswith(b"HTTP/1.1 500 Internal Server Error\r\n")
    assert told == uvicorn_told


@pytest.mark.parametrize("path", UNSENDABLE)
def test_what_cannot_be_sent_is_an_error_of_the_app(pair: Pair, path: str) -> None:
    """An impossible close, or subprotocol, is raised where the app sends it."""
    answer, told = play(pair.ports[1], [handshake(f"/ws-{path}")])
    assert b"\x88" not in answer
    assert "raised RuntimeError" in told[1][-1]


def test_nothing_failed_but_the_app(pair: Pair) -> None:
    """No Worker died of any of the above, and devserver names no error of its own."""
    assert pair.devserver.past("worker-exited") == []
    assert pair.devserver.past("notice", level="error") == []
