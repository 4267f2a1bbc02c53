"""One Worker, from the fork to its exit code: boots the app from its snapshot and runs it.

Law: whatever keeps the app from serving is told to the Master as data before the process ends.
"""

from __future__ import annotations

import asyncio
import atexit
import importlib
import os
import signal
import sys
import time
from contextlib import suppress
from dataclasses import dataclass

from setproctitle import setproctitle

from devserver.common.errors import ConnectionGone
from devserver.common.failure import Failure
from devserver.common.working_folder import enter
from devserver.ipc.messages import BootFailed, Creates, Loaded, LoopChoice, Source, Target
from devserver.worker.boot import Boot
from devserver.worker.find import django_project
from devserver.worker.find.apps import App, with_debugger
from devserver.worker.find.discover import Found, discover
from devserver.worker.find.handlers import Handlers
from devserver.worker.load import late
from devserver.worker.load.snapshot import Snapshot
from devserver.worker.load.snapshot_importer import install
from devserver.worker.observe import conditions
from devserver.worker.observe.created_files import Created
from devserver.worker.observe.import_log import Notes
from devserver.worker.observe.opened_files import Opened
from devserver.worker.observe.used_files import Usage
from devserver.worker.run import debugger_attach, environment, green_threads, logs
from devserver.worker.run.api import Server
from devserver.worker.run.debugger import Debugger
from devserver.worker.run.failures import failure_of, files_named_by, is_uninstalled, with_hint
from devserver.worker.run.master_link import Lane
from devserver.worker.runner import GONE, NOT_STARTED, Runner, leave_within

BOOT_FAILED = 3
"""The exit code of a Worker whose app could not be imported or started."""

DROPPED = 128 + signal.SIGTERM
"""The exit code of one that was told to exit while it started."""

FAILED = 2
"""Seconds to leave in after a failed boot: a thread that the app has begun by then may not keep it."""


@dataclass(frozen=True, slots=True)
class _Refused:
    """Why the app cannot serve; `paths` are files, there or not, that a fix may touch."""

    failure: Failure
    paths: tuple[str, ...] = ()


def run(boot: Boot) -> int:
    """Run the Worker in a process forked for it; return its exit code when it has left.

    Call it in the main thread, with no event loop running; then let the interpreter end as usual.
    """
    setproctitle(f"devserver: worker {boot.slot}")
    # The Master's death hangs up a Worker's terminal: that is no reason to leave without on_worker_stop.
    signal.signal(signal.SIGHUP, lambda *_: leave_within(GONE))
    if boot.folder:
        enter(boot.folder)
    lane = Lane(boot.lane)
    os.register_at_fork(after_in_child=lane.abandon)
    late.complete()
    if boot.debug_server is not None:
        debugger_attach.attach(boot.debug_server)
    usage = Usage(lane, boot.worker, boot.generation)
    snapshot = Snapshot(boot.sources, lambda source: _tell_loaded(lane, boot, source), usage.note)
    notes = Notes(snapshot) if boot.notes else None
    install(snapshot, notes.found if notes else None)
    opened = Opened(snapshot, usage.wake)
    usage.include(opened.taken)
    opened.install()
    created = Created(boot.root, snapshot, lambda path, digest: _tell_created(lane, boot, path, digest))
    sys.addaudithook(created.hear)
    if notes:
        notes.begin()
    refused = _serve(boot, lane, notes, usage, created)
    created.finish()
    environment.flush()
    usage.tell()
    if refused is None:
        return 0
    if refused.failure is NOT_STARTED:
        leave_within(FAILED)
        return DROPPED
    paths = tuple(dict.fromkeys((*snapshot.used, *filter(snapshot.owns, refused.paths))))
    failure = refused.failure
    uninstalled = is_uninstalled(failure, snapshot.owns)
    failure = with_hint(failure) if uninstalled else failure
    lane.send(BootFailed(boot.worker, boot.generation, failure, paths, uninstalled))
    leave_within(FAILED)
    return BOOT_FAILED


