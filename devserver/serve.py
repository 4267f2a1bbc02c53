"""The composition root of the Master's process: files, Master, console and signals meet here, by events."""

from __future__ import annotations

import asyncio
import os
import signal
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, assert_never

import uvloop
from msgspec.structs import replace
from setproctitle import setproctitle

from devserver import __version__
from devserver.common import events
from devserver.common.errors import DevserverError, NoMessage
from devserver.config import Config
from devserver.console import keys
from devserver.master.control.control import Control
from devserver.master.edits import Edits
from devserver.master.master import Master
from devserver.master.shutdown import stop_gently, stop_now
from devserver.reporting.console_process import Order
from devserver.reporting.line_writer import LineWriter
from devserver.reporting.reporter import Reporter
from devserver.watch import (
    AssetsSaved,
    EditChecked,
    EditNoticed,
    FilesReread,
    FilesSurveyed,
    Remark,
    Report,
    Watch,
)

INTERRUPTED = 130
"""Exit code of a stop that did not wait: 128 + SIGINT."""
KEY = "asked by key"
STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
IMPATIENT = frozenset({"SIGINT", KEY})
"""One of these during a graceful stop ends the server at once."""


ReadOptions = Callable[[Path], dict[str, Any] | None]
"""Returns the table [tool.devserver] of a folder, None if it cannot be read."""


def run(config: Config, stream: LineWriter | None, read_options: ReadOptions) -> int:
    """Serve until stopped, with the events on `stream`; return the exit code.

    `read_options` reads the options that apply at the start only: a change of them is reported.

    Raises DevserverError for what the user must fix.
    """
    setproctitle("devserver: master")
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            try:
                return runner.run(DevServer(config, stream, read_options).serve())
            finally:  # closing the loop gives the signals back: another one would end this process by itself
                signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)
    finally:
        for number in STOPS:
            signal.signal(number, signal.SIG_IGN)


