"""The Manager's loop: passes messages and signals to the fleet, and carries out the fleet's commands.

Laws: the Manager has one thread from the first fork to the last. `Manager.run` returns in each Worker, too.
"""

from __future__ import annotations

import os
import selectors
import signal
import socket
import time
from collections import deque
from dataclasses import dataclass
from typing import assert_never

from msgspec.structs import replace

from devserver.common.errors import ConnectionGone, IllegalEvent
from devserver.ipc.channel import Channel
from devserver.ipc.messages import (
    Configure,
    FromManager,
    ManagerNotice,
    Ping,
    Pong,
    Preload,
    PreloadDone,
    Preloading,
    ReloadAsked,
    Stop,
    ToManager,
    WorkerForked,
)
from devserver.manager import syscalls
from devserver.manager.fleet import Fleet
from devserver.manager.image_links import Born, ImageLinks
from devserver.manager.protocol import (
    Command,
    DumpStack,
    Elapsed,
    EndImage,
    Event,
    Exited,
    Fork,
    Forked,
    ForkFailed,
    GroupGone,
    ReadStack,
    Signal,
    StackRead,
    Tell,
    TellImage,
)
from devserver.worker.birth.boot import Boot, Inheritance
from devserver.worker.load.warmup import warm_up

_MOST_REAPED = 1000
ORPHAN_DEADLINE = 5.0
"""Seconds that Workers get to exit by themselves when the Master has died."""


@dataclass(slots=True)
class Process:
    """A Worker's process, or its process group once it was reaped. `dump` is the file for its stacks."""

    pid: int
    dump: int
    parcel: tuple[int, ...]
    """Descriptors for the Master, until they are sent."""
    dump_read: int = 0
    reaped: bool = False


