"""A message channel over one Unix stream socket, non-blocking, for any event loop.

On the wire: length (4 bytes, big endian), number of descriptors (1 byte; plus 128 if its text is wrapped),
msgpack. Descriptors travel with the first byte of their message (SCM_RIGHTS), so they never arrive after it.
The owner watches `fileno()`. It calls `receive()` when that is readable, and `flush()` when that is writable
and `unsent` is not 0.
"""

from __future__ import annotations

import array
import os
import select
import socket
import struct
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from typing import Any, Generic, TypeVar

import msgspec

from devserver.common import encoding
from devserver.common.errors import ConnectionGone, NoMessage

In = TypeVar("In")
Out = TypeVar("Out")

_HEADER = struct.Struct("!IB")
_READ = 256 * 1024
_MAX_FDS = 16
_WRAPPED = 0x80
_LONGEST = 1 << 30
"""The longest message, in bytes. A longer length is a protocol error."""
_FD_SIZE = array.array("i").itemsize
_encoder = msgspec.msgpack.Encoder()
_buffer = bytearray(_READ)
"""The read buffer of all channels, each of which empties it at once. A new one would cost more than the read.

No two threads of a process read at a time. A Worker has one channel with a lock; the other processes have one
thread.
"""


@cache
def decoder_of(incoming: Any) -> msgspec.msgpack.Decoder[Any]:
    """Return the decoder of a union of messages. Building one takes ms, so forks inherit it."""
    return msgspec.msgpack.Decoder(incoming)


class Channel(Generic[In, Out]):
    """Sends messages of type `Out`, receives those of the union `incoming`; owns and closes its socket."""

    def __init__(self, sock: socket.socket, incoming: Any, *, carries_fds: bool = False) -> None:
        sock.setblocking(False)
        self._socket = sock
        self._decoder: msgspec.msgpack.Decoder[In] = decoder_of(incoming)
        self._carries_fds = carries_fds
        self._in = bytearray()
        self._fds: deque[int] = deque()
        self._out: deque[tuple[memoryview, Sequence[int]]] = deque()
        self._reset = False
        self.unsent = 0
        """Bytes that are queued and not yet sent to the kernel."""

    def fileno(self) -> int:
        """Return the socket's descriptor, -1 once closed."""
        return self._socket.fileno()

    def queue(self, message: Out, fds: Sequence[int] = ()) -> None:
        """Queue a message; `flush` sends it. The descriptors must stay open until it is sent."""
        count = len(fds)
        try:
            body = _encoder.encode(message)
        except UnicodeEncodeError:  # such as a path that cannot be decoded
            body, count = encoding.wrap(_encoder, message), count | _WRAPPED
        packet = memoryview(_HEADER.pack(len(body), count) + body)
        self._out.append((packet, fds))
        self.unsent += len(packet)

    def flush(self) -> bool:
        """Send what the kernel takes now; return True when nothing is left. Raises ConnectionGone."""
        try:
            while self._out:
                self._send_some()
        except BlockingIOError:
            return False
        except OSError as error:
            raise ConnectionGone(str(error)) from error
        return True

    def send(self, message: Out, fds: Sequence[int] = (), *, patience: float | None = None) -> bool:
        """Queue a message and block until everything is sent; return False once the kernel takes nothing for
        `patience` seconds. Raises ConnectionGone.
        """
        self.queue(message, fds)
        while not self.flush():
            poll = select.poll()
            poll.register(self, select.POLLOUT)
            if not poll.poll(None if patience is None else patience * 1000):
                return False
        return True

    def _send_some(self) -> None:
        packet, fds = self._out[0]
        if fds:
            sent = socket.send_fds(self._socket, [packet], list(fds))
        elif len(self._out) == 1:
            sent = self._socket.send(packet)
        else:
            joined: list[memoryview] = []
            for view, attached in self._out:
                if attached or len(joined) == 64:
                    break
                joined.append(view)
            sent = self._socket.sendmsg(joined)
        self.unsent -= sent
        while sent and sent >= len(self._out[0][0]):
            sent -= len(self._out.popleft()[0])
        if sent:
            self._out[0] = (self._out[0][0][sent:], ())

    def receive(self) -> list[tuple[In, list[int]]]:
        """Return the messages that have arrived, each with its descriptors (the caller owns them).

        Reads once: call it again while the descriptor stays readable. Raises ConnectionGone at the end of the
        stream, after every whole message was returned. Raises NoMessage for bytes that do not decode.
        """
        size = self._read()
        if size is None:
            return []
        if not size:
            raise ConnectionGone("end of stream")
        return self._cut()

    def is_reset(self) -> bool:
        """Return whether the other end has closed without reading all that was sent.

        libuv reports that once and then stops polling (`uv__poll_io`): read on until ConnectionGone.
        """
        self._reset = self._reset or bool(self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))
        return self._reset

    def drain(self) -> list[tuple[In, list[int]]]:
        """Return every message that the socket still holds."""
        with suppress(ConnectionGone):
            while self._read():
                pass
        with suppress(ConnectionGone):
            return self._cut()
        return []

    def _read(self) -> int | None:
        """Read once; return the size: 0 at the end of the stream, None if nothing has arrived."""
        try:
            if self._carries_fds:
                return self._read_with_fds()
            size = self._socket.recv_into(_buffer)
            self._in += memoryview(_buffer)[:size]
            return size
        except BlockingIOError:
            return None
        except OSError as error:
            raise ConnectionGone(str(error)) from error

    def _read_with_fds(self) -> int:
        data, ancillary, _flags, _address = self._socket.recvmsg(
            _READ, socket.CMSG_SPACE(_MAX_FDS * _FD_SIZE), getattr(socket, "MSG_CMSG_CLOEXEC", 0)
        )
        for level, kind, payload in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                fds = array.array("i")
                fds.frombytes(payload[: len(payload) - len(payload) % _FD_SIZE])
                self._fds.extend(fds)
        self._in += data
        return len(data)

    def _cut(self) -> list[tuple[In, list[int]]]:
        messages: list[tuple[In, list[int]]] = []
        start, held = 0, len(self._in)
        with memoryview(self._in) as view:
            while held - start >= _HEADER.size:
                length, count = _HEADER.unpack_from(view, start)
                body = start + _HEADER.size
                start = body + length
                if held < start and length <= _LONGEST:
                    start = body - _HEADER.size
                    break
                # Release the view at once: a debugger keeps frames, and with them their locals.
                with view[body:start] as packet:
                    message = self._decode(packet, count >= _WRAPPED)
                count %= _WRAPPED
                messages.append((message, self._take_fds(count) if count else []))
        del self._in[:start]
        return messages

    def _decode(self, packet: memoryview, wrapped: bool) -> In:
        try:
            if wrapped:
                message: In = encoding.unwrap(packet, self._decoder.type)
                return message
            return self._decoder.decode(packet)
        except msgspec.MsgspecError as error:
            raise NoMessage(f"the bytes do not decode: {error}") from error

    def _take_fds(self, count: int) -> list[int]:
        if len(self._fds) < count:
            raise ConnectionGone("descriptors were lost: this process has too many open")
        return [self._fds.popleft() for _ in range(count)]

    def close(self) -> None:
        """Close the socket; what is queued is dropped."""
        self._out.clear()
        self.unsent = 0
        while self._fds:
            os.close(self._fds.popleft())
        self._socket.close()
