"""The Manager's loop: passes messages and signals to the fleet as events, and carries out its commands.

Laws: the Manager has one thread from the first fork to the last. `Manager.run` returns in each Worker, too.
"""

from __future__ import annotations

import os
import selectors
import signal
import time
from collections import deque
from collections.abc import Iterable
from typing import assert_never

from msgspec.structs import replace

from devserver.common.errors import ConnectionGone, IllegalEvent
from devserver.ipc.messages import (
    Configure,
    FromManager,
    ImageState,
    ManagerNotice,
    Ping,
    Pong,
    Preload,
    PreloadDone,
    Preloading,
    ReloadRequested,
    Stop,
    ToManager,
    WorkerForked,
)
from devserver.manager.fleet import Fleet
from devserver.manager.forker import Forker
from devserver.manager.image_links import CopyForked, ImageLinks
from devserver.manager.master_channel import MasterChannel
from devserver.manager.processes import Processes
from devserver.manager.protocol import (
    Command,
    DumpStack,
    Elapsed,
    EndImage,
    Event,
    Exited,
    Fork,
    ForkAhead,
    PrepareImage,
    ReadStack,
    SendToImage,
    SendToMaster,
    Signal,
)
from devserver.manager.signal_pipe import SignalPipe
from devserver.manager.syscalls import DUMP_SIGNAL
from devserver.worker.birth.boot import Boot
from devserver.worker.load.warmup import warm_up

ORPHAN_DEADLINE = 5.0
"""Seconds that Workers get to exit by themselves when the Master has died."""


