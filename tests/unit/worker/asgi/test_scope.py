"""The scope that the app gets."""

from __future__ import annotations

import pytest

from devserver.worker.asgi.scope import RESUMED, asgi_scope
from tests.fakes.asgi_streams import App, Event, Receive, Send, a_scope, under_uvicorn
from tests.fakes.clock import run


@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_it_holds_what_uvicorns_holds(kind: str) -> None:
    """Key by key, and the same versions of the specification."""

    async def scenario() -> None:
        theirs: list[Event] = []

        async def app(scope: Event, receive: Receive, send: Send) -> None:
            theirs.append(scope)

        noting: App = app
        await under_uvicorn(noting, kind)
        ours = asgi_scope(a_scope(kind), {})
        assert ours.keys() == theirs[0].keys()
        for key in ("type", "asgi", "http_version", "scheme", "path", "raw_path", "root_path"):
            assert ours[key] == theirs[0][key]
        assert ours.get("extensions") == theirs[0].get("extensions")

    run(scenario())


@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_what_newer_code_goes_on_with_is_marked(kind: str) -> None:
    """An app that cares can see it."""
    extensions = asgi_scope(a_scope(kind, resumed=3), {})["extensions"]
    assert extensions[RESUMED] == {"generation": 3}
    assert RESUMED not in asgi_scope(a_scope(kind), {}).get("extensions", {})


def test_the_state_is_a_copy() -> None:
    """What a request puts there is its own."""
    state = {"pool": 1}
    found = asgi_scope(a_scope(), state)["state"]
    assert found == state
    assert found is not state
