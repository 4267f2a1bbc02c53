"""The whole of a reload without a process: the real book, boots, chain and fleets, and Workers that pretend.

A text says what it imports and what is wrong with it, so that a cold start of the disk can be worked out.
"""

from __future__ import annotations

import signal
from ast import literal_eval
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, cast

from devserver.failure import Failure, Frame
from devserver.manager.fleet import Fleet
from devserver.manager.verbs import (
    Elapsed,
    Event,
    Exited,
    Fork,
    Forked,
    GroupGone,
    ReadStack,
    Signal,
    StackRead,
    Tell,
)
from devserver.master import decisions
from devserver.master.boots import Boots
from devserver.master.chain import Chain
from devserver.master.crew import Crew
from devserver.master.disk import own_python
from devserver.master.dispatch import Seat
from devserver.master.generations import Generations
from devserver.master.managers import Manager
from devserver.master.workers import Worker
from devserver.wire import messages as wire
from devserver.wire.messages import Source
from tests.unit.manager.playbook import configure

MAIN, PART, STRAY, FEATURE = "/p/main.py", "/p/part.py", "/p/stray.py", "/p/new/feature.py"
PATHS = (MAIN, PART, STRAY, FEATURE)
BLOCK = 1000


class Text(NamedTuple):
    """What is in a file. `fault`: a typo, or an import that fails."""

    version: int
    fault: str = ""
    imports: tuple[str, ...] = ()


class Broken(Exception):
    """The code cannot start, and this is why."""


def source(path: str, text: Text | None) -> Source:
    """Return a file's state as it travels; None: it is absent."""
    data = repr(tuple(text)).encode() if text else b""
    return Source(path, data, data if text else None)


def text_of(source: Source) -> Text | None:
    """Return what a file's state holds."""
    return Text(*literal_eval(source.source.decode())) if source.source is not None else None


def run(path: str, files: dict[str, Source], ran: dict[str, bytes]) -> None:
    """Import a module and what it imports; `ran` gets the digest of each. Raises Broken."""
    if path in ran:
        return
    found = files.get(path)
    if found is None or found.source is None:
        raise Broken(f"no module {path}")
    ran[path] = found.digest
    text = text_of(found)
    assert text is not None
    if text.fault == "typo":
        raise Broken(f"typo in {path}")
    for name in text.imports:
        run(name, files, ran)
    if text.fault:
        raise Broken(f"crash in {path}")


class Reading(dict[str, Source]):
    """A Worker's snapshot: what it lacks is read from the disk, once, and reported."""

    def __init__(self, snapshot: dict[str, Source], disk: dict[str, Text], process: Process) -> None:
        super().__init__(snapshot)
        self._disk, self._process = disk, process
        self.missing: list[str] = []

    def get(self, path: str, default: Any = None) -> Any:
        worker, generation = self._process.id, self._process.generation
        if path not in self and path in self._disk:
            self[path] = source(path, self._disk[path])
            self._process.say(wire.Loaded(worker, generation, self[path]))
        elif path in self and self[path].source is not None:
            self._process.say(wire.Used(worker, generation, (path,)))
        else:
            self.missing.append(path)
        return super().get(path, default)


