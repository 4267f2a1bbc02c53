"""Whatever reads the terminal of a Worker has the keys: debuggers, input(), getpass, /dev/tty, children."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from devserver.master.terminal import readers
from tests.frameworks import need
from tests.prompting import PICTURE, Server

APP = """
import getpass, os, pdb, subprocess, sys, threading
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

CHILD = 'printf "child: "; read x; echo $x >&2'

def stop():
    STOP
    return "gone on"

def ask(request):
    who = request.query_params.get("who", "")
    try:
        return PlainTextResponse(f"{stop()} {who}".strip())
    except BaseException as error:
        return PlainTextResponse(repr(error))

async def ask_async(request):
    return PlainTextResponse(stop())

def other(request):
    return PlainTextResponse("other")

app = Starlette(routes=[Route("/", ask), Route("/async", ask_async), Route("/other", other)])
"""


def app(stop: str) -> str:
    return APP.replace("STOP", stop)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give debuggers a home of their own, where pudb says no welcome."""
    home = tmp_path / "home"
    (home / "pudb").mkdir(parents=True)
    (home / "pudb" / "pudb.cfg").write_text("[pudb]\nseen_welcome = e999\nprompt_on_quit = False\n")
    for variable in ("HOME", "XDG_CONFIG_HOME", "IPYTHONDIR"):
        monkeypatch.setenv(variable, str(home))


@pytest.fixture
def serve(tmp_path: Path) -> Callable[..., Server]:
    return lambda stop, *options: Server(tmp_path, app(stop), *options)


def test_a_breakpoint_in_a_sync_handler_keeps_the_terminal(serve: Callable[..., Server]) -> None:
    """Requests that end in the same Worker meanwhile take nothing away: the prompt answers on."""
    with serve("breakpoint()") as server:
        asked = server.begin()
        server.first_line()
        server.see('-> return "gone on"')
        for _ in range(5):
            assert server.get("/other") == "other"
        server.type(b"p 6 * 7\r")
        server.see("\n42\n")
        assert PICTURE not in server.text
        server.type(b"c\r")
        assert server.answer(asked) == "gone on"
        assert server.quit() == 0
        assert server.settings == server.before


def test_two_breakpoints_of_one_worker_take_turns(serve: Callable[..., Server]) -> None:
    """The second request waits until the first has gone on; then it has the prompt, and both are answered."""
    with serve("breakpoint()") as server:
        first = server.begin("/?who=first")
        server.see("(Pdb)")
        second = server.begin("/?who=second")
        assert server.get("/other") == "other"
        server.type(b"up\r")
        server.see("-> return PlainTextResponse(f")
        server.type(b"p who\r")
        server.see("'first'")
        server.type(b"c\r")
        assert server.answer(first) == "gone on first"
        server.read_until(lambda: "\n".join(server.scrolled).count("is in the debugger") == 2)
        server.see("(Pdb)")
        server.type(b"up\r")
        server.see("-> return PlainTextResponse(f")
        server.type(b"p who\r")
        server.see("'second'")
        server.type(b"c\r")
        assert server.answer(second) == "gone on second"
        assert server.quit() == 0


def test_others_are_served_by_a_spare_worker_while_an_async_handler_stands_still(
    serve: Callable[..., Server],
) -> None:
    """With one Worker and an async handler at a prompt another Worker comes, and leaves afterwards."""
    with serve("breakpoint()") as server:
        asked = server.begin("/async")
        server.see("(Pdb)")
        assert server.get("/other") == "other"
        server.type(b"c\r")
        assert server.answer(asked) == "gone on"
        server.see(PICTURE)
        server.type(b"p")
        server.read_until(lambda: "└ w1" in server.text and "├ w1" not in server.text)
        assert server.get("/other") == "other"
        assert server.quit() == 0


REPL = """def repl():
    while True:
        print("> ", end="", flush=True)
        print("said", sys.stdin.readline().strip())

threading.Thread(target=repl, daemon=True).start()

def stop"""


