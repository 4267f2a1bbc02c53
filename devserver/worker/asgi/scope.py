"""The app's ASGI scope, made from a Scope message.

Law: it has what uvicorn's scope has, and nothing that is not supported.
"""

from __future__ import annotations

from typing import Any

from devserver.ipc.messages import Scope

_HTTP = {"version": "3.0", "spec_version": "2.3"}
_WEBSOCKET = {"version": "3.0", "spec_version": "2.4"}
RESUMED = "devserver.resumed"
"""Key in `extensions` of a connection that another Worker began: {"generation": the one that continues}."""


def asgi_scope(scope: Scope, state: dict[str, Any]) -> dict[str, Any]:
    """Return the scope as a new dict, with a copy of the lifespan's `state`."""
    found: dict[str, Any] = {
        "type": scope.type,
        "asgi": dict(_HTTP if scope.type == "http" else _WEBSOCKET),
        "http_version": scope.http_version,
        "server": scope.server,
        "client": scope.client,
        "scheme": scope.scheme,
        "root_path": scope.root_path,
        "path": scope.path,
        "raw_path": scope.raw_path,
        "query_string": scope.query_string,
        "headers": scope.headers,
        "state": state.copy(),
    }
    if scope.type == "http":
        found["method"] = scope.method
        if scope.resumed:
            found["extensions"] = {RESUMED: {"generation": scope.resumed}}
    else:
        found["subprotocols"] = scope.subprotocols
        found["extensions"] = {"websocket.http.response": {}}
        if scope.resumed:
            found["extensions"][RESUMED] = {"generation": scope.resumed}
    return found
