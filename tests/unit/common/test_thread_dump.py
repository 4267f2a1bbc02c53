"""Dumps of threads as data: whose code stands where."""

from __future__ import annotations

import os
import site
import threading

from devserver.common import thread_dump
from devserver.common.failure import Frame

STANDARD = os.path.dirname(threading.__file__)
PACKAGES = os.path.join(site.getsitepackages()[0], "numpy", "core.py")
DEVSERVER = os.path.dirname(thread_dump.__file__)
DUMP = f"""Thread 0x00007f4c16a856c0 [poll] (most recent call first):
  File "/app/jobs.py", line 4 in poll
  File "{STANDARD}/threading.py", line 982 in run
  File "{STANDARD}/threading.py", line 1045 in _bootstrap_inner
  File "{STANDARD}/threading.py", line 1002 in _bootstrap

Current thread 0x00007f4c175ecb80 (most recent call first):
  File "{PACKAGES}", line 70 in load
  File "<frozen importlib._bootstrap>", line 241 in _call_with_frames_removed
  File "/app/main.py", line 7 in <module>
  File "<frozen importlib._bootstrap>", line 1204 in _gcd_import
  File "{STANDARD}/importlib/__init__.py", line 126 in import_module
  File "{DEVSERVER}/worker/main.py", line ??? in _load
"""


def test_a_dump_is_read_thread_by_thread() -> None:
    """Idents are those of `threading`; frames come outermost first, as in a traceback."""
    one, main = thread_dump.parse(DUMP)
    assert (one.ident, main.ident) == (0x7F4C16A856C0, 0x7F4C175ECB80)
    assert one.place == Frame("/app/jobs.py", 4, "poll")
    assert main.frames[0] == Frame(f"{DEVSERVER}/worker/main.py", 0, "_load")
    assert main.frames[-1].path == PACKAGES


def test_the_apps_own_frame_counts() -> None:
    """Not the library's that it called, and not ours that called it."""
    assert thread_dump.parse(DUMP)[-1].place == Frame("/app/main.py", 7, "<module>")


def test_a_dump_is_shown_without_what_is_not_the_users() -> None:
    """Neither the import system's frames nor devserver's."""
    assert thread_dump.trimmed(DUMP).splitlines() == [
        "/app/main.py:7 in <module>",
        f"{PACKAGES}:70 in load",
        "",
        f"{STANDARD}/threading.py:982 in run",
        "/app/jobs.py:4 in poll",
    ]
    assert thread_dump.trimmed("") == ""


def test_files_are_named_as_briefly_as_they_can_be() -> None:
    """From the project, from the folder of packages, from the library."""
    assert thread_dump.short("/app/jobs.py", "/app") == "jobs.py"
    assert thread_dump.short("/application/jobs.py", "/app") == "/application/jobs.py"
    assert thread_dump.short(PACKAGES, "/app") == "numpy/core.py"
    assert thread_dump.short(f"{STANDARD}/threading.py", "/app") == "threading.py"


def test_the_import_that_is_under_way_is_found() -> None:
    """The package that the app's own line imports, not what that imports; a deep dump has no own line."""
    ours = '  File "/app/main.py", line 3 in <module>\n'
    frozen = '  File "<frozen importlib._bootstrap>", line 241 in _call_with_frames_removed\n'
    inner = '  File "/v/site-packages/numpy/core/__init__.py", line 20 in <module>\n'
    outer = '  File "/v/site-packages/pandas/__init__.py", line 16 in <module>\n'
    begin = "Current thread 0x00007f4c175ecb80 (most recent call first):\n"
    module, place = thread_dump.importing(begin + inner + frozen + outer + frozen + ours)
    assert (module, place and place.line) == ("pandas", 3)
    assert thread_dump.importing(begin + inner + frozen + outer) == ("pandas", None)
    assert thread_dump.importing(begin + ours)[0] == ""
    assert thread_dump.importing("") == ("", None)