def test_a_thread_that_reads_the_terminal_asks_for_no_spare_worker(tmp_path: Path) -> None:
    """Where the event loop goes on no other Worker is started, which would read its terminal as well."""
    with Server(tmp_path, app("pass").replace("def stop", REPL), see=["reads its terminal", ">"]) as server:
        for word in ("one", "two", "three"):
            server.type(word.encode() + b"\r")
            server.see(f"said {word}")
        server.type(b"\x1d")
        server.see(PICTURE, "1 process")
        assert "w2" not in "\n".join(server.scrolled)
        assert server.get("/other") == "other"
        assert server.quit() == 0


READERS = {
    "pdb": ("pdb.set_trace()", "(Pdb)", b"c\r", "gone on"),
    "ipdb": ("import ipdb; ipdb.set_trace()", "ipdb>", b"c\r", "gone on"),
    "pudb": ("import pudb; pudb.set_trace()", "Variables", b"c", "gone on"),
    "input": ("return input('quit? ')", "quit?", b"q\r", "q"),
    "getpass": ("return getpass.getpass('secret: ')", "secret:", b"q\r", "q"),
    "readline": (
        "print('name: ', end='', flush=True); return sys.stdin.readline().strip()",
        "name:",
        b"q\r",
        "q",
    ),
    "read": (
        "print('raw: ', end='', flush=True); return os.read(0, 10).decode().strip()",
        "raw:",
        b"q\r",
        "q",
    ),
    "tty": (
        "print('tty: ', end='', flush=True); return open('/dev/tty').readline().strip()",
        "tty:",
        b"q\r",
        "q",
    ),
    "child": (
        "return subprocess.run(['sh', '-c', CHILD], stderr=-1, text=True).stderr.strip()",
        "child:",
        b"q\r",
        "q",
    ),
    "silent": ("return sys.stdin.readline().strip()", "", b"q\r", "q"),
}
DEBUGGERS = {"ipdb", "pudb"}


@pytest.mark.parametrize("path", ["/", "/async"])
@pytest.mark.parametrize("reader", READERS)
def test_whatever_reads_the_terminal_has_the_keys(
    serve: Callable[..., Server], home: None, reader: str, path: str
) -> None:
    """Each way to ask the user something gets the answer; `q` is a letter there, and stops nothing."""
    need(*DEBUGGERS & {reader})
    stop, prompt, keys, answer = READERS[reader]
    with serve(stop) as server:
        asked = server.begin(path)
        if prompt:
            server.see(prompt)
            server.read_until(lambda: PICTURE not in server.text)
        else:
            server.read_until(lambda: reads_its_terminal(server.process.pid))
        server.type(keys)
        assert server.answer(asked) == answer
        assert server.get("/other") == "other"
        if prompt:
            assert server.quit() == 0
        else:  # the dashboard may not have left the screen: a key could still be for the app
            server.process.terminate()
            assert server.end() == 0
        assert server.settings == server.before


def reads_its_terminal(pid: int) -> bool:
    """Return whether a process below this one waits in read(2) for its terminal: nothing else shows it."""
    for process in readers._family(pid):
        with suppress(OSError):
            if readers._reads(process, os.stat(f"/proc/{process}/fd/0").st_rdev):
                return True
    return False


STARTS = {
    "import": ("ASK", ""),
    "on_worker_start": ("async def on_worker_start(server):\n    ASK", ""),
    "sync on_worker_start": ("def on_worker_start(server):\n    ASK", ""),
    "lifespan": (
        "import contextlib\n@contextlib.asynccontextmanager\nasync def lifespan(app):\n    ASK\n    yield",
        ", lifespan=lifespan",
    ),
}
"""What asks before the app is live, and how the app is notified of it."""
ASKED = {
    "pdb": ("answer = 'q'; breakpoint(); print(f'<{answer}>')", "(Pdb)", b"c\r"),
    "input": ("print(f'<{input(\"ask? \")}>')", "ask?", b"q\r"),
    "getpass": ("print(f'<{getpass.getpass(\"ask? \")}>')", "ask?", b"q\r"),
}


