"""An import acts in a way that copies would share, repeat or miss: no image, and that is reported."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.test_warm_image import images, project
from tests.harness import eventually, serving
from tests.http import browsing

OPTIONS = ("--warm", "auto", "--preload", "off")
UNFIT = {
    "a file": ("KEPT = open('data.txt')", "opens data.txt"),
    "a file that is written": ("open('new.txt', 'w').close()", "writes new.txt"),
    "a socket": ("import socket; KEPT = socket.socket()", "opens sockets"),
    "a pipe": ("import os; KEPT = os.pipe()", "opens pipes"),
    "a SQLite connection": ("import sqlite3; KEPT = sqlite3.connect('shop.db')", "opens shop.db"),
    "a thread": (
        "import threading, time; threading.Thread(target=time.sleep, args=(600,), daemon=True).start()",
        "starts a thread",
    ),
    "a child": ("import subprocess; KEPT = subprocess.Popen(['sleep', '30'])", "starts a process"),
    "a fork": ("import os; os.waitpid(os.fork() or os._exit(0), 0)", "forks"),
    "a lock": ("import fcntl; KEPT = open('a.lock', 'a'); fcntl.flock(KEPT, fcntl.LOCK_SH)", "locks a file"),
    "a temporary folder": (
        "import tempfile; KEPT = tempfile.TemporaryDirectory()",
        "creates a temporary folder",
    ),
    "a temporary file": ("import tempfile; KEPT = tempfile.NamedTemporaryFile()", "handlers.py:4"),
    "an atexit function": ("import atexit\n@atexit.register\ndef bye(): pass", "registers with atexit"),
    "another's atexit function": (
        "import atexit, shutil; atexit.register(shutil.rmtree, 'x', True)",
        "registers with atexit",
    ),
    "a finalizer": (
        "import weakref\nclass C: pass\nKEPT = C(); weakref.finalize(KEPT, print)",
        "for the exit",
    ),
    "an event loop": (
        "import asyncio; KEPT = asyncio.get_event_loop_policy().get_event_loop()",
        "keeps the event loop",
    ),
    "a task of the event loop": (
        "import asyncio\nasync def tick(): await asyncio.sleep(60)\n"
        "asyncio.get_event_loop_policy().get_event_loop().create_task(tick())",
        "keeps the event loop",
    ),
    "a closed event loop": (
        "import asyncio; asyncio.get_event_loop_policy().get_event_loop().close()",
        "closes the event loop",
    ),
    "a timer": ("import signal; signal.setitimer(signal.ITIMER_REAL, 500)", "starts a timer"),
    "a trace function": ("import sys; sys.settrace(lambda *a: None)", "is active"),
    "a handler of SIGCHLD": (
        "import signal; signal.signal(signal.SIGCHLD, lambda *a: None)",
        "handles SIGCHLD",
    ),
    "the process id": ("import os; KEPT = os.getpid()", "KEPT is the process id"),
    "shared memory": ("import mmap; KEPT = mmap.mmap(-1, 4096)", "shares memory"),
    "a lock of multiprocessing's": ("import multiprocessing; KEPT = multiprocessing.Lock()", ""),
    "a removed file": ("import os; open('x', 'w').close(); os.remove('x')", "writes x"),
}


@pytest.mark.parametrize(("top", "reason"), UNFIT.values(), ids=UNFIT)
def test_there_is_no_image_and_the_reason_is_reported(tmp_path: Path, top: str, reason: str) -> None:
    """The place is named, each save imports everything, and nothing is shared."""
    (tmp_path / "data.txt").write_text("x")
    with serving(tmp_path, *OPTIONS, text=project(tmp_path, top)) as server, browsing(server) as client:
        server.wait("ready")
        notice = eventually("a notice", lambda: server.past("notice", level="info"))[0]
        assert notice["text"].startswith("no warm reloads, so each save imports everything: ")
        assert reason in notice["text"]
        assert client.get("/").text.split()[0] == "v1"
        eventually("the image has exited", lambda: not images(server))
        server.save(project(tmp_path, top, answer="v2"))
        assert client.get("/").text.split()[0] == "v2"
        live = server.wait("live")
        assert live["way"] == "boot"
        assert reason in live["why"]
        assert server.stop() == 0


HARMLESS = {
    "a log": "import logging; logging.basicConfig(filename='app.log'); logging.warning('imported')",
    "a file that is closed": "TEXT = open('data.txt').read()",
    "a loop that is used up": "import asyncio\nasync def f(): await asyncio.sleep(0)\nasyncio.run(f())",
    "a random number": "import random; NUMBER = random.random()",
    "an atexit function of the standard library": "import concurrent.futures.thread, logging.handlers",
    "a generator": "def g(): yield 1\nKEPT = g(); next(KEPT)",
    "a folder": "import os; os.makedirs('made', exist_ok=True)",
    "a thread that has ended": "import threading; t = threading.Thread(target=int); t.start(); t.join()",
    "a cycle": "class C: pass\nc = C(); c.me = c; del c",
}


@pytest.mark.parametrize("top", HARMLESS.values(), ids=HARMLESS)
def test_what_a_copy_may_have_is_no_reason(tmp_path: Path, top: str) -> None:
    """It is a copy after the first save, and answers as a cold start would."""
    (tmp_path / "data.txt").write_text("x")
    with serving(tmp_path, *OPTIONS, text=project(tmp_path, top)) as server, browsing(server) as client:
        server.wait("ready")
        server.save(project(tmp_path, top, answer="v2"))
        assert client.get("/").text.split()[0] == "v2"
        live = server.wait("live")
        assert (live["way"], live["why"]) == ("swap", "")
        assert server.stop() == 0