class Process:
    """A Worker: all that the Master and the boots look at, and what it has imported."""

    def __init__(self, whole: Whole, manager: Post, fork: Fork, snapshot: dict[str, Source]) -> None:
        self.whole, self.manager = whole, cast(Any, manager)
        self.id, self.slot, self.generation = fork.worker, fork.slot, fork.generation
        self.seat = Seat(worker=fork.worker, generation=fork.generation)
        self.orphan = self.abandoned = self.imported = self.exited = False
        self.import_ms = 1.0
        self.unfit = manager.unfit
        self.failure: Failure | None = None
        self.files = Reading(snapshot, whole.disk, self)
        self.ran: dict[str, bytes] = {}

    def __repr__(self) -> str:
        return f"Process({self.id})"

    def say(self, message: wire.FromWorker) -> None:
        self.whole.heard(self, message)

    def signal(self, number: signal.Signals) -> None:
        self.exit(int(number))

    def exit(self, status: int) -> None:
        """End; whoever forked it is told by the kernel."""
        if self.exited:
            return
        self.exited = True
        if self.orphan:
            self.whole.buried(self, None)
        else:
            self.manager.inbox.append(Exited(self.id, status))

    def boot(self) -> None:
        """Import the app."""
        self.imported = True
        try:
            run(MAIN, self.files, self.ran)
        except Broken as error:
            self.failure = Failure("import", "ImportError", str(error))
        if self.failure is None and self.unfit:
            self.failure = Failure(
                "import", "OSError", "unfit", frames=(Frame("/site-packages/x.py", 1, ""),)
            )

    def start(self) -> None:
        """Say that it is ready, or why not."""
        if self.failure is None and self.whole.has_rival(self):
            self.failure = Failure("start-up", "OSError", "port in use")
        if self.failure is None:
            self.say(wire.WorkerReady(self.id, self.generation, ()))
        else:
            paths = (*self.ran, *self.files.missing)
            self.say(wire.BootFailed(self.id, self.generation, self.failure, paths))
            self.exit(3 << 8)

    def reach(self, path: str) -> None:
        """Import a module late, in a request."""
        try:
            run(path, self.files, self.ran)
        except Broken:
            self.ran.pop(path, None)


class Post:
    """A Manager: a real fleet, and what has not reached it yet."""

    def __init__(
        self, whole: Whole, first_worker: int, *, preloaded: bool = False, unfit: bool = False
    ) -> None:
        self.whole, self.preloaded, self.unfit = whole, preloaded, unfit
        self.pid = first_worker // BLOCK
        live = whole.book.live
        settings = configure(slots=whole.slots, boot_timeout=0.0, drain=5.0, first_boot=not live)
        self.fleet = Fleet(_numbered(settings, first_worker))
        self.inbox: list[Event] = []
        self.gone = self.doomed = False

    def __repr__(self) -> str:
        return f"Post({self.pid})"

    def send(self, message: wire.ToManager) -> None:
        self.inbox.append(cast(Event, message))

    def kill(self) -> None:
        self.doomed = True

    def deliver(self) -> None:
        """Let the next event reach it."""
        for command in self.fleet.handle(self.inbox.pop(0), self.whole.now):
            match command:
                case Fork():
                    process = Process(
                        self.whole, self, command, dict(self.fleet.snapshots[command.generation])
                    )
                    self.whole.started(process)
                    self.inbox.insert(0, Forked(command.worker, 100 + command.worker))
                case Signal(worker, number, _) if number:
                    self.whole.end(worker, number)
                case ReadStack(worker):
                    self.inbox.append(StackRead(worker, ""))
                case Tell(wire.WorkerExited() as exited):
                    if exited.pid:
                        self.inbox.append(GroupGone(exited.worker))
                    self.whole.worker_exited(exited)
                case Tell(wire.Retire(worker)):
                    self.whole.end(worker, 0)
                case Tell(wire.Rolled()):
                    self.whole.relieve_orphans()
        self.doomed = self.doomed or self.fleet.done

    def elapse(self) -> bool:
        """Go on to the moment at which it wants to be woken; False: there is none."""
        if self.fleet.deadline is None:
            return False
        self.whole.now = max(self.whole.now, self.fleet.deadline)
        self.inbox.append(Elapsed())
        self.deliver()
        return True


def _numbered(settings: wire.Configure, first_worker: int) -> wire.Configure:
    values = {name: getattr(settings, name) for name in settings.__struct_fields__}
    return wire.Configure(**{**values, "first_worker": first_worker})


