"""Messages over a real socketpair."""

from __future__ import annotations

import os

import pytest

from devserver.errors import ConnectionGone
from devserver.wire.channel import pair
from devserver.wire.messages import FromManager, Retire, Said, Stop, ToManager, WorkerStarted


def test_messages_arrive_in_order_whatever_their_size() -> None:
    """Small and large messages, more than the kernel takes at once."""
    manager, master = pair(ToManager, FromManager)
    sent = [Said("info", "x" * size) for size in (1, 5_000_000, 3, 70_000)]
    for message in sent:
        manager.queue(message)
    received: list[FromManager] = []
    while len(received) < len(sent):
        manager.flush()
        received += [message for message, _ in master.receive()]
    assert received == sent
    assert manager.unsent == 0
    manager.close()
    master.close()


def test_descriptors_arrive_with_their_message() -> None:
    """Each message has its own, also between messages that have none."""
    manager, master = pair(ToManager, FromManager)
    read, write = os.pipe()
    manager.queue(Retire(1))
    manager.queue(WorkerStarted(1, 1, 1, 99), [write])
    manager.queue(Retire(2))
    assert manager.flush()
    received: list[tuple[FromManager, list[int]]] = []
    while len(received) < 3:
        received += master.receive()
    os.close(write)
    (_, none), (started, [copy]), (_, nothing) = received
    assert (none, nothing) == ([], [])
    assert started == WorkerStarted(1, 1, 1, 99)
    os.write(copy, b"!")
    assert os.read(read, 1) == b"!"
    for fd in (copy, read):
        os.close(fd)
    manager.close()
    master.close()


def test_the_end_comes_after_the_last_message() -> None:
    """What a process said before it died is not lost."""
    manager, master = pair(ToManager, FromManager)
    master.queue(Stop(1.0))
    master.flush()
    master.close()
    assert manager.receive() == [(Stop(1.0), [])]
    with pytest.raises(ConnectionGone):
        manager.receive()
    manager.close()


def test_drain_takes_all_that_is_there() -> None:
    """A large message and the end of the stream."""
    manager, master = pair(ToManager, FromManager)
    messages = [Said("info", "x" * 50_000), Retire(3)]
    for message in messages:
        manager.queue(message)
    manager.flush()
    manager.close()
    assert [message for message, _ in master.drain()] == messages
    master.close()
