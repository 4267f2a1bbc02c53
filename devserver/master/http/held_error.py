"""The answer to a navigation. A 500 without a page is held for a moment: its failure comes after it.

Law: it is passed on unchanged and soon, unless the app is found to have raised.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from devserver.master.http.pages.default_error import may_be_default
from devserver.master.http.response import Head

PATIENCE_S = 0.5
"""Seconds in which the failure of an app that has answered has to come."""


PassOn = Callable[[Head, bytes, bool, int], None]
"""Takes head, first of the body, whether more follows, and how many bytes that counted."""


class HeldError:
    """Keeps `pass_on` while it holds something only: else it and its owner would keep each other alive."""

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
        """Hold what follows, if the beginning is held; return whether it was."""
        if self._head is None:
            return False
        self._body, self._more = self._body + data, more
        if not may_be_default(self._head[1], self._body, more):
            self.let_go()
        return True

    def let_go(self) -> None:
        """Pass on what is held, if anything is."""
        head, pass_on = self._head, self._pass_on
        if self.drop() and head is not None and pass_on is not None:
            pass_on(head, self._body, self._more, len(self._body))

    def drop(self) -> bool:
        """Forget what is held; return whether anything was."""
        held, self._head, self._pass_on = self._head is not None, None, None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        return held
