"""The console as a real process on a real terminal."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import socket
import sys
import termios
from collections.abc import Iterator

import pytest

from devserver.common import events
from devserver.common.failure import Failure, Place
from tests.screen import DEADLINE, SERVER, Pty, Session

LFLAG = 3


@pytest.fixture
def console() -> Iterator[Session]:
    with Session() as session:
        session.send(*SERVER)
        session.see("✓ LIVE", "r reload · q quit")
        yield session


def test_the_process_tree_is_on_the_screen(console: Session) -> None:
    """In a terminal the state is drawn, on a key the processes, and redrawn as they change."""
    console.see("✓ LIVE  handlers.py", "tcp://127.0.0.1:9501")
    console.send(events.Pressed(key="processes"))
    console.see("4711", "4712", "4713", "└ w1")
    console.send(
        events.WorkerLoad(worker=1, running=1, handled=41, memory=24_000_000),
        events.WorkerStarted(worker=2, slot=2, generation=1, pid=4714),
    )
    console.see("busy", "41", "24 MB", "4714", "booting")


def test_a_syntax_error_shows_source_and_caret(console: Session) -> None:
    """A refused save shows the line and a caret under its column; the fix takes it away."""
    place = Place("/app/handlers.py", 2, 14, 15, 'def on_receive(conn, data):\n    conn.send("x"\n', 1)
    failure = Failure("check", "SyntaxError", "'(' was never closed", place)
    console.send(
        events.Refused(edit=1, generation=2, live=1, file="handlers.py", line=2, failures=(failure,))
    )
    console.see("✗ NOT LIVE  handlers.py:2  '(' was never closed", "still running the code of")
    console.read_until(lambda: "^" in console.text.partition("❱ 2 │")[2])
    lines = console.text.splitlines()
    fault = next(index for index, line in enumerate(lines) if "❱ 2 │" in line)
    assert lines[fault].index("(") == lines[fault + 1].index("^")
    console.send(events.Live(generation=3, edit=2, steps={"import": 3}, total_ms=11))
    console.read_until(lambda: "❱" not in console.text and "✓ LIVE" in console.text)


def test_the_apps_output_scrolls_above_complete_and_in_order(console: Session) -> None:
    """Five thousand lines all arrive, in order, each with its Worker, and the dashboard stays below them."""
    count = 5_000
    for start in range(0, count, 100):
        text = "".join(f"line {number}\r\n" for number in range(start, start + 100))
        console.send(events.Output(worker=1, text=text))
    console.send(events.Output(worker=1, text="and a prompt: "))
    console.see("│ and a prompt:", "✓ LIVE", "r reload · q quit")
    shown = [line for line in console.scrolled if line.startswith("│ line")]
    assert shown == [f"│ line {number}" for number in range(count)]
    assert sum("r reload · q quit" in line for line in console.scrolled) == 1


def test_keys_become_orders(console: Session) -> None:
    """What is typed goes to the server, which knows whether a Worker reads it; Ctrl-C is left to it, too."""
    orders = console.link.makefile("rb")
    console.type(b"r")
    assert json.loads(orders.readline()) == {"order": "typed", "text": "r"}
    console.type(b"\x03")
    console.type(b"q")
    assert json.loads(orders.readline()) == {"order": "typed", "text": "q"}
    orders.close()


def test_unknown_events_are_skipped(console: Session) -> None:
    """News that this console does not know does not end it."""
    console.link.sendall(b'{"event":"from-the-future","at":1}\nnot even json\n')
    console.send(events.Connections(open=77, waiting=0))
    console.see("77 connections")


def test_the_end_of_the_server_gives_the_terminal_back(console: Session) -> None:
    """After a stop the settings are as before, the cursor is visible and the dashboard is gone."""
    assert console.settings != console.before
    console.send(events.Stopping(reason="SIGINT"), events.Stopped(code=0))
    console.link.close()
    assert console.end() == 0
    assert console.settings == console.before
    assert not console.screen.cursor.hidden
    assert "devserver stopped" in console.text
    assert "r reload" not in console.text


def test_a_resize_redraws_the_picture(console: Session) -> None:
    """After the terminal was made narrower the dashboard fits it."""
    console.raw = b""
    console.resize(40, 12)
    console.process.send_signal(signal.SIGWINCH)
    console.read_until(lambda: b"quit" in console.raw)
    shown = re.sub(rb"\x1b\[[0-?]*[@-~]|\x1b\][^\x1b\x07]*(\x07|\x1b\\)", b"", console.raw).decode()
    assert max(len(line) for line in shown.split("\r\n")[-6:]) <= 40


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_with_the_terminal_restored(console: Session, number: signal.Signals) -> None:
    """A console that is ordered to end leaves a sane terminal."""
    console.process.send_signal(number)
    assert console.end() == 128 + number
    assert console.settings == console.before
    assert not console.screen.cursor.hidden


def test_a_terminal_that_stopped_reading_does_not_hold_it(console: Session) -> None:
    """With the terminal's buffer full, the console still ends on order."""
    console.link.setblocking(False)
    text = "".join(f"line {number}\n" for number in range(1_000))
    while select.select([], [console.link], [], 1.0)[1]:  # until it takes no more
        console.link.send(events.encode(events.Output(worker=1, text=text)))
    console.process.send_signal(signal.SIGTERM)
    assert console.process.wait(DEADLINE) == 128 + signal.SIGTERM
    assert console.settings == console.before


