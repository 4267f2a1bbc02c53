"""Who lets which client in: a protocol for each new connection, within the descriptors that there are.

Law: what serves clients must not starve a reload; who is turned away is told of on the console.
"""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Callable
from typing import cast

from devserver.master.handlers.router import Router
from devserver.master.http.gateway import Gateway

RESERVED = 48
"""Descriptors kept for files, Workers and Managers."""

Factory = Callable[[], asyncio.Protocol]


class RefusedConnection(asyncio.Protocol):
    """A client that there is no room for."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast("asyncio.Transport", transport).abort()


class ConnectionLimit:
    """`native` tells whether a client of a Unix socket meets handlers; else it speaks HTTP."""

    def __init__(self, board: Router, front: Gateway, native: Callable[[], bool]) -> None:
        self._board = board
        self._front = front
        self._native = native
        self._most = max(1, resource.getrlimit(resource.RLIMIT_NOFILE)[0] - RESERVED)

    @property
    def open(self) -> int:
        """Return how many connections are open; a WebSocket with handlers behind it is one."""
        own = sum(c.open and c.transport_kind != "websocket" for c in self._board.connections.values())
        return own + self._front.face.open

    def factories(self) -> dict[str, Factory]:
        """Return what makes the protocol of a new connection, by the kind of its listener."""
        return {
            "http": self._within_limit(self._front.face.connect),
            "tcp": self._within_limit(lambda: self._board.connect("tcp")),
            "uds": self._within_limit(self._local),
        }

    def _local(self) -> asyncio.Protocol:
        return self._board.connect("uds") if self._native() else self._front.face.connect()

    def _within_limit(self, factory: Factory) -> Factory:
        def connect() -> asyncio.Protocol:
            if len(self._board.connections) + self._front.face.open < self._most:
                return factory()
            ulimit = "as many as descriptors allow: raise `ulimit -n`"
            self._front.lost("a new connection", f"{self._most} are open, {ulimit}")
            return RefusedConnection()

        return connect
