"""Leaves an image of a Worker that has imported everything and started nothing, if copies will be exact.

Laws: if anything is unclear, there is no image. The Worker goes on as if nothing had happened. So does each
copy, as another Worker.
"""

from __future__ import annotations

import gc
import os
import random
import signal
import socket
import sys
import time
import warnings
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any

from devserver.ipc.channel import Channel
from devserver.ipc.image_messages import LEAST, FromImage, NoImage, ToImage
from devserver.ipc.messages import Source
from devserver.worker.birth import fork_hooks
from devserver.worker.birth.boot import Boot
from devserver.worker.birth.session import leave
from devserver.worker.image import process_id
from devserver.worker.image import process_state as state
from devserver.worker.image.inventory import Finding, Indexed, NoObjection, Objection
from devserver.worker.image.loop_watch import LoopWatch
from devserver.worker.image.next_copy import Judge, Orders
from devserver.worker.image.process import Content, ImageProcess
from devserver.worker.image.randomness import Randomness, reseeder
from devserver.worker.image.traces import Traces, give_back, set_aside
from devserver.worker.load.snapshot import Snapshot
from devserver.worker.observe.patched import patched
from devserver.worker.warm.addresses import object_at
from devserver.worker.warm.image import Image
from devserver.worker.warm.record import Record
from devserver.worker.warm.swap import Swap

_ENDING = 0.1
"""Seconds that the kernel gets to remove a thread that was joined."""
_BENIGN = ("django.dispatch.dispatcher", "asyncio.", "logging")
"""Modules whose finalizers change nothing outside their process."""


class Offer:
    """Create it before any code of the app runs. `record` notes all of that code."""

    def __init__(self, boot: Boot, snapshot: Snapshot, record: Record, loop: LoopWatch) -> None:
        assert boot.image is not None
        self._socket = boot.image
        self._dump = boot.dump
        self._snapshot = snapshot
        self._record = record
        self._image = Image(record, snapshot)
        self._traces = Traces(snapshot.owns, boot.settings.root)
        self._randomness = Randomness()
        self._open = state.descriptors()
        self._shared = state.shared_memory()
        self._native = state.native_threads()
        self._finalizers = set(_finalizers())
        self._child_handler = signal.getsignal(signal.SIGCHLD)
        self._loop = loop
        self._root = boot.settings.root
        self._pid = os.getpid()
        self._modules = set(sys.modules)
        self._random: Any = None
        self._between = 0
        """The process between this one and the image, until it is reaped."""
        self._reseed: list[Callable[[], None]] = []
        self._collects = True
        """The garbage collector was on when the app was imported."""

    def begin(self) -> None:
        """Begin to observe, just before the app is imported."""
        self._loop.start()
        self._open |= state.descriptors()
        self._traces.begin()

    @property
    def is_impossible(self) -> bool:
        """Return whether it is clear already that there will be no image."""
        return bool(self._traces.objections) or len(sys._current_frames()) > 1

    def leave(self, own_ms: float) -> tuple[bool, Orders | None]:
        """Leave an image, or report why there is none; return whether it forked, and a copy's orders.

        If it forked, the loop is closed: each of the processes creates another one.
        """
        self._end()
        reason = "" if own_ms < LEAST else self._objection()
        if own_ms < LEAST or reason:
            decline(self._socket, reason, own_ms)
            return False, None
        self._loop.close()
        return True, self._fork()

    def reap(self) -> None:
        """Reap what the fork has left: the app never sees a child that it did not start."""
        if self._between:
            os.waitpid(self._between, 0)
            self._between = 0

    def drop(self) -> None:
        """Give up: leave no image."""
        self._end()
        self._socket.close()

    def _end(self) -> None:
        self._record.end()
        self._traces.end()
        self._randomness.close()

    # what is checked before the fork

    def _objection(self) -> str:
        traces, native = self._traces, self._native_threads()
        if state.count_threads() - 1 - native > 0 or sys._current_frames().keys() - {_ident()}:
            return f"{traces.place('_thread.start_new_thread')}starts a thread"
        if native > self._native and native > state.pool_threads():
            return "its import starts native threads"
        if traces.objections:
            return traces.objections[0]
        if state.has_children():
            return f"{traces.place('subprocess.Popen')}starts a process"
        if state.has_timers():
            return "its import starts a timer"
        if sys.gettrace() or sys.getprofile():
            return "a debugger or a profiler is active"
        if signal.getsignal(signal.SIGCHLD) != self._child_handler:
            return "its import handles SIGCHLD"
        if reason := patched() or self._loop.objection():
            return reason
        return self._descriptors()

    def _native_threads(self) -> int:
        """Return the number of threads that Python does not know, once joined ones are gone."""
        native = state.native_threads()
        if native > self._native:
            until, known = time.monotonic() + _ENDING, max(self._native, state.pool_threads())
            while (native := state.native_threads()) > known and time.monotonic() < until:
                time.sleep(0.001)
        return native

    def _descriptors(self) -> str:
        now = state.descriptors()
        for fd, target in sorted(now.items()):
            if self._open.get(fd) == target:
                continue
            if target.startswith("socket:"):
                return f"{self._traces.place('socket.__new__')}opens sockets"
            return f"{self._traces.opener(target)}{state.opens(target)}"
        if any(self._open[fd] != now.get(fd) for fd in self._open.keys() - now.keys()):
            return "its import closes what it did not open"
        return ""

    # the fork

    def _fork(self) -> Orders | None:
        if any(fd > 2 for fd in state.open_logs()):
            state.flush_logs()
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError, AttributeError):
                stream.flush()
        if self._randomness.shared_is_seeded:
            self._random = random.getstate()
        set_aside()
        try:
            self._between = _fork()
        except OSError as error:
            decline(self._socket, f"no process can be forked ({error.strerror})")
            return None
        if self._between:
            self._socket.close()
            return None
        _leave_parent()
        self._collects = gc.isenabled()
        gc.disable()
        mask = leave(self._dump)
        content = Content(self._inventory, self._keep_unseeded, self._image.take, self._snapshot.digests)
        judge = Judge(self._traces.outdated, self._decide)
        return ImageProcess(self._socket, content, judge, mask).run()

    # in a fork of the image

    def _inventory(self) -> Iterator[Finding]:
        """Yield what the image has to know about all objects."""
        newer = give_back()
        if reason := self._objection_to_copies():
            yield Objection(reason)
            return
        yield NoObjection([id(each) for each in self._randomness.unseeded() if id(each) not in newer])
        yield Indexed(*self._image.look())

    def _objection_to_copies(self) -> str:
        if shared := state.shared_memory() - self._shared:
            return f"its import shares memory ({min(shared)})"
        for key, description in _finalizers().items():
            if key not in self._finalizers:
                return f"its import registers {description} for the exit"
        for name, module in list(sys.modules.items()):
            if name in self._modules or type(module) is not type(sys) or _is_standard(name):
                continue
            file = str(vars(module).get("__file__") or "")
            own = bool(file) and self._record.owns(file)
            trees = self._record.trees.get(self._record.place(file), ()) if own else ()
            if kept := process_id.place(module, self._pid, trees, own=own):
                return f"{name}.{kept} is the process id"
        return ""

    # in the image

    def _keep_unseeded(self, addresses: list[int]) -> None:
        self._reseed = [reseeder(object_at(each)) for each in addresses]

    def _decide(self, changes: Sequence[Source]) -> Swap | str:
        answer = self._image.decide(changes)
        if isinstance(answer, Swap):
            return answer
        return (
            f"{os.path.relpath(answer.path, self._root)}: {answer.reason}" if answer.path else answer.reason
        )

    # in a copy

    def restore(self) -> None:
        """Restore the garbage collector, and reseed the sources of random numbers that the system has seeded.

        Those that the app has seeded keep their state.
        """
        if self._collects:
            gc.enable()
        if self._random is not None:
            random.setstate(self._random)
        for reseed in self._reseed:
            reseed()