class Manager:
    """Serves the Master at the other end of the socket `fd`, which it owns from now on.

    `adopts`: descendants whose parents have ended become children of this process.
    """

    def __init__(self, fd: int, *, adopts: bool = False) -> None:
        self._adopts = adopts
        self._selector = selectors.DefaultSelector()
        self._master = MasterChannel(fd, self._selector)
        self._signals = SignalPipe(self._selector)
        self._images = ImageLinks(self._selector)
        self._processes = Processes()
        self._settings: Configure | None = None
        self._fleet: Fleet | None = None
        self._forker: Forker | None = None
        self._commands: deque[Command] = deque()
        self._orders: deque[ToManager] = deque()
        """Orders that have arrived. Each waits until the commands of the one before are carried out."""

    def run(self) -> Boot | None:
        """Serve until nothing is left to do, then return None. In a forked Worker, return its Boot."""
        self._signals.take_signals()
        while True:
            while self._commands:
                result = self._carry_out(self._commands.popleft())
                if isinstance(result, Boot):
                    return result
                if result is not None:
                    self._feed(result)
            if self._orders:
                self._obey(self._orders.popleft())
                continue
            self._flush()
            if self._forker is not None and self._fleet is not None and self._fleet.leaves:
                self._forker.end()
            if self._done:
                self.close()
                return None
            if not self._commands:
                self._wait()

    @property
    def _done(self) -> bool:
        nobody_left = self._fleet.done if self._fleet else self._master.lost
        return nobody_left and not self._commands and not self._master.unsent

    # What comes in

    def _wait(self) -> None:
        deadline = self._fleet.deadline if self._fleet else None
        timeout = None if deadline is None else max(0.0, deadline - time.monotonic())
        ready = {key.fd for key, _ in self._selector.select(timeout)}
        if self._signals.fileno() in ready:
            if signal.SIGUSR1 in self._signals.read():
                self._queue(ReloadRequested())
            self._feed_each(self._processes.reap())
        if not self._master.lost and self._master.fileno() in ready:
            self._receive()
        for fact in self._images.received(ready):
            if isinstance(fact, CopyForked):
                assert self._forker is not None
                self._feed_each(self._forker.copied(fact))
            elif isinstance(fact, Exited):
                self._feed_each(self._processes.exited(fact.worker, fact.status))
            else:
                self._feed(fact)
        if not ready:
            self._feed(Elapsed())

    def _receive(self) -> None:
        try:
            self._orders += self._master.receive()
        except ConnectionGone:
            self._lose_master()

    def _lose_master(self) -> None:
        self._master.lose()
        if self._fleet is not None:
            self._feed(Stop(ORPHAN_DEADLINE))

    def _obey(self, message: ToManager) -> None:
        match message:
            case Configure():
                self._configure(message)
            case Ping():
                self._queue(Pong())
            case Preload():
                self._preload(message)
            case _:
                self._feed(message)

    def _configure(self, settings: Configure) -> None:
        if self._fleet is not None:
            self._queue(ManagerNotice("error", "a Manager is configured once"))
            return
        if settings.terminal:  # a size that was exported once would outlive every resize
            for name in ("COLUMNS", "LINES"):
                os.environ.pop(name, None)
        worker = settings.worker
        warm = worker.warm and self._adopts and worker.debug_server is None
        if worker.warm and not warm:
            self._queue(ImageState("none"))
        self._settings = settings = replace(settings, worker=replace(worker, warm=warm))
        self._fleet, self._forker = (
            Fleet(settings, ahead=self._adopts),
            Forker(settings, self._images, self._processes),
        )
        warm_up(worker.loop)

    def _preload(self, order: Preload) -> None:
        """Import what the next Workers need; report each module first, in case it ends this process."""
        if self._settings is None or self._forker is None or self._processes:
            text = "a Manager preloads after it was configured and before its first Worker"
            self._queue(ManagerNotice("error", text))
            return
        from devserver.manager.preload.preload import preload

        terminal = self._settings.terminal
        report, inheritance = preload(
            order, own=order.own, terminal=terminal, before_import=self._send_at_once
        )
        self._forker.inherit(inheritance, report.threads)
        self._queue(PreloadDone(report))

    def _feed_each(self, events: Iterable[Event]) -> None:
        for event in events:
            self._feed(event)

    def _feed(self, event: Event) -> None:
        if self._fleet is None:
            text = f"a Manager is configured before anything else: {event!r:.200}"
            self._queue(ManagerNotice("error", text))
            return
        try:
            self._commands += self._fleet.handle(event, time.monotonic())
        except IllegalEvent as error:
            self._queue(ManagerNotice("error", f"the Manager got an impossible order: {error}"))

    # What goes out

    def _carry_out(self, command: Command) -> Event | Boot | None:
        """Carry out a command; return the fact that follows at once. In a forked Worker, return its Boot."""
        match command:
            case Fork():
                return self._fork(command)
            case ForkAhead(generation):
                return self._fork_ahead(generation)
            case EndImage(worker):
                self._images.kill(worker)
            case SendToImage(worker, source):
                self._images.send_file(worker, source)
            case PrepareImage(worker):
                self._images.prepare(worker)
            case SendToMaster(message):
                self._send(message)
            case Signal(worker, signum, group):
                return self._processes.signal(worker, signum, group=group)
            case DumpStack(worker):
                return self._processes.signal(worker, DUMP_SIGNAL, group=False)
            case ReadStack(worker):
                return self._processes.read_stack(worker)
            case _:
                assert_never(command)
        return None

    def _fork(self, order: Fork) -> Event | Boot | None:
        assert self._fleet is not None
        assert self._forker is not None
        if order.image:
            return self._forker.copy(order)
        result = self._forker.fork(order, self._fleet.snapshots[order.generation])
        if isinstance(result, Boot):
            self.close()
        return result

    def _fork_ahead(self, generation: int) -> Boot | None:
        """Fork the process of the next Worker; there, wait until it is one."""
        assert self._fleet is not None
        assert self._forker is not None
        snapshot = self._fleet.snapshots[generation]
        link = self._forker.fork_ahead(snapshot)
        if link is None:
            return None
        try:
            signal.set_wakeup_fd(-1)
            self.close()
            return self._forker.become(link, snapshot)
        except BaseException:  # the Manager's code is not for this process
            os._exit(1)

    def _queue(self, message: FromManager) -> None:
        self._commands.append(SendToMaster(message))

    def _send_at_once(self, module: str) -> None:
        self._master.send(Preloading(module))
        self._flush()

    def _send(self, message: FromManager) -> None:
        fds = self._processes.take_fds(message.worker) if isinstance(message, WorkerForked) else ()
        self._master.send(message, fds)

    def _flush(self) -> None:
        try:
            self._master.flush()
        except ConnectionGone:
            self._lose_master()

    def close(self) -> None:
        """Close every descriptor; leave the processes alone."""
        self._selector.close()
        self._images.close()
        if self._forker is not None:
            self._forker.close()
        self._master.close()
        self._signals.close()
        self._processes.close()
        self._commands.clear()
