"""The path at which an app documents its API, if it declares one."""

from __future__ import annotations

from contextlib import suppress
from typing import Any


def docs_path(app: Any) -> str:
    """Return the path: FastAPI's `docs_url`, Litestar's schema; empty for any other app. Calls nothing."""
    with suppress(Exception):  # attribute access may run code of the app
        url = getattr(app, "docs_url", None)
        if isinstance(url, str) and getattr(app, "openapi_url", None):
            return url
        config = getattr(app, "openapi_config", None)
        if type(app).__module__.startswith("litestar") and config is not None:
            return config.path or "/schema"
    return ""