def _serve(boot: Boot, lane: Lane, notes: Notes | None, usage: Usage, created: Created) -> _Refused | None:
    try:
        loop = _new_loop(boot.loop)
    except ImportError as error:
        return _Refused(failure_of(error, "import"))
    debugger = Debugger(lane, boot.worker)
    debugger.install()
    debugger_attach.watch(debugger)
    asyncio.set_event_loop(loop)  # an app may ask for it while it is imported
    began = time.perf_counter()
    logs.set_up(boot.access_log)
    found = _load(boot)
    if not isinstance(found, _Refused) and (failure := green_threads.refusal()):
        found = _Refused(failure)
    if isinstance(found, _Refused):
        loop.close()
        return found
    threads = boot.threads
    if green_threads.has_green_threads():
        loop.close()
        loop, threads = green_threads.new_loop(), max(green_threads.GREENLETS, threads)
    import_ms = (time.perf_counter() - began) * 1000
    server = Server(lane, boot.worker, boot.generation)
    runner = Runner(loop, lane, server, found, debugger, threads)
    if notes is not None:
        runner.tell_imports(
            lambda: notes.taken(boot.worker, boot.generation), first=boot.inherited is not None
        )
    usage.follow(loop)
    runner.before_ready = lambda: _before_ready(boot, notes, usage, created)
    failure = runner.run(import_ms)
    _exit_on_sigterm(at_once=runner.terminated and failure is None)
    return None if failure is None else _Refused(failure)


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


def _before_ready(boot: Boot, notes: Notes | None, usage: Usage, created: Created) -> None:
    """Put in order what differs where modules were there before the app, and take down how things are."""
    created.finish()
    usage.tell()
    if boot.inherited is not None and boot.inherited.filters is not None:
        conditions.order_filters(boot.inherited.filters)
    if notes is not None:
        notes.ready()


def _load(boot: Boot) -> Found | _Refused:
    """Import the target and find its app and its handlers."""
    target = boot.target
    try:
        environment.prepare(target, boot.root, boot.inherited.environment if boot.inherited else {})
    except environment.Unreadable as error:
        return _Refused(Failure("import", "DotenvUnreadable", str(error)), (os.path.join(boot.root, ".env"),))
    try:
        if target.settings:
            return _load_project(target)
        module = importlib.import_module(target.module)
    except BaseException as error:
        return _Refused(failure_of(error, "import"), files_named_by(error, (*target.search, *sys.path)))
    file = getattr(module, "__file__", None) or "no file"
    if target.path and os.path.realpath(file) != os.path.realpath(target.path):
        name = os.path.basename(target.path)
        message = f"{name} cannot be imported: {target.module} is loaded already, from {file}; rename {name}"
        return _Refused(Failure("import", "NameTaken", message), (target.path,))
    try:
        found = discover(module, target.attribute, target.factory)
        if isinstance(found, Failure):
            return _Refused(found)
        return found if found.app is None else Found(_as_developed(found.app), found.handlers)
    except BaseException as error:  # a factory is the app's code, as is a view that is checked
        return _Refused(failure_of(error, "import"), files_named_by(error, (*target.search, *sys.path)))


def _as_developed(app: App) -> App:
    """Return the app with what its framework's own development server puts around it."""
    django_project.check(app)
    return with_debugger(django_project.with_static_files(app))


def _load_project(target: Target) -> Found:
    """Load a Django project as its manage.py would."""
    return Found(django_project.load(target.settings), Handlers({}))


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


def _tell_loaded(lane: Lane, boot: Boot, source: Source) -> None:
    with suppress(ConnectionGone):  # a child of the app's imports something of its own
        lane.send(Loaded(boot.worker, boot.generation, source))


def _tell_created(lane: Lane, boot: Boot, path: str, digest: bytes | None) -> None:
    with suppress(ConnectionGone):  # a child of the app's makes something of its own
        lane.send(Creates(boot.worker, boot.generation, path, digest))