class Headquarters:
    """What the boots ask of the command; the chain is the real one."""

    def __init__(self, whole: Whole) -> None:
        self.whole, self.chain = whole, Chain()
        self.enabled = True
        self.successor = self
        self.prepared: list[bool] = []
        """A successor that has preloaded, and whether its Workers cannot start."""

    @property
    def serves(self) -> bool:
        return self.chain.serving is not None

    def knows(self, generation: int) -> bool:
        return self.chain.home(generation) is self.chain.serving

    def is_home(self, generation: int) -> bool:
        return not self.serves or self.chain.home(generation) is not None

    def relieve(self, handover: wire.Handover, changes: Iterable[Source]) -> None:
        if not self.serves:
            return
        if handover == "exclusive":
            if replaced := self.chain.recall(self.whole.book.live):
                replaced.kill()
        elif self.prepared and self.enabled:
            self.promote(preloaded=True, unfit=self.prepared.pop())

    def start_cold(self) -> bool:
        if not self.serves:
            return False
        self.prepared.clear()
        useless = None if self.knows(self.whole.book.live) else self.chain.serving
        if useless is not None:
            self.chain.remove(useless)
            useless.send(wire.Stop(0))
        self.promote()
        return True

    def promote(self, **fate: bool) -> None:
        self.chain.promote(cast(Manager, self.whole.post(**fate)))

    def went_live(self, generation: int) -> None:
        for elder in self.chain.outlived(generation):
            elder.send(wire.StandDown())


class Eyes:
    """What the watch reports: edits of files that matter, each read when it has settled."""

    def __init__(self, whole: Whole) -> None:
        self.whole = whole
        self.newest = 0
        self.unread: list[tuple[int, set[str]]] = []
        self.attended: dict[str, bytes] = {}
        self.kept: frozenset[str] = frozenset()
        self.everything = False
        self.survey_due = False
        self._passed_over: set[str] = set()
        self._reported: dict[str, bytes] = {}

    def matters(self, path: str) -> bool:
        beside = any(path.rpartition("/")[0] == other.rpartition("/")[0] for other in self.attended)
        return self.everything or beside or path in self.kept or path in self.attended

    def touched(self, path: str, *, joins: bool = False) -> None:
        if not self.matters(path):
            self._passed_over.add(path)
        elif self.unread and joins:
            self.unread[-1][1].add(path)
        else:
            self.newest += 1
            self._passed_over.clear()
            self.unread.append((self.newest, {path}))
            self.whole.book.noticed(self.newest)

    def is_unread(self, path: str) -> bool:
        return any(path in paths for _, paths in self.unread)

    def settle(self) -> None:
        """Read the files of the eldest edit."""
        edit, paths = self.unread.pop(0)
        disk = self.whole.disk
        broken = {path for path in paths if path in disk and disk[path].fault == "typo"}
        failures = {path: Failure("check", "SyntaxError", f"typo in {path}") for path in broken}
        files = [source(path, disk.get(path)) for path in sorted(paths)]
        self._reported.update((file.path, file.digest) for file in files)
        self.whole.apply(self.whole.book.settled(edit, files, failures))

    def attend(self, files: Iterable[tuple[str, bytes]]) -> None:
        for path, digest in files:
            if self.attended.get(path) != digest:
                self.attended[path] = digest
                found = source(path, self.whole.disk.get(path)).digest
                if found != self._reported.get(path, digest) and not self.is_unread(path):
                    self.touched(path)

    def attend_everything(self, on: bool) -> None:
        if on and not self.everything:
            self.everything = True
            for path in sorted(self._passed_over):
                self.touched(path, joins=True)
        self.everything = on

    def survey(self) -> None:
        """Read what lies beside what runs."""
        self.survey_due = False
        disk = self.whole.disk
        beside = [path for path in disk if path not in self.attended and self.matters(path)]
        self.whole.surveyed([source(path, disk[path]) for path in beside if not self.is_unread(path)])


