"""A WSGI app that tells its environ."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Iterable
from typing import Any

from a2wsgi import WSGIMiddleware

ITSELF = ("wsgi.input", "wsgi.errors", "asgi.scope", "wsgi.file_wrapper")
"""What is shown by what it can do."""


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer with the environ, the body and the thread."""
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    seen = {key: repr(value) for key, value in environ.items() if key not in ITSELF and key.isupper()}
    wsgi = {
        key: repr(value) for key, value in environ.items() if key.startswith("wsgi.") and key not in ITSELF
    }
    print("to wsgi.errors", file=environ["wsgi.errors"], flush=True)
    errors = "stderr" if environ["wsgi.errors"] is sys.stderr else "stdout"
    thread = threading.current_thread().name.partition("_")[0]
    found = {"environ": seen | wsgi, "body": body.decode("latin-1"), "errors": errors, "thread": thread}
    data = json.dumps(found, sort_keys=True).encode()
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(data)))])
    return [data]


app = WSGIMiddleware(application)  # type: ignore[arg-type]
"""For uvicorn."""
