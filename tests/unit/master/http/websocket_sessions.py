"""WebSocket sessions, brought as far as a test wants them, with each command checked."""

from __future__ import annotations

from devserver.master.http.websocket_commands import (
    AcceptClient,
    CloseClient,
    Command,
    DetachRun,
    Offer,
    Remember,
)
from devserver.master.http.websocket_session import WebSocketSession

RESTART = CloseClient(1012, "service restart")


def given_up(why: str) -> list[Command]:
    """Return what is done with a conversation that newer code cannot go on with."""
    return [Remember(why), RESTART]


def session(*, resumable: bool = True, pending: frozenset[int] = frozenset()) -> WebSocketSession:
    """Return a handshake that runs on a Worker; edits in `pending` are not settled."""
    found = WebSocketSession(resumable, lambda stamp: stamp not in pending)
    assert found.on_run_started() == []
    return found


def opened(*, resumable: bool = True, pending: frozenset[int] = frozenset()) -> WebSocketSession:
    """Return one that the app has accepted."""
    found = session(resumable=resumable, pending=pending)
    assert found.on_app_accepted(None, []) == [AcceptClient(None, [])]
    return found


def resumed() -> WebSocketSession:
    """Return one that newer code goes on with, and has accepted."""
    found = opened()
    assert found.on_code_live() == [DetachRun()]
    assert found.on_app_returned(failed=False) == [Offer(resumed=True)]
    assert found.on_run_started() == []
    assert found.on_app_accepted(None, []) == []
    return found


def client_sends(conversation: WebSocketSession, text: bytes) -> list[Command]:
    return conversation.on_client_message(1, text, True)
