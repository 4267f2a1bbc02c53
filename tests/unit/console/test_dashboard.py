"""The dashboard at many sizes."""

from __future__ import annotations

import time
from dataclasses import replace
from functools import reduce
from io import StringIO

import pytest
from rich.cells import cell_len
from rich.console import Console, RenderableType

from devserver.common import events
from devserver.common.events import Event, Listener
from devserver.common.failure import Failure, Frame, Place
from devserver.console.dashboard import Panel, closing_lines, dashboard, rows
from devserver.console.model import Model
from devserver.console.update import apply
from devserver.reporting import wording

SOURCE = (
    "".join(f"line_{number} = {number}\n" for number in range(1, 8))
    + "def on_receive(conn, data:\n    pass\n"
)
SYNTAX = Failure(
    phase="check",
    type="SyntaxError",
    message="'(' was never closed",
    place=Place("/app/shop/handlers.py", 8, 15, 16, SOURCE.rstrip("\n"), 1),
)
IMPORT = Failure(
    phase="import",
    type="ZeroDivisionError",
    message="division by zero",
    place=Place("/app/shop/prices.py", 2, 0, 0, "a = 1\nb = a / 0\nc = 3", 1),
    frames=(
        Frame("/app/handlers.py", 1, "<module>", "import shop.prices"),
        Frame("/app/shop/prices.py", 2, "<module>", "b = a / 0"),
    ),
    cause=Failure(phase="import", type="KeyError", message="'rate'"),
)
NOW = 1e9 + 60
SIZES = [(40, 10), (60, 15), (80, 24), (140, 40), (200, 60)]


def running(workers: int = 2) -> Model:
    news: list[Event] = [
        events.Started(at=1e9, version="0.1.0", pid=4711, target="/app/handlers.py", root="/app"),
        events.ManagerStarted(at=1e9, pid=4712),
        events.Live(generation=1, edit=0, steps={"import": 30}, total_ms=200),
        events.Ready(generation=1, listeners=(Listener("tcp", "127.0.0.1", 9501),)),
        events.Connections(open=1234, waiting=5),
    ]
    for worker in range(1, workers + 1):
        news += [
            events.WorkerStarted(at=1e9, worker=worker, slot=worker, generation=1, pid=5000 + worker),
            events.WorkerReady(worker=worker, generation=1),
            events.WorkerLoad(worker=worker, running=worker % 2, handled=1400 + worker, memory=24_100_000),
        ]
    steps = {"settle": 5.0, "check": 1.0, "fork": 1.0, "import": 3.0, "live": 1.0}
    paths = ("/app/handlers.py",)
    news.append(events.Live(at=NOW, generation=2, edit=1, steps=steps, total_ms=11.0, paths=paths))
    return reduce(apply, news, Model())


def broken(*failures: Failure, view: Model | None = None) -> Model:
    event = events.Refused(
        edit=2, generation=3, live=2, file="/app/shop/handlers.py", line=8, failures=failures
    )
    return apply(view or running(), event)


def draw(renderable: RenderableType, width: int, height: int) -> list[str]:
    console = Console(file=StringIO(), width=width, height=height, force_terminal=True, color_system=None)
    lines = console.render_lines(renderable, console.options, pad=False)
    return ["".join(segment.text for segment in line) for line in lines]


def screen(view: Model, width: int, height: int, panel: Panel = "") -> str:
    return "\n".join(draw(dashboard(view, width, height, NOW, panel), width, height))


