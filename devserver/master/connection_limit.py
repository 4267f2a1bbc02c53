"""Creates a protocol for each new connection, as long as there are descriptors.

Law: clients do not starve a reload. Each client that is turned away is reported.
"""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Callable
from typing import cast

from devserver.common import events
from devserver.common.events import Event
from devserver.master.handlers.router import Router
from devserver.master.http.gateway import Gateway

RESERVED = 48
"""Descriptors kept for files, Workers and Managers."""

Factory = Callable[[], asyncio.Protocol]


class RefusedConnection(asyncio.Protocol):
    """Closes the connection of a client at the limit."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast("asyncio.Transport", transport).abort()


class ConnectionLimit:
    """`serves_handlers` returns whether a Unix socket serves handlers; else it serves HTTP."""

    def __init__(
        self,
        router: Router,
        gateway: Gateway,
        serves_handlers: Callable[[], bool],
        emit: Callable[[Event], None],
    ) -> None:
        self._emit = emit
        self._router = router
        self._gateway = gateway
        self._serves_handlers = serves_handlers
        self._most = max(1, resource.getrlimit(resource.RLIMIT_NOFILE)[0] - RESERVED)

    @property
    def open(self) -> int:
        """Return how many connections are open; a WebSocket of handlers counts once."""
        return self._router.open_beside_http + self._gateway.uvicorn.open

    def factories(self) -> dict[str, Factory]:
        """Return the factories of protocols for new connections, by the kind of the listener."""
        return {
            "http": self._within_limit(self._gateway.uvicorn.connect),
            "tcp": self._within_limit(lambda: self._router.connect("tcp")),
            "uds": self._within_limit(self._local),
        }

    def _local(self) -> asyncio.Protocol:
        return self._router.connect("uds") if self._serves_handlers() else self._gateway.uvicorn.connect()

    def _within_limit(self, factory: Factory) -> Factory:
        def connect() -> asyncio.Protocol:
            if self._router.count + self._gateway.uvicorn.open < self._most:
                return factory()
            ulimit = "which is the limit of descriptors: raise it with `ulimit -n`"
            reason = f"{self._most} are open, {ulimit}"
            self._emit(events.Lost(what="a new connection", reason=reason))
            return RefusedConnection()

        return connect
