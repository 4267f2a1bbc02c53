"""What the console knows, from the events alone."""

from __future__ import annotations

from functools import reduce

from devserver.common import events
from devserver.common.events import Event, Listener
from devserver.common.failure import Failure, Place
from devserver.console.facts import facts
from devserver.console.model import Model
from devserver.console.update import apply

TCP = (Listener("tcp", "127.0.0.1", 9501),)


def after(*news: Event, view: Model | None = None) -> Model:
    return reduce(apply, news, view or Model())


def started(worker: int, generation: int = 1, slot: int = 1) -> Event:
    return events.WorkerStarted(at=5.0, worker=worker, slot=slot, generation=generation, pid=100 + worker)


def live(generation: int, edit: int) -> Event:
    return events.Live(generation=generation, edit=edit, steps={"import": 3.0}, total_ms=11.0)


def refused(edit: int, *paths: str) -> Event:
    failures = tuple(Failure("check", "SyntaxError", "invalid syntax", Place(path, 3)) for path in paths)
    return events.Refused(edit=edit, generation=edit + 1, live=1, file=paths[0], line=3, failures=failures)


def changed(edit: int, *paths: str) -> Event:
    return events.Changed(edit=edit, paths=paths)


def unchanged(edit: int) -> Event:
    return events.Checked(edit=edit, changed=False, settle_ms=5, check_ms=1)


def test_a_start_that_takes_long_shows_what_it_imports() -> None:
    """The headline names the package and the app's own line, as long as that Worker starts."""
    view = after(events.Started(version="0", pid=1, target="main.py", root="/app"), started(1))
    slow = events.Booting(worker=1, generation=1, seconds=5, module="pandas", path="/app/main.py", line=3)
    assert facts(apply(view, slow)).at == "importing pandas (main.py:3)"
    nothing = events.Booting(worker=1, generation=1, seconds=5, path="/app/main.py", line=7)
    assert facts(apply(view, nothing)).at == "at main.py:7"
    ready = events.WorkerReady(worker=1, generation=1)
    assert facts(after(slow, ready, view=view)).at == ""
    assert apply(view, events.Booting(worker=2, generation=1, seconds=5)) is view


def test_the_tree_holds_the_processes_that_live() -> None:
    """Master, Manager and Workers appear when they start and go when they exit."""
    view = after(
        events.Started(at=1.0, version="1", pid=1, target="t", root="/app"),
        events.ManagerStarted(at=2.0, pid=2),
        started(1),
        started(2, slot=2),
        events.WorkerExited(worker=1, slot=1, generation=1, pid=101, reason="exit 0", planned=True),
    )
    assert view.master is not None
    assert (view.master.pid, view.managers[0].pid) == (1, 2)
    assert list(view.workers) == [2]
    assert (view.workers[2].pid, view.workers[2].slot, view.workers[2].started) == (102, 2, 5.0)
    assert after(events.ManagerExited(pid=2, reason="SIGKILL"), view=view).managers == ()


def test_a_workers_state_follows_its_life() -> None:
    """A Worker boots, is idle, is busy while it runs something, and retires for good."""
    states = []
    view = after(started(1))
    for event in (
        events.WorkerReady(worker=1, generation=1),
        events.WorkerLoad(worker=1, running=1, handled=0, memory=10),
        events.WorkerLoad(worker=1, running=0, handled=1, memory=20),
        events.WorkerRetiring(worker=1),
        events.WorkerLoad(worker=1, running=1, handled=2, memory=30),
    ):
        states.append(view.workers[1].state)
        view = apply(view, event)
    assert [*states, view.workers[1].state] == ["booting", "idle", "busy", "idle", "retiring", "retiring"]
    assert (view.workers[1].handled, view.workers[1].memory) == (2, 30)


def test_news_of_an_unknown_worker_changes_nothing() -> None:
    """What arrives late from a Worker that has left does not bring it back."""
    view = after(started(1))
    late = (
        events.WorkerLoad(worker=9, running=1, handled=1, memory=1),
        events.WorkerReady(worker=9, generation=1),
        events.WorkerExited(worker=9, slot=1, generation=1, pid=1, reason="exit 0", planned=True),
    )
    assert after(*late, view=view) is view


def test_what_changes_nothing_gives_the_same_view() -> None:
    """Repeated facts and plain output cause no redraw."""
    view = after(started(1), events.Connections(open=3, waiting=0))
    again = (
        events.Connections(open=3, waiting=0),
        events.Output(worker=1, text="hello"),
        events.WorkerLoad(worker=1, running=0, handled=0, memory=0),
    )
    assert after(*again, view=view) is view


def test_a_reload_goes_from_the_save_to_a_timeline() -> None:
    """A save is shown as under way, then the generation and its times."""
    view = after(live(1, 0), changed(1, "/app/a.py"))
    assert view.status == "reloading"
    view = apply(view, live(2, 1))
    assert view.status == "live"
    assert view.generation == 2
    assert view.timeline is not None
    assert (view.timeline.total, view.timeline.steps) == (11.0, {"import": 3.0})


def test_an_edit_that_changes_nothing_is_settled() -> None:
    """Touching a file does not leave the console in `reloading`."""
    assert after(live(1, 0), changed(1, "/app/a.py"), unchanged(1)).status == "live"


def test_all_broken_files_are_kept_until_a_newer_generation_is_live() -> None:
    """An error stays until the fix is live, and an older candidate that still arrives does not hide it."""
    view = after(
        live(1, 0), changed(1, "/app/a.py"), changed(2, "/app/b.py"), refused(2, "/app/a.py", "/app/b.py")
    )
    assert view.error is not None
    assert view.status == "refused"
    assert [failure.place.path for failure in view.error.failures if failure.place] == [
        "/app/a.py",
        "/app/b.py",
    ]
    assert after(live(2, 1), view=view).error == view.error
    assert after(live(3, 3), view=view).error is None


def test_an_older_refusal_does_not_replace_a_newer_one() -> None:
    """Of two refused edits the newer is shown, in whatever order they are reported."""
    view = after(refused(5, "/app/new.py"), refused(4, "/app/old.py"))
    assert view.error is not None
    assert view.error.edit == 5


def test_taking_the_broken_edit_back_clears_the_error() -> None:
    """Undoing the edit in the editor makes the file what runs: nothing is broken any more."""
    view = after(live(1, 0), changed(1, "/app/a.py"), refused(1, "/app/a.py"))
    assert after(changed(2, "/app/other.py"), unchanged(2), view=view).error == view.error
    assert after(events.Restored(edit=2, live=1), view=view).error is None


def test_the_doors_are_those_that_are_open_now() -> None:
    """Listeners and connections are shown as they are."""
    view = after(events.Ready(generation=1, listeners=TCP), events.Connections(open=4, waiting=2))
    assert (view.listeners, view.connections, view.waiting) == (TCP, 4, 2)
    assert after(events.Listening(listeners=()), view=view).listeners == ()


def test_stopping_ends_in_stopped() -> None:
    """The end is shown: first why, then that it is done, also with a reload under way."""
    view = after(live(1, 0), changed(1, "/app/a.py"), events.Stopping(reason="SIGINT"))
    assert (view.status, view.stopping) == ("stopping", "SIGINT")
    assert after(events.Stopped(code=0), view=view).status == "stopped"
