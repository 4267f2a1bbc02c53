"""The console's end of its link to the Master: events in, orders out."""

from __future__ import annotations

import select
import socket
from contextlib import suppress

import msgspec

from devserver.common import events

CHUNK = 256 * 1024


class MasterLink:
    """Owns the socket while the console runs, and makes it non-blocking."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._socket.setblocking(False)
        self._incoming = b""

    def fileno(self) -> int:
        """Return the socket's descriptor."""
        return self._socket.fileno()

    def receive(self) -> tuple[list[events.Event], bool]:
        """Return the events that have arrived, and whether more may come: False at the link's end."""
        try:
            data = self._socket.recv(CHUNK)
        except BlockingIOError:
            return [], True
        except ConnectionError:
            return [], False
        *lines, self._incoming = (self._incoming + data).split(b"\n")
        found = []
        for line in lines:
            with suppress(msgspec.DecodeError):  # an event of another version, or none
                found.append(events.decode(line))
        return found, bool(data)

    def send(self, order: str, **fields: int | str) -> None:
        """Send the Master an order. Waits until the whole order is sent."""
        line = msgspec.json.encode({"order": order, **fields}) + b"\n"
        with suppress(ConnectionError):
            while line:
                try:
                    line = line[self._socket.send(line) :]
                except BlockingIOError:
                    select.select([], [self._socket], [])