class DevServer:
    """One run. A signal, a key or a failure asks for the stop; a second signal does not wait."""

    def __init__(self, config: Config, stream: LineWriter | None, read_options: ReadOptions) -> None:
        self._config = config
        self._stream = stream
        self._error: DevserverError | None = None
        self._reason: asyncio.Future[str]
        """The first request to stop: its reason."""
        self._hurry = asyncio.Event()
        """The user does not wait for the stop."""
        self._read_options = read_options
        self._options = read_options(Path(config.watch.root))
        self._options_check: asyncio.Future[None] | None = None

    async def serve(self) -> int:
        """Run until stopped, then stop; return the exit code. Restores the terminal in any case."""
        loop = asyncio.get_running_loop()
        self._reason = loop.create_future()
        config = self._config
        self._reporter = reporter = Reporter(
            config.console, self._stream, config.watch.root, self._order, self._on_console_lagging
        )
        loop.set_exception_handler(partial(_report_own_error, reporter))
        control = Control(config.watch.root, reporter.emit, captured=reporter.terminal)
        reporter.subscribe(control.take)
        try:
            code = await self._serve(reporter, control, loop)
            reporter.emit(events.Stopped(code=code))
        finally:
            await control.close()
            await reporter.close()
        if self._error is not None:
            raise self._error
        return code

    async def _serve(self, reporter: Reporter, control: Control, loop: asyncio.AbstractEventLoop) -> int:
        config = replace(self._config, console=replace(self._config.console, draws=reporter.draws))
        master = self._master = Master(config, reporter.terminal, reporter.emit, self._fail)
        reporter.subscribe(master.clients.gateway.refresh.on_event)
        watch = Watch(config.watch, self._watch_reports(master.edits, reporter), loop)
        master.attach(watch)
        self._listen_to_signals(loop)
        loop.add_signal_handler(signal.SIGTSTP, reporter.suspend)
        if reporter.terminal:
            loop.add_signal_handler(signal.SIGWINCH, master.terminals.on_resized)
        reason = ""
        try:
            await master.listening.open_first()
            name, root = config.name, config.watch.root
            reporter.emit(events.Started(version=__version__, pid=os.getpid(), target=name, root=root))
            await watch.start()
            if config.control:  # before anything is live: a client that reads "live" may ask at once
                await control.open(master.edits, master.routes, self._request_stop)
            master.start()
            reason = await self._reason
        except DevserverError as error:
            self._error = error
        code = await self._stop(master, reporter, reason)
        await watch.close()
        return code

    async def _stop(self, master: Master, reporter: Reporter, reason: str) -> int:
        if self._error is not None:
            await stop_now(master)
            return 2
        reporter.emit(events.Stopping(reason=reason))
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
        for number in STOPS:
            loop.add_signal_handler(number, self._request_stop, number.name)
        loop.add_signal_handler(signal.SIGUSR1, self._order, Order("reload"))

    def _request_stop(self, reason: str) -> None:
        if not self._reason.done():
            self._reason.set_result(reason)
        elif reason in IMPATIENT:
            self._hurry.set()

    def _order(self, order: Order) -> None:
        match order.order:
            case "reload":
                self._master.edits.request_reload()
            case "stop":
                self._request_stop(KEY)
            case "input":
                self._master.terminals.type(order.worker, order.keys)
            case "resize":
                self._master.terminals.resize(order.worker, order.columns, order.rows)
            case "typed" if not self._master.terminals.prompts.typed(order.keys):
                for meant in keys.decode(order.keys):
                    self._press(meant)

    def _press(self, key: keys.Key) -> None:
        """Carry out a key's order; the console handles the keys that only change the display."""
        if key in ("reload", "stop"):
            self._order(Order(key))
        else:
            self._reporter.show(events.Pressed(key=key))

    def _on_console_lagging(self, lags: bool) -> None:
        self._master.terminals.pause_output(lags)

    def _fail(self, error: DevserverError) -> None:
        self._error = self._error or error
        self._request_stop("failed")

    def _check_options(self, reporter: Reporter, report: EditChecked) -> None:
        file = os.path.join(self._config.watch.root, "pyproject.toml")
        if any(each.path == file for each in report.files):
            self._options_check = asyncio.ensure_future(self._compare_options(reporter))

    async def _compare_options(self, reporter: Reporter) -> None:
        """Report that the edited options do not apply to this run."""
        options = await asyncio.to_thread(self._read_options, Path(self._config.watch.root))
        if options is not None and options != self._options:
            self._options = options
            text = "[tool.devserver] has changed: the options apply once you start devserver again"
            reporter.emit(events.Notice(level="info", text=text))

    def _watch_reports(self, edits: Edits, reporter: Reporter) -> Callable[[Report], None]:
        def on_report(report: Report) -> None:
            match report:
                case EditNoticed():
                    edits.on_edit_noticed(report.edit, report.paths)
                case EditChecked():
                    for warning in report.warnings:
                        reporter.emit(warning)
                    steps = {"settle": report.settle_ms, "check": report.check_ms}
                    edits.on_edit_checked(report.edit, report.files, report.failures, steps)
                    self._check_options(reporter, report)
                case FilesReread():
                    edits.on_files_reread(report.edit)
                case FilesSurveyed():
                    edits.on_surveyed(report.files)
                case AssetsSaved():
                    reporter.emit(events.AssetsChanged(paths=report.paths))
                case Remark():
                    reporter.emit(events.Notice(level=report.level, text=report.text))
                case _:
                    assert_never(report)

        return on_report


def _report_own_error(reporter: Reporter, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Report that a callback of devserver's has failed, with the place: the server goes on."""
    error = context.get("exception")
    if isinstance(error, NoMessage):
        text = f"A process sent bytes that are no message ({error}) and is ended"
        text += ": perhaps the app wrote into a socket of devserver's."
        reporter.emit(events.Notice(level="error", text=text))
        return
    detail = "".join(traceback.format_exception(error)) if isinstance(error, BaseException) else ""
    text = f"an error of devserver's own, please report it: {context.get('message', error)}"
    reporter.emit(events.Notice(level="error", text=text, detail=detail))
