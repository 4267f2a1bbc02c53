"""One Worker, from the fork to its exit code: boots the app from its snapshot and runs it.

Law: whatever keeps the app from serving is reported to the Master as data before the process exits.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import signal
import time
from contextlib import suppress
from dataclasses import dataclass

from msgspec.structs import replace
from setproctitle import setproctitle

from devserver.common.errors import ConnectionGone
from devserver.common.working_folder import enter
from devserver.ipc.image_messages import LEAST
from devserver.ipc.messages import BootFailed, Creates, Loaded, LoopChoice, Source
from devserver.ipc.source_digest import was_changed_since
from devserver.worker.birth import session
from devserver.worker.birth.boot import Boot
from devserver.worker.find.built_routes import BuiltRoutes
from devserver.worker.find.discover import Found
from devserver.worker.image.loop_watch import LoopWatch
from devserver.worker.image.next_copy import Orders
from devserver.worker.image.offer import Offer, decline
from devserver.worker.import_app import Refused, import_app, prepare_copies
from devserver.worker.load import late
from devserver.worker.load.snapshot import Snapshot
from devserver.worker.load.snapshot_importer import install
from devserver.worker.observe import conditions
from devserver.worker.observe.created_files import CreatedFiles
from devserver.worker.observe.import_log import ImportLog
from devserver.worker.observe.opened_files import OpenedFiles
from devserver.worker.observe.used_files import UsedFiles
from devserver.worker.run import debugger_attach, environment, green_threads
from devserver.worker.run.api import Server
from devserver.worker.run.debugger import Debugger
from devserver.worker.run.failures import failure_of, is_uninstalled, with_hint
from devserver.worker.run.master_link import MasterLink
from devserver.worker.runner import GONE, NOT_STARTED, Runner, leave_within
from devserver.worker.warm.record import Record

BOOT_FAILED = 3
"""The exit code of a Worker whose app could not be imported or started."""

DROPPED = 128 + signal.SIGTERM
"""The exit code of a Worker that was ordered to exit while it started."""

FAILED = 2
"""Seconds to leave in after a failed boot: a thread that the app has begun by then may not keep it."""

CLOCK_TICK = 20_000_000
"""Nanoseconds by which a file's times may lag behind the clock."""


def run(boot: Boot) -> int:
    """Run the Worker in a process forked for it; return its exit code.

    Call it in the main thread, with no event loop running; then let the interpreter end as usual.
    """
    began = time.time_ns()
    setproctitle(f"devserver: worker {boot.slot}")
    # The Master's death hangs up a Worker's terminal: that is no reason to leave without on_worker_stop.
    signal.signal(signal.SIGHUP, lambda *_: leave_within(GONE))
    settings = boot.settings
    if settings.folder:
        enter(settings.folder)
    link = MasterLink(boot.link, boot.worker, boot.generation)
    os.register_at_fork(after_in_child=link.abandon)
    late.complete()
    if settings.debug_server is not None:
        debugger_attach.attach(settings.debug_server)
    parts = _observe(boot, link)
    refused = _serve(boot, parts)
    parts.created.finish()
    environment.flush()
    parts.usage.report()
    return 0 if refused is None else _report_refused(parts, refused, began)


def _report_refused(parts: _Parts, refused: Refused, began: int) -> int:
    """Report why the app, whose boot began at this time (ns), cannot serve; return the exit code."""
    if refused.failure is NOT_STARTED:
        leave_within(FAILED)
        return DROPPED
    link, snapshot, failure = parts.link, parts.snapshot, refused.failure
    named = [snapshot.owns.place(path) for path in refused.paths if snapshot.owns(path)]
    for path in named:
        # A file that was saved meanwhile may have failed with another text: the Master takes it for an edit.
        if not was_changed_since(path, began - CLOCK_TICK):
            snapshot.note(path)
    paths = tuple(dict.fromkeys((*snapshot.used, *named)))
    uninstalled = is_uninstalled(failure, snapshot.owns)
    failure = with_hint(failure) if uninstalled else failure
    link.send(BootFailed(link.worker, link.generation, failure, paths, uninstalled))
    leave_within(FAILED)
    return BOOT_FAILED


def _observe(boot: Boot, link: MasterLink) -> _Parts:
    """Let the app's modules come from the snapshot, and note what it imports, uses, opens and makes."""
    settings = boot.settings
    usage = UsedFiles(link)
    snapshot = Snapshot(boot.sources, lambda source: _report_loaded(link, source), usage.note)
    notes = ImportLog(snapshot) if settings.notes else None
    record = Record(snapshot.owns) if boot.image is not None and boot.records else None
    if record is not None:
        record.begin()
    install(snapshot, notes.found if notes else None, record)
    opened = OpenedFiles(snapshot, usage.wake)
    usage.include(opened.taken)
    opened.install()
    created = CreatedFiles(settings.root, snapshot, lambda path, digest: _report_created(link, path, digest))
    created.begin()
    if notes:
        notes.begin()
    return _Parts(link, snapshot, notes, usage, opened, created, record)


@dataclass(slots=True)
class _Parts:
    """What a Worker is made of before its app is imported. A copy of it has the same, and imports nothing."""

    link: MasterLink
    snapshot: Snapshot
    notes: ImportLog | None
    usage: UsedFiles
    opened: OpenedFiles
    created: CreatedFiles
    record: Record | None
    """What runs from now on, if this Worker may leave an image."""
    offer: Offer | None = None
    """That image, once the app's loop is there."""
    routes: BuiltRoutes | None = None
    """Routes that were built ahead, for this Worker too."""


