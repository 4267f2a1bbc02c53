"""What the user reads of a Worker that was ended, and of the tasks that one has cancelled."""

from __future__ import annotations

import os
import threading
from typing import Any, cast

from devserver.common.failure import Frame
from devserver.config import Config, ProcessConfig, WatchConfig
from devserver.ipc.messages import Target, WorkerGone
from devserver.master.supervision.exit_wording import cancelled, ended
from devserver.master.supervision.worker_record import WorkerRecord

CONFIG = Config(target=Target("app", ()), watch=WatchConfig(root="/app"), process=ProcessConfig(drain=60))
THREADING = threading.__file__
DUMP = f"""Thread 0x0000000000000007 (most recent call first):
  File "/app/jobs.py", line 4 in poll
  File "{THREADING}", line 982 in run

Thread 0x0000000000000001 (most recent call first):
  File "/app/main.py", line 7 in wait
"""


class Ended:
    """A Worker as far as it is named."""

    id, generation = 3, 2
    threads: tuple[tuple[int, str], ...] = ()
    cut_short: tuple[Frame, ...] = ()


def said(worker: Ended, verdict: str, stack: str = "", *, stopping: bool = False) -> str:
    exited = WorkerGone(3, 1, 2, os.getpid(), 9, stack, verdict)
    notice = ended(cast(WorkerRecord, cast(Any, worker)), exited, CONFIG, stopping=stopping)
    return notice.text if notice else ""


def test_a_thread_that_held_a_worker_is_named_with_its_place() -> None:
    """Not the main thread, which only waits for it."""
    worker = Ended()
    worker.threads = ((7, "poll"),)
    held = "worker 3 (generation 2) did not exit within 5 s though nothing was in hand: ended it"
    assert said(worker, "stop timeout", DUMP) == f"{held}; it was in poll (jobs.py:4, thread 'poll')"
    worker.threads = ()
    assert said(worker, "stop timeout", DUMP) == f"{held}; it was in wait (main.py:7, the main thread)"
    assert said(worker, "stop timeout") == held


def test_work_at_the_drain_limit_is_named_with_its_place() -> None:
    """Where the tasks of units were, if there were any: the threads only run the event loop then."""
    worker = Ended()
    limit = "worker 3 (generation 2) had work in hand for longer than --drain 60 s: ended it; it was in"
    assert said(worker, "drain limit", DUMP) == f"{limit} poll (jobs.py:4), wait (main.py:7)"
    worker.cut_short = (Frame("/app/main.py", 9, "slow"),)
    assert said(worker, "drain limit", DUMP) == f"{limit} slow (main.py:9)"


def test_a_worker_that_somebody_ended_with_work_in_hand_is_named_but_at_a_stop() -> None:
    """A stop names what it loses anyway."""
    worker = Ended()
    assert said(worker, "") == said(worker, "dropped") == ""
    worker.cut_short = (Frame("/app/main.py", 9, "slow"),)
    assert "was ended with work in hand; it was in slow (main.py:9)" in said(worker, "")
    assert said(worker, "stop deadline", stopping=True) == ""


def test_cancelled_tasks_are_named_the_apps_own_first() -> None:
    """Many of them in one line."""
    library = Frame(os.path.join("/env/site-packages", "engineio", "server.py"), 5, "serve")
    tasks = (library, Frame("/app/main.py", 9, "tick"), *(Frame("", 0, f"t{n}") for n in range(9)))
    notice = cancelled(cast(WorkerRecord, cast(Any, Ended())), tasks, "/app")
    names = "tick (main.py:9), serve (engineio/server.py:5), t0, t1, t2 and 6 more"
    assert (
        notice.text == f"worker 3 (generation 2) exits; cancelled what still ran in the background: {names}"
    )
