"""A connection without a transport: what happens goes in, what is due comes out."""

from __future__ import annotations

from devserver.common.framing import Lines
from devserver.ipc.messages import ConnectionWindowUpdate
from devserver.master.handlers.connection import EMPTY_STATE, Connection

LIMIT = 100


def opened(*frames: bytes) -> Connection:
    """Return a connection that has sent these lines, under settled edits."""
    connection = Connection(7, "tcp", LIMIT)
    connection.on_opened(("127.0.0.1", 5), 0)
    for frame in frames:
        connection.inbox.arrive(0, "receive", frame + b"\n")
    settle(connection)
    return connection


def settle(connection: Connection) -> None:
    connection.inbox.release(Lines(), lambda _stamp: True)


def test_its_items_start_one_at_a_time_in_their_order() -> None:
    """The connect first, then each frame once the one before was handled."""
    connection = opened(b"a", b"b")
    kinds = []
    for number in range(1, 4):
        handle = connection.start(1, number)
        assert connection.next_item() is None
        kinds.append((handle.job, handle.kind, handle.data))
        connection.on_handled(None)
    assert kinds == [(1, "connect", b""), (2, "receive", b"a"), (3, "receive", b"b")]
    assert connection.next_item() is None


def test_the_state_goes_along_and_stays_when_the_item_is_lost() -> None:
    """A Worker that dies has stored nothing."""
    connection = opened(b"a", b"b")
    assert connection.start(1, 1).state == EMPTY_STATE
    connection.on_handled(b"new")
    assert connection.start(1, 2).state == b"new"
    connection.on_handled(None)
    assert connection.start(2, 3).state == b"new"


def test_nothing_starts_while_the_client_does_not_read() -> None:
    """Its answers would only pile up; once it is gone, what it has sent is handled."""
    connection = opened(b"a")
    connection.outbox.paused = True
    assert connection.next_item() is None
    connection.on_closed()
    assert connection.next_item() is not None


def test_messages_for_many_that_it_does_not_read_are_counted() -> None:
    """They are dropped, and reported once it reads again."""
    connection = opened()
    connection.outbox.paused = True
    assert connection.broadcast(b"x") == connection.broadcast(b"y") == []
    assert connection.on_writable() == 2
    assert connection.on_writable() == 0
    assert connection.broadcast(b"z") == [b"z"]


def test_a_worker_may_send_more_once_the_client_has_taken_what_it_sent() -> None:
    """Not while the client does not read, and not for a few bytes."""
    connection = opened()
    connection.outbox.send(1, b"x" * 10, False)
    assert connection.window_update(1) is None
    connection.outbox.send(1, b"x" * 40, False)
    connection.outbox.paused = True
    assert connection.window_update(1) is None
    connection.on_writable()
    assert connection.window_update(1) == ConnectionWindowUpdate(7, 50)
    assert connection.window_update(1) is None


def test_it_is_finished_when_its_client_has_ended_and_all_was_handled() -> None:
    """Answers go out before the connection is closed."""
    connection = opened(b"a")
    assert not connection.is_finished
    connection.on_ended()
    for number in (1, 2):
        assert not connection.is_finished
        connection.start(1, number)
        assert not connection.is_finished
        connection.on_handled(None)
    assert connection.is_finished
    connection.on_closed()
    assert not connection.is_finished
