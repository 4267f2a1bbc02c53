"""The composition root of the Master's process: files, Master, console and signals meet here, by events."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from typing import assert_never

import uvloop

from devserver import __version__, events
from devserver.announcer import Announcer
from devserver.config import Config
from devserver.errors import DevserverError
from devserver.master.master import Master
from devserver.master.stopping import stop_gently, stop_now
from devserver.watch import Noticed, Remark, Report, Settled, Surveyed, Watch

INTERRUPTED = 130
"""Exit code of a stop that did not wait: 128 + SIGINT."""


def run(config: Config) -> int:
    """Serve until stopped; return the exit code. Raises DevserverError for what the user must mend."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(App(config).serve())


class App:
    """One run. A stop is asked for by a signal, a key or a failure; a second signal does not wait."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._error: DevserverError | None = None
        self._reason: asyncio.Future[str]
        self._hurry = asyncio.Event()

    async def serve(self) -> int:
        """Run until stopped, then stop; return the exit code."""
        loop = asyncio.get_running_loop()
        self._reason = loop.create_future()
        announcer = Announcer(
            self._config.console,
            self._config.watch.root,
            self._order,
            self._crowded,
        )
        master = Master(self._config, announcer.terminal, announcer.emit, self._fail)
        watch = Watch(self._config.watch, self._reporter(master, announcer), loop)
        master.eyes = watch
        self._master = master
        self._listen_to_signals(loop)
        loop.add_signal_handler(signal.SIGTSTP, announcer.suspend)
        announcer.emit(
            events.Started(
                version=__version__,
                pid=os.getpid(),
                target=_name(self._config),
                root=self._config.watch.root,
            )
        )
        try:
            await watch.start()
            await master.start()
            reason = await self._reason
        except DevserverError as error:
            self._error, reason = error, ""
        code = await self._stop(master, announcer, reason)
        await watch.close()
        announcer.emit(events.Stopped(code=code))
        await announcer.close()
        if self._error is not None:
            raise self._error
        return code

    async def _stop(self, master: Master, announcer: Announcer, reason: str) -> int:
        if self._error is not None:
            await stop_now(master)
            return 2
        announcer.emit(events.Stopping(reason=reason))
        gentle = asyncio.ensure_future(stop_gently(master, self._config.process.stop))
        hurry = asyncio.ensure_future(self._hurry.wait())
        await asyncio.wait({gentle, hurry}, return_when=asyncio.FIRST_COMPLETED)
        hurry.cancel()
        if gentle.done():
            await gentle
            return 0
        gentle.cancel()
        await stop_now(master)
        return INTERRUPTED

    def _listen_to_signals(self, loop: asyncio.AbstractEventLoop) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._stop_asked, number.name)
        loop.add_signal_handler(signal.SIGUSR1, self._order, "reload")

    def _stop_asked(self, reason: str) -> None:
        if not self._reason.done():
            self._reason.set_result(reason)
        elif reason == "SIGINT":
            self._hurry.set()

    def _order(self, order: str) -> None:
        if order == "reload":
            self._master.reload_asked()
        elif order == "stop":
            self._stop_asked("asked by key")

    def _crowded(self, on: bool) -> None:
        self._master.crew.pause_output(on)

    def _fail(self, error: DevserverError) -> None:
        self._error = self._error or error
        self._stop_asked("failed")

    @staticmethod
    def _reporter(master: Master, announcer: Announcer) -> Callable[[Report], None]:
        def report(news: Report) -> None:
            match news:
                case Noticed():
                    master.noticed(news.edit, news.paths)
                case Settled():
                    for warning in news.warnings:
                        announcer.emit(warning)
                    steps = {"settle": news.settle_ms, "check": news.check_ms}
                    master.settled(news.edit, news.files, news.failures, steps)
                case Surveyed():
                    master.surveyed(news.files)
                case Remark():
                    announcer.emit(events.Notice(level=news.level, text=news.text))
                case _:
                    assert_never(news)

        return report


def _name(config: Config) -> str:
    """Return the target as the user would name it."""
    target = config.target
    name = os.path.relpath(target.path) if target.path else target.module
    return f"{name}:{target.attribute}" if target.attribute else name
