"""The prompts of this Worker: of every debugger based on bdb (pdb, ipdb, pudb), and of input().

Laws: one prompt is active at a time; other threads wait for their turn. A prompt keeps the terminal until its
own debugger continues, whatever else ends meanwhile. The Master itself notices other readers of the terminal.
"""

from __future__ import annotations

import asyncio
import builtins
import os
import signal
import sys
import threading
import time
import traceback
from bdb import Bdb
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import wraps
from types import FrameType
from typing import Any

from devserver.common.errors import ConnectionGone
from devserver.ipc.messages import DebuggerState, How
from devserver.worker.run import environment
from devserver.worker.run.current_job import Job, current
from devserver.worker.run.master_link import MasterLink

_PACKAGE = __name__.partition(".")[0]
_ASKING = frozenset({__name__, "bdb", "cmd", "code", "getpass", "pdb"})
"""Modules that prompt on behalf of others."""
_CALLERS = "_devserver_callers"
LOOK_ROUND = 0.2
"""Seconds between two checks that the thread with the prompt is still alive."""
LATE = 1.0
"""Seconds after the end of another thread's prompt in which a Ctrl-C still counts as typed there."""


@dataclass(eq=False, slots=True)
class _Prompt:
    """A prompt: its place and its thread."""

    thread: int
    task: asyncio.Task[Any] | None
    job: Job | None
    how: How
    place: tuple[str, int]
    stopped: bool = True
    """False: the debugger steps, and the app runs."""


class Debugger:
    """Knows the prompts, and reports them to the Master."""

    def __init__(self, link: MasterLink) -> None:
        self._link = link
        self._prompts: list[_Prompt] = []
        """The last one has the terminal. The others belong to the same thread, which steps over an await."""
        self._turn = threading.Condition()
        self._reporting = threading.Lock()
        self._thread = threading.get_ident()
        self._left_at = float("-inf")
        """When the last prompt of another thread ended."""

    def install(self) -> None:
        """Hook into everything that prompts the user. Call it once, in the main thread."""
        _watch_debuggers(self)
        if os.isatty(0):
            _watch_input(self)
        self._listen()

    def _listen(self) -> None:
        @wraps(signal.default_int_handler)  # so the app takes it for the default handler
        def interrupted(signum: int, frame: FrameType | None) -> None:
            self._interrupted(signum, frame)

        signal.signal(signal.SIGINT, interrupted)

    def began(self, frame: FrameType | None, how: How) -> bool:
        """Report a prompt at `frame`; return whether it is a new one.

        Returns once it is this thread's turn and the user's terminal shows this Worker's output.
        """
        if self._link.forked:
            return False
        place = (frame.f_code.co_filename, frame.f_lineno) if frame is not None else ("", 0)
        me = _Prompt(threading.get_ident(), _current_task(), current.get(), how, place)
        with self._turn:
            found = self._mine(me.thread, me.task)
            if found is not None and found.stopped and found.place == place:
                return False
            if found is not None:
                found.place, found.stopped = place, True
            else:
                while how != "elsewhere" and any(
                    self._has_keys(prompt, me.thread) for prompt in self._prompts
                ):
                    self._turn.wait(LOOK_ROUND)
                    self._prune()
                self._prompts.append(me)
        self._report()
        return found is None

    def asks(self, frame: FrameType | None) -> bool:
        """Report that code at `frame` reads the terminal; return whether that is a new prompt."""
        with self._turn:
            if self._mine(threading.get_ident(), _current_task()):
                return False  # a debugger's
        while frame is not None and frame.f_globals.get("__name__") in _ASKING:
            frame = frame.f_back
        return self.began(frame, "question")

    def steps(self) -> None:
        """Report that this thread's debugger runs the app up to its next stop."""
        with self._turn:
            prompt = self._mine(threading.get_ident(), _current_task())
            if prompt is None or not prompt.stopped:
                return
            prompt.stopped = False
        self._report()

    def over(self) -> None:
        """Report that this thread's debugger continues: its prompt is over."""
        if threading.get_ident() == self._thread and self._prompts:
            self._listen()  # pdb installs its own handler when it continues
        with self._turn:
            prompt = self._mine(threading.get_ident(), _current_task(), nearest=True)
        if prompt is not None:
            self._remove([prompt])

    def ended(self) -> None:
        """Report that the current job, and so each debugger that stepped through it, has ended."""
        if not self._prompts:
            return
        job, here = current.get(), threading.get_ident()
        with self._turn:
            gone = [
                prompt
                for prompt in self._prompts
                if prompt.job is job and (prompt.thread == here or not _is_at_a_prompt(prompt.thread))
            ]
        if gone:
            self._remove(gone)

    def _mine(self, thread: int, task: asyncio.Task[Any] | None, *, nearest: bool = False) -> _Prompt | None:
        mine = [prompt for prompt in reversed(self._prompts) if prompt.thread == thread]
        found = next((prompt for prompt in mine if prompt.task is task), None)
        return found or (mine[0] if mine and nearest else None)

    @staticmethod
    def _has_keys(prompt: _Prompt, thread: int) -> bool:
        """Return whether a thread other than this one has the terminal for `prompt`."""
        return prompt.thread != thread and prompt.how != "elsewhere"

    def _prune(self) -> None:
        running = sys._current_frames()
        self._prompts = [prompt for prompt in self._prompts if prompt.thread in running]

    def _remove(self, prompts: list[_Prompt]) -> None:
        with self._reporting:
            with self._turn:
                self._prompts = [prompt for prompt in self._prompts if prompt not in prompts]
                if any(prompt.thread != self._thread for prompt in prompts):
                    self._left_at = time.monotonic()
                message = self._message()
                self._turn.notify_all()
            self._send(message)

    def _report(self) -> None:
        with self._reporting:
            with self._turn:
                message = self._message()
            self._send(message)

    def _send(self, message: DebuggerState) -> None:
        if self._link.forked:
            return
        environment.flush()
        with suppress(ConnectionGone):
            self._link.debugging(message)

    def _message(self) -> DebuggerState:
        if not self._prompts:
            return DebuggerState(False, self._link.worker)
        prompt = self._prompts[-1]
        path, line = prompt.place
        what = prompt.job.name if prompt.job else ""
        blocks = prompt.stopped and prompt.thread == self._thread
        return DebuggerState(True, self._link.worker, path, line, what, prompt.how, blocks)

    def _interrupted(self, signum: int, frame: FrameType | None) -> None:
        """Handle Ctrl-C: interrupt the code that is being debugged, which may run in another thread.

        On a busy machine the main thread gets here late; then the user did not mean to interrupt the event
        loop.
        """
        other = next((s.thread for s in reversed(self._prompts) if s.thread != self._thread), None)
        if other is None:
            if time.monotonic() - self._left_at > LATE:
                signal.default_int_handler(signum, frame)
        elif not _reads(other):
            import ctypes

            interrupt = ctypes.py_object(KeyboardInterrupt)
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(other), interrupt)


