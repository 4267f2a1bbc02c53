"""One WebSocket from its handshake to its close, as a playbook of events and commands."""

from __future__ import annotations

import pytest

from devserver.master.http.websocket_commands import (
    AcceptClient,
    CloseClient,
    Deliver,
    DetachRun,
    Lost,
    Offer,
    RefuseClient,
    ReportClientLeft,
)
from devserver.master.http.websocket_inbox import MOST_AHEAD, MOST_AHEAD_BYTES
from devserver.master.http.websocket_session import WebSocketSession
from tests.unit.master.http.websocket_sessions import client_sends, opened, session

# the handshake


def test_what_the_client_says_waits_for_the_accept() -> None:
    """A message that came with the handshake is given once the app has accepted."""
    found = session()
    assert client_sends(found, b"a") == []
    assert found.on_app_accepted("chat", [(b"x", b"y")]) == [
        AcceptClient("chat", [(b"x", b"y")]),
        Deliver(b"a", True),
    ]


def test_a_refusal_is_the_apps_own() -> None:
    """An app that closes instead of accepting gives 403, once."""
    found = session()
    assert found.on_app_closed(1006, "") == [RefuseClient(403, "")]
    assert found.on_app_returned(failed=False) == []
    assert found.phase == "closed"


@pytest.mark.parametrize("failed", [False, True])
def test_an_app_that_decides_nothing_gives_500(failed: bool) -> None:
    """A handshake without an answer is not left hanging."""
    assert session().on_app_returned(failed) == [RefuseClient(500, "Internal Server Error")]


def test_a_death_during_the_handshake_is_tried_again_once() -> None:
    """The client notices nothing of the first death, and learns of the second."""
    found = session()
    assert found.on_worker_died("killed") == [Offer(resumed=False)]
    found.on_run_started()
    assert found.on_worker_died("killed") == [
        Lost("the handshake", "killed"),
        RefuseClient(502, "this handshake was lost: killed"),
    ]
    assert found.phase == "closed"


def test_a_client_that_leaves_before_it_had_a_worker_is_reported() -> None:
    """A handshake that was never run is not lost silently."""
    found = WebSocketSession(True, lambda _: True)
    assert found.on_client_left(1006, "") == [Lost("the waiting handshake", "its client has left")]


def test_newer_code_during_the_handshake_takes_over_after_it() -> None:
    """The old code shows whether it accepts; the conversation is the new code's."""
    found = session()
    assert found.on_code_live() == []
    assert found.on_app_accepted(None, []) == [AcceptClient(None, []), DetachRun()]
    assert found.phase == "detaching"


def test_a_handshake_that_waits_for_a_worker_is_not_outdated_by_newer_code() -> None:
    """It will start on the newest anyway."""
    found = WebSocketSession(True, lambda _: True)
    assert found.on_code_live() == []
    found.on_run_started()
    assert found.on_app_accepted(None, []) == [AcceptClient(None, [])]


# the conversation


def test_messages_are_given_in_order_as_far_as_a_worker_may_be_ahead() -> None:
    """A Worker that takes no message holds a bounded number of them; the rest waits in the Master."""
    found = opened()
    for number in range(MOST_AHEAD):
        assert client_sends(found, b"%d" % number) == [Deliver(b"%d" % number, True)]
    assert client_sends(found, b"more") == []
    assert found.holds
    assert found.on_app_received() == [Deliver(b"more", True)]
    assert not found.holds


def test_large_messages_are_bounded_by_their_bytes() -> None:
    """What is large waits in the Master, and then the client is read no further."""
    found = opened()
    large = b"x" * MOST_AHEAD_BYTES
    assert found.on_client_message(1, large, False) == [Deliver(large, False)]
    assert found.full
    assert client_sends(found, b"next") == []
    assert found.on_app_received() == [Deliver(b"next", True)]
    assert not found.full


def test_a_client_that_talks_on_is_read_no_further() -> None:
    """A few hundred small messages that are not taken are enough."""
    found = opened()
    for _ in range(2 * MOST_AHEAD - 1):
        client_sends(found, b"")
    assert not found.full
    client_sends(found, b"")
    assert found.full


def test_a_message_waits_for_its_edit_and_keeps_those_after_it() -> None:
    """What was sent after a save runs that save's code, and nothing overtakes it."""
    found = opened(pending=frozenset({7}))
    assert found.on_client_message(7, b"a", True) == []
    assert found.on_client_message(1, b"b", True) == []
    found.settled = lambda _: True
    assert found.deliver() == [Deliver(b"a", True), Deliver(b"b", True)]


def test_the_apps_close_is_passed_on_and_is_the_last() -> None:
    """After a close the client gets nothing, whatever the app still does."""
    found = opened()
    assert found.on_app_closed(4000, "enough") == [CloseClient(4000, "enough")]
    assert not found.on_app_sent()
    assert found.on_app_received() == []
    assert found.on_app_closed(1000, "") == []
    assert found.on_app_returned(failed=True) == []
    assert found.on_code_live() == []
    assert found.on_worker_died("killed") == []
    assert client_sends(found, b"a") == []
    assert found.on_client_left(1005, "") == []


def test_an_app_that_returns_ends_the_connection_as_under_uvicorn() -> None:
    """No closing handshake: the client sees 1006."""
    assert opened().on_app_returned(failed=False) == [CloseClient(0)]
    assert opened().on_app_returned(failed=True) == [CloseClient(0)]


def test_a_client_that_leaves_is_reported_to_the_app() -> None:
    """With its own code and reason; what it said before is the app's to receive."""
    found = opened()
    client_sends(found, b"a")
    assert found.on_client_left(4001, "bye") == [ReportClientLeft(4001, "bye")]
    assert found.on_app_returned(failed=False) == []


def test_messages_that_nobody_can_have_any_more_are_reported() -> None:
    """A client that speaks and leaves during a reload: its words are named as lost."""
    found = opened()
    client_sends(found, b"a")
    found.on_code_live()
    client_sends(found, b"b")
    reason = "its client has left before the app could have it"
    assert found.on_client_left(1005, "") == [Lost("2 messages", reason), ReportClientLeft(1005, "")]
