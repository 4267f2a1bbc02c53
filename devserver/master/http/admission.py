"""Admits requests and WebSockets: starts each, holds it, or answers it with an error.

Law: a request that arrives after a save waits until the save is settled. Then the newest live code runs it.
If there is no live code, its client gets the reason.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from devserver.common.failure import Failure
from devserver.config import Config
from devserver.master.dispatch.dispatcher import Dispatcher
from devserver.master.http.app_job import AppJob
from devserver.master.http.event_stream import is_event_source
from devserver.master.http.own_answers import OwnAnswers
from devserver.master.http.pages import answers


class Holder(Protocol):
    """A WebSocket with messages that may wait for an edit to be settled."""

    @property
    def holds(self) -> bool:
        """Return whether a message waits."""

    def on_settled(self) -> None:
        """Send the messages that waited for an edit that is settled now."""


class Admission:
    """One per Master. `is_settled` returns whether work with a stamp may start."""

    def __init__(
        self,
        config: Config,
        dispatcher: Dispatcher,
        own_answers: OwnAnswers,
        is_settled: Callable[[int], bool],
    ) -> None:
        self.is_settled = is_settled
        self.failures: tuple[Failure, ...] = ()
        """Why there is no good code yet."""
        self._most_waiting = config.limits.waiting
        self._patience_s = config.process.boot_timeout
        self._dispatcher = dispatcher
        self._own_answers = own_answers
        self._loop = asyncio.get_running_loop()
        self._held: dict[AppJob, None] = {}
        self._holders: set[Holder] = set()

    def admit(self, job: AppJob) -> None:
        """Dispatch the request, hold it, or answer it with an error."""
        code = self._dispatcher.code
        if self._dispatcher.waiting + len(self._held) >= self._most_waiting:
            text = f"{self._most_waiting} requests are waiting already: try again."
            job.answer(answers.busy(text, job.accept))
        elif not self.is_settled(job.stamp):
            self._held[job] = None
        elif code.app:
            self._offer(job)
        elif code.generation:
            job.without_app()
        elif not self.failures or is_event_source(job.scope):  # an EventSource would not try again
            self._held[job] = None
        else:
            job.answer(self._own_answers.unavailable(job.scope, self.failures))

    def hold_messages(self, holder: Holder) -> None:
        """Call the holder's `on_settled` after each edit, as long as it holds messages."""
        self._holders.add(holder)

    def forget(self, job: AppJob) -> None:
        """Stop holding the request of a client that has left."""
        self._held.pop(job, None)

    def forget_messages(self, holder: Holder) -> None:
        """Stop calling the holder: its connection has ended."""
        self._holders.discard(holder)

    @property
    def quiet(self) -> bool:
        """Return whether no request is held."""
        return not self._held

    def on_settled(self) -> None:
        """Admit the requests that waited for an edit that is settled now."""
        held, self._held = self._held, {}
        for job in held:
            if job.waits:
                self.admit(job)
        holders, self._holders = self._holders, set()
        for holder in holders:
            holder.on_settled()
            if holder.holds:
                self._holders.add(holder)

    def _offer(self, job: AppJob) -> None:
        """Queue the job; answer it with an error if no Worker takes it in time."""
        self._dispatcher.offer(job)
        if job.queued and self._patience_s:
            self._loop.call_later(self._patience_s, self._lose_patience, job, job.runs)

    def _lose_patience(self, job: AppJob, runs: int) -> None:
        if not job.queued or job.runs != runs or not job.waits:
            return
        if self._dispatcher.serves_live:  # busy, but alive
            self._loop.call_later(self._patience_s, self._lose_patience, job, runs)
        else:
            text = f"no worker has started within {self._patience_s:g} s; devserver's terminal shows why."
            job.answer(answers.busy(text, job.accept))
