"""Requests as only a broken or hostile client sends them: good ones, spoilt at random from a seed."""

from __future__ import annotations

import random
import struct

HOST = b"Host: localhost\r\n"
UPGRADE = (
    b"Upgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
)
CHUNKED = b"Transfer-Encoding: chunked\r\n"


def _request(method: bytes, path: bytes, *headers: bytes, body: bytes = b"") -> bytes:
    return method + b" " + path + b" HTTP/1.1\r\n" + HOST + b"".join(headers) + b"\r\n" + body


def _frame(first: int, data: bytes) -> bytes:
    return struct.pack("!BB", first, 0x80 | len(data)) + b"\0\0\0\0" + data


_GET = _request(b"GET", b"/echo?a=1")
_POST = _request(b"POST", b"/echo", b"Content-Length: 5\r\n", body=b"hello")
_SHAKE = _request(b"GET", b"/talk", UPGRADE)
GOOD = (
    _GET,
    _POST,
    _GET + _GET,
    _POST + _GET + _POST,
    _request(b"HEAD", b"/parts"),
    _request(b"GET", b"/parts", b"Connection: close\r\n"),
    _request(b"POST", b"/unread", b"Content-Length: 5\r\n", body=b"hello") + _GET,
    _request(b"POST", b"/echo", CHUNKED, body=b"5\r\nhello\r\n6;a=b\r\n world\r\n0\r\nX-T: 1\r\n\r\n"),
    _request(b"POST", b"/echo", b"Expect: 100-continue\r\n", b"Content-Length: 5\r\n", body=b"hello"),
    _request(b"GET", b"/echo", b"Cookie: a=1\r\n", b"X-Empty:\r\n", b"Accept: */*\r\n"),
    _SHAKE + _frame(0x81, b"hello") + _frame(0x88, struct.pack("!H", 1000)),
    _SHAKE + _frame(0x01, b"one ") + _frame(0x89, b"ping") + _frame(0x80, b"two") + _frame(0x88, b""),
    _request(b"GET", b"/scope", UPGRADE, b"Sec-WebSocket-Extensions: permessage-deflate\r\n"),
    _request(b"GET", b"/ws-403", UPGRADE),
)
_TOKENS = (
    *(b"\0", b"\r", b"\n", b"\r\n", b"\r\n\r\n", b" ", b":", b"\t", b"%", b"%zz", b"\xff\xfe", "é".encode()),
    *(b"\0\1garbage\r\n\r\n", b"HTTP/1.1", b"HTTP/9.9", b"GET ", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    *(b"Content-Length: 5\r\n", b"Content-Length: -1\r\n", CHUNKED, b"Transfer-Encoding: gzip\r\n"),
    *(
        b"Upgrade: h2c\r\nConnection: Upgrade\r\n",
        UPGRADE,
        b"Expect: 100-continue\r\n",
        b"-1\r\n",
        b"ffffffff\r\n",
    ),
    *(b"Connection: close\r\n", b"X-Large: " + b"a" * 9_000 + b"\r\n", b"X: 1\r\n" * 150, b"a" * 70_000),
    *(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"\x83\x80\0\0\0\0", b"\x89\xfe\x01\x00\0\0\0\0"),
)


def malformed(seed: int) -> bytes:
    """Return what a client might send over one connection; the same for the same seed."""
    dice = random.Random(seed)
    data = dice.choice(GOOD)
    if dice.random() < 0.2:
        data += dice.choice(GOOD)
    for _ in range(dice.choice((1, 1, 1, 2, 3))):
        data = _spoilt(data, dice)
    return data


def _spoilt(data: bytes, dice: random.Random) -> bytes:
    ends = [at for at in range(len(data)) if data[at : at + 2] == b"\r\n"] or [0]
    at, to = sorted((dice.randrange(len(data) + 1), dice.randrange(len(data) + 1)))
    match dice.randrange(7):
        case 0:  # one byte is another
            at = min(at, len(data) - 1)
            return data[:at] + bytes([dice.randrange(256)]) + data[at + 1 :]
        case 1:
            return data[:at] + dice.choice(_TOKENS) + data[at:]
        case 2:  # between two lines
            line = dice.choice(ends) + 2
            return data[:line] + dice.choice(_TOKENS) + data[line:]
        case 3:
            return data[:at] + data[min(to, at + 20) :] or b"\0"
        case 4:
            return data[:to] + data[at:to] + data[to:]
        case 5:
            return data[:to] or b"\r\n"
        case _:
            return data + dice.choice(_TOKENS)
