"""How the bytes of a TCP connection are cut into frames."""

from __future__ import annotations

from typing import Protocol

import msgspec

from devserver.errors import FrameError

MAXIMUM = 1024 * 1024
"""Default longest frame, in bytes."""


class _Framing(msgspec.Struct, frozen=True, kw_only=True, tag_field="framing", tag=str.lower):
    maximum: int = MAXIMUM


class Raw(_Framing, frozen=True):
    """Whatever arrives, as it arrives: at most `maximum` bytes a frame."""


class Lines(_Framing, frozen=True):
    """Lines that end in LF or CRLF; a frame is the line without its end."""


class Delimited(_Framing, frozen=True):
    """Frames that end in `delimiter`, which is not part of them."""

    delimiter: bytes


class LengthPrefixed(_Framing, frozen=True):
    """Frames that carry their length in a header (Swoole's fixed-header protocol).

    `format` is the `struct` format of the length field, `offset` where it lies in the header, `header` the
    header's length in bytes (default: up to the end of the field). `counts_header` says whether the length
    includes the header. A frame is the whole of it, header and body, unless `strip` is true: then the body.
    """

    format: str = "!I"
    offset: int = 0
    header: int | None = None
    counts_header: bool = False
    strip: bool = True


Framing = Raw | Lines | Delimited | LengthPrefixed


class Decoder(Protocol):
    """Cuts a stream: the same frames whatever pieces the bytes come in."""

    error: FrameError | None
    """Set once the stream has broken its framing; no frame follows."""

    def feed(self, data: bytes) -> list[bytes]:
        """Return the frames that are complete now. A frame found before an error is still returned."""

    @property
    def tail(self) -> bytes:
        """Return the bytes that belong to no complete frame yet."""


def decoder(framing: Framing) -> Decoder:
    """Return a new decoder for one connection."""
    raise NotImplementedError