def _offer(boot: Boot, parts: _Parts, loop: asyncio.AbstractEventLoop) -> Offer | None:
    if parts.record is None:
        return None
    return Offer(boot, parts.snapshot, parts.record, LoopWatch(loop))


def _serve(boot: Boot, parts: _Parts) -> Refused | None:
    """Import the app and run it; or return why it cannot serve. A copy of this process imports nothing."""
    try:
        loop = _new_loop(boot.settings.loop)
    except ImportError as error:
        return Refused(failure_of(error, "import"))
    debugger = Debugger(parts.link)
    debugger.install()
    debugger_attach.watch(debugger)
    asyncio.set_event_loop(loop)  # an app may ask for it while it is imported
    parts.offer = offer = _offer(boot, parts, loop)
    if offer is not None:
        offer.begin()
    began = time.perf_counter()
    found = import_app(boot)
    if not isinstance(found, Refused) and (failure := green_threads.refusal()):
        found = Refused(failure)
    if isinstance(found, Refused):
        loop.close()
        if offer is not None:
            offer.drop()
        return found
    import_ms = (time.perf_counter() - began) * 1000
    own_ms = import_ms - (parts.notes.spent * 1000 if parts.notes else 0.0)
    if offer is not None:
        if found.app is not None and own_ms >= LEAST and not offer.is_impossible:
            parts.routes = prepare_copies(found.app)
        forked, orders = offer.leave(own_ms)
        if orders is not None:
            boot, import_ms = _become_copy(boot, parts, offer, orders)
        loop = _new_loop(boot.settings.loop) if forked else loop
    elif boot.image is not None:
        decline(boot.image, "", own_ms)
    return _run_app(boot, parts, found, loop, debugger, import_ms)


def _run_app(
    boot: Boot,
    parts: _Parts,
    found: Found,
    loop: asyncio.AbstractEventLoop,
    debugger: Debugger,
    import_ms: float,
) -> Refused | None:
    """Run the app that was imported, until the Worker is to exit; or return why its start-up failed."""
    if loop.is_closed():  # the app has closed it
        loop = _new_loop(boot.settings.loop)
    threads = boot.settings.threads
    if green_threads.has_green_threads():
        loop.close()
        loop, threads = green_threads.new_loop(), max(green_threads.GREENLETS, threads)
    server = Server(parts.link, boot.worker, boot.generation)
    runner = Runner(loop, parts.link, server, found, debugger, threads)
    notes = parts.notes
    if notes is not None:
        runner.report_imports(
            lambda: notes.taken(boot.worker, boot.generation), first=boot.inherited is not None
        )
    parts.usage.follow(loop)
    runner.before_ready = lambda: _before_ready(boot, parts)
    if parts.routes is not None:
        runner.after_ready = parts.routes.renew
    if parts.offer is not None:
        parts.offer.reap()
    failure = runner.run(import_ms)
    _exit_on_sigterm(at_once=runner.terminated and failure is None)
    return None if failure is None else Refused(failure)


def _become_copy(boot: Boot, parts: _Parts, offer: Offer, orders: Orders) -> tuple[Boot, float]:
    """Become another Worker; return its Boot, and how many ms that took since it was ordered."""
    copy = orders.copy
    session.own_session(orders.terminal, orders.dump)
    setproctitle(f"devserver: worker {copy.slot}")
    parts.link.renew(orders.link, copy.worker, copy.generation)
    parts.snapshot.renew((*orders.known, *copy.changes))
    parts.usage.renew(parts.snapshot.used)
    parts.opened.renew()
    if parts.notes is not None:
        parts.notes.end()
        parts.notes = None
    offer.restore()
    if orders.swap is not None:
        orders.swap.apply()
    boot = replace(boot, worker=copy.worker, slot=copy.slot, generation=copy.generation)
    return boot, (time.monotonic() - orders.at) * 1000


def _exit_on_sigterm(*, at_once: bool) -> None:
    """Exit by SIGTERM without the threads that the interpreter would wait for, but not without atexit.

    `at_once`: it has come already. While atexit's functions run, another one ends the process.
    """

    def end(*_: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        environment.flush()
        atexit._run_exitfuncs()
        environment.flush()
        os._exit(0)

    if at_once:
        end()
    atexit.register(signal.signal, signal.SIGTERM, signal.SIG_DFL)  # the last registered is the first to run
    signal.signal(signal.SIGTERM, end)


def _before_ready(boot: Boot, parts: _Parts) -> None:
    """Order the filters of warnings as without preloading, and record what the boot has used."""
    parts.created.finish()
    parts.usage.report()
    if boot.inherited is not None and boot.inherited.filters is not None:
        conditions.order_filters(boot.inherited.filters)
    if parts.notes is not None:
        parts.notes.ready()


def _new_loop(choice: LoopChoice) -> asyncio.AbstractEventLoop:
    """Return a loop as chosen; `auto` is uvloop if it is installed. Raises ImportError."""
    if choice != "asyncio":
        try:
            import uvloop
        except ImportError:
            if choice == "uvloop":
                raise
        else:
            return uvloop.new_event_loop()
    return asyncio.new_event_loop()


def _report_loaded(link: MasterLink, source: Source) -> None:
    with suppress(ConnectionGone):  # a child of the app's imports something of its own
        link.send(Loaded(link.worker, link.generation, source))


def _report_created(link: MasterLink, path: str, digest: bytes | None) -> None:
    with suppress(ConnectionGone):  # a child of the app's makes something of its own
        link.send(Creates(link.worker, link.generation, path, digest))
