"""Messages over a real socketpair."""

from __future__ import annotations

import os
import socket
from typing import Any

import pytest

from devserver.common.errors import ConnectionGone
from devserver.ipc.channel import Channel
from devserver.ipc.messages import (
    Configure,
    FromManager,
    Loaded,
    ManagerNotice,
    Preload,
    Reload,
    Retire,
    Source,
    Stop,
    Surroundings,
    Target,
    ToManager,
    WorkerForked,
    WorkerSettings,
)


def pair(incoming: Any, outgoing: Any) -> tuple[Channel[Any, Any], Channel[Any, Any]]:
    """Return two connected channels: the first receives `incoming`."""
    left, right = socket.socketpair()
    return Channel(left, incoming, carries_fds=True), Channel(right, outgoing, carries_fds=True)


def test_messages_arrive_in_order_whatever_their_size() -> None:
    """Small and large messages, more than the kernel takes at once."""
    manager, master = pair(ToManager, FromManager)
    sent = [ManagerNotice("info", "x" * size) for size in (1, 5_000_000, 3, 70_000)]
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
    manager.queue(WorkerForked(1, 1, 1, 99), [write])
    manager.queue(Retire(2))
    assert manager.flush()
    received: list[tuple[FromManager, list[int]]] = []
    while len(received) < 3:
        received += master.receive()
    os.close(write)
    (_, none), (started, [copy]), (_, nothing) = received
    assert (none, nothing) == ([], [])
    assert started == WorkerForked(1, 1, 1, 99)
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
    messages = [ManagerNotice("info", "x" * 50_000), Retire(3)]
    for message in messages:
        manager.queue(message)
    manager.flush()
    manager.close()
    assert [message for message, _ in master.drain()] == messages
    master.close()


def test_text_that_is_not_valid_unicode_arrives() -> None:
    """A lone surrogate in what the app raised or in a file's name does not keep the message back."""
    manager, master = pair(ToManager, FromManager)
    manager.queue(ManagerNotice("info", "a \udcff", detail="é"))
    manager.flush()
    assert master.receive() == [(ManagerNotice("info", "a \udcff", detail="é"), [])]
    manager.close()
    master.close()


@pytest.mark.parametrize("garbage", [b"\0\0\0\3\0abc", b"\xff" * 5, b"\0\0\0\1\1\x90"])
def test_bytes_that_are_no_message_end_the_channel(garbage: bytes) -> None:
    """A process that writes such messages cannot be talked to."""
    ours, theirs = socket.socketpair()
    channel: Channel[FromManager, ToManager] = Channel(ours, FromManager, carries_fds=True)
    theirs.send(garbage)
    with pytest.raises(ConnectionGone):
        channel.receive()
    theirs.send(b"more")
    assert channel.drain() == []
    channel.close()
    theirs.close()


def test_descriptors_of_a_message_that_never_came_whole_are_closed() -> None:
    """Its sender was killed in between: nothing leaks."""
    read, write = os.pipe()
    ours, theirs = socket.socketpair()
    channel: Channel[FromManager, ToManager] = Channel(ours, FromManager, carries_fds=True)
    socket.send_fds(theirs, [b"\0\0"], [write])
    os.close(write)
    assert channel.receive() == []
    channel.close()
    theirs.close()
    os.set_blocking(read, False)
    assert os.read(read, 1) == b"", "nobody has the other end open"
    os.close(read)


def test_paths_that_cannot_be_decoded_arrive_as_they_were() -> None:
    """A project may lie in a folder whose name is not valid in the file system's encoding."""
    odd, marked = os.fsdecode(b"/caf\xe9/main.py"), "\0 begins with what marks such text"
    source = Source(odd, b"\xff\0", b"x = '\xe9'", None)
    sent = [
        Loaded(1, 2, source),
        Reload(3, 2, (source, Source(marked, b"", None)), live=True),
        Configure(WorkerSettings(Target("main", (odd,), path=odd), odd), 0, 1, False, 0.5, 600.0),
        Preload((), (Surroundings({odd: None, "HOME": "\ud800"}, path=(odd, marked)),)),
        Loaded(1, 2, Source(marked, b"", None)),
    ]
    master, manager = pair(FromManager, ToManager)
    for message in sent:
        master.queue(message)
    assert master.flush()
    received: list[ToManager] = []
    while len(received) < len(sent):
        received += [message for message, _ in manager.receive()]
    assert received == sent
    manager.close()
    master.close()
