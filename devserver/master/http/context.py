"""The environment of every request and WebSocket: frozen, and in the layer below them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from msgspec import Struct

from devserver.common import events
from devserver.common.events import Event
from devserver.config import HttpConfig
from devserver.master.dispatch.dispatcher import Dispatcher
from devserver.master.http.admission import Admission
from devserver.master.http.own_answers import OwnAnswers
from devserver.master.http.pages.index_html import Index
from devserver.master.http.refresh.browser_refresh import BrowserRefresh
from devserver.master.http.request_log import RequestLog
from devserver.master.http.resumption import Resumption


class Context(Struct, frozen=True):
    """`stamp` returns the newest edit known now."""

    config: HttpConfig
    dispatcher: Dispatcher
    admission: Admission
    own_answers: OwnAnswers
    resumption: Resumption
    requests: RequestLog
    refresh: BrowserRefresh
    index: Index
    loop: asyncio.AbstractEventLoop
    stamp: Callable[[], int]
    emit: Callable[[Event], None]

    def report_lost(self, what: str, reason: str) -> None:
        """Report lost work."""
        self.emit(events.Lost(what=what, reason=reason))

    def report_resumed(self, what: str, generation: int = 0) -> None:
        """Report that a client goes on with another run, of that code (0: the live code)."""
        self.emit(events.Resumed(what=what, generation=generation or self.dispatcher.code.generation))