def asking(place: str, reader: str) -> str:
    code, option = STARTS[place]
    text = app("pass").replace("def stop", f"{code.replace('ASK', ASKED[reader][0])}\n\ndef stop")
    return text.replace("other)])", f"other)]{option})")


@pytest.mark.parametrize("reader", ASKED)
@pytest.mark.parametrize("place", STARTS)
def test_a_prompt_before_the_app_is_live_is_answered(tmp_path: Path, place: str, reader: str) -> None:
    """At import and in start-up, too, the keys go to what asks; after the answer the code goes live."""
    _, prompt, keys = ASKED[reader]
    with Server(tmp_path, asking(place, reader), see=[prompt]) as server:
        server.read_until(lambda: PICTURE not in server.text)
        server.type(keys)
        server.see("<q>", "✓ LIVE", PICTURE)
        assert server.get("/other") == "other"
        assert server.quit() == 0
        assert server.settings == server.before


BOOT_TIMEOUT = 4.0


@pytest.mark.parametrize(("place", "reader"), [("lifespan", "pdb"), ("import", "getpass")])
def test_the_clock_of_a_start_up_stands_while_somebody_is_asked(
    tmp_path: Path, place: str, reader: str
) -> None:
    """Longer than the boot timeout at a prompt: the Worker is not ended, and goes live after the answer."""
    _, prompt, keys = ASKED[reader]
    began = time.monotonic()
    options = ("--boot-timeout", str(BOOT_TIMEOUT))
    with Server(tmp_path, asking(place, reader), *options, see=[prompt]) as server:
        server.read_until(lambda: time.monotonic() > began + 1.5 * BOOT_TIMEOUT)
        server.type(keys)
        server.see("<q>", "✓ LIVE", PICTURE)
        assert not [each for each in ("✗", "timeout") if each in "\n".join(server.scrolled)]
        assert server.quit() == 0


def test_a_breakpoint_answers_in_plain_mode_on_a_terminal(tmp_path: Path) -> None:
    """With --plain in a terminal breakpoint() works as well; afterwards plain lines go on."""
    with Server(tmp_path, app("breakpoint()"), "--plain", see=["ready: generation 1"]) as server:
        asked = server.begin()
        server.first_line()
        server.see('-> return "gone on"')
        assert server.get("/other") == "other"
        server.type(b"p 6 * 7\r")
        server.see("\n42\n")
        server.type(b"c\r")
        assert server.answer(asked) == "gone on"
        server.save(app("return 'new'"))
        server.see("live generation 2")
        assert server.get() == "new"
        server.type(b"\x03")
        assert server.end() == 0
        assert server.settings == server.before


@pytest.mark.parametrize("reader", ["ipdb", "pudb"])
@pytest.mark.parametrize(
    ("options", "see"), [((), "✓ LIVE"), (("--plain",), "ready: generation 1")], ids=["dashboard", "plain"]
)
def test_the_debugger_of_ones_choice_stops_in_the_apps_frame(
    tmp_path: Path,
    home: None,
    monkeypatch: pytest.MonkeyPatch,
    reader: str,
    options: tuple[str, ...],
    see: str,
) -> None:
    """PYTHONBREAKPOINT=ipdb.set_trace (or pudb's) shows the app's line, and not the server's."""
    need(reader)
    monkeypatch.setenv("PYTHONBREAKPOINT", f"{reader}.set_trace")
    _, prompt, keys, answer = READERS[reader]
    with Server(tmp_path, app("breakpoint()"), *options, see=[see]) as server:
        asked = server.begin()
        server.see(prompt, "main.py", 'return "gone on"')
        assert "debugger.py" not in server.text
        server.type(keys)
        assert server.answer(asked) == answer
        assert server.get("/other") == "other"
        server.process.terminate()
        assert server.end() == 0
        assert server.settings == server.before