def test_without_colour_nothing_is_coloured(monkeypatch: pytest.MonkeyPatch) -> None:
    """NO_COLOR is obeyed, and the rest is the same."""
    monkeypatch.setenv("NO_COLOR", "1")
    with Session() as session:
        session.send(*SERVER, events.Output(worker=1, text="\x1b[31mred\x1b[0m\n"))
        session.see("✓ LIVE", "│ red")
        colours = re.findall(rb"\x1b\[([0-9;]*)m", session.raw)
        assert not [each for each in colours if re.search(rb"(^|;)[349][0-7]", each)]


SERVER_WITH_CONSOLE = """
import os, signal, sys
from devserver.common import events
from devserver.reporting import plain
from devserver.reporting.console_process import ConsoleLink, ConsoleProcess

console = ConsoleProcess()
console.socket.setblocking(True)
console.socket.sendall(events.encode(events.Connections(open=99, waiting=0)))

def suspend(*_):
    console.suspend(10)
    signal.signal(signal.SIGTSTP, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGTSTP)
    signal.signal(signal.SIGTSTP, suspend)
    console.resume()

signal.signal(signal.SIGTSTP, suspend)
os.write(int(sys.argv[1]), b"%d " % console.process.pid)
console.process.wait()
console.restore_terminal()
console.socket.close()
print("restored", "rich" in sys.modules, flush=True)
"""

SHELL = """
import os, signal, subprocess, sys

signal.signal(signal.SIGTTOU, signal.SIG_IGN)
report = int(sys.argv[-1])
job = subprocess.Popen(sys.argv[1:], process_group=0, pass_fds=[report])
os.tcsetpgrp(0, job.pid)
while True:
    _, status = os.waitpid(job.pid, os.WUNTRACED)
    os.tcsetpgrp(0, os.getpgrp())
    if not os.WIFSTOPPED(status):
        sys.exit(os.waitstatus_to_exitcode(status))
    os.write(report, b"stopped ")
    os.read(report, 10)
    os.tcsetpgrp(0, job.pid)
    os.killpg(job.pid, signal.SIGCONT)
"""


class Job(Pty):
    """A server with its console, as a job of a shell that has job control; SIGHUP ends it with its shell."""

    def __init__(self) -> None:
        self.report, theirs = socket.socketpair()
        self.report.settimeout(DEADLINE)
        server = [sys.executable, "-c", SERVER_WITH_CONSOLE, str(theirs.fileno())]
        super().__init__(sys.executable, "-c", SHELL, *server, pass_fds=(theirs.fileno(),))
        theirs.close()
        self.see("99 connections", "r reload")
        self.console = int(self.report.recv(20))

    def __exit__(self, *_: object) -> None:
        self.report.close()
        super().__exit__()


def test_a_killed_console_costs_only_the_picture() -> None:
    """After kill -9 of the console the server gives the terminal back; it has not loaded rich for it."""
    with Job() as job:
        assert job.screen.cursor.hidden
        assert not job.settings[LFLAG] & termios.ICANON
        os.kill(job.console, signal.SIGKILL)
        job.see("restored False")
        assert job.end() == 0
        assert job.settings == job.before
        assert not job.screen.cursor.hidden


