"""Words what held a Worker that was killed, and what one has cancelled at its exit: pure."""

from __future__ import annotations

from collections.abc import Iterable

from devserver.common import events, foreign, thread_dump
from devserver.common.failure import Frame
from devserver.config import Config
from devserver.ipc.messages import WorkerGone
from devserver.master.supervision.worker_record import WorkerRecord

MOST_NAMED = 5
MAIN = "the main thread"


def cancelled(worker: WorkerRecord, tasks: tuple[Frame, ...], root: str) -> events.Notice:
    """Word which tasks a Worker has cancelled that its jobs had begun and left behind."""
    own_first = sorted(tasks, key=lambda task: not task.path or foreign.is_foreign(task.path))
    names = [f"{task.function} ({_where(task, root)})" if task.path else task.function for task in own_first]
    what = f"cancelled what still ran in the background: {_some(names)}"
    return events.Notice(level="info", text=f"{_name(worker)} exits; {what}")


def ended(
    worker: WorkerRecord, exited: WorkerGone | None, config: Config, *, stopping: bool
) -> events.Notice | None:
    """Word why a Worker was killed, and where it was; None if it exited by itself or was not needed."""
    verdict, stack = (exited.verdict, exited.stack) if exited else ("", "")
    root = config.watch.root
    if verdict == "stop timeout":
        why = f"did not exit within {config.process.exit:g} s though nothing was in hand: ended it"
        places = _held(stack, dict(worker.threads), root)
    elif verdict == "drain limit":
        why = f"had work in hand for longer than --drain {config.process.drain:g} s: ended it"
        places = _at_work(worker, stack, root)
    elif worker.cut_short and not stopping:
        why, places = "was ended with work in hand", _at_work(worker, stack, root)
    else:
        return None
    text = f"{_name(worker)} {why}" + (f"; it was in {_some(places)}" if places else "")
    return events.Notice(level="warning", text=text, detail=thread_dump.trimmed(stack))


def _at_work(worker: WorkerRecord, stack: str, root: str) -> list[str]:
    """Return where the tasks of its jobs were; without those, where its threads were."""
    frames = worker.cut_short or [thread.place for thread in thread_dump.parse(stack)]
    return [f"{frame.function} ({_where(frame, root)})" for frame in frames if frame and frame.path]


def _held(stack: str, names: dict[int, str], root: str) -> list[str]:
    """Return the threads that kept a process running: those it waits for in the app's code, else main."""
    threads = [thread for thread in thread_dump.parse(stack) if thread.place is not None]
    waited_for = [thread for thread in threads if thread.ident in names]
    found = []
    for thread in waited_for or threads[-1:]:
        assert thread.place is not None
        name = f"thread {names[thread.ident]!r}" if thread.ident in names else MAIN
        found.append(f"{thread.place.function} ({_where(thread.place, root)}, {name})")
    return found


def _where(frame: Frame, root: str) -> str:
    return f"{thread_dump.short(frame.path, root)}:{frame.line}"


def _name(worker: WorkerRecord) -> str:
    return f"worker {worker.id} (generation {worker.generation})"


def _some(names: Iterable[str]) -> str:
    every = list(names)
    more = f" and {len(every) - MOST_NAMED} more" if len(every) > MOST_NAMED else ""
    return ", ".join(every[:MOST_NAMED]) + more
