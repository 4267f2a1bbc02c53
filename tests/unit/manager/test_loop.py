"""The order in which the Manager's loop decides and acts, without a process."""

from __future__ import annotations

import socket

import pytest

from devserver.ipc.channel import Channel
from devserver.ipc.messages import Configure, FromManager, Reload, Source, Target, ToManager, WorkerSettings
from devserver.manager.forker import Forker
from devserver.manager.loop import Manager
from devserver.manager.protocol import Fork, ForkFailed
from devserver.manager.signal_pipe import SignalPipe
from devserver.manager.snapshots import Snapshot


def test_orders_that_arrive_at_once_are_carried_out_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Worker is forked while its snapshot is there, though the next order has it forgotten."""
    born: list[tuple[int, bool]] = []

    def fork(_forker: Forker, order: Fork, sources: Snapshot) -> ForkFailed:
        born.append((order.generation, "app" in sources))
        return ForkFailed(order.worker, "no process is needed here")

    monkeypatch.setattr(Forker, "fork", fork)
    monkeypatch.setattr(SignalPipe, "take_signals", lambda _pipe: None)
    ours, theirs = socket.socketpair()
    master: Channel[FromManager, ToManager] = Channel(ours, FromManager, carries_fds=True)
    source = Source("app", b"", b"")
    for message in (
        Configure(WorkerSettings(Target("app", ()), "/"), 1, 1, terminal=False, boot_timeout=0, drain=1),
        Reload(1, 0, (source,)),
        Reload(2, 0, (source,), live=True),
    ):
        master.queue(message)
    assert master.flush()
    ours.shutdown(socket.SHUT_WR)
    assert Manager(theirs.detach()).run() is None
    assert born[0] == (1, True)
    assert all(known for _, known in born)
    master.close()