def _watch_debuggers(debugger: Debugger) -> None:
    """Hook into bdb: each debugger calls `get_stack` as soon as it stops, before it prints anything."""
    _watch_stops(debugger)
    for name in ("set_continue", "set_quit"):
        _follow(name, debugger.over, forgets=True)
    for name in ("set_step", "set_next", "set_return", "set_until"):
        _follow(name, debugger.steps)


def _watch_stops(debugger: Debugger) -> None:
    klass: Any = Bdb
    get_stack, stop_here = Bdb.get_stack, Bdb.stop_here

    @wraps(get_stack)
    def stops(self: Any, frame: FrameType | None, trace: Any) -> Any:
        found = get_stack(self, frame, trace)
        stack = found[0]
        where = stack[-1][0] if stack else frame
        above = traceback.walk_stack(where.f_back if where is not None else None)
        setattr(self, _CALLERS, [each for each, _ in above if _is_ours(each)])
        elsewhere = getattr(self, "stdin", sys.stdin) not in (sys.stdin, sys.__stdin__)  # over a socket
        debugger.began(where, "elsewhere" if elsewhere else "debugger")
        return found

    @wraps(stop_here)
    def stops_here(self: Any, frame: FrameType) -> bool:
        if not stop_here(self, frame):
            return False
        if not _is_ours(frame):
            return True
        if frame in getattr(self, _CALLERS, ()):  # stepped out of the app: do not stop in the event loop
            self.set_continue()
        return False

    klass.get_stack, klass.stop_here = stops, stops_here


def _follow(name: str, then: Callable[[], None], *, forgets: bool = False) -> None:
    """Call `then` after each call of a debugger's method; `forgets`: it forgets who called the app."""
    original = getattr(Bdb, name)

    @wraps(original)
    def goes_on(self: Any, *arguments: Any, **options: Any) -> None:
        original(self, *arguments, **options)
        if forgets:
            setattr(self, _CALLERS, ())
        then()

    setattr(Bdb, name, goes_on)


def _watch_input(debugger: Debugger) -> None:
    ask = builtins.input

    @wraps(ask)
    def input(prompt: object = "", /) -> str:
        began = debugger.asks(sys._getframe(1))
        try:
            return ask(prompt)
        finally:
            if began:
                debugger.over()

    builtins.input = input


def _is_ours(frame: FrameType) -> bool:
    return str(frame.f_globals.get("__name__", "")).partition(".")[0] == _PACKAGE


def _is_at_a_prompt(thread: int) -> bool:
    """Return whether a debugger runs in that thread."""
    frame = sys._current_frames().get(thread)
    return any(each.f_globals.get("__name__") in ("bdb", "pdb") for each, _ in traceback.walk_stack(frame))


def _reads(thread: int) -> bool:
    """Return whether that thread waits for the user's input."""
    frame = sys._current_frames().get(thread)
    return frame is not None and frame.f_globals.get("__name__") == __name__


def _current_task() -> asyncio.Task[Any] | None:
    try:
        return asyncio.current_task()
    except RuntimeError:  # no loop runs in this thread
        return None
