"""One plain line per event."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from devserver.common import events
from devserver.common.events import Event, Listener
from devserver.common.failure import Failure, Frame, Place
from devserver.reporting.plain import line

TCP = (Listener("tcp", "127.0.0.1", 9501),)
EVERYWHERE = (
    Listener("http", "127.0.0.1", 8000),
    Listener("https", "::1", 8443),
    Listener("uds", "/tmp/s"),
)
SYNTAX = Failure(
    phase="check",
    type="SyntaxError",
    message="'(' was never closed",
    place=Place("/app/handlers.py", 2, 9, 10, 'def on_receive(conn, data):\n\tconn.send("x"\n\n', 1),
)
RAISED = Failure(
    phase="handler",
    type="ValueError",
    message="no such room\nask again",
    place=Place("/app/rooms.py", 9, 0, 0, "raise ValueError(name)", 9),
    frames=(Frame("/app/handlers.py", 4, "on_receive", "enter(name)"), Frame("/app/rooms.py", 9, "enter")),
    cause=Failure(phase="handler", type="KeyError", message="'lobby'"),
)

LINES: list[tuple[Event, str | None]] = [
    (
        events.Started(version="0.1.0", pid=7, target="handlers.py", root="/app"),
        "devserver: version 0.1.0 runs handlers.py, watches /app (pid 7)",
    ),
    (events.Ready(generation=1, listeners=TCP), "devserver: ready: generation 1 on tcp://127.0.0.1:9501"),
    (events.Ready(generation=1, listeners=()), "devserver: ready: generation 1"),
    (events.Listening(listeners=TCP), "devserver: listening on tcp://127.0.0.1:9501"),
    (
        events.Listening(listeners=EVERYWHERE),
        "devserver: listening on http://127.0.0.1:8000, https://[::1]:8443, unix:/tmp/s",
    ),
    (events.Listening(listeners=()), "devserver: listening on nothing now"),
    (events.Changed(edit=1, paths=("/app/handlers.py",)), "devserver: changed: handlers.py"),
    (events.AssetsChanged(paths=("/app/a.css",)), "devserver: changed, for browsers only: a.css"),
    (
        events.Requests(
            count=2,
            failed=1,
            requests=(
                events.Request(at=1.0, method="GET", path="/", status=503, ms=1.0),
                events.Request(at=1.0, method="GET", path="/", status=500, ms=1.0, generation=1),
            ),
        ),
        "devserver: GET / 503: no code ran it",
    ),
    (
        events.Changed(edit=1, paths=("/app/a", "/app/b", "/lib/c", "/app/d", "/app/e")),
        "devserver: changed: a, b, /lib/c and 2 more",
    ),
    (events.Checked(edit=1, changed=True, settle_ms=5, check_ms=1), None),
    (events.Checked(edit=1, changed=False, settle_ms=5, check_ms=1), None),
    (
        events.CompileWarning(path="/app/a.py", line=3, category="SyntaxWarning", message="invalid escape"),
        "devserver: a.py:3: SyntaxWarning: invalid escape",
    ),
    (
        events.Live(
            generation=3,
            edit=2,
            steps={"live": 1.2, "import": 3, "settle": 5, "check": 0.6, "fork": 1},
            total_ms=11.2,
            paths=("/app/handlers.py",),
        ),
        "devserver: live generation 3 · saved → live 11 ms: "
        "settle 5 · check 0.6 · fork 1 · import 3 · live 1 · handlers.py",
    ),
    (
        events.Live(generation=1, edit=0, steps={}, total_ms=3400),
        "devserver: live generation 1 · started → live 3.4 s",
    ),
    (
        events.Live(generation=4, edit=1, steps={}, total_ms=14, way="swap", functions=2),
        "devserver: live generation 4 · saved → live 14 ms · 2 functions",
    ),
    (
        events.Live(generation=4, edit=1, steps={}, total_ms=14, way="swap", functions=1, constants=2),
        "devserver: live generation 4 · saved → live 14 ms · 1 function, 2 constants",
    ),
    (
        events.Live(generation=4, edit=1, steps={}, total_ms=14, way="swap", constants=1),
        "devserver: live generation 4 · saved → live 14 ms · 1 constant",
    ),
    (
        events.Live(generation=4, edit=1, steps={}, total_ms=14, way="copy"),
        "devserver: live generation 4 · saved → live 14 ms · no import",
    ),
    (
        events.Live(generation=4, edit=1, steps={}, total_ms=14, why="a.py: its module level changed"),
        "devserver: live generation 4 · saved → live 14 ms · all modules: a.py: its module level changed",
    ),
    (events.Superseded(generation=4), "devserver: generation 4 was dropped: a newer edit replaces it"),
    (events.ManagerStarted(pid=8), None),
    (events.ManagerExited(pid=8, reason="SIGKILL"), "devserver: manager exited: SIGKILL"),
    (events.ManagerExited(pid=8, reason="exit 0"), None),
    (events.WorkerStarted(worker=1, slot=1, generation=1, pid=9), None),
    (events.WorkerReady(worker=1, generation=1), None),
    (events.WorkerRetiring(worker=1), None),
    (
        events.WorkerExited(worker=1, slot=1, generation=2, pid=9, reason="SIGKILL", planned=False),
        "devserver: worker 1 (generation 2) exited: SIGKILL",
    ),
    (events.WorkerExited(worker=1, slot=1, generation=2, pid=9, reason="exit 0", planned=True), None),
    (events.WorkerLoad(worker=1, running=1, handled=2, memory=3), None),
    (events.Connections(open=1, waiting=0), None),
    (events.Rolled(generation=1), None),
    (
        events.Lost(what="a frame of 12 bytes", reason="worker 2 died", connection=7),
        "devserver: lost: a frame of 12 bytes (connection 7): worker 2 died",
    ),
    (events.Lost(what="a message", reason="too long"), "devserver: lost: a message: too long"),
    (events.Output(worker=1, text="as it\nis"), "as it\nis"),
    (events.Output(worker=1, text="from a\r\nterminal\rto another\r\n"), "from a\nterminal\rto another\n"),
    (events.Notice(level="info", text="polling"), "devserver: polling"),
    (
        events.Notice(level="warning", text="slow boot", detail="File x\n\n  in y"),
        "devserver: warning: slow boot\n  File x\n\n    in y",
    ),
    (events.Stopping(reason="SIGTERM"), "devserver: stopping: SIGTERM"),
    (
        events.Debugging(worker=3, active=True),
        "devserver: worker 3 is at a breakpoint(), and only the console can answer it: "
        "run devserver in the foreground of a terminal, without --plain",
    ),
    (events.Debugging(worker=3, active=False), None),
    (events.Debugging(worker=3, active=True, how="elsewhere"), None),
    (events.Stopped(code=0), "devserver: stopped"),
    (events.Stopped(code=130), "devserver: stopped, without waiting"),
    (events.Stopped(code=2), None),
]


@pytest.mark.parametrize(("event", "expected"), LINES, ids=lambda value: type(value).__name__)
def test_each_event_reads_as_one_plain_line(event: Event, expected: str | None) -> None:
    """Without a terminal, what matters is one clear line, and what does not is none."""
    assert line(event, root="/app") == expected


def test_a_refused_edit_names_file_line_and_caret() -> None:
    """A syntax error in a log shows where it is, as an editor would."""
    event = events.Refused(edit=2, generation=3, live=2, file="/app/handlers.py", line=2, failures=(SYNTAX,))
    assert line(event, root="/app") == (
        "devserver: refused: handlers.py:2: SyntaxError: '(' was never closed; generation 2 goes on\n"
        "  handlers.py:2:9\n"
        "    1 | def on_receive(conn, data):\n"
        '  > 2 |     conn.send("x"\n'
        "      |            ^\n"
        "    3 |\n"
        "    4 |"
    )


def test_a_refused_first_start_shows_that_nothing_runs() -> None:
    """Who starts with broken code reads that the server waits for the fix."""
    event = events.Refused(edit=0, generation=1, live=0, file="/app/handlers.py", line=2, failures=(SYNTAX,))
    assert "nothing runs until it is fixed" in (line(event) or "")


def test_a_handlers_failure_shows_its_frames_and_its_cause() -> None:
    """An exception in a handler is shown with the way to it, the whole message and what caused it."""
    text = line(events.HandlerFailed(worker=3, connection=12, failure=RAISED), root="/app")
    assert text == (
        "devserver: connection 12 failed: ValueError: no such room …\n"
        "  rooms.py:9\n"
        "  > 9 | raise ValueError(name)\n"
        "  handlers.py:4 in on_receive\n"
        "    enter(name)\n"
        "  rooms.py:9 in enter\n"
        "  ask again\n"
        "  caused by KeyError: 'lobby'"
    )


def test_the_frames_of_frameworks_are_reported_in_a_few_words() -> None:
    """The app's own lines stand out; the innermost frame is shown wherever it is."""
    foreign = [
        Frame(f"/venv/lib/site-packages/{name}/x.py", 1, "f") for name in ("starlette", "fastapi", "a", "b")
    ]
    failure = Failure(
        "request", "ValueError", "no", frames=(*foreign, Frame("/p/app.py", 7, "boom", "boom()"), foreign[0])
    )
    told = line(events.HandlerFailed(worker=1, connection=0, failure=failure), "/p")
    assert told is not None
    assert told.splitlines()[1:] == [
        "  … 4 steps in starlette, fastapi, a …",
        "  app.py:7 in boom",
        "    boom()",
        "  /venv/lib/site-packages/starlette/x.py:1 in f",
    ]