def test_ctrl_c_at_a_prompt_in_a_thread_leaves_the_loop_alone(serve: Callable[..., Server]) -> None:
    """Ctrl-C at the prompt of a sync handler is the prompt's: no traceback of the event loop follows."""
    with serve("breakpoint()") as server:
        asked = server.begin()
        server.see("(Pdb)")
        server.type(b"\x03")
        server.type(b"p 6 * 7\r")
        server.see("\n42\n")
        server.type(b"c\r")
        assert server.answer(asked) == "gone on"
        assert server.quit() == 0
        assert not [each for each in ("uvloop", "Traceback", "✗") if each in "\n".join(server.scrolled)]


def test_the_dashboard_shows_who_stands_where_and_leads_back(serve: Callable[..., Server]) -> None:
    """Ctrl-] shows the dashboard with file, line, request and time; `d` goes back to the same prompt."""
    with serve("breakpoint()") as server:
        asked = server.begin("/")
        server.see("(Pdb)")
        server.resize(120, 24)
        server.screen.resize(24, 120)
        server.type(b"\x1d")
        server.see(
            PICTURE,
            "w1 is in the debugger at main.py:",
            "GET /",
            "since",
            "the server goes on",
            "d goes there",
        )
        assert server.get("/other") == "other"
        server.type(b"d")
        server.read_until(lambda: PICTURE not in server.text)
        server.type(b"p 6 * 7\r")
        server.see("\n42\n")
        server.type(b"c\r")
        assert server.answer(asked) == "gone on"
        assert server.quit() == 0


def test_a_save_is_reported_beneath_the_prompt_and_never_in_it(serve: Callable[..., Server]) -> None:
    """What became of a save stands in one line below; what was typed stays, and the next output covers it."""
    with serve("breakpoint()") as server:
        asked = server.begin("/")
        server.see("(Pdb)")
        server.type(b"p 6 *")
        server.see("(Pdb) p 6 *")
        server.save(app("return 'new'"))
        server.see("(Pdb) p 6 *\n  the save is live in the other workers\n")
        server.type(b" 7\r")
        server.see("(Pdb) p 6 * 7\n", "\n42\n(Pdb)")
        assert "everybody else" not in server.text
        assert server.get("/") == "new"
        server.type(b"c\r")
        assert server.answer(asked) == "gone on"
        assert server.quit() == 0


@pytest.mark.parametrize("victim", ["console", "master"])
def test_the_terminal_is_whole_when_a_process_is_killed_at_a_prompt(
    serve: Callable[..., Server], victim: str
) -> None:
    """However the server or its console ends while a user debugs, the terminal is as it was."""
    with serve("breakpoint()", "--stop-timeout", "1") as server:
        asked = server.begin("/")
        server.see("(Pdb)")
        if victim == "master":
            server.process.kill()
        else:
            os.kill(console_of(server.process.pid), signal.SIGKILL)
        server.read_until(lambda: server.settings == server.before)
        if victim == "console":
            server.see("plain lines from here on")
            server.process.terminate()
        server.end()
        assert isinstance(asked.exception(), OSError)


def console_of(pid: int) -> int:
    """Return the console's process."""
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        if b"console" in Path(f"/proc/{child}/cmdline").read_bytes():
            return int(child)
    raise AssertionError("there is no console")


def test_a_post_mortem_is_answered(serve: Callable[..., Server]) -> None:
    """pdb.post_mortem() in an except block stops where the exception was raised."""
    stop = "try: culprit = 1; culprit / 0\n    except ZeroDivisionError: pdb.post_mortem()"
    with serve(stop) as server:
        asked = server.begin("/")
        server.see("(Pdb)", "is in the debugger")
        server.type(b"p culprit\r")
        server.see("\n1\n")
        server.type(b"c\r")
        assert server.answer(asked) == "gone on"
        assert server.quit() == 0