class Manager:
    """Serves the Master at the other end of the socket `fd`, which it owns from now on.

    `adopts`: descendants whose parents have ended become children of this process.
    """

    def __init__(self, fd: int, *, adopts: bool = False) -> None:
        self._adopts = adopts
        sock = socket.socket(fileno=fd)
        sock.set_inheritable(False)
        self._channel: Channel[ToManager, FromManager] = Channel(sock, ToManager, carries_fds=True)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._channel, selectors.EVENT_READ)
        self._wakeup, self._wakeup_in = os.pipe()
        os.set_blocking(self._wakeup, False)
        os.set_blocking(self._wakeup_in, False)
        self._selector.register(self._wakeup, selectors.EVENT_READ)
        self._settings: Configure | None = None
        self._fleet: Fleet | None = None
        self._commands: deque[Command] = deque()
        self._orders: deque[ToManager] = deque()
        """Orders that have arrived. Each waits until the commands of the one before are carried out."""
        self._processes: dict[int, Process] = {}
        self._images = ImageLinks(self._selector)
        self._reaped: dict[int, int] = {}
        """Status of reaped children that are not known yet, such as a copy whose image has died."""
        self._sending: list[int] = []
        """Descriptors that are being sent to the Master."""
        self._threads = 1
        """Threads allowed at a fork: this one, and native pools that survive a fork."""
        self._inheritance: Inheritance | None = None
        self._master_gone = False

    def run(self) -> Boot | None:
        """Serve until nothing is left to do, then return None. In a forked Worker, return its Boot."""
        self._take_signals()
        while True:
            while self._commands:
                boot = self._carry_out(self._commands.popleft())
                if boot is not None:
                    return boot
            if self._orders:
                self._obey(self._orders.popleft())
                continue
            self._flush()
            if self._done:
                self.close()
                return None
            if not self._commands:
                self._wait()

    @property
    def _done(self) -> bool:
        nobody_left = self._fleet.done if self._fleet else self._master_gone
        return nobody_left and not self._commands and (self._master_gone or not self._channel.unsent)

    def _take_signals(self) -> None:
        signal.set_wakeup_fd(self._wakeup_in, warn_on_full_buffer=False)
        for wanted in (signal.SIGCHLD, signal.SIGUSR1):
            signal.signal(wanted, lambda *_: None)  # else the wakeup descriptor would not get it
        # A Worker that was just forked cannot dump its stacks yet: it ignores the order as this process does.
        for unwanted in (signal.SIGINT, signal.SIGHUP, syscalls.DUMP_SIGNAL):
            signal.signal(unwanted, signal.SIG_IGN)

    # What comes in

    def _wait(self) -> None:
        deadline = self._fleet.deadline if self._fleet else None
        timeout = None if deadline is None else max(0.0, deadline - time.monotonic())
        ready = {key.fd for key, _ in self._selector.select(timeout)}
        if self._wakeup in ready:
            self._signalled(os.read(self._wakeup, 4096))
        if not self._master_gone and self._channel.fileno() in ready:
            self._receive()
        for news in self._images.received(ready):
            if isinstance(news, Born):
                self._born(news)
            elif isinstance(news, Exited):
                self._exited(news.worker, news.status)
            else:
                self._feed(news)
        if not ready:
            self._feed(Elapsed())

    def _signalled(self, signums: bytes) -> None:
        if signal.SIGUSR1 in signums:
            self._tell(ReloadAsked())
        ended = dict(syscalls.reap())
        for worker, process in list(self._processes.items()):
            if process.pid in ended and not process.reaped:
                self._exited(worker, ended.pop(process.pid))
        if len(self._reaped) > _MOST_REAPED:
            self._reaped.clear()
        self._reaped |= ended

    def _exited(self, worker: int, status: int) -> None:
        """Report that a Worker has exited: the Manager or an image has reaped it."""
        process = self._processes.get(worker)
        if process is not None and not process.reaped:
            process.reaped = True
            os.close(process.dump)
            self._feed(Exited(worker, status))

    def _born(self, born: Born) -> None:
        """Take over a copy that an image has forked."""
        kit, forked = born.kit, born.forked
        kit.close_own()
        masters = (kit.master_link.detach(), born.pidfd, kit.master_terminal)
        self._processes[forked.worker] = Process(forked.pid, kit.dump, tuple(fd for fd in masters if fd >= 0))
        self._feed(forked)
        if (status := self._reaped.pop(forked.pid, None)) is not None:
            self._exited(forked.worker, status)

    def _receive(self) -> None:
        try:
            messages = self._channel.receive()
        except ConnectionGone:
            self._lose_master()
            return
        for message, fds in messages:
            for fd in fds:
                os.close(fd)
            self._orders.append(message)

    def _obey(self, message: ToManager) -> None:
        match message:
            case Configure():
                self._configure(message)
            case Ping():
                self._tell(Pong())
            case Preload():
                self._preload(message)
            case _:
                self._feed(message)

    def _configure(self, settings: Configure) -> None:
        if self._fleet is not None:
            self._tell(ManagerNotice("error", "a Manager is configured once"))
            return
        if settings.terminal:  # a size that was exported once would outlive every resize
            for name in ("COLUMNS", "LINES"):
                os.environ.pop(name, None)
        worker = settings.worker
        warm = worker.warm and self._adopts and worker.debug_server is None
        settings = replace(settings, worker=replace(worker, warm=warm))
        self._settings, self._fleet = settings, Fleet(settings)
        warm_up(worker.loop)

    def _preload(self, order: Preload) -> None:
        """Import what the next Workers need; report each module first, in case it ends this process."""
        if self._settings is None or self._processes:
            self._tell(
                ManagerNotice(
                    "error", "a Manager preloads after it was configured and before its first Worker"
                )
            )
            return
        from devserver.manager.preload.preload import preload

        terminal = self._settings.terminal
        report, inheritance = preload(order, own=order.own, terminal=terminal, tell=self._tell_at_once)
        self._threads, self._inheritance = report.threads, inheritance
        self._tell(PreloadDone(report))

    def _tell_at_once(self, module: str) -> None:
        self._channel.queue(Preloading(module))
        try:
            self._channel.flush()
        except ConnectionGone:
            self._lose_master()

    def _feed(self, event: Event) -> None:
        if self._fleet is None:
            self._tell(
                ManagerNotice("error", f"a Manager is configured before anything else: {event!r:.200}")
            )
            return
        try:
            self._commands += self._fleet.handle(event, time.monotonic())
        except IllegalEvent as error:
            self._tell(ManagerNotice("error", f"the Manager was told what cannot be: {error}"))

    def _lose_master(self) -> None:
        if self._master_gone:
            return
        self._master_gone = True
        self._selector.unregister(self._channel)
        self._close_sent()
        if self._fleet is not None:
            self._feed(Stop(ORPHAN_DEADLINE))

    # What goes out

    def _tell(self, message: FromManager) -> None:
        self._commands.append(Tell(message))

    def _carry_out(self, command: Command) -> Boot | None:
        """Carry out a command; return None. In a forked Worker, return its Boot."""
        match command:
            case Fork(image=0):
                return self._fork(command)
            case Fork():
                self._copy(command)
            case EndImage(worker):
                self._images.kill(worker)
            case TellImage(worker, source):
                self._images.tell(worker, source)
            case Tell(message):
                self._send(message)
            case Signal(worker, signum, group):
                self._signal(worker, signum, group)
            case DumpStack(worker):
                self._signal(worker, syscalls.DUMP_SIGNAL, False)
            case ReadStack(worker):
                self._read_stack(worker)
            case _:
                assert_never(command)
        return None

    def _send(self, message: FromManager) -> None:
        fds: tuple[int, ...] = ()
        if isinstance(message, WorkerForked):
            process = self._processes[message.worker]
            fds, process.parcel = process.parcel, ()
        self._sending += fds
        if self._master_gone:
            self._close_sent()
        else:
            self._channel.queue(message, fds)

    def _flush(self) -> None:
        if self._master_gone:
            return
        try:
            sent = self._channel.flush()
        except ConnectionGone:
            self._lose_master()
            return
        if sent:
            self._close_sent()
        events = selectors.EVENT_READ if sent else selectors.EVENT_READ | selectors.EVENT_WRITE
        if self._selector.get_key(self._channel).events != events:
            self._selector.modify(self._channel, events)

    def _close_sent(self) -> None:
        while self._sending:
            os.close(self._sending.pop())

    def _signal(self, worker: int, signum: int, group: bool) -> None:
        process = self._processes.get(worker)
        if process is None:
            return
        found = syscalls.send_signal(process.pid, signum, group=group)
        if process.reaped:
            if not found or signum == signal.SIGKILL:
                del self._processes[worker]
                self._feed(GroupGone(worker))
        elif group and not found:
            syscalls.send_signal(process.pid, signum, group=False)  # it leads no group yet

    def _read_stack(self, worker: int) -> None:
        process = self._processes.get(worker)
        if process is None or process.reaped:
            return
        text = syscalls.read_dump(process.dump, process.dump_read)
        process.dump_read += len(text)
        self._feed(StackRead(worker, text.decode(errors="replace")))

    # Forking

    def _fork(self, order: Fork) -> Boot | None:
        assert self._settings is not None
        assert self._fleet is not None
        begun = time.monotonic()
        try:
            kit = syscalls.open_kit(self._settings.terminal, self._settings.margin)
        except OSError as error:
            self._feed(ForkFailed(order.worker, str(error)))
            return None
        image: socket.socket | None = None
        try:
            image = self._images.open(order.worker) if self._settings.worker.warm else None
            pid = syscalls.fork(self._threads)
        except OSError as error:
            kit.close()
            if image is not None:
                image.close()
                self._images.kill(order.worker)
            self._feed(ForkFailed(order.worker, str(error)))
            return None
        if pid == 0:
            return self._become(order, kit, image)
        if image is not None:
            image.close()
        kit.close_own()
        masters = (kit.master_link.detach(), syscalls.open_pidfd(pid), kit.master_terminal)
        parcel = tuple(fd for fd in masters if fd is not None and fd >= 0)
        self._processes[order.worker] = Process(pid, kit.dump, parcel)
        self._feed(Forked(order.worker, pid, (time.monotonic() - begun) * 1000))
        return None

    def _copy(self, order: Fork) -> None:
        """Order an image to fork a Worker."""
        assert self._settings is not None
        try:
            kit = syscalls.open_kit(self._settings.terminal, self._settings.margin)
        except OSError as error:
            self._feed(ForkFailed(order.worker, str(error)))
            return
        self._images.ask(order, kit)

    def _become(self, order: Fork, kit: syscalls.WorkerFds, image: socket.socket | None) -> Boot:
        """In the child: close and reset everything that belongs to the Manager."""
        assert self._settings is not None
        assert self._fleet is not None
        signal.set_wakeup_fd(-1)
        self.close()
        kit.close_masters()
        syscalls.become_worker(kit.terminal, kit.dump)
        for reseed in self._inheritance.reseed if self._inheritance else ():
            reseed()
        return Boot(
            worker=order.worker,
            slot=order.slot,
            generation=order.generation,
            settings=self._settings.worker,
            link=kit.link,
            sources=self._fleet.snapshots[order.generation],
            inherited=self._inheritance,
            image=image,
            dump=kit.dump,
        )

    def close(self) -> None:
        """Close every descriptor; leave the processes alone."""
        self._selector.close()
        self._images.close()
        self._channel.close()
        os.close(self._wakeup)
        os.close(self._wakeup_in)
        self._close_sent()
        for process in self._processes.values():
            for fd in (*process.parcel, *(() if process.reaped else (process.dump,))):
                os.close(fd)
        self._processes.clear()
        self._commands.clear()
