"""WebSocket conformance cases, by Autobahn's sections: framing, control frames, fragments, UTF-8, closes …"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

CONT, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
SIZES = (0, 1, 125, 126, 127, 128, 65535, 65536)
VALID = (
    *("κόσμε".encode(), "é€😀".encode(), b"\0", b"\x7f", "\x80".encode(), "\u07ff\u0800".encode()),
    *("\ufffe\uffff".encode(), "\ud7ff\ue000".encode(), "\U00010000".encode(), "\U0010ffff".encode()),
)
INVALID = (
    *(b"\x80", b"\xbf", b"\x80\xbf\x80", b"\xc0 ", b"\xe0 ", b"\xf0 ", b"\xf8 ", b"\xfc ", b"\xc0"),
    *(b"\xe0\x80", b"\xf0\x80\x80", b"\xdf", b"\xef\xbf", b"\xfe", b"\xff", b"\xfe\xfe\xff\xff"),
    *(b"\xc0\xaf", b"\xe0\x80\xaf", b"\xf0\x80\x80\xaf", b"\xc1\xbf", b"\xe0\x9f\xbf", b"\xf0\x8f\xbf\xbf"),
    *(b"\xed\xa0\x80", b"\xed\xbf\xbf", b"\xed\xa0\x80\xed\xb0\x80", b"\xf4\x90\x80\x80"),
    b"good \xce\xba then \xf4\x90\x80\x80 bad",
)
GOOD_CODES = (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999)
BAD_CODES = (0, 999, 1004, 1005, 1006, 1012, 1013, 1014, 1015, 1016, 1100, 2000, 2999, 5000, 65535)


@dataclass(frozen=True)
class Case:
    """What a client sends, in pieces, and how many messages that makes; None: it breaks the protocol."""

    sends: tuple[bytes, ...]
    messages: int | None = 1
    deflate: bool = False


def frame(opcode: int, data: bytes = b"", *, fin: bool = True, rsv: int = 0) -> bytes:
    """Return a client's frame; its mask is zero, so the data stand in it as they are."""
    first = (0x80 if fin else 0) | rsv << 4 | opcode
    size = len(data)
    if size < 126:
        head = struct.pack("!BB", first, 0x80 | size)
    elif size < 65536:
        head = struct.pack("!BBH", first, 0xFE, size)
    else:
        head = struct.pack("!BBQ", first, 0xFF, size)
    return head + b"\0\0\0\0" + data


def chopped(data: bytes, size: int) -> tuple[bytes, ...]:
    """Return `data` in pieces, as a slow network delivers it."""
    return tuple(data[at : at + size] for at in range(0, len(data), size))


def fragments(opcode: int, parts: list[bytes], *, rsv: int = 0) -> bytes:
    """Return a message in as many frames as there are parts."""
    kinds = [opcode] + [CONT] * (len(parts) - 1)
    return b"".join(
        frame(kind, part, fin=at == len(parts) - 1, rsv=0 if at else rsv)
        for at, (kind, part) in enumerate(zip(kinds, parts, strict=True))
    )


def cases() -> dict[str, Case]:
    """Return all of them by number and name."""
    found: dict[str, Case] = {}
    sections = (_framing, _control, _reserved, _opcodes, _fragments, _utf8, _closes, _large, _compressed)
    for number, section in enumerate(sections, 1):
        for at, (name, case) in enumerate(section(), 1):
            found[f"{number}.{at} {name}"] = case
    return found


def _framing() -> Iterator[tuple[str, Case]]:
    for opcode, kind in ((TEXT, "text"), (BINARY, "binary")):
        for size in SIZES:
            yield f"{kind} of {size}", Case((frame(opcode, b"*" * size),))
        for size in (1000, 65536):
            yield f"{kind} of {size}, chopped", Case(chopped(frame(opcode, b"*" * size), 997))
        yield f"{kind}, byte by byte", Case(chopped(frame(opcode, b"hello"), 1))
    yield "many at once", Case((b"".join(frame(TEXT, b"%d" % n) for n in range(100)),), 100)


def _control() -> Iterator[tuple[str, Case]]:
    for size in (0, 1, 124, 125):
        yield f"ping of {size}", Case((frame(PING, b"\xfe" * size),), 0)
    yield "ping of 126", Case((frame(PING, b"\xfe" * 126),), None)
    yield "ping, byte by byte", Case(chopped(frame(PING, b"hello"), 1), 0)
    for size in (0, 125):
        yield f"pong of {size}", Case((frame(PONG, b"*" * size),), 0)
    yield "pong of 126", Case((frame(PONG, b"*" * 126),), None)
    yield "pong, then ping", Case((frame(PONG, b"a") + frame(PING, b"b"),), 0)
    pings = b"".join(frame(PING, b"%d" % n) for n in range(10))
    yield "ten pings", Case((pings,), 0)
    yield "ten pings, chopped", Case(chopped(pings, 3), 0)
    yield "pings among messages", Case((frame(TEXT, b"a") + pings + frame(BINARY, b"b"),), 2)


