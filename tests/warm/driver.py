"""Boots apps in processes forked from this one: hot, as an image and copies of it, and cold, for each edit.

`main` runs in a process of its own; orders come on standard input, pickled after their length, and answers go
out in the same way.
Law: image and cold start are forked from the same process, which has imported nothing of any app.
"""

from __future__ import annotations

import gc
import importlib
import os
import pickle
import struct
import sys
import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO, cast

from devserver.ipc.messages import Source
from devserver.ipc.source_digest import digest
from devserver.worker.load.snapshot import Snapshot
from devserver.worker.load.snapshot_importer import install
from devserver.worker.warm.image import Image
from devserver.worker.warm.record import Record
from devserver.worker.warm.swap import Refused
from devserver.worker.warm.visible_state import visible_state

_LENGTH = struct.Struct("!I")


@dataclass(frozen=True)
class Order:
    """One walk: files as they are at first, and after each edit all that differ from then (None: absent)."""

    folder: str
    target: str
    files: Mapping[str, str]
    edits: list[Mapping[str, str | None]]
    after: str = ""
    """An expression to evaluate in the target's namespace once the visible_state is taken."""
    before: str = ""
    """A statement to run before anything of the app is imported."""
    preload: tuple[str, ...] = ()
    sabotage: str = ""
    """A statement that breaks a rule, in the hot process only."""


@dataclass
class State:
    """What came of one edit. `hot` is None where the swap was refused, and then the reason is given."""

    names: list[str] = field(default_factory=list)
    constants: list[str] = field(default_factory=list)
    refused: tuple[str, str] | None = None
    hot: Any = None
    cold: Any = None
    hot_after: Any = None
    cold_after: Any = None
    hot_error: str = ""
    cold_error: str = ""


def send(stream: BinaryIO, value: object) -> None:
    """Write one message."""
    data = pickle.dumps(value)
    stream.write(_LENGTH.pack(len(data)) + data)
    stream.flush()


def receive(stream: BinaryIO) -> Any:
    """Return the next message. Raises EOFError."""
    head = stream.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        raise EOFError
    (length,) = _LENGTH.unpack(head)
    return pickle.loads(stream.read(length))


def in_child(task: Callable[[], object]) -> Any:
    """Return what `task` returns in a forked child."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        status = 0
        with os.fdopen(writing, "wb") as out:
            try:
                answer = task()
            except BaseException:
                answer, status = traceback.format_exc(), 1
            send(out, answer)
        os._exit(status)
    os.close(writing)
    with os.fdopen(reading, "rb") as incoming:
        answer = receive(incoming)
    _, status = os.waitpid(pid, 0)
    if status:
        raise RuntimeError(answer)
    return answer


def owns(path: str) -> bool:
    """Return whether a file is the app's, in a process that has set `folder`."""
    return path.startswith(_folder[0])


_folder = [""]


def boot(order: Order, sources: Iterable[Source], record: Callable[[Snapshot], Record | None]) -> Any:
    """Import the target from a snapshot; return the snapshot, the record and the error, if there is one."""
    _folder[0] = os.path.join(order.folder, "")
    os.chdir(order.folder)
    sys.path.insert(0, order.folder)
    if order.before:
        exec(order.before, {})
    snapshot = Snapshot({each.path: each for each in sources}, lambda _source: None)
    noted = record(snapshot)
    install(snapshot, None, noted)
    error = ""
    try:
        importlib.import_module(order.target)
    except BaseException as raised:
        error = f"{type(raised).__name__}: {raised}"
    if noted is not None:
        noted.end()
    return snapshot, noted, error


def recording(snapshot: Snapshot) -> Record:
    """Return a record that has begun."""
    record = Record(snapshot.owns)
    record.begin()
    return record


def evaluated(order: Order) -> Any:
    """Return what the target's namespace makes of the order's last expression."""
    if not order.after:
        return None
    try:
        return repr(eval(order.after, vars(sys.modules[order.target])))
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def cold(order: Order, files: Mapping[str, str]) -> tuple[Any, Any, str]:
    """Return the visible_state of a fresh import, and what comes after it."""
    _snapshot, _record, error = boot(order, sources_of(order.folder, files), lambda _snapshot: None)
    return visible_state(owns), evaluated(order), error


def sources_of(folder: str, files: Mapping[str, str | None]) -> list[Source]:
    """Return files as a snapshot has them; an absent one has no source."""
    found = []
    for name, text in files.items():
        data = None if text is None else text.encode()
        found.append(Source(os.path.join(folder, name), b"" if data is None else digest(data), data))
    return found


def hot(order: Order) -> list[State]:
    """Return what comes of each edit in copies of an image."""
    if order.sabotage:
        exec(order.sabotage, {})
    snapshot, record, error = boot(order, sources_of(order.folder, order.files), recording)
    gc.disable()
    image = Image(record, snapshot)
    return [State(hot_error=error) if error else decide(order, image, snapshot, edit) for edit in order.edits]


def decide(order: Order, image: Image, snapshot: Snapshot, edit: Mapping[str, str | None]) -> State:
    """Return what comes of one edit: all that differs from the image."""
    sources = sources_of(order.folder, edit)
    answer = image.decide(sources)
    if isinstance(answer, Refused):
        return State(
            refused=(os.path.relpath(answer.path, order.folder) if answer.path else "", answer.reason)
        )

    def copy() -> tuple[Any, Any]:
        answer.apply()
        snapshot.renew(sources)
        return visible_state(owns), evaluated(order)

    state = State(names=answer.names, constants=answer.constants)
    state.hot, state.hot_after = in_child(copy)
    return state


def run(order: Order) -> list[State]:
    """Return what comes of a walk, hot and cold."""
    for name in order.preload:
        importlib.import_module(name)
    write(order.folder, order.files)
    states = cast("list[State]", in_child(lambda: hot(order)))
    for state, edit in zip(states, order.edits, strict=True):
        files = {**order.files, **edit}
        write(order.folder, files)
        present = {name: text for name, text in files.items() if text is not None}

        def fresh(present: Mapping[str, str] = present) -> Any:
            return cold(order, present)

        state.cold, state.cold_after, state.cold_error = in_child(fresh)
    return states


def write(folder: str, files: Mapping[str, str | None]) -> None:
    """Put files on the disk."""
    for name, text in files.items():
        path = os.path.join(folder, name)
        if text is None:
            if os.path.exists(path):
                os.unlink(path)
            continue
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(text)


def main() -> None:
    """Take orders until there are no more."""
    sys.dont_write_bytecode = True
    importlib.import_module("linecache")
    incoming, outgoing = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    while True:
        try:
            order = receive(incoming)
        except EOFError:
            return
        try:
            send(outgoing, run(order))
        except Exception:
            send(outgoing, traceback.format_exc())
