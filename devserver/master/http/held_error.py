"""Holds a 500 without a page of the app's for a moment, because its failure is reported after it.

Law: the answer is passed on unchanged and soon, unless the app has raised.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from devserver.master.http.pages.default_error import may_be_default
from devserver.master.http.response import Head

PATIENCE_S = 0.5
"""Seconds within which the failure has to be reported after the answer."""


PassOn = Callable[[Head, bytes, bool, int], None]
"""Takes the head, the first part of the body, whether more follows, and the bytes to credit."""


class HeldError:
    """Keeps `pass_on` only while it holds an answer: else it and its owner would keep each other alive."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._pass_on: PassOn | None = None
        self._loop = loop
        self._head: Head | None = None
        self._body = b""
        self._more = True
        self._timer: asyncio.TimerHandle | None = None

    def takes(self, head: Head, body: bytes, more: bool, pass_on: PassOn) -> bool:
        """Hold the beginning of an answer, for `pass_on`; return False if the page is the app's own."""
        if head[0] != 500 or not may_be_default(head[1], body, more):
            return False
        self._head, self._body, self._more = head, body, more
        self._pass_on = pass_on
        self._timer = self._loop.call_later(PATIENCE_S, self.let_go)
        return True

    def takes_more(self, data: bytes, more: bool) -> bool:
        """Hold a further part, if the beginning is held; return whether it was."""
        if self._head is None:
            return False
        self._body, self._more = self._body + data, more
        if not may_be_default(self._head[1], self._body, more):
            self.let_go()
        return True

    def let_go(self) -> None:
        """Pass on the held answer, if there is one."""
        head, pass_on = self._head, self._pass_on
        if self.drop() and head is not None and pass_on is not None:
            pass_on(head, self._body, self._more, len(self._body))

    def drop(self) -> bool:
        """Drop the held answer; return whether there was one."""
        held, self._head, self._pass_on = self._head is not None, None, None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        return held
