"""Who gets the next unit."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from devserver.master.dispatch.queue import DispatchQueue, ServedBy, WorkerEntry


@dataclass
class FakeJob:
    """A connection or a request, as far as dispatch cares."""

    queued: bool = False
    kind: ServedBy = "handlers"


def entry(worker: int, generation: int = 1, most: int = 1, *, running: int = 0, **marks: bool) -> WorkerEntry:
    """Return a Worker that is ready for handlers' units, unless `marks` say otherwise."""
    found = WorkerEntry(worker, generation, {"handlers": most})
    found.ready = marks.get("ready", True)
    found.leaving, found.clogged = marks.get("leaving", False), marks.get("clogged", False)
    found.running["handlers"] = running
    return found


def queue(*entries: WorkerEntry, live: int = 1) -> DispatchQueue[FakeJob]:
    """Return a dispatch with these Workers."""
    return DispatchQueue(live=live, entries={entry.worker: entry for entry in entries})


def test_the_least_busy_worker_is_chosen() -> None:
    """Two Workers share the work."""
    busy, idle = entry(1, most=0, running=3), entry(2, most=0, running=1)
    assert queue(busy, idle).choose("handlers") is idle


def test_of_two_equally_busy_workers_the_one_that_gave_a_sign_of_life_is_chosen() -> None:
    """A request does not go to a Worker whose event loop hangs while another answers."""
    hangs, answers = entry(1, most=0, running=1), entry(2, most=0, running=1)
    desk = queue(hangs, answers)
    desk.note_message(answers)
    assert desk.choose("handlers") is answers


def test_a_worker_gets_no_more_than_its_capacity() -> None:
    """What does not fit stays in the Master, where no death can lose it."""
    assert queue(entry(1, running=1)).choose("handlers") is None


def test_only_ready_workers_of_the_live_generation_get_work() -> None:
    """Old code, code that boots and Workers that leave get nothing."""
    entries = [entry(1), entry(2, 2, ready=False), entry(3, 2, leaving=True)]
    assert queue(*entries, live=2).choose("handlers") is None


def test_a_worker_gets_only_what_it_serves() -> None:
    """A module without an app is given no requests."""
    assert queue(entry(1)).choose("app") is None


def test_a_handler_that_is_busy_keeps_no_request_waiting() -> None:
    """Handlers and app have a line each: who is first in one does not block the other."""
    both = entry(1, running=1)
    both.capacity["app"] = 0
    desk = queue(both)
    frame, request = FakeJob(), FakeJob(kind="app")
    desk.put(frame)
    desk.put(request)
    assert desk.next() == (request, both)
    assert desk.next() is None
    assert desk.length == 1


def test_waiting_is_first_come_first_served_and_nobody_waits_twice() -> None:
    """A connection that is offered again keeps its place."""
    first, second = FakeJob(), FakeJob()
    desk = queue(entry(1, most=0))
    for waiter in (first, second, first):
        desk.put(waiter)
    order = [desk.next(), desk.next(), desk.next()]
    assert [found[0] if found else None for found in order] == [first, second, None]


def test_work_never_goes_back_to_an_older_generation() -> None:
    """Once new code has worked, old code must not."""
    old, new = entry(1), entry(2, 2)
    desk = queue(old, new, live=2)
    desk.start(new, "handlers")
    with pytest.raises(AssertionError, match="never back"):
        desk.start(old, "handlers")


def test_a_clogged_worker_gets_nothing_until_it_has_read() -> None:
    """A Worker that does not read its link cannot fill the Master's memory."""
    slow = entry(1, most=0, running=1, clogged=True)
    desk = queue(slow)
    assert desk.choose("handlers") is None
    slow.clogged = False
    assert desk.choose("handlers") is slow


def test_a_spare_worker_gets_work_only_while_the_others_stand_still() -> None:
    """The Worker in the debugger has the app's memory: work goes there, and not to the idle spare one."""
    debugged, spare = entry(1, most=0, running=3), entry(2, most=0)
    spare.spare = debugged.blocked = True
    desk = queue(debugged, spare)
    assert desk.choose("handlers") is spare
    debugged.blocked = False
    assert desk.choose("handlers") is debugged
