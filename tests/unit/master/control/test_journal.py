"""The memory of a run is built from its events."""

from __future__ import annotations

from devserver.common import events
from devserver.common.failure import Failure
from devserver.control.protocol import Logged, WorkerStatus
from devserver.master.control import journal as module
from devserver.master.control.journal import Journal
from devserver.reporting import plain

BROKEN = Failure("request", "ValueError", "no such room")


def test_the_app_s_text_and_our_lines_are_one_log() -> None:
    """In the order in which they came, and with the carriage returns of a terminal taken out."""
    journal = Journal(plain.line)
    journal.take(events.Output(at=1, worker=1, text="one\r\ntwo"))
    journal.take(events.WorkerLoad(at=2, worker=1, running=1, handled=1, memory=1))
    journal.take(events.Stopping(at=3, reason="SIGTERM"))
    assert list(journal.logged()) == [
        Logged(at=1, source="app", worker=1, text="one\ntwo"),
        Logged(at=3, source="devserver", text="devserver: stopping: SIGTERM\n"),
    ]
    assert [line.at for line in journal.logged(since=2)] == [3]
    assert journal.stopping


def test_a_worker_is_known_from_its_start_to_its_exit() -> None:
    """With its state, and what it has done."""
    journal = Journal(plain.line)
    journal.take(events.WorkerStarted(worker=1, slot=0, generation=2, pid=77))
    states = [journal.workers[1].state]
    journal.take(events.WorkerReady(worker=1, generation=2))
    journal.take(events.WorkerLoad(worker=1, running=1, handled=5, memory=9))
    assert journal.workers[1] == WorkerStatus(
        worker=1, pid=77, generation=2, state="ready", running=1, handled=5, memory=9
    )
    journal.take(events.Debugging(worker=1, active=True))
    states.append(journal.workers[1].state)
    assert states == ["starting", "debugging"]
    journal.take(events.WorkerExited(worker=1, slot=0, generation=2, pid=77, reason="exit 0", planned=True))
    assert journal.workers == {}
    journal.take(events.WorkerReady(worker=1, generation=2))  # late news of it


def test_failures_are_kept_and_counted() -> None:
    """Those of handlers are counted; those of a refused save are kept, too."""
    journal = Journal(plain.line)
    journal.take(events.HandlerFailed(at=1, worker=1, connection=0, failure=BROKEN))
    journal.take(
        events.Refused(at=2, edit=1, generation=0, live=1, file="a.py", line=1, failures=(BROKEN, BROKEN))
    )
    assert journal.failed == 1
    assert [error.at for error in journal.errors()] == [1, 2, 2]
    assert [error.at for error in journal.errors(since=2)] == [2, 2]


def test_memory_stays_bounded_and_what_was_dropped_is_reported() -> None:
    """An app that prints without end costs what is documented."""
    journal = Journal(plain.line)
    piece = "x" * 65536
    for at in range(1, 200):
        journal.take(events.Output(at=at, worker=1, text=piece))
    assert sum(len(line.text) for line in journal.logged()) <= module.MOST_TEXT
    assert "dropped" in journal.missing(0)
    assert journal.missing(199) == ""


def test_followers_get_events_until_they_leave() -> None:
    """What is no line of the log is not told."""
    journal = Journal(plain.line)
    heard: list[events.Event] = []
    journal.followers.append(heard.append)
    journal.take(events.Connections(open=1, waiting=0))
    news = events.Notice(level="info", text="hello")
    journal.take(news)
    journal.followers.clear()
    journal.take(news)
    assert heard == [news]


def test_requests_are_kept_one_by_one_as_far_as_they_are_listed() -> None:
    """What is only counted is known to be missing; a failure is named by its request."""
    journal = Journal(plain.line)
    heard: list[events.Event] = []
    journal.followers.append(heard.append)
    fine = events.Request(at=1, method="GET", path="/a?b", status=200, ms=1.5, generation=2)
    bad = events.Request(at=2, method="POST", path="/c", status=500, ms=2, generation=2)
    news = events.Requests(at=3, count=40, failed=1, requests=(fine, bad))
    journal.take(news)
    journal.take(events.HandlerFailed(worker=1, connection=0, failure=BROKEN, request="POST /c", status=500))
    assert (journal.requested, journal.unlisted) == (40, 38)
    assert [(seen.path, seen.status) for seen in journal.requests()] == [("/a?b", 200), ("/c", 500)]
    assert [seen.path for seen in journal.requests(failed=True)] == ["/c"]
    assert [seen.path for seen in journal.requests(since=2)] == ["/c"]
    assert heard[0] == news
    assert [error.what for error in journal.errors()] == ["POST /c"]
    assert [line.source for line in journal.logged()] == ["devserver"]  # of the failure alone
