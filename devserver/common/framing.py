"""Cuts the bytes of a TCP connection into frames.

Law: the frames and the error depend on the bytes alone, never on the pieces in which they arrive. (`Raw` has
no frames of its own: there the joined bytes are the same.) The error is set at the first byte after which no
continuation is valid.
"""

from __future__ import annotations

import re
import struct
import sys
from typing import Any, Protocol

import msgspec

from devserver.common.errors import FrameError

MAXIMUM = 1024 * 1024
"""Default longest frame, in bytes."""

_INTEGER = re.compile("[@=<>!]?[bBhHiIlLqQ]")
_EXCERPT = 24
"""Bytes that an error shows of a frame that is too long."""


class _Framing(msgspec.Struct, frozen=True, kw_only=True, tag_field="framing", tag=str.lower):
    maximum: int = MAXIMUM

    def __post_init__(self) -> None:
        self._check_size("maximum", 1)

    def _check_size(self, name: str, least: int) -> None:
        value: Any = getattr(self, name)  # handlers are the user's code: their types are not checked
        if type(value) is not int or not least <= value <= sys.maxsize:
            kind = type(self).__name__
            raise ValueError(
                f"{kind}: {name} must be a whole number of bytes, at least {least}, not {value!r}"
            )


class Raw(_Framing, frozen=True):
    """Bytes as they arrive, at most `maximum` in a frame."""


class Lines(_Framing, frozen=True):
    """Lines that end in LF or CRLF; a frame is the line without its end, and so may be empty."""


class Delimited(_Framing, frozen=True):
    """Frames that end in `delimiter`, which is not part of them nor of their length."""

    delimiter: bytes

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.delimiter, bytes) or not self.delimiter:
            raise ValueError(f"Delimited: delimiter must be one byte or more, not {self.delimiter!r}")


class LengthPrefixed(_Framing, frozen=True):
    """Frames that carry their length in a header (Swoole's fixed-header protocol).

    `format` is the `struct` format of the length field, `offset` where it lies in the header, `header` the
    header's length in bytes (default: up to the end of the field). `counts_header`: the length includes the
    header. A frame is the body alone; with `strip` false, header and body. `maximum` bounds both together.
    """

    format: str = "!I"
    offset: int = 0
    header: int | None = None
    counts_header: bool = False
    strip: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.format, str) or not _INTEGER.fullmatch(self.format):
            raise ValueError(
                "LengthPrefixed: format must be one integer of the struct module "
                f"(one of bBhHiIlLqQ, after @ = < > or ! if need be), not {self.format!r}"
            )
        self._check_size("offset", 0)
        end_of_field = self.offset + struct.calcsize(self.format)
        if self.header is not None:
            self._check_size("header", end_of_field)
        if (size := self.header_size) > self.maximum:
            raise ValueError(
                f"LengthPrefixed: a header of {size} bytes exceeds the maximum of {self.maximum}"
            )

    @property
    def header_size(self) -> int:
        """Return the header's length in bytes: `header`, or its default."""
        return self.offset + struct.calcsize(self.format) if self.header is None else self.header


Framing = Raw | Lines | Delimited | LengthPrefixed


class Decoder(Protocol):
    """Cuts a stream into the same frames, however its bytes are split on arrival."""

    error: FrameError | None
    """Set once the stream has broken its framing; no frame follows."""

    def feed(self, data: bytes) -> list[bytes]:
        """Return the frames that are complete now. A frame found before an error is still returned."""

    @property
    def tail(self) -> bytes:
        """Return the bytes that belong to no complete frame yet, as they came.

        Fed to a decoder of another framing, they go on there. After an error: from the broken frame on.
        """


def decoder(framing: Framing) -> Decoder:
    """Return a new decoder for one connection."""
    match framing:
        case Raw():
            return _RawDecoder(framing.maximum)
        case Lines():
            return _EndDecoder(b"\n", b"\r\n", framing.maximum)
        case Delimited(delimiter=delimiter):
            return _EndDecoder(delimiter, delimiter, framing.maximum)
        case LengthPrefixed():
            return _LengthDecoder(framing)


class _RawDecoder:
    def __init__(self, maximum: int) -> None:
        self._maximum = maximum
        self.error: FrameError | None = None
        self.tail = b""

    def feed(self, data: bytes) -> list[bytes]:
        return [data[at : at + self._maximum] for at in range(0, len(data), self._maximum)]


class _EndDecoder:
    """Frames up to an `end`. `longest_end` is cut off them: `end`, maybe with bytes before it."""

    def __init__(self, end: bytes, longest_end: bytes, maximum: int) -> None:
        self._end = end
        self._longest_end = longest_end
        self._optional = longest_end[: -len(end)]
        self._maximum = maximum
        self._buffer = bytearray()
        self._searched = 0
        """No end begins before this offset of the buffer."""
        self.error: FrameError | None = None

    def feed(self, data: bytes) -> list[bytes]:
        if self.error is not None:
            return []
        self._buffer += data
        found = self._buffer.find(self._end, self._searched) >= 0
        frames = self._split() if found else []
        self._searched = max(0, len(self._buffer) - len(self._end) + 1)
        if self.error is None and len(self._buffer) > self._maximum and not self._may_end():
            self._fail()
        return frames

    @property
    def tail(self) -> bytes:
        return bytes(self._buffer)

    def _split(self) -> list[bytes]:
        """Take the frames off the buffer, up to the first that is too long."""
        *pieces, rest = bytes(self._buffer).split(self._end)
        frames = [piece.removesuffix(self._optional) for piece in pieces] if self._optional else pieces
        good = next((i for i, frame in enumerate(frames) if len(frame) > self._maximum), len(frames))
        self._buffer = bytearray(self._end.join([*pieces[good:], rest]))
        if good < len(frames):
            self._fail()
        return frames[:good]

    def _may_end(self) -> bool:
        """Return whether the buffer's last bytes may begin an end before the maximum is reached."""
        first = max(0, len(self._buffer) - len(self._longest_end) + 1)
        return any(self._longest_end.startswith(self._buffer[at:]) for at in range(first, self._maximum + 1))

    def _fail(self) -> None:
        begin = bytes(self._buffer[: min(_EXCERPT, self._maximum)])
        self.error = FrameError(
            f"a frame is longer than the maximum of {self._maximum} bytes without its end {self._end!r}: "
            f"it begins with {begin!r}"
        )


class _LengthDecoder:
    def __init__(self, framing: LengthPrefixed) -> None:
        self._field = struct.Struct(framing.format)
        self._offset = framing.offset
        self._header = framing.header_size
        self._body = self._header if framing.strip else 0
        self._uncounted = 0 if framing.counts_header else self._header
        self._maximum = framing.maximum
        self._buffer = bytearray()
        self.error: FrameError | None = None

    def feed(self, data: bytes) -> list[bytes]:
        if self.error is not None:
            return []
        self._buffer += data
        frames: list[bytes] = []
        start, available = 0, len(self._buffer)
        with memoryview(self._buffer) as view:
            while available - start >= self._header:
                (length,) = self._field.unpack_from(view, start + self._offset)
                size = length + self._uncounted
                if not self._header <= size <= self._maximum:
                    self._fail(length)
                    break
                if available - start < size:
                    break
                frames.append(bytes(view[start + self._body : start + size]))
                start += size
        del self._buffer[:start]
        return frames

    @property
    def tail(self) -> bytes:
        return bytes(self._buffer)

    def _fail(self, length: int) -> None:
        least, most = self._header - self._uncounted, self._maximum - self._uncounted
        self.error = FrameError(f"a frame announces a length of {length} where {least} to {most} is allowed")