def test_preloading_reports_how_much_and_what_was_left_out() -> None:
    """What works in silence may fail in silence: the console shows what it is worth."""
    left_out = tuple((f"m{number}", "starts a thread at its import") for number in range(4))
    ended = "the app has changed sys.meta_path"
    event = events.Preloaded(modules=1973, ms=600.0, cold_ms=850.0, left_out=left_out, ended=ended)
    assert line(event, "/p") == (
        "devserver: preloaded 1,973 modules for the next workers: importing them all takes 850 ms · "
        "left out m0 starts a thread at its import; m1 starts a thread at its import; "
        "m2 starts a thread at its import and 1 more · no later modules: the app has changed sys.meta_path"
    )


def test_what_follows_from_something_else_is_not_reported_in_the_first_second() -> None:
    """A module that is never preloaded, or imports one that is not, stands in the event stream only."""
    left_out = (("readline", "is never preloaded"), ("far.part", "imports far, which starts a thread"))
    event = events.Preloaded(modules=1, ms=60.0, cold_ms=85.0, left_out=left_out)
    assert line(event, "/p") == (
        "devserver: preloaded 1 module for the next workers: importing them all takes 85 ms"
    )


def test_an_error_in_the_apps_first_line_is_reported_once() -> None:
    """The source around it says where: the only frame would say the same again."""
    place = Place("/app/app.py", 1, excerpt="import shopp")
    frame = Frame("/app/app.py", 1, "<module>", "import shopp")
    failure = Failure("import", "ModuleNotFoundError", "No module named 'shopp'", place, (frame,))
    event = events.Refused(edit=1, generation=2, live=1, file="/app/app.py", line=1, failures=(failure,))
    assert line(event, "/app") == (
        "devserver: refused: app.py:1: ModuleNotFoundError: No module named 'shopp'; generation 1 goes on\n"
        "  app.py:1\n"
        "  > 1 | import shopp"
    )


def test_a_start_that_takes_long_is_one_line_from_five_seconds_on() -> None:
    """It shows what is imported and where, as far as that is known."""
    slow = events.Booting(worker=1, generation=1, seconds=5, module="pandas", path="/app/main.py", line=3)
    assert line(slow, "/app") == "devserver: still importing pandas (main.py:3) after 5 s"
    assert line(replace(slow, module=""), "/app") == "devserver: still starting, at main.py:3, after 5 s"
    assert line(replace(slow, module="", path=""), "/app") == "devserver: still starting after 5 s"
    assert line(replace(slow, seconds=2.0), "/app") is None
