"""Compares an app that was swapped with a cold start of it: `python -m devserver.worker.cold_check`.

Reads a `ColdCheck` as JSON from standard input, writes a `Found`. One process imports the app from texts that
begin with an additional empty line, then swaps to the real texts. Another one imports the real texts at once.
Law: a difference that two cold starts show, too (chance, time), does not count. Nothing is written to the
disk.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import os
import pickle
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from functools import partial
from typing import IO, Any, NoReturn

import msgspec

from devserver.ipc.cold_check_messages import ColdCheck, Found
from devserver.ipc.messages import Source
from devserver.ipc.source_digest import digest
from devserver.worker.find import django_project
from devserver.worker.find.discover import discover
from devserver.worker.load.snapshot import Snapshot
from devserver.worker.load.snapshot_importer import install
from devserver.worker.run import environment
from devserver.worker.warm.image import Image
from devserver.worker.warm.record import Record
from devserver.worker.warm.swap import Refused
from devserver.worker.warm.visible_state import differences, visible_state


def check(order: ColdCheck) -> Found:
    """Return the differences. Call it in a process with one thread that has not imported the app."""
    with tempfile.TemporaryFile() as file:  # one file for all, so each process has the same descriptors
        child = partial(_in_child, file)
        try:
            cold, sources = child(lambda: _cold(order))
            again, _sources = child(lambda: _cold(order))
            left_out: dict[str, str] = child(lambda: _left_out(order, sources))
            moved = [each for each in sources if each.path not in left_out]
            hot = child(lambda: _hot(order, sources, moved)) if moved else cold
        except ChildFailed as error:
            return Found(error=str(error))
    chance = {each.partition(": ")[0] for each in differences(cold, again)}
    found = [each for each in differences(cold, hot) if each.partition(": ")[0] not in chance]
    return Found(len(moved), left_out, found)


class ChildFailed(Exception):
    """The app could not be imported; the message is the traceback."""


def _in_child(file: IO[bytes], task: Callable[[], Any]) -> Any:
    """Return what `task` returns in a forked process, passed through `file`; kill its remaining children.

    Raises ChildFailed.
    """
    file.seek(0)
    file.truncate()
    pid = os.fork()
    if pid == 0:
        os.setpgid(0, 0)
        _answer(task, file)
    try:
        os.waitpid(pid, 0)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
    file.seek(0)
    data = file.read()
    if not data:
        raise ChildFailed("the app ended the process while it was imported")
    well, answer = pickle.loads(data)
    if not well:
        raise ChildFailed(answer)
    return answer


def _answer(task: Callable[[], Any], file: IO[bytes]) -> NoReturn:
    try:
        answer = True, task()
    except BaseException:
        answer = False, traceback.format_exc()
    file.write(pickle.dumps(answer))
    file.flush()
    os._exit(0)


def _load(order: ColdCheck) -> None:
    target = order.target
    environment.prepare(target, order.env_file or os.path.join(order.root, ".env"))
    asyncio.set_event_loop(asyncio.new_event_loop())  # as a Worker has one while it imports the app
    if target.settings:
        django_project.load(target.settings)
    else:
        discover(importlib.import_module(target.module), target.attribute, target.factory)


def _cold(order: ColdCheck) -> tuple[Any, list[Source]]:
    read: list[Source] = []
    snapshot = Snapshot({}, read.append)
    install(snapshot)
    _load(order)
    return visible_state(snapshot.owns), [
        Source(each.path, each.digest, each.source) for each in read if each.source
    ]


def _image(order: ColdCheck, sources: Sequence[Source], moved: Collection[str]) -> tuple[Image, Snapshot]:
    """Import the app with the texts of `moved` one line lower."""
    texts = [_lower(each) if each.path in moved else each for each in sources]
    snapshot = Snapshot({each.path: each for each in texts}, lambda _source: None)
    record = Record(snapshot.owns)
    record.begin()
    install(snapshot, None, record)
    _load(order)
    record.end()
    gc.disable()  # as in an image
    return Image(record, snapshot), snapshot


def _left_out(order: ColdCheck, sources: Sequence[Source]) -> dict[str, str]:
    """Return the files that cannot be swapped one by one, and why."""
    image, _snapshot = _image(order, sources, [each.path for each in sources])
    answers = {each.path: image.decide([each]) for each in sources}
    return {path: answer.reason for path, answer in answers.items() if isinstance(answer, Refused)}


def _hot(order: ColdCheck, sources: Sequence[Source], moved: Sequence[Source]) -> Any:
    image, snapshot = _image(order, sources, [each.path for each in moved])
    answer = image.decide(moved)
    if isinstance(answer, Refused):
        raise ChildFailed(f"{answer.path}: {answer.reason}")
    answer.apply()
    snapshot.renew(moved)
    return visible_state(snapshot.owns)


def _lower(source: Source) -> Source:
    """Return the text with an empty line before it, except one that names its encoding in its first lines."""
    text = source.source or b""
    if b"coding" in b"".join(text.splitlines()[:2]):
        return source
    return Source(source.path, digest(b"\n" + text), b"\n" + text)


def main() -> int:
    """Answer the question on standard input; return 1 for differences, 2 if the app cannot be imported."""
    sys.dont_write_bytecode = True
    order = msgspec.json.decode(sys.stdin.buffer.read(), type=ColdCheck)
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # the app's output is not part of the answer
    found = check(order)
    with out:
        out.write(msgspec.json.encode(found) + b"\n")
    return 2 if found.error else 1 if found.differences else 0


if __name__ == "__main__":
    sys.exit(main())
