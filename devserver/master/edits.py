"""The first half of a save's course: from noticing an edit to the decisions about it.

Law: edits are decided in the order of their numbers. Each decision considers everything that was read so far.
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
    """`decide` carries out commands, `send` sends the Managers a file. Set `watch` before any edit."""

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
        """Durations of the last edit's steps, in ms; empty if no save causes the next boot."""
        self._self_writes = SelfWriteGuard()
        self._written_in_boot: set[int] = set()
        self._requested: set[int] = set()
        """Edits that carry a requested reload."""
        self.rereads = 0
        """How often all files were read for a requested reload."""
        self._decided = asyncio.Event()

    # reports of the watch

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
        self.generations.on_edit_noticed(edit)
        self._emit(events.Changed(edit=edit, paths=paths))

    def on_edit_checked(
        self, edit: int, files: Sequence[Source], failures: Mapping[str, Failure], steps: Steps
    ) -> None:
        """An edit was read and checked; `steps` are settle and check, in ms."""
        known = self.generations.known()
        adds = any(file.digest and file.path not in known for file in files)
        self.created.on_edit_checked(Edit(edit, files, failures, steps, adds))

    def _settle(self, found: Edit) -> None:
        edit, self.steps = found.number, found.steps
        for file in found.files:
            generation = self.created.by(file)
            if generation and self.generations.on_file_loaded(generation, file):
                self.created.note_taken(generation)
                self._send_to_managers(generation, file)
        muted = self._self_writes.muted if edit in self._written_in_boot else frozenset()
        self._written_in_boot.discard(edit)
        commands = self.generations.on_edit_checked(edit, found.files, found.failures, muted)
        changed = any(isinstance(command, Boot | Refuse) for command in commands)
        if changed:
            self.created.on_saved()
        settle_ms, check_ms = found.steps["settle"], found.steps["check"]
        self._emit(events.Checked(edit=edit, changed=changed, settle_ms=settle_ms, check_ms=check_ms))
        self._decide(commands)
        if changed:  # began after the requests: it is the reload that they ask for
            self._requested.clear()
        elif edit in self._requested:
            self._requested.remove(edit)
            self.reload()

    def on_surveyed(self, files: Sequence[Source]) -> None:
        """Add files beside the running ones to the snapshot: they may be imported or read later."""
        for file in files:
            if self.generations.on_file_surveyed(file):
                self._send_to_managers(self.generations.live, file)

    def _send_to_managers(self, generation: int, file: Source) -> None:
        if file.source is not None:
            self._send(Loaded(0, generation, file))

    # requested reloads

    def request_reload(self) -> None:
        """Read all files, then reload, whether or not a file has changed."""
        self.watch.reread(self.generations.known())

    def on_files_reread(self, edit: int) -> None:
        """All files were read for a requested reload; `edit` has those that differed, 0: none did."""
        self.rereads += 1
        if edit:
            self._requested.add(edit)
        else:
            self.reload()

    def reload(self) -> None:
        """Boot the files as they were read last, whether or not they run already."""
        self.steps = {}
        self._decide(self.generations.on_reload_requested())

    # after each decision

    def note_decision(self) -> None:
        """After commands were carried out, watch files that may fix the code, and try muted ones later."""
        pause = self._self_writes.due(bool(self.generations.candidates))
        if pause is not None:
            self._loop.call_later(pause, self._catch_up)
        self.watch.attend_everything(self.generations.needs_fix)
        self._decided.set()
        self._decided = asyncio.Event()

    def _catch_up(self) -> None:
        """Try muted files, unless a candidate boots or they run already."""
        if not self.generations.candidates and self.generations.lags_behind_disk:
            self.reload()

    def next_decision(self) -> Coroutine[None, None, object]:
        """Return a coroutine that waits for a decision: edits settle, code goes live or is refused.

        That is the first decision after this call, however late the waiting begins.
        """
        return self._decided.wait()

    # the newest edit

    async def newest_edit_on_disk(self) -> int:
        """Return the number of the newest edit, after the Master has read the present files."""
        return await self.watch.newest_edit_on_disk(self.generations.known())

    def stamp(self) -> int:
        """Return the newest edit. Raises nothing: an error in a transport's callback would close the
        connection.
        """
        try:
            return self.watch.newest_edit()
        except Exception as error:
            self._loop.call_exception_handler({"message": "reading files' events failed", "exception": error})
            return self.generations.edit
