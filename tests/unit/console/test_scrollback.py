"""What scrolls above the dashboard."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO

from rich.console import Console
from rich.text import Text

from devserver.common import events
from devserver.common.events import Event
from devserver.common.failure import Failure, Frame, Place
from devserver.console.line_buffer import QUIET
from devserver.console.model import Model
from devserver.console.scrollback import Batch, Scrollback
from devserver.reporting import wording

VIEW = Model(root="/app")


def printed(scroll: Scrollback, *, colours: bool = False) -> str:
    out = StringIO()
    console = Console(
        file=out,
        width=60,
        force_terminal=colours,
        color_system="standard" if colours else None,
        highlight=False,
    )
    console.print(Batch(scroll.entries), crop=False)
    return out.getvalue()


def scrolled(*news: Event) -> Scrollback:
    scroll = Scrollback()
    for event in news:
        scroll.take(event, VIEW, 60, now=0.0)
    return scroll


def output(worker: int, text: str) -> Event:
    return events.Output(worker=worker, text=text)


def test_each_line_names_the_worker_that_printed_it() -> None:
    """The output of several processes is distinguished and keeps its order; that of one has no name."""
    started = [events.WorkerStarted(worker=n, slot=s, generation=1, pid=n) for n, s in ((3, 1), (12, 2))]
    scroll = scrolled(*started, output(3, "one\r\ntwo\r\n"), output(12, "three\n"), output(3, "four\n"))
    assert printed(scroll).splitlines() == ["1 │ one", "1 │ two", "2 │ three", "1 │ four"]


def test_a_long_line_is_left_whole() -> None:
    """Nothing of a line that is wider than the terminal is cut or broken."""
    text = "x" * 200
    assert f"│ {text}\n" in printed(scrolled(output(1, f"{text}\n")))


def test_bars_of_several_workers_are_rows_that_fit() -> None:
    """Each is cut to the width, names its process, and those without room are counted."""
    started = [events.WorkerStarted(worker=n, slot=n, generation=1, pid=n) for n in (1, 2, 3)]
    bars = [output(n, f"\rbar {n} {'#' * 40}") for n in (1, 2, 3)]
    scroll = scrolled(*started, *bars)
    assert scroll.entries == []
    assert scroll.redrawn
    assert [row.plain for row in scroll.live(20, 3)] == [f"{n} │ bar {n} #########…" for n in (1, 2, 3)]
    assert [row.plain for row in scroll.live(20, 2)] == ["1 │ bar 1 #########…", "│ … 2 more rows"]
    leaves = events.WorkerExited(worker=2, slot=2, generation=1, pid=2, reason="end", planned=True)
    scroll.take(leaves, VIEW, 60, now=0.0)
    assert printed(scroll).startswith("2 │ bar 2 ####")
    assert len(scroll.live(20, 3)) == 2


def test_a_bar_that_has_ended_stands_above_the_request_that_drew_it() -> None:
    """What belongs below a bar does not overtake it."""
    request = events.Request(at=1e9, method="GET", path="/", status=200, ms=1, generation=0)
    scroll = scrolled(output(1, "\r10%\r100%\r\n"), events.Requests(count=1, failed=0, requests=(request,)))
    lines = printed(scroll).splitlines()
    assert lines[0] == "│ 100%"
    assert "GET" in lines[1]


def test_colours_are_kept_and_moves_are_not() -> None:
    """The app's colours reach the terminal; what would draw over the dashboard does not."""
    text = printed(
        scrolled(output(1, "\x1b[31mred\x1b[0m \x1b[2J\x1b[5Aplain\x07\x1b]0;title\x07\x1b\n")), colours=True
    )
    assert "\x1b[31mred\x1b[0m plain" in text.replace("\x1b[0m\x1b[0m", "\x1b[0m")
    for sequence in ("\x1b[2J", "\x1b[5A", "\x07", "title"):
        assert sequence not in text


def test_a_colour_goes_on_over_lines() -> None:
    """A colour that was begun in one line colours the next one, until it is reset."""
    text = printed(scrolled(output(1, "\x1b[32mone\ntwo\x1b[0m\nthree\n")), colours=True)
    assert "\x1b[32mtwo\x1b[0m" in text
    assert "three" in text.splitlines()[2]
    assert "\x1b[32mthree" not in text


def test_a_prompt_becomes_due() -> None:
    """What has no end yet is shown when its time has come, not before."""
    scroll = scrolled(output(1, "name? "))
    assert scroll.due_at == QUIET
    scroll.release(QUIET / 2)
    assert scroll.entries == []
    scroll.release(QUIET)
    assert scroll.due_at is None
    assert printed(scroll) == "│ name? \n"