def _reserved() -> Iterator[tuple[str, Case]]:
    for rsv in range(1, 8):
        for opcode in (TEXT, BINARY, PING, PONG, CLOSE):
            yield f"bits {rsv:03b} on opcode {opcode}", Case((frame(opcode, b"", rsv=rsv),), None)
        yield f"bits {rsv:03b}, chopped", Case(chopped(frame(TEXT, b"hello", rsv=rsv), 1), None)


def _opcodes() -> Iterator[tuple[str, Case]]:
    for opcode in (*range(3, 8), *range(11, 16)):
        yield f"opcode {opcode}", Case((frame(opcode),), None)
        yield f"opcode {opcode} with data", Case((frame(opcode, b"what"),), None)


def _fragments() -> Iterator[tuple[str, Case]]:
    for opcode in (PING, PONG, CLOSE):
        yield f"control {opcode} not final", Case((frame(opcode, b"\x03\xe8", fin=False),), None)
    for opcode in (TEXT, BINARY):
        for parts in ([b"one", b"two"], [b"", b""], [b"", b"two", b""], [b"x"] * 50):
            data = fragments(opcode, parts)
            yield f"{len(parts)} parts of {opcode}", Case((data,))
            yield f"{len(parts)} parts of {opcode}, byte by byte", Case(chopped(data, 1))
        ping = frame(opcode, b"one", fin=False) + frame(PING, b"there?") + frame(CONT, b"two")
        yield f"ping within {opcode}", Case((ping,))
        yield f"ping within {opcode}, byte by byte", Case(chopped(ping, 1))
        yield f"{opcode} within {opcode}", Case((frame(opcode, b"a", fin=False) + frame(opcode),), None)
    for fin in (True, False):
        yield f"continuation of nothing, final {fin}", Case((frame(CONT, b"what", fin=fin),), None)
    twice = fragments(TEXT, [b"a", b"b"]) + fragments(BINARY, [b"c", b"d", b"e"]) + frame(TEXT, b"f")
    yield "messages in parts, one after the other", Case((twice,), 3)


def _utf8() -> Iterator[tuple[str, Case]]:
    for data in VALID:
        yield f"{data!r}", Case((frame(TEXT, data),))
        yield f"{data!r} in parts of a byte", Case((fragments(TEXT, list(chopped(data, 1))),))
    for data in INVALID:
        yield f"{data!r}", Case((frame(TEXT, data),), None)
        yield f"{data!r} in parts", Case((fragments(TEXT, [data[:1], data[1:]]),), None)
        yield f"{data!r} as binary", Case((frame(BINARY, data),))


def _closes() -> Iterator[tuple[str, Case]]:
    for code in GOOD_CODES + BAD_CODES:
        yield f"{code}", Case((frame(CLOSE, struct.pack("!H", code)),), None)
        yield f"{code} and why", Case((frame(CLOSE, struct.pack("!H", code) + "größer".encode()),), None)
    why = struct.pack("!H", 1000)
    for size in (122, 123, 124):
        yield f"a reason of {size}", Case((frame(CLOSE, why + b"*" * size),), None)
    yield "nothing", Case((frame(CLOSE),), None)
    yield "half a code", Case((frame(CLOSE, b"\x03"),), None)
    for data in INVALID[:8]:
        yield f"reason {data!r}", Case((frame(CLOSE, why + data),), None)
    for after in (frame(TEXT, b"late"), frame(PING, b"late"), frame(CLOSE, why)):
        yield f"and then {after[:1]!r}", Case((frame(CLOSE, why) + after,), None)


def _large() -> Iterator[tuple[str, Case]]:
    for opcode in (TEXT, BINARY):
        for size in (256 * 1024, 1024 * 1024):
            yield f"{size} of {opcode}", Case((frame(opcode, b"*" * size),))
        for part in (64, 1024, 16 * 1024, 64 * 1024):
            data = fragments(opcode, list(chopped(b"*" * 128 * 1024, part)))
            yield f"{opcode} in parts of {part}", Case((data,))
        yield f"{opcode}, chopped", Case(chopped(frame(opcode, b"*" * 256 * 1024), 8191))


def _compressed() -> Iterator[tuple[str, Case]]:
    for size in (0, 1, 125, 1024, 65536, 256 * 1024):
        pack = zlib.compressobj(wbits=-12)
        texts = [b"%d " % n * (size // 2) for n in range(3)]
        data = [(pack.compress(t) + pack.flush(zlib.Z_SYNC_FLUSH))[:-4] for t in texts]
        packed = b"".join(frame(TEXT, each, rsv=4) for each in data)
        yield f"three of {size}", Case((packed,), 3, deflate=True)
        yield f"three of {size}, chopped", Case(chopped(packed, 100), 3, deflate=True)
        halves = b"".join(fragments(TEXT, [each[:3], each[3:]], rsv=4) for each in data)
        yield f"three of {size} in parts", Case((halves,), 3, deflate=True)
    yield "not compressed", Case((frame(TEXT, b"hello"),), 1, deflate=True)
    yield "badly compressed", Case((frame(TEXT, b"\xff" * 4, rsv=4),), None, deflate=True)
    yield "a compressed ping", Case((frame(PING, b"x", rsv=4),), None, deflate=True)
    yield (
        "a compressed continuation",
        Case((frame(TEXT, b"", fin=False, rsv=4) + frame(CONT, b"", rsv=4),), None, deflate=True),
    )
