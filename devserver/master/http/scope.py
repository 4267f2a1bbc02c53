"""Turns uvicorn's ASGI scope into a message for a Worker: pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from devserver.ipc import messages

LAST_EVENT_ID = b"last-event-id"


def wire_scope(
    scope: dict[str, Any],
    resumed: int = 0,
    last_event_id: bytes | None = None,
    ask: Callable[[messages.Headers], messages.Headers] | None = None,
) -> messages.Scope:
    """Return the scope for the app; with `last_event_id` the request asks for the events after that one.

    `ask` changes the headers.
    """
    headers = ask(scope["headers"]) if ask else scope["headers"]
    if last_event_id is not None:
        headers = [(name, value) for name, value in headers if name != LAST_EVENT_ID]
        headers.append((LAST_EVENT_ID, last_event_id))
    return messages.Scope(
        type=scope["type"],
        http_version=scope["http_version"],
        method=scope.get("method", ""),
        scheme=scope["scheme"],
        path=scope["path"],
        raw_path=scope["raw_path"],
        query_string=scope["query_string"],
        root_path=scope["root_path"],
        headers=headers,
        client=scope["client"],
        server=scope["server"],
        subprotocols=scope.get("subprotocols", []),
        resumed=resumed,
    )


def header(scope: dict[str, Any], wanted: bytes) -> bytes:
    """Return a header; several are joined by commas, "" if it is absent."""
    return b", ".join(value for name, value in scope["headers"] if name == wanted)


def accepted(scope: dict[str, Any]) -> bytes:
    """Return the Accept header."""
    return header(scope, b"accept")