class Whole:
    """The Master's part: who tells whom what, as master.py and crew.py have it."""

    def __init__(self, slots: int, owns_port: bool) -> None:
        self.slots, self.owns_port = slots, owns_port
        self.now = 0.0
        self.disk: dict[str, Text] = {MAIN: Text(1, imports=(PART,)), PART: Text(1)}
        self.book = Generations()
        self.words: list[decisions.Command] = []
        """What was said of the code."""
        self.unlucky: set[int] = set()
        """Generations that were killed as they booted, or found the port taken: it was not their code."""
        self.workers: dict[int, Process] = {}
        self.posts: list[Post] = []
        self.launching = True
        self.command = Headquarters(self)
        self.eyes = Eyes(self)
        self._newest_worker = 0
        self.boots = Boots(self.book, cast(Crew, self), lambda _event: None, self.rehome)
        self.apply(self.book.start())

    # Managers

    def post(self, **fate: bool) -> Post:
        block = (self._newest_worker // BLOCK + 1) * BLOCK
        self._newest_worker = block
        self.posts.append(Post(self, block + 1, **fate))
        return self.posts[-1]

    def launch(self) -> None:
        """Start a Manager and tell it everything."""
        self.launching = False
        self.command.promote()
        book = self.book
        if book.live:
            handover: wire.Handover = "exclusive" if book.handover == "exclusive" else "overlap"
            self.send(wire.Reload(book.live, 0, own_python(book.snapshot.values()), handover, live=True))
        for boot in book.replay():
            self.send(wire.Reload(boot.generation, boot.base, own_python(boot.changes), boot.handover))

    def manager_dies(self, post: Post) -> None:
        """Its Workers are orphans: boots are ended, the others serve on."""
        if post not in self.posts:
            return
        self.posts.remove(post)
        post.gone = True
        chain, live, manager = self.command.chain, self.book.live, cast(Manager, post)
        live_here, served = chain.home(live) is manager, chain.serving is manager
        chain.remove(manager)
        if live_here and not served and chain.serving is not None:
            chain.serving.kill()
        if served:
            chain.recall(live)
        for process in [each for each in self.workers.values() if each.manager is post]:
            process.orphan, process.manager = True, None
            if process.exited:
                self.buried(process, None)
            elif process.generation < live or (process.generation != live and not process.seat.ready):
                process.exit(0)
        if chain.serving is None and served:
            self.launching = True
        else:
            self.rehome()

    def relieve_orphans(self) -> None:
        for process in [each for each in self.workers.values() if each.orphan]:
            process.exit(0)

    def send(self, message: wire.ToManager) -> None:
        if not self.command.serves:
            return
        if isinstance(message, wire.Reload) and message.handover == "exclusive":
            self.relieve_orphans()
        self.command.chain.send(message, cast(dict[int, Worker], self.workers))

    def rehome(self) -> None:
        for boot in self.book.replay():
            if not self.command.is_home(boot.generation):
                self.apply(self.book.homeless(boot.generation))

    # Workers

    def started(self, process: Process) -> None:
        self._newest_worker = max(self._newest_worker, process.id)
        self.workers[process.id] = process

    def end(self, worker: int, status: int) -> None:
        """A Worker was killed, or told to leave and had nothing in hand."""
        if process := self.workers.get(worker):
            process.seat.leaving = True
            process.exit(status)

    def has_rival(self, process: Process) -> bool:
        """Return whether another Worker has the app's port."""
        others = (each for each in self.workers.values() if each.generation != process.generation)
        return self.owns_port and any(each.seat.ready and not each.exited for each in others)

    def heard(self, process: Process, message: wire.FromWorker) -> None:
        generation = process.generation
        match message:
            case wire.Loaded():
                if self.book.loaded(generation, message.source):
                    self.send(message)
                    self._uses(generation, (message.source.path,))
            case wire.Used():
                self._uses(generation, message.paths)
            case wire.BootFailed():
                self._uses(generation, message.paths)
            case wire.WorkerReady():
                self._ready(process, message)

    def _uses(self, generation: int, paths: Sequence[str]) -> None:
        snapshot = self.book.snapshot_of(generation)
        if snapshot is not None:
            self.eyes.attend([(path, snapshot[path].digest if path in snapshot else b"") for path in paths])
            self.apply(self.book.used(generation, paths))

    def _ready(self, process: Process, message: wire.WorkerReady) -> None:
        if process.abandoned or (process.orphan and process.generation != self.book.live):
            return
        process.seat.ready = True
        self.send(message)
        commands = self.book.ready(process.generation)
        if commands:
            self.boots.went_live(process.generation)
            self.apply(commands)
            self.eyes.survey_due = True
        for other in list(self.workers.values()):
            if other.generation < self.book.live and not other.seat.leaving and not other.exited:
                if other.orphan:
                    other.exit(0)
                else:
                    self.send(wire.WorkerIdle(other.id))

    def worker_exited(self, exited: wire.WorkerExited) -> None:
        process = self.workers.get(exited.worker)
        if process is not None:
            self.buried(process, exited)
        elif exited.verdict == "dropped":
            self.apply(self.book.superseded(exited.generation))
        else:
            self.apply(self.book.failed(exited.generation, Failure("import", "WorkerExited", "no process")))

    def buried(self, process: Process, exited: wire.WorkerExited | None) -> None:
        if self.workers.pop(process.id, None) is None:
            return
        if process.orphan or process.seat.ready or process.abandoned:
            return
        if exited is not None and exited.verdict == "dropped":
            self.apply(self.book.superseded(process.generation))
            return
        failure = process.failure or Failure("import", "WorkerExited", "killed")
        if self.boots.begins_cold(cast(Worker, process), failure, exited):
            return
        if process.generation != self.book.live:
            if process.failure is None or process.failure.phase == "start-up":
                self.unlucky.add(process.generation)
            self.apply(self.book.failed(process.generation, failure))

    # the book

    def surveyed(self, files: Sequence[Source]) -> None:
        live = self.book.live
        for file in files:
            if file.path not in self.book.snapshot and self.book.loaded(live, file):
                self.send(wire.Loaded(0, live, file))

    def apply(self, commands: Sequence[decisions.Command]) -> None:
        for command in commands:
            match command:
                case decisions.Boot():
                    self.boots.order(command)
                case decisions.Drop() | decisions.Cancel():
                    self.send(wire.Drop(command.generation))
                case decisions.GoLive() | decisions.Refuse() | decisions.Restore():
                    self._say(command)
        self.eyes.attend_everything(self.book.wanting)

    def _say(self, command: decisions.Command) -> None:
        if isinstance(command, decisions.GoLive):
            before = [word.generation for word in self.words if isinstance(word, decisions.GoLive)]
            assert command.generation > max(before, default=0), "live numbers only grow"
            self.eyes.kept = frozenset(file.path for file in own_python(self.book.snapshot.values()))
        self.words.append(command)

    # until all is quiet

    def _step(self) -> bool:
        for post in self.posts:
            if post.doomed:
                self.manager_dies(post)
                return True
            if post.inbox:
                post.deliver()
                return True
        for process in self.workers.values():
            if not process.exited and not process.imported:
                process.boot()
                return True
            if not process.exited and not process.seat.ready and not process.abandoned:
                process.start()
                return True
        if self.launching:
            self.launch()
        elif self.eyes.unread:
            self.eyes.settle()
        elif self.eyes.survey_due:
            self.eyes.survey()
        else:
            return any(post.elapse() for post in list(self.posts))
        return True

    def calm(self) -> None:
        """Let everything that is under way come to its end."""
        for _ in range(2000):
            if not self._step():
                return
        raise AssertionError("it never comes to rest")
