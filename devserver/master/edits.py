"""The first half of a save's story: from the notice of an edit to what is decided about it.

Law: edits settle in the order of their numbers. Each decision is true of all that was read so far.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence

from devserver.common import events
from devserver.common.events import Event
from devserver.common.failure import Failure
from devserver.ipc.messages import Loaded, Source
from devserver.master.reload.commands import Boot, Command, Refuse
from devserver.master.reload.created_files import CreatedFiles, Edit
from devserver.master.reload.file_watch import FileWatch
from devserver.master.reload.generations import Generations
from devserver.master.reload.self_writing import SelfWriteGuard
from devserver.master.reload.timings import Steps, Timings


class Edits:
    """`decide` carries out commands, `send` tells the Managers of a file. `watch` is set before any edit."""

    watch: FileWatch

    def __init__(
        self,
        generations: Generations,
        timings: Timings,
        emit: Callable[[Event], None],
        decide: Callable[[Sequence[Command]], None],
        send: Callable[[Loaded], None],
    ) -> None:
        self.generations = generations
        self._timings = timings
        self._emit = emit
        self._decide = decide
        self._send = send
        self._loop = asyncio.get_running_loop()
        self.created = CreatedFiles(self._settle, self._loop)
        self.steps: Steps = {}
        """What the edit took that was settled last, in ms; empty if no save causes what boots next."""
        self._self_writes = SelfWriteGuard()
        self._written_in_boot: set[int] = set()
        self._asked: set[int] = set()
        """Edits that carry a requested reload."""
        self.rereads = 0
        """How often all files were read because a reload was asked for."""
        self._decided = asyncio.Event()

    # what the watch reports

    def on_edit_noticed(self, edit: int, paths: tuple[str, ...]) -> None:
        """An edit has begun."""
        now = time.monotonic()
        self._timings.noticed(edit, now)
        booting = self.generations.booting
        for path in self._self_writes.noticed(paths, booting, now):
            text = f"{path} is rewritten on every start; ignoring it until you save it yourself"
            self._emit(events.Notice(level="warning", text=text))
        if booting & set(paths):
            self._written_in_boot.add(edit)
        self.generations.noticed(edit)
        self._emit(events.Changed(edit=edit, paths=paths))

    def on_edit_settled(
        self, edit: int, files: Sequence[Source], failures: Mapping[str, Failure], steps: Steps
    ) -> None:
        """An edit was read and checked; `steps` are settle and check, in ms."""
        self.created.settled(Edit(edit, files, failures, steps))

    def _settle(self, found: Edit) -> None:
        edit, self.steps = found.number, found.steps
        for file in found.files:
            generation = self.created.by(file)
            if generation and self.generations.loaded(generation, file):
                self.created.taken(generation)
                self._tell_managers(generation, file)
        muted = self._self_writes.muted if edit in self._written_in_boot else frozenset()
        self._written_in_boot.discard(edit)
        commands = self.generations.settled(edit, found.files, found.failures, muted)
        changed = any(isinstance(command, Boot | Refuse) for command in commands)
        if changed:
            self.created.saved()
        settle_ms, check_ms = found.steps["settle"], found.steps["check"]
        self._emit(events.Checked(edit=edit, changed=changed, settle_ms=settle_ms, check_ms=check_ms))
        self._decide(commands)
        if edit in self._asked:
            self._asked.discard(edit)
            if not changed:
                self.reload()

    def on_surveyed(self, files: Sequence[Source]) -> None:
        """These files lie beside what runs and may be imported or read later: they join the snapshot."""
        for file in files:
            if self.generations.surveyed(file):
                self._tell_managers(self.generations.live, file)

    def _tell_managers(self, generation: int, file: Source) -> None:
        if file.source is not None:
            self._send(Loaded(0, generation, file))

    # reloads that are asked for

    def reload_asked(self) -> None:
        """Reload what the disk holds now, whether or not a file has changed: all is read first."""
        self.watch.reread(self.generations.known())

    def reread(self, edit: int) -> None:
        """All files were read for a requested reload; `edit` has what differed, 0: nothing did."""
        self.rereads += 1
        if edit:
            self._asked.add(edit)
        else:
            self.reload()

    def reload(self) -> None:
        """Boot what was read last, whether or not it runs."""
        self.steps = {}
        self._decide(self.generations.asked())

    # after each decision

    def note_decision(self) -> None:
        """After commands were carried out, watch what may fix the code, and try muted files later."""
        pause = self._self_writes.due(bool(self.generations.candidates))
        if pause is not None:
            self._loop.call_later(pause, self._catch_up)
        self.watch.attend_everything(self.generations.wanting)
        self._decided.set()
        self._decided = asyncio.Event()

    def _catch_up(self) -> None:
        """Try what the disk holds and was muted, unless something boots or it runs already."""
        if not self.generations.candidates and self.generations.behind:
            self.reload()

    def next_decision(self) -> Coroutine[None, None, object]:
        """Return what waits for the next decision: edits are settled, code goes live or is refused.

        That is the first one after this call, however late the waiting begins.
        """
        return self._decided.wait()

    # the newest edit

    async def newest_edit_on_disk(self) -> int:
        """Return the number of the newest edit, once the Master has read what the disk holds now."""
        return await self.watch.newest_edit_on_disk(self.generations.known())

    def stamp(self) -> int:
        """Return the newest edit. Raise nothing: an error in a transport's callback closes its connection."""
        try:
            return self.watch.newest_edit()
        except Exception as error:
            self._loop.call_exception_handler({"message": "the files' news failed", "exception": error})
            return self.generations.edit
