"""What Master, Manager and watch do with a project, without processes of theirs: only Workers are forked."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from devserver.common.failure import Failure
from devserver.ipc.messages import BootDone, Source, WorkerForked
from devserver.manager.snapshots import Snapshots
from devserver.master.reload.commands import Boot, Booted, Command
from devserver.master.reload.disk import own_python
from devserver.master.reload.generations import Generations
from devserver.watch.check.read import read
from devserver.watch.check.survey import beside, packages_before
from devserver.watch.scope.filters import Filters, Interest
from tests.finding import probe
from tests.finding.layout import Layout

Told = dict[str, Any]
_PROBE = Path(probe.__file__).read_text()


def _command(how: str, layout: Layout) -> Sequence[str]:
    return (sys.executable, "-B", "-c", _PROBE, how, f"{layout.top}{os.sep}", str(layout.site))


def _read(stream: Any) -> Told:
    (length,) = probe.LENGTH.unpack(stream.read(probe.LENGTH.size))
    told: Told = pickle.loads(stream.read(length))
    return told


def cold(layout: Layout) -> Told:
    """Return what a fresh interpreter imports."""
    with subprocess.Popen(_command("cold", layout), cwd=layout.project, stdout=subprocess.PIPE) as process:
        return _read(process.stdout)


class Server:
    """Carries out what the real Generations decide, on what the real filters let through."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._process = subprocess.Popen(
            _command("hot", layout), cwd=layout.project, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self._generations = Generations(handover="overlap")
        self._filters = Filters(os.path.realpath(layout.project))
        self._snapshots = Snapshots()
        self._edits = 0
        self._passed_over: list[str] = []
        self._links: dict[str, set[str]] = {}
        self.told: Told = {}
        """What the last Worker has imported, of the newest code that was tried."""

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()

    def start(self) -> None:
        """Boot the first generation."""
        self._apply(self._generations.start())

    def saved(self, paths: Iterable[str]) -> None:
        """These files have changed."""
        files = []
        for path in [name for each in paths for name in (each, *self._links.get(each, ()))]:
            interest = self._filters.interest(path)
            if interest is not Interest.NONE:
                content = read(path)
                source = content.data if interest is Interest.CODE else None
                files.append(Source(path, content.digest, source))
            elif path.endswith(".py"):
                self._passed_over.append(path)
        for path in packages_before([file.path for file in files], self._filters):
            content = read(path)
            files.append(Source(path, content.digest, content.data))
        if files:
            self._passed_over.clear()
            self._edits += 1
            self._generations.on_edit_noticed(self._edits)
            self._apply(self._generations.on_edit_checked(self._edits, files, {}))

    def _apply(self, commands: Sequence[Command]) -> None:
        for command in commands:
            if isinstance(command, Boot):
                self._boot(command)
        wanting = self._generations.needs_fix
        if wanting and not self._filters.everything:
            self._filters.everything = True
            again, self._passed_over = self._passed_over, []
            self.saved(again)
        self._filters.everything = self._generations.needs_fix

    def _boot(self, boot: Boot) -> None:
        self._snapshots.add(boot.generation, boot.base, own_python(boot.changes))
        self.told = self._run(boot.generation)
        if self.told["boot"]:
            failure = Failure("import", *self.told["boot"])
            self._apply(self._generations.on_boot_failed(boot.generation, failure))
            return
        forked = WorkerForked(worker=1, slot=1, generation=boot.generation, pid=self._process.pid)
        ready = BootDone(worker=1, generation=boot.generation, handlers=())
        self._apply(self._generations.on_worker_ready(Booted(ready, forked)))
        self._filters.snapshot = frozenset(
            each.path for each in own_python(self._generations.snapshot.values())
        )
        for content in beside(self._filters, sorted(self._filters.folders)):
            if not self._filters.is_watched(folder := os.path.dirname(content.path)):
                self._filters.attend_folder(folder)
            source = content.data if content.path.endswith(".py") else None
            file = Source(content.path, content.digest, source)
            if file.digest and self._generations.on_file_surveyed(file) and source is not None:
                self._snapshots.loaded(boot.generation, file)

    def _loaded(self, generation: int, source: Source) -> None:
        if (
            source.digest
            and self._generations.on_file_loaded(generation, source)
            and source.source is not None
        ):
            self._snapshots.loaded(generation, source)

    def _run(self, generation: int) -> Told:
        sources = self._snapshots[generation]
        data = pickle.dumps(dict(sources))
        assert self._process.stdin is not None
        self._process.stdin.write(probe.LENGTH.pack(len(data)) + data)
        self._process.stdin.flush()
        told = _read(self._process.stdout)
        for source in told["loaded"]:
            self._loaded(generation, source)
        for path in (*told["used"], *told["named"]):
            if path.endswith(os.sep):
                self._filters.attend_folder(path.rstrip(os.sep))
            else:
                self._filters.attend(path)
                if os.path.islink(path):
                    self._links.setdefault(os.path.realpath(path), set()).add(path)
        return told