def decline(link: socket.socket, reason: str, own_ms: float | None = None) -> None:
    """Report to the Manager that this Worker leaves no image, and how long its own import took."""
    channel: Channel[ToImage, FromImage] = Channel(link, ToImage)
    channel.queue(NoImage(reason, own_ms))
    with suppress(Exception):
        channel.flush()
    channel.close()


def _leave_parent() -> None:
    """Go on in a fork of this process, and end this process: the app gets no child that it did not start."""
    try:
        if _fork():
            os._exit(0)
    except BaseException:
        os._exit(1)


def _fork() -> int:
    """Fork, without a warning about threads that are known to survive it."""
    if state.count_threads() == 1:
        return fork_hooks.fork()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return fork_hooks.fork()


def _is_standard(name: str) -> bool:
    """Return whether a module is the standard library's: its numbers are constants."""
    return name.partition(".")[0] in sys.stdlib_module_names


def _ident() -> int:
    import threading

    return threading.get_ident()


def _finalizers() -> dict[object, str]:
    """Return what would act at this process's exit, except what is known to concern this process only."""
    found: dict[object, str] = {}
    registry: dict[object, Any] = weakref.finalize._registry  # type: ignore[attr-defined]
    for key, info in list(registry.items()):
        if info.atexit and not str(getattr(info.func, "__module__", "")).startswith(_BENIGN):
            found[id(key)] = getattr(info.func, "__qualname__", "a finalizer")
    util = sys.modules.get("multiprocessing.util")
    for key in list(getattr(util, "_finalizer_registry", ())):
        found[key] = "a finalizer of multiprocessing's"
    return found