def test_the_last_words_of_a_worker_are_shown() -> None:
    """Half a line before a Worker's death is printed before the death is reported."""
    died = events.WorkerExited(worker=1, slot=1, generation=1, pid=9, reason="SIGSEGV", planned=False)
    lines = printed(scrolled(output(1, "about to"), died)).splitlines()
    assert lines == [
        "│ about to",
        "a worker process exited: SIGSEGV; another one replaces it",
    ]


def test_a_handlers_failure_scrolls_by_as_a_traceback() -> None:
    """Worker, connection, exception, frames and source of a handler's failure are shown."""
    place = Place("/app/handlers.py", 2, 0, 0, "def on_receive(conn, data):\n    1 / 0", 1)
    failure = Failure(
        phase="handler",
        type="ZeroDivisionError",
        message="division by zero",
        place=place,
        frames=(Frame("/app/handlers.py", 2, "on_receive", "1 / 0"),),
    )
    text = printed(scrolled(events.HandlerFailed(worker=3, connection=12, failure=failure)))
    for part in (
        "✗ connection 12 ZeroDivisionError: division by zero",
        "handlers.py:2 in on_receive",
        "❱ 2 │     1 / 0",
    ):
        assert part in text


def test_what_is_dropped_is_reported() -> None:
    """Lost work, notices and warnings pass by above the dashboard."""
    text = printed(
        scrolled(
            events.Lost(what="a frame", reason="worker 2 died", connection=7),
            events.Notice(level="warning", text="polling", detail="no file events here"),
            events.CompileWarning(path="/app/a.py", line=3, category="SyntaxWarning", message="odd"),
            events.Live(generation=4, edit=2, steps={}, total_ms=11, paths=("/app/a.py",)),
        )
    )
    for part in (
        "lost: a frame (connection 7): worker 2 died",
        "warning: polling\n  no file events here",
        "a.py:3: SyntaxWarning: odd",
        "── ✓ live · a.py · 11 ms · ",
    ):
        assert part in text


def test_too_many_lines_to_hold_are_counted() -> None:
    """Of what is held too long the newest stays, and how much is gone is reported once."""
    scroll = Scrollback()
    scroll.entries += [Text(str(number)) for number in range(10)]
    scroll.limit(4)
    scroll.entries.append(Text("10"))
    scroll.limit(4)
    assert [str(entry) for entry in scroll.drain()] == [
        "… dropped 7 earlier lines",
        *"789",
        "10",
    ]
    scroll.entries.append(Text("11"))
    assert [str(entry) for entry in scroll.drain()] == ["11"]


def test_requests_scroll_by_as_lines() -> None:
    """Time, method, path, status and time taken; what ran on older code is marked; the rest is counted."""
    view = replace(VIEW, generation=3, lives={2: 1e9, 3: 1e9 + 5}, hidden=("/static/*",))
    requests = (
        events.Request(at=1e9, method="GET", path="/items?page=2", status=200, ms=11.3, generation=3),
        events.Request(at=1e9, method="POST", path="/boom\x1b[2J", status=500, ms=1_200, generation=2),
        events.Request(at=1e9, method="GET", path="/static/a.css", status=200, ms=1, generation=3),
        events.Request(at=1e9, method="GET", path="/static/b.css", status=404, ms=1, generation=3),
        events.Request(at=1e9, method="GET", path="/slow", status=0, ms=1, generation=3),
    )
    scroll = Scrollback()
    scroll.take(events.Requests(count=9, failed=1, requests=requests), view, 100, now=0.0)
    clock = wording.clock(1e9)
    console = Console(file=(out := StringIO()), width=100)
    console.print(Batch(scroll.entries), crop=False)
    assert out.getvalue().splitlines() == [
        f"{clock} GET  /items?page=2 200 11 ms",
        f"{clock} POST /boom\ufffd[2J 500 1.2 s on the code of {clock}",
        f"{clock} GET  /static/b.css 404 1 ms",
        f"{clock} GET  /slow client left 1 ms",
        "… 4 more requests",
    ]


def test_a_save_that_takes_an_error_back_leaves_a_line_as_each_save_does() -> None:
    """Nothing had to be started for it; the last line would else be that the code is not live."""
    scroll = scrolled(
        events.Refused(edit=1, generation=0, live=1, file="", line=0, failures=(Failure("check", "E", "m"),)),
        events.Restored(edit=2, live=1),
    )
    refused, restored = printed(scroll).splitlines()
    assert "not live" in refused
    assert restored.startswith("── ✓ live · what is saved is what runs · ")
