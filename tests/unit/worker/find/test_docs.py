"""Where an app shows the documentation of its API."""

from __future__ import annotations

import pytest

from devserver.worker.find.docs import docs_path


def test_fastapi_shows_where() -> None:
    """Its path is linked, and none where it was switched off."""
    fastapi = pytest.importorskip("fastapi")
    assert docs_path(fastapi.FastAPI()) == "/docs"
    assert docs_path(fastapi.FastAPI(docs_url="/api/docs")) == "/api/docs"
    assert docs_path(fastapi.FastAPI(openapi_url=None)) == ""


def test_litestar_shows_where() -> None:
    """Its schema has a page."""
    litestar = pytest.importorskip("litestar")
    assert docs_path(litestar.Litestar([])) == "/schema"
    assert docs_path(litestar.Litestar([], openapi_config=None)) == ""


def test_any_other_app_has_none() -> None:
    """Nothing is assumed of an app that says nothing, or that raises when it is asked."""

    class Odd:
        def __getattr__(self, name: str) -> str:
            raise RuntimeError(name)

    assert docs_path(Odd()) == docs_path(object()) == ""
