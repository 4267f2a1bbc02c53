"""The Manager's ends of the sockets to images, and the copies that are in progress.

Law: each copy that was ordered of an image gets one answer: copied, failed, or the image is gone.
"""

from __future__ import annotations

import os
import selectors
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from msgspec import Struct

from devserver.common.errors import ConnectionGone
from devserver.ipc.channel import Channel
from devserver.ipc.image_messages import (
    Copied,
    Copy,
    CopyExited,
    CopyRefused,
    FromImage,
    ImageForked,
    ImageReady,
    Known,
    NoImage,
    Prepare,
    ToImage,
)
from devserver.ipc.messages import Source, Way
from devserver.manager.protocol import CopyFailed, Exited, Fork, Forked, ForkFailed, ImageCame, ImageGone
from devserver.manager.syscalls import WorkerFds

ImageFact = CopyFailed | Exited | ForkFailed | ImageCame | ImageGone
_FromImage = ImageReady | NoImage | CopyRefused | CopyExited | Copied


class CopyForked(Struct, frozen=True):
    """An image has forked a copy: the fact, what it was given, and a descriptor of its process."""

    forked: Forked
    fds: WorkerFds
    pidfd: int


@dataclass(slots=True)
class _Link:
    channel: Channel[FromImage, ToImage]
    pid: int = 0


class ImageLinks:
    """The links to images, by the number of the Worker that has left the image or may leave one."""

    def __init__(self, selector: selectors.BaseSelector) -> None:
        self._selector = selector
        self._links: dict[int, _Link] = {}
        self._copies: dict[int, tuple[Fork, WorkerFds, float]] = {}
        """Worker → the order for its copy, its descriptors, and when it was sent."""

    def open(self, worker: int) -> socket.socket:
        """Return the Worker's end of a new link. Close it in the Manager after the fork. Raises OSError."""
        ours, theirs = socket.socketpair()
        channel: Channel[FromImage, ToImage] = Channel(ours, FromImage, carries_fds=True)
        self._links[worker] = _Link(channel)
        self._selector.register(channel, selectors.EVENT_READ)
        return theirs

    def ask(self, order: Fork, worker_fds: WorkerFds) -> None:
        """Order a copy of an image; the copy gets its half of the descriptors."""
        terminal = [worker_fds.terminal] if worker_fds.terminal >= 0 else []
        fds = (worker_fds.link.fileno(), worker_fds.dump, *terminal)
        self._copies[order.worker] = order, worker_fds, time.monotonic()
        self._send(order.image, Copy(order.worker, order.slot, order.generation, order.changes), fds)

    def send_file(self, worker: int, source: Source) -> None:
        """Send an image a file."""
        self._send(worker, Known(source))

    def prepare(self, worker: int) -> None:
        """Let an image get ready to be copied."""
        self._send(worker, Prepare())

    def _send(self, worker: int, message: ToImage, fds: tuple[int, ...] = ()) -> None:
        """Send; block while the image has yet to read earlier messages."""
        link = self._links.get(worker)
        if link is None:
            return
        with suppress(ConnectionGone):  # its end is reported separately
            if not link.channel.send(message, fds, patience=_PATIENCE):
                self.kill(worker)

    def received(self, ready: set[int]) -> Iterator[ImageFact | CopyForked]:
        """Yield what the images have reported whose descriptors are `ready`."""
        for worker, link in list(self._links.items()):
            if link.channel.fileno() in ready:
                try:
                    messages = link.channel.receive()
                except ConnectionGone:
                    yield self._gone(worker, "")
                    continue
                for message, fds in messages:
                    if isinstance(message, ImageForked):
                        link.pid = message.pid
                    else:
                        yield self._fact(worker, link, message, fds)

    def _fact(self, worker: int, link: _Link, message: _FromImage, fds: list[int]) -> ImageFact | CopyForked:
        match message:
            case ImageReady(holds):
                return ImageCame(worker, link.pid, holds)
            case NoImage(reason, own_ms):
                return self._gone(worker, reason, own_ms)
            case CopyRefused(copy, reason):
                _order, worker_fds, _ordered = self._copies.pop(copy)
                worker_fds.close()
                return CopyFailed(copy, reason)
            case CopyExited(copy, status):
                return Exited(copy, status)
            case Copied(copy, pid, at, functions, constants):
                _order, worker_fds, ordered = self._copies.pop(copy)
                fork_ms = (at - ordered) * 1000
                way: Way = "swap" if functions or constants else "copy"
                return CopyForked(Forked(copy, pid, fork_ms, way, functions, constants), worker_fds, fds[0])

    def _gone(self, worker: int, reason: str, own_ms: float | None = None) -> ImageGone:
        link = self._links.pop(worker)
        self._selector.unregister(link.channel)
        link.channel.close()
        for copy in [copy for copy, (order, _fds, _ordered) in self._copies.items() if order.image == worker]:
            self._copies.pop(copy)[1].close()
        return ImageGone(worker, reason, own_ms)

    def kill(self, worker: int) -> None:
        """Kill an image, and give up the copies that it had yet to fork."""
        if (link := self._links.get(worker)) is not None:
            self._gone(worker, "")
            if link.pid:
                with suppress(ProcessLookupError):
                    os.kill(link.pid, signal.SIGKILL)

    def close(self) -> None:
        """Close every descriptor; the images exit by themselves."""
        for link in self._links.values():
            link.channel.close()
        for _order, worker_fds, _ordered in self._copies.values():
            worker_fds.close()
        self._links.clear()
        self._copies.clear()


_PATIENCE = 1.0
"""Seconds within which an image has to read on."""
