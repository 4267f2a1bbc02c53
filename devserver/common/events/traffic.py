"""Clients: their connections, requests and jobs, and work that was lost or resumed."""

from __future__ import annotations

import msgspec

from devserver.common.events.base import EventBase
from devserver.common.failure import Failure


class Connections(EventBase, frozen=True, kw_only=True):
    """How many client connections are open, and how many jobs wait for a Worker."""

    open: int
    waiting: int


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """A request that was answered, or whose client left before (`status` 0).

    `at` is Unix time when it was answered, `ms` how long that took, including the wait for a save. `path`
    has its query. `generation` is the code that ran it, 0: none did.
    """

    at: float
    method: str
    path: str
    status: int
    ms: float
    generation: int = 0


class Requests(EventBase, frozen=True, kw_only=True):
    """Requests that were answered since the last such event: `count` of them, `failed` with a status of 5xx.

    `requests` are those shown one by one, in the order of their ends: not all of them if there are many.
    """

    count: int
    failed: int
    requests: tuple[Request, ...]


class HandlerFailed(EventBase, frozen=True, kw_only=True):
    """A handler of the app, or the app in a request, raised; the connection lives on.

    `request` is `GET /items?page=2`; `status` is its response's, 0 without a request.
    """

    worker: int
    connection: int
    failure: Failure
    request: str = ""
    status: int = 0


class Lost(EventBase, frozen=True, kw_only=True):
    """Work or data was dropped, for `reason`. `connection` is 0 if it does not concern one connection."""

    what: str
    reason: str
    connection: int = 0


class Resumed(EventBase, frozen=True, kw_only=True):
    """An open WebSocket or event stream goes on with newer code, or on another Worker."""

    what: str
    generation: int
