"""Libraries that put themselves into uvicorn's exit hear of it."""

from __future__ import annotations

import signal
from typing import Any

import pytest
from uvicorn.server import Server

from devserver.worker.asgi import shutdown_signal


def test_what_sits_in_uvicorns_exit_hears_of_it_and_may_call_the_original(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As sse-starlette does it: a static function that notes the exit, then goes on with uvicorn's own."""
    heard: list[Any] = []
    original = Server.handle_exit

    def handle_exit(*args: Any) -> None:
        heard.append(args[1])
        original(*args)
        heard.append(args[0].should_exit)

    monkeypatch.setattr(Server, "handle_exit", handle_exit)
    shutdown_signal.send()
    assert heard == [signal.SIGTERM, True]


def test_a_listener_that_fails_keeps_nobody_from_leaving(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a library does in its exit, the Worker leaves."""

    def handle_exit(*_: Any) -> None:
        raise RuntimeError("not now")

    monkeypatch.setattr(Server, "handle_exit", handle_exit)
    shutdown_signal.send()