def test_ctrl_z_gives_the_terminal_back_for_a_while() -> None:
    """When the server has stopped, the shell finds a sane terminal without a picture; `fg` brings it back."""
    with Job() as job:
        job.type(b"\x1a")
        job.read_until(lambda: bool(select.select([job.report], [], [], 0)[0]))
        assert job.report.recv(20) == b"stopped "
        assert job.settings == job.before
        job.read_until(lambda: "r reload" not in job.text and not job.screen.cursor.hidden)
        job.report.send(b"go on")
        job.see("99 connections", "r reload")
        job.read_until(lambda: not job.settings[LFLAG] & termios.ICANON)
        os.kill(job.console, signal.SIGTERM)
        assert job.end() == 0
        assert job.settings == job.before


def test_the_title_shows_the_state_and_is_restored(console: Session) -> None:
    """The terminal's title has the headline's words; at the end the title before is restored."""
    console.read_until(lambda: b"\x1b]2;\xe2\x9c\x93 LIVE  handlers.py" in console.raw)
    assert console.raw.count(b"\x1b[22;2t") == 1
    console.send(events.Stopped(code=0))
    console.link.close()
    console.end()
    assert console.raw.rindex(b"\x1b[23;2t") > console.raw.rindex(b"\x1b]2;")


def test_a_terminal_without_utf_8_gets_ascii(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is ours is drawn in ASCII, and nothing moves."""
    monkeypatch.setenv("PYTHONIOENCODING", "latin-1")
    place = Place("/app/handlers.py", 2, 14, 15, 'def on_receive(conn, data):\n    conn.send("x"\n', 1)
    failure = Failure("check", "SyntaxError", "'(' was never closed", place)
    with Session() as session:
        session.send(*SERVER, events.Output(worker=1, text="hello\n"))
        session.see("+ LIVE  handlers.py", "| hello")
        session.send(
            events.Refused(edit=1, generation=2, live=1, file="handlers.py", line=2, failures=(failure,))
        )
        session.see("x NOT LIVE  handlers.py:2", "> 2 |", "-- x not live - handlers.py:2")
        assert session.raw.isascii()


def test_twenty_columns_are_enough() -> None:
    """In a very narrow terminal the state is there, each row fits, and nothing breaks."""
    with Session() as session:
        session.resize(20, 10)
        session.screen.resize(10, 20)
        session.process.send_signal(signal.SIGWINCH)
        session.send(*SERVER)
        session.see("✓ LIVE", "r reload")
        session.send(events.Connections(open=1, waiting=0))
        assert session.text.count("✓ LIVE") == 1


def test_keys_show_what_they_promise(console: Session) -> None:
    """Help, processes and the last error come on their keys; `c` empties the screen and keeps the picture."""
    console.send(events.Output(worker=1, text="to be cleared\n"))
    console.see("to be cleared")
    console.send(events.Pressed(key="help"))
    console.see("show the whole last error")
    console.send(events.Pressed(key="help"), events.Pressed(key="unknown"))
    console.see("unknown key: h shows the keys")
    console.send(events.Pressed(key="clear"))
    console.read_until(lambda: "to be cleared" not in console.text and "✓ LIVE" in console.text)
    assert console.screen.display[0].startswith(" ✓ LIVE")
    console.send(events.Pressed(key="error"))
    console.see("no error since the last save")


def test_requests_scroll_by_and_failures_stay_in_the_headline(console: Session) -> None:
    """Each request is a line; what failed is named in the first line until the next save."""
    boom = Failure(
        "request", "ZeroDivisionError", "division by zero", Place("/app/main.py", 3, excerpt="1/0")
    )
    request = events.Request(at=1e9, method="GET", path="/boom", status=500, ms=12, generation=1)
    console.send(
        events.Requests(count=1, failed=1, requests=(request,)),
        events.HandlerFailed(worker=1, connection=0, failure=boom, request="GET /boom", status=500),
    )
    console.see("GET  /boom 500 12 ms", "⚠ LIVE, 1 request failed", "✗ GET /boom ZeroDivisionError")
    console.send(events.Live(generation=2, edit=1, steps={}, total_ms=9, paths=("/app/main.py",)))
    console.see("✓ LIVE  main.py  9 ms")
