"""A fork of the Manager that becomes the next Worker once it is ordered: forking it then would take longer.

Laws: until then it has no descriptor of the Manager's, and ends with it at the latest. What has changed since
the fork comes with the order.
"""

from __future__ import annotations

import os
import select
import socket
from collections.abc import Sequence

import msgspec

from devserver.common.errors import ConnectionGone
from devserver.ipc.channel import Channel
from devserver.ipc.messages import Source
from devserver.manager.snapshots import Snapshot
from devserver.worker.birth import forks

_PATIENCE = 1.0
"""Seconds within which it has to read on."""


class BecomeWorker(msgspec.Struct, frozen=True):
    """Run this Worker. Carries its link and file for stacks, then its terminal and its image's link, if any.

    `changed` and `removed`: in what its snapshot differs from the one at the fork.
    """

    worker: int
    slot: int
    generation: int
    changed: tuple[Source, ...]
    removed: tuple[str, ...]
    records: bool
    has_terminal: bool
    has_image: bool


class NextWorker:
    """The Manager's end. `snapshot` is what process `pid` has in memory."""

    def __init__(self, pid: int, link: socket.socket, snapshot: Snapshot) -> None:
        self.pid = pid
        self._snapshot = dict(snapshot)
        self._channel: Channel[None, BecomeWorker] = Channel(link, None)

    def differences(self, snapshot: Snapshot) -> tuple[tuple[Source, ...], tuple[str, ...]]:
        """Return the sources that its snapshot lacks, and the paths that it has too many."""
        known = self._snapshot
        changed = tuple(source for path, source in snapshot.items() if known.get(path) is not source)
        return changed, tuple(known.keys() - snapshot.keys())

    def order(self, order: BecomeWorker, fds: Sequence[int]) -> bool:
        """Let it become a Worker, and forget it; return False if it has ended or does not read."""
        try:
            return self._channel.send(order, fds, patience=_PATIENCE)
        except ConnectionGone:
            return False
        finally:
            self._channel.close()

    def close(self) -> None:
        """Close the descriptor; it exits."""
        self._channel.close()


def await_orders(link: socket.socket, snapshot: Snapshot) -> tuple[BecomeWorker, list[int], Snapshot]:
    """In the fork: return the orders with their descriptors, and the Worker's snapshot; exit if none come.

    `snapshot` is what the fork has in memory.
    """
    channel: Channel[BecomeWorker, None] = Channel(link, BecomeWorker, carries_fds=True)
    poll = select.poll()
    poll.register(channel, select.POLLIN)
    orders: list[tuple[BecomeWorker, list[int]]] = []
    while not orders:
        poll.poll()
        try:
            orders = channel.receive()
        except ConnectionGone:
            os._exit(0)
    forks.outlive()
    channel.close()
    [(order, fds)] = orders
    kept = {path: source for path, source in snapshot.items() if path not in order.removed}
    return order, fds, kept | {source.path: source for source in order.changed}