@pytest.mark.parametrize("panel", ["", "help", "processes", "urls"])
@pytest.mark.parametrize(("width", "height"), [*SIZES, (1, 1), (12, 4), (20, 10), (40, 60), (200, 8)])
@pytest.mark.parametrize(
    "view",
    [Model(), running(), running(40), broken(SYNTAX), broken(IMPORT, SYNTAX, SYNTAX, view=running(40))],
    ids=["empty", "running", "crowded", "syntax", "import"],
)
def test_the_picture_always_fits(view: Model, width: int, height: int, panel: Panel) -> None:
    """At no size does a line wrap, or the dashboard take over half of the screen unasked."""
    lines = draw(dashboard(view, width, height, NOW, panel), width, height)
    assert 1 <= len(lines) <= rows(height, panel) <= max(1, height - 1)
    assert panel or rows(height) <= max(1, height // 2)
    assert max(cell_len(line) for line in lines) <= width


def test_each_address_is_shown_as_a_terminal_can_click_it() -> None:
    """All that is listened on, HTTP first, while the width allows it."""
    listeners = (
        Listener("http", "127.0.0.1", 8000),
        Listener("http", "::1", 8000),
        Listener("uds", "/tmp/s"),
    )
    view = apply(running(), events.Listening(listeners=listeners))
    assert " http://127.0.0.1:8000 · http://[::1]:8000 · unix:/tmp/s" in screen(view, 80, 24)


def test_a_running_server_shows_that_the_save_is_live() -> None:
    """The state comes first, at the left; then what waits, the addresses, the keys and who runs."""
    lines = screen(running(), 140, 40).splitlines()
    assert lines[0] == f" ✓ LIVE  handlers.py  11 ms  {wording.clock(NOW)}"
    assert lines[1] == "   5 waiting · 1,234 connections"
    assert lines[3:] == [
        " tcp://127.0.0.1:9501",
        " r reload · q quit · h help · 2 processes · 48 MB · 1 busy",
    ]


def test_the_processes_are_shown_on_a_key() -> None:
    """Roles, pids, states, counts, memory, start times, and where the last save's time went."""
    text = screen(running(), 140, 40, "processes")
    clock = time.strftime("%H:%M:%S", time.localtime(1e9))
    assert "saved → live 11 ms" in text
    assert "settle 5 · check 1 · fork 1 · import 3 · live 1  handlers.py" in text
    lines = [line.split() for line in text.splitlines()]
    assert ["master", "4711", clock] in lines
    assert ["└", "manager", "4712", clock] in lines
    assert ["├", "w1", "1", "5001", "1", "busy", "1,401", "24", "MB", clock] in lines
    assert ["└", "w2", "2", "5002", "1", "idle", "1,402", "24", "MB", clock] in lines


def test_no_word_needs_the_architecture() -> None:
    """What everybody must read speaks of saves and code, not of generations, workers, managers or slots."""
    failed = events.HandlerFailed(worker=9, connection=0, failure=IMPORT, request="GET /", status=500)
    for view in (Model(), running(), broken(SYNTAX, IMPORT), apply(running(), failed)):
        text = screen(view, 140, 60).lower()
        assert not [word for word in ("generation", "worker", "manager", "master", "slot") if word in text]


def test_the_keys_are_shown_on_a_key() -> None:
    """`h` lists each key with what it does."""
    text = screen(running(), 80, 24, "help")
    assert all(f"   {key}  " in text for key in "hroceqpu")


def test_a_key_that_means_nothing_is_answered() -> None:
    """A user who presses another key learns where the keys are."""
    assert "unknown key: h shows the keys" in screen(replace(running(), unknown_key=True), 80, 24)


@pytest.mark.parametrize("view", [running(), broken(SYNTAX)], ids=["running", "broken"])
def test_what_a_key_asked_for_is_shown_whole_on_a_small_screen(view: Model) -> None:
    """The error's source makes room: the first line shows what it is."""
    lines = screen(view, 40, 12, "help").splitlines()
    assert all(any(line.startswith(f"   {key}  ") for line in lines) for key in "hroceqpu")
    assert not [line for line in lines if line.startswith("   ") and "…" in line]
    text = screen(view, 40, 12, "processes")
    assert all(name in text for name in ("master", "manager", "w1"))


def test_a_key_that_means_nothing_is_answered_on_a_narrow_screen() -> None:
    """Instead of the keys."""
    assert " unknown key: h shows the keys" in screen(replace(running(), unknown_key=True), 40, 24)


@pytest.mark.parametrize("width", [40, 60, 80, 200])
def test_a_prompt_shows_at_every_width_which_key_answers_it(width: int) -> None:
    """The time and the place go first where it is narrow."""
    asks = events.Debugging(at=NOW, worker=3, active=True, path="/app/main.py", line=1, how="question")
    (row,) = [line for line in screen(apply(running(), asks), width, 24).splitlines() if "⏸" in line]
    assert row.startswith(" ⏸ w3 reads its terminal")
    assert row.endswith(" · d goes there")
    assert ("main.py:1" in row) == (width >= 60)
    assert ("since" in row, "the server goes on" in row) == (width >= 80, width >= 200)


def test_source_is_legible_on_a_light_ground() -> None:
    """Bright cyan, green and yellow are hard to see on white."""
    names = Failure(
        phase="check",
        type="SyntaxError",
        message="no",
        place=Place("/app/a.py", 3, 0, 0, "def name(a: int) -> str:\n    return b'x'\nprint(", 1),
    )
    console = Console(file=StringIO(), width=80, height=40, force_terminal=True, color_system="standard")
    lines = console.render_lines(dashboard(broken(names), 80, 40, NOW), console.options, pad=False)
    text = console._render_buffer([segment for line in lines for segment in line])
    assert "\x1b[36mint" in text
    assert not {code for code in ("92", "93", "96", "97") if f"[{code}m" in text or f";{code}m" in text}


def test_the_counters_stand_in_the_second_line() -> None:
    """Requests, how many failed, a second, and the slowest one."""
    slow = events.Request(at=NOW, method="GET", path="/report", status=200, ms=240)
    view = apply(running(), events.Requests(at=NOW, count=60, failed=1, requests=(slow,)))
    assert screen(view, 120, 30).splitlines()[1] == (
        "   5 waiting · 60 requests · 1 failed · 12/s · slowest 240 ms GET /report · 1,234 connections"
    )


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_a_syntax_error_shows_the_line_and_the_caret_at_every_size(width: int, height: int) -> None:
    """However small the terminal, the place, the line at fault and the caret below its column are there."""
    lines = screen(broken(SYNTAX), width, height).splitlines()
    assert any("shop/handlers.py:8" in line for line in lines)
    assert any("'(' was never closed" in line for line in lines)
    fault = next(index for index, line in enumerate(lines) if "❱" in line)
    column = lines[fault].index("def on_receive(")
    assert lines[fault + 1].index("^") == column + len("def on_receive")
    assert lines[0].startswith(" ✗ NOT LIVE")


def test_a_caret_far_to_the_right_is_brought_into_view() -> None:
    """In a line longer than the terminal the part at fault is shown."""
    source = "x = " + "1 + " * 60 + "* 2"
    place = Place("/app/a.py", 1, source.index("*") + 1, 0, source, 1)
    lines = screen(broken(Failure("check", "SyntaxError", "invalid syntax", place)), 60, 24).splitlines()
    fault = next(index for index, line in enumerate(lines) if "❱" in line)
    assert lines[fault][lines[fault + 1].index("^")] == "*"


def test_wide_letters_and_tabs_do_not_shift_the_caret() -> None:
    """The caret counts cells as the terminal does."""
    source = "\tx = '名前' !"
    place = Place("/app/a.py", 1, source.index("!") + 1, 0, source, 1)
    lines = screen(broken(Failure("check", "SyntaxError", "invalid syntax", place)), 80, 24).splitlines()
    fault = next(index for index, line in enumerate(lines) if "❱" in line)
    before = lines[fault][: lines[fault].index("!")]
    assert cell_len(before) == lines[fault + 1].index("^")


def test_an_import_error_shows_the_way_to_it() -> None:
    """The way, the cause and the source of a failed import are shown, and which code runs on."""
    text = screen(broken(IMPORT), 140, 40)
    running_on = f"still running the code of {wording.clock(NOW)}"
    for part in (
        f"✗ NOT LIVE  shop/prices.py:2  ZeroDivisionError: division by zero — {running_on}",
        "caused by KeyError: 'rate'",
        "handlers.py:1 in <module>  import shop.prices",
        "❱ 2 │ b = a / 0",
    ):
        assert part in text


def test_all_broken_files_are_named() -> None:
    """Two files broken by one save are both on the screen."""
    other = Failure("check", "IndentationError", "unexpected indent", Place("/app/other.py", 4, 1))
    text = screen(broken(SYNTAX, other), 100, 30)
    assert "other.py:4:1  IndentationError: unexpected indent" in text


def test_control_characters_of_the_app_cannot_bend_the_picture() -> None:
    """An exception whose message clears the screen is shown, not obeyed."""
    failure = Failure(
        "import", "ValueError", "\x1b[2Jgone\x9b2J", Place("/app/a.py", 1, 0, 0, "x = '\x1b[2J'")
    )
    text = screen(broken(failure), 80, 24)
    assert "\x1b" not in text
    assert "\x9b" not in text
    assert "[2Jgone" in text


def test_many_processes_become_a_summary_where_room_is_short() -> None:
    """Forty of them are counted in a line; on the key those that fit are listed, the rest counted."""
    assert "40 processes · 964 MB · 20 busy" in screen(running(40), 80, 8)
    assert "more" in screen(running(40), 140, 40, "processes")


def test_the_tree_drops_columns_not_letters() -> None:
    """In a narrow terminal the least important columns go; those that stay are whole."""
    line = next(line for line in screen(running(), 40, 30, "processes").splitlines() if "w1" in line)
    assert line.split() == ["├", "w1", "5001", "1", "busy", "1,401"]


def test_a_first_start_with_broken_code_shows_that_nothing_runs() -> None:
    """Before anything was live, no line claims that an old generation goes on."""
    event = events.Refused(edit=0, generation=1, live=0, file="a.py", line=1, failures=(SYNTAX,))
    assert "nothing runs until it is fixed" in screen(apply(Model(), event), 80, 24)


def test_stopping_shows_why_and_how_to_hurry() -> None:
    """While the server stops, the reason and the key that ends it at once are shown."""
    view = apply(running(), events.Stopping(reason="SIGINT"))
    text = screen(view, 80, 24)
    assert "… STOPPING" in text
    assert "SIGINT" in text
    assert "q stop now" in text


def test_the_closing_lines_distinguish_a_stop_from_a_crash() -> None:
    """What stays on the screen shows whether the server ended as it should."""
    stopped = apply(running(), events.Stopped(code=0))
    assert draw(closing_lines(stopped, 80), 80, 24) == ["devserver stopped"]
    failed = draw(closing_lines(apply(broken(SYNTAX), events.Stopped(code=0)), 80), 80, 24)
    assert failed[0].startswith(" ✗ NOT LIVE  shop/handlers.py:8  '(' was never closed")
    assert "killed" in draw(closing_lines(running(), 80), 80, 24)[0]
